//! What makes one world differ from another: its configuration, the bounds of each field, and the fingerprint of it all.

use std::fmt::{self, Write as _};

use chrono::{DateTime, NaiveDate, NaiveTime, SecondsFormat};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Error, Result};

/// Changes whenever the same configuration would give other bytes than before; part of every fingerprint.
pub const GENERATOR_VERSION: u32 = 5;

/// Days a world can last: what a row's key has room for, about 164 years.
pub(crate) const MAX_DAYS: i64 = 60_000;

const MAX_LISTENERS: u64 = 1_000_000_000;
const MAX_TRACKS: u64 = 1_000_000_000;
const MAX_PARTITIONS: u32 = 1024;

/// A world: the same configuration gives the same rows on every machine.
///
/// ```
/// use downbeat_simulator::WorldConfig;
///
/// let config: WorldConfig = serde_json::from_str(r#"{"seed": 1, "listeners": 500, "faults": "none"}"#)?;
/// assert_eq!(config.partitions, 4);
/// assert!(serde_json::from_str::<WorldConfig>(r#"{"listners": 500}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorldConfig {
    /// Where all chance comes from.
    pub seed: u64,
    /// People who listen: 1 to 1,000,000,000.
    pub listeners: u64,
    /// Tracks in the catalogue: 1 to 1,000,000,000.
    pub tracks: u64,
    /// Artists in the catalogue: 1 to the number of tracks. Absent: one for ten tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artists: Option<u64>,
    /// Partitions of the log: 1 to 1024, and no more than listeners.
    pub partitions: u32,
    /// The first day, from its midnight in UTC: nobody listened before it. 2000-01-01 to 2200-01-01.
    pub start: NaiveDate,
    /// Where the log ends: rows arriving at this moment or later are not part of it. Microseconds since 1970 UTC; written
    /// as a date (its midnight in UTC) or an RFC 3339 time. Absent: the log has no end. Not part of the fingerprint.
    #[serde(with = "moment", skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// How often clients make which mistake; written as a preset (`default`, `none`, `harsh`) or as rates.
    #[serde(deserialize_with = "preset_or_rates")]
    pub faults: FaultRates,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            seed: 7,
            listeners: 200_000,
            tracks: 1_000_000,
            artists: None,
            partitions: 4,
            // A constant of the calendar.
            start: NaiveDate::from_ymd_opt(2026, 10, 1).unwrap_or_default(),
            until: None,
            faults: FaultRates::default(),
        }
    }
}

impl WorldConfig {
    /// When the log begins, in microseconds since 1970 UTC.
    pub fn start_us(&self) -> i64 {
        self.start.and_time(NaiveTime::MIN).and_utc().timestamp_micros()
    }

    /// Where the log ends (exclusive), in microseconds since 1970 UTC, if it does.
    pub fn until_us(&self) -> Option<i64> {
        self.until
    }

    /// Artists in the catalogue, whether given or derived.
    pub fn artist_count(&self) -> u64 {
        self.artists.unwrap_or_else(|| self.tracks.div_ceil(10))
    }

    /// The hash of everything that decides the rows: generator version and configuration, without `until`.
    ///
    /// 32 hexadecimal digits: 128-bit FNV-1a over the fields as text, one `name=value` a line, in order of declaration.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "downbeat-simulator\nversion={GENERATOR_VERSION}\nseed={}\nlisteners={}\ntracks={}\nartists={}\npartitions={}\nstart={}\n",
            self.seed,
            self.listeners,
            self.tracks,
            self.artist_count(),
            self.partitions,
            self.start
        );
        for (name, rate) in self.faults.named() {
            let _ = writeln!(text, "{name}={rate}");
        }
        const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        let hash = text.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
        format!("{hash:032x}")
    }

    /// Checks every field against its bounds.
    ///
    /// # Errors
    /// [`Error::Config`] for the first field that is out of bounds.
    pub fn validate(&self) -> Result<()> {
        within("listeners", self.listeners, 1, MAX_LISTENERS)?;
        within("tracks", self.tracks, 1, MAX_TRACKS)?;
        within("artists", self.artist_count(), 1, self.tracks)?;
        within("partitions", u64::from(self.partitions), 1, u64::from(MAX_PARTITIONS).min(self.listeners))?;
        let (first, last) = (year(2000), year(2200));
        if !(first..=last).contains(&self.start) {
            return Err(refused("start", self.start, format!("from {first} to {last}")));
        }
        let last_us = self.start_us() + MAX_DAYS * 86_400_000_000;
        if let Some(until_us) = self.until.filter(|&until_us| until_us < self.start_us() || until_us > last_us) {
            let bound = format!("from the start, {}, to {MAX_DAYS} days after it", self.start);
            return Err(refused("until", moment::text(until_us), bound));
        }
        for (field, rate) in self.faults.named() {
            if !(0.0..=FaultRates::MAX).contains(&rate) {
                return Err(refused(field, rate, format!("a share from 0 to {}", FaultRates::MAX)));
            }
        }
        Ok(())
    }
}

fn year(year: i32) -> NaiveDate {
    // The first of January is in every year's calendar.
    NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default()
}

fn refused(field: &'static str, value: impl fmt::Display, bound: String) -> Error {
    Error::Config { field, value: value.to_string(), bound }
}

fn within(field: &'static str, value: u64, least: u64, most: u64) -> Result<()> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err(refused(field, value, format!("from {least} to {most}"))),
    }
}

/// How often each mistake is made: shares from 0 to 0.25, of the rows that can show it.
///
/// The defaults resemble production. See [`downbeat_model::Fault`] for what each does to a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultRates {
    /// Rows that are sent twice.
    pub duplicate: f64,
    /// Sessions that begin without a network, so that their rows arrive minutes to days late.
    pub late: f64,
    /// Rows whose time is in another notation.
    pub ts_format: f64,
    /// Rows without a column that is required.
    pub missing_field: f64,
    /// Rows with a text that holds what nobody typed.
    pub dirty_text: f64,
    /// Rows whose country is in another notation.
    pub country_alias: f64,
    /// Rows whose platform is in another notation.
    pub platform_alias: f64,
    /// Playbacks whose length cannot be.
    pub bad_duration: f64,
    /// Rows of a type nobody knows.
    pub unknown_type: f64,
    /// Sessions on a device whose clock is wrong by days or years.
    pub clock_skew: f64,
    /// Rows with a malformed id.
    pub bad_id: f64,
    /// Rows of which several columns are torn.
    pub garbage: f64,
    /// Rows about a track that is not in the catalogue.
    pub orphan_track: f64,
}

impl FaultRates {
    /// The highest rate: more than a quarter of all rows is no fault but another format.
    pub const MAX: f64 = 0.25;

    /// No mistakes: every text is canonical and nothing is sent twice. Phones are offline as often as by default.
    pub fn none() -> Self {
        Self {
            duplicate: 0.0,
            late: Self::default().late,
            ts_format: 0.0,
            missing_field: 0.0,
            dirty_text: 0.0,
            country_alias: 0.0,
            platform_alias: 0.0,
            bad_duration: 0.0,
            unknown_type: 0.0,
            clock_skew: 0.0,
            bad_id: 0.0,
            garbage: 0.0,
            orphan_track: 0.0,
        }
    }

    /// A bad day: each mistake some ten times as often as by default, so that a short log has all of them.
    pub fn harsh() -> Self {
        Self {
            duplicate: 0.05,
            late: 0.15,
            ts_format: 0.1,
            missing_field: 0.02,
            dirty_text: 0.05,
            country_alias: 0.05,
            platform_alias: 0.05,
            bad_duration: 0.005,
            unknown_type: 0.005,
            clock_skew: 0.002,
            bad_id: 0.005,
            garbage: 0.002,
            orphan_track: 0.005,
        }
    }

    fn named(&self) -> [(&'static str, f64); 13] {
        [
            ("faults.duplicate", self.duplicate),
            ("faults.late", self.late),
            ("faults.ts_format", self.ts_format),
            ("faults.missing_field", self.missing_field),
            ("faults.dirty_text", self.dirty_text),
            ("faults.country_alias", self.country_alias),
            ("faults.platform_alias", self.platform_alias),
            ("faults.bad_duration", self.bad_duration),
            ("faults.unknown_type", self.unknown_type),
            ("faults.clock_skew", self.clock_skew),
            ("faults.bad_id", self.bad_id),
            ("faults.garbage", self.garbage),
            ("faults.orphan_track", self.orphan_track),
        ]
    }
}

impl Default for FaultRates {
    fn default() -> Self {
        Self {
            duplicate: 0.005,
            late: 0.03,
            ts_format: 0.01,
            missing_field: 0.002,
            dirty_text: 0.004,
            country_alias: 0.006,
            platform_alias: 0.004,
            bad_duration: 0.0005,
            unknown_type: 0.0005,
            // One session in 50,000, as in the Music Streaming Sessions data set.
            clock_skew: 2e-5,
            bad_id: 0.0003,
            garbage: 0.0001,
            orphan_track: 0.0005,
        }
    }
}

impl std::str::FromStr for FaultRates {
    type Err = Error;

    /// Reads the name of a preset: `default`, `none` or `harsh`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "default" => Ok(Self::default()),
            "none" => Ok(Self::none()),
            "harsh" => Ok(Self::harsh()),
            _ => Err(Error::UnknownPreset { name: name.to_owned() }),
        }
    }
}

fn preset_or_rates<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FaultRates, D::Error> {
    struct Visitor;

    impl<'de> de::Visitor<'de> for Visitor {
        type Value = FaultRates;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a preset (default, none, harsh) or rates by fault")
        }

        fn visit_str<E: de::Error>(self, name: &str) -> Result<FaultRates, E> {
            name.parse().map_err(E::custom)
        }

        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<FaultRates, A::Error> {
            FaultRates::deserialize(de::value::MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(Visitor)
}

/// A moment in a file: a date, for its midnight in UTC, or an RFC 3339 time.
mod moment {
    use super::{DateTime, Deserialize, Deserializer, NaiveDate, NaiveTime, SecondsFormat, Serializer, de};

    pub(super) fn text(time_us: i64) -> String {
        DateTime::from_timestamp_micros(time_us)
            .map_or_else(|| format!("{time_us} us"), |time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }

    // The signature is serde's.
    #[allow(clippy::ref_option)]
    pub(super) fn serialize<S: Serializer>(time_us: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        match time_us {
            Some(time_us) => serializer.serialize_str(&text(*time_us)),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(None);
        };
        if let Ok(date) = text.parse::<NaiveDate>() {
            return Ok(Some(date.and_time(NaiveTime::MIN).and_utc().timestamp_micros()));
        }
        DateTime::parse_from_rfc3339(&text).map(|time| Some(time.timestamp_micros())).map_err(|cause| {
            de::Error::custom(format!(
                "until: '{text}' is no moment ({cause}); write 2026-10-08 or 2026-10-08T12:00:00Z"
            ))
        })
    }
}
