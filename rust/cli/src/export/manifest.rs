//! What stands in an export's folder, written there before anything else, so that no other export gets mixed into it.

use serde::{Deserialize, Serialize};

use super::destination::Destination;
use crate::failure::{Failure, Result};

/// Where it stands. Readers of data folders skip names that begin with an underscore.
pub(super) const NAME: &str = "_downbeat_export.json";

/// Changes when the same contents would go to other files or rows to other places in them.
const LAYOUT: u32 = 1;

/// Everything that decides the bytes of the files: two exports with the same contents are the same export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contents {
    /// The world's fingerprint.
    pub(super) world: String,
    pub(super) stream: String,
    pub(super) columns: Vec<String>,
    pub(super) format: String,
    /// Where a log ends, exclusive; a table has no end in time.
    pub(super) until: Option<String>,
}

/// The contents, and what a reader may want to know of them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    layout: u32,
    #[serde(flatten)]
    contents: Contents,
    /// Rows in all files together.
    pub(super) rows: u64,
    /// Files with rows, this and the mark of the end not counted.
    pub(super) files: usize,
    /// The version of the command.
    downbeat: String,
    /// The world's configuration.
    config: serde_json::Value,
}

impl Contents {
    /// How this differs from another, which is the one asked for.
    fn difference(&self, asked: &Self) -> String {
        let until = |contents: &Self| contents.until.clone().unwrap_or_else(|| "none".to_owned());
        [
            ("world", self.world.clone(), asked.world.clone()),
            ("stream", self.stream.clone(), asked.stream.clone()),
            ("format", self.format.clone(), asked.format.clone()),
            ("until", until(self), until(asked)),
            ("columns", self.columns.join(","), asked.columns.join(",")),
        ]
        .into_iter()
        .filter(|(_, there, asked)| there != asked)
        .map(|(name, there, asked)| format!("{name} is {there} there, and {asked} was asked for"))
        .collect::<Vec<_>>()
        .join("; ")
    }
}

impl Manifest {
    pub(super) fn new(contents: Contents, rows: u64, files: usize, config_json: &str) -> Result<Self> {
        let config = serde_json::from_str(config_json)
            .map_err(|cause| Failure::work(format!("cannot read the world's configuration as JSON: {cause}")))?;
        Ok(Self { layout: LAYOUT, contents, rows, files, downbeat: env!("CARGO_PKG_VERSION").to_owned(), config })
    }

    pub(super) fn write(&self, destination: &mut Destination) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|cause| Failure::work(format!("cannot write {NAME} as JSON: {cause}")))?;
        destination.begin(NAME, text + "\n")
    }
}

/// The manifest of the same export begun earlier; none where nothing is yet.
pub(super) fn find(destination: &Destination, asked: &Contents) -> Result<Option<Manifest>> {
    let Some(text) = destination.read(NAME)? else {
        return match destination.other_names(NAME)? {
            None => Ok(None),
            Some(name) => Err(Failure::usage(format!(
                "cannot write {destination}: it is not empty (there is {name}) and no export of this command; choose \
                 another folder, or remove what is there"
            ))),
        };
    };
    let foreign = |what: &str| {
        Failure::usage(format!(
            "cannot write {destination}: it holds another export: {what}; choose another folder, or remove that export"
        ))
    };
    let found: Manifest = serde_json::from_slice(&text).map_err(|cause| {
        Failure::usage(format!(
            "cannot write {destination}: its {NAME} cannot be read: {cause}; choose another folder, or remove that export"
        ))
    })?;
    if found.contents != *asked {
        return Err(foreign(&found.contents.difference(asked)));
    }
    if found.layout != LAYOUT {
        return Err(foreign(&format!(
            "its files are laid out as number {}, and this command writes {LAYOUT}",
            found.layout
        )));
    }
    Ok(Some(found))
}
