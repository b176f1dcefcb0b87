//! The flags that say which world: on the command line, in a file, or both.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate};
use clap::Args;
use downbeat_simulator::{FaultRates, WorldConfig};

use crate::{
    failure::Result,
    settings::{self, ServeSettings},
};

/// A day, in microseconds.
pub(crate) const DAY_US: i64 = 86_400_000_000;

/// Which world. The same flags give the same rows on every machine.
#[derive(Debug, Args)]
#[command(next_help_heading = "World")]
pub(crate) struct WorldFlags {
    /// Where all chance comes from [default: 7]
    #[arg(long)]
    seed: Option<u64>,
    /// People who listen [default: 200000]
    #[arg(long)]
    listeners: Option<u64>,
    /// Tracks in the catalogue [default: 1000000]
    #[arg(long)]
    tracks: Option<u64>,
    /// Artists in the catalogue [default: one for ten tracks]
    #[arg(long)]
    artists: Option<u64>,
    /// Partitions of the log; a listener belongs to one [default: 4]
    #[arg(long)]
    partitions: Option<u32>,
    /// First day of the world, UTC [default: 2026-10-01]
    #[arg(long, value_name = "DATE", value_parser = date)]
    start: Option<NaiveDate>,
    /// Where the log ends: nothing that arrives at this moment or later is part of it; a date or a time, UTC
    #[arg(long, value_name = "DATE", value_parser = time)]
    until: Option<i64>,
    /// How often clients make mistakes: at the usual rates (default), never (none: every text is canonical and nothing is
    /// sent twice), or some ten times as often (harsh); --config can name rates
    #[arg(long, value_name = "default|none|harsh")]
    faults: Option<FaultRates>,
    /// YAML file with any of these, and of the flags of `serve`; flags win over it. docs/world.example.yaml has them all
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl WorldFlags {
    /// The configuration these flags and their file make.
    pub(crate) fn config(&self) -> Result<WorldConfig> {
        self.settings().map(|(config, _)| config)
    }

    /// The same, and what the file says about serving.
    pub(crate) fn settings(&self) -> Result<(WorldConfig, ServeSettings)> {
        let (mut config, serve) = match &self.config {
            Some(path) => settings::read(path)?,
            None => Default::default(),
        };
        set(&mut config.seed, self.seed);
        set(&mut config.listeners, self.listeners);
        set(&mut config.tracks, self.tracks);
        set(&mut config.artists, self.artists.map(Some));
        set(&mut config.partitions, self.partitions);
        set(&mut config.start, self.start);
        set(&mut config.until, self.until.map(Some));
        set(&mut config.faults, self.faults);
        settings::check_world(&config)?;
        Ok((config, serve))
    }
}

/// Takes what a flag says, if it was given.
pub(crate) fn set<T>(field: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *field = value;
    }
}

/// A day of the calendar.
fn date(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|cause| format!("{cause}; write a date like 2026-10-01"))
}

/// A moment in microseconds since 1970: a date stands for its first moment in UTC.
pub(crate) fn time(text: &str) -> Result<i64, String> {
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros());
    }
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|cause| format!("{cause}; write a date like 2026-10-01 or a time like 2026-10-01T12:00:00Z"))?;
    Ok(time.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::{CommandFactory, Parser};
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        world: WorldFlags,
    }

    #[test]
    fn the_help_tells_the_defaults_that_hold() {
        let help = Flags::command().render_long_help().to_string();
        let WorldConfig { seed, listeners, tracks, partitions, start, .. } = WorldConfig::default();
        for default in
            [seed.to_string(), listeners.to_string(), tracks.to_string(), partitions.to_string(), start.to_string()]
        {
            assert!(help.contains(&format!("[default: {default}]")), "{default} is not in {help}");
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let file = std::env::temp_dir().join(format!("downbeat-world-{}.yaml", std::process::id()));
        fs::write(&file, "seed: 1\nlisteners: 500\nuntil: 2026-10-08\nfaults: none\n").unwrap();
        let parse = |flags: &[&str]| {
            let config = ["world", "--config", file.to_str().unwrap()];
            Flags::parse_from(config.iter().chain(flags)).world.config().unwrap()
        };
        let config = parse(&["--listeners", "600"]);
        assert_eq!((config.seed, config.listeners, config.partitions), (1, 600, 4));
        assert_eq!(config.until, Some(time("2026-10-08").unwrap()));
        assert_eq!(config.faults, FaultRates::none());
        assert_eq!(parse(&["--faults", "default"]).faults, FaultRates::default());
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_date_is_its_first_moment_and_a_time_keeps_its_zone() {
        assert_eq!(time("1970-01-02"), Ok(DAY_US));
        assert_eq!(time("1970-01-02T01:00:00.5+01:00"), Ok(DAY_US + 500_000));
        assert!(time("2026-13-01").is_err());
        assert!(time("yesterday").unwrap_err().contains("write a date like"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn any_flags_are_a_world_or_an_error(
            flags in prop::collection::vec(
                (
                    prop::sample::select(vec![
                        "seed", "listeners", "tracks", "artists", "partitions", "start", "until", "faults", "sed",
                    ]),
                    prop_oneof![
                        "\\PC{0,20}",
                        "[0-9]{1,21}",
                        "-?[0-9]{1,6}-[0-9]{1,2}-[0-9]{1,2}(T[0-9:.]{1,15}Z)?",
                        "(default|none|harsh|nan|inf)",
                    ],
                ),
                0..6,
            ),
        ) {
            let words = flags.iter().flat_map(|(name, value)| [format!("--{name}"), value.clone()]);
            if let Ok(flags) = Flags::try_parse_from(std::iter::once("world".to_owned()).chain(words))
                && let Ok((config, _)) = flags.world.settings()
            {
                let _ = (config.validate(), config.fingerprint());
            }
        }
    }
}
