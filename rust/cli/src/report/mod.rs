//! `downbeat report`: how close a world, or anybody's files, are to published listening statistics.

mod columns;
mod events;
mod figure;
mod further;
mod json;
mod listeners;
mod published;
mod sums;
mod targets;
mod text;
mod world;
mod zones;

use clap::Args;

use self::{
    events::{Observed, Read},
    figure::{Figure, Part, Spread, Verdict},
    sums::Sums,
};
use crate::{
    failure::{Failure, Result},
    world::WorldFlags,
};

/// Say how close events are to published listening statistics.
///
/// Measures a world, and scores it against eighteen published targets.
///
/// Exits with 0 if every target that could be measured holds, with 1 if one does not.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  downbeat report --listeners 2000 --tracks 1000000 --start 2026-10-01 --until 2026-10-29")]
pub(crate) struct Report {
    #[command(flatten)]
    world: WorldFlags,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Everything a report says.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) source: String,
    pub(crate) notes: Vec<String>,
    pub(crate) days: f64,
    pub(crate) listeners: u64,
    pub(crate) plays: u64,
    pub(crate) read: Read,
    /// Share of the plays that bots made, if the source says so.
    pub(crate) bots: Option<f64>,
    pub(crate) parts: Vec<Part>,
    pub(crate) further: Vec<Figure>,
    pub(crate) between: Vec<Spread>,
}

impl Findings {
    fn of(observed: Observed) -> Self {
        let sums = Sums::of(&observed);
        Self {
            days: observed.days(),
            listeners: sums.listeners.len() as u64,
            plays: sums.plays,
            read: observed.read,
            bots: sums.bots.value(),
            parts: targets::parts(&sums, &observed),
            further: further::figures(&sums, &observed),
            between: listeners::spreads(&sums),
            source: observed.source,
            notes: observed.notes,
        }
    }

    /// How many parts have a verdict.
    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        self.parts.iter().filter(|part| part.verdict() == verdict).count()
    }
}

impl Report {
    pub(crate) fn run(self) -> Result<()> {
        let findings = Findings::of(world::gather(self.world.config()?)?);
        match self.json {
            true => println!("{}", json::json(&findings)),
            false => print!("{}", text::table(&findings)),
        }
        match findings.count(Verdict::Misses) {
            0 => Ok(()),
            misses => Err(Failure::work(format!("{misses} of {} figures miss; see above", findings.parts.len()))),
        }
    }
}
