//! `downbeat report`: how close a world, or anybody's files, are to published listening statistics.

mod chart;
mod columns;
mod events;
mod figure;
mod files;
mod further;
mod json;
mod listeners;
mod page;
mod published;
mod sums;
mod targets;
mod text;
mod world;
mod zones;

use std::{fs, path::PathBuf};

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
/// Measures a world, or Parquet files of anybody, and scores them against eighteen published targets. Files need our
/// column names: those of the clean `events` table, or those of raw events. A figure that cannot be measured from what is
/// given is "not measured" and says why.
///
/// Exits with 0 if every target that could be measured holds, with 1 if one does not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  downbeat report --listeners 2000 --tracks 1000000 --start 2026-10-01 --until 2026-10-29
  downbeat report --events lake/events --listeners-dim lake/listeners --json
  downbeat report --events raw --tracks-dim tracks --html report.html")]
pub(crate) struct Report {
    #[command(flatten)]
    world: WorldFlags,
    /// Measure every .parquet file below this folder instead of a world
    #[arg(long, value_name = "DIR", conflicts_with = "WorldFlags")]
    events: Option<PathBuf>,
    /// Parquet of the `tracks` dimension, for raw events, which do not tell how long a track is
    #[arg(long, value_name = "DIR", requires = "events")]
    tracks_dim: Option<PathBuf>,
    /// Parquet of the `listeners` dimension, for the time zone of each listener [default: one zone a country]
    #[arg(long, value_name = "DIR", requires = "events")]
    listeners_dim: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Write a page with charts as well: one file that fetches nothing
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
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
    fn of(observed: &Observed, sums: &Sums) -> Self {
        Self {
            days: observed.days(),
            listeners: sums.listeners.len() as u64,
            plays: sums.plays,
            read: observed.read,
            bots: sums.bots.value(),
            parts: targets::parts(sums, observed),
            further: further::figures(sums, observed),
            between: listeners::spreads(sums),
            source: observed.source.clone(),
            notes: observed.notes.clone(),
        }
    }

    /// How many parts have a verdict.
    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        self.parts.iter().filter(|part| part.verdict() == verdict).count()
    }
}

impl Report {
    pub(crate) fn run(self) -> Result<()> {
        let observed = match &self.events {
            Some(events) => files::gather(&files::Folders {
                events,
                tracks: self.tracks_dim.as_deref(),
                listeners: self.listeners_dim.as_deref(),
            })?,
            None => world::gather(self.world.config()?)?,
        };
        let sums = Sums::of(&observed);
        let findings = Findings::of(&observed, &sums);
        if let Some(file) = &self.html {
            fs::write(file, page::page(&findings, &page::charts(&sums, &observed)))
                .map_err(|cause| Failure::usage(format!("cannot write {}: {cause}", file.display())))?;
        }
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
