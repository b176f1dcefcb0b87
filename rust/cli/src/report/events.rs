//! What a report is measured on: events in a compact form, ordered by listener and time.

use std::collections::HashMap;

use downbeat_model::{Context, EventType, Platform, ReasonEnd, ReasonStart};

/// An id that is not there; ids are below 2^63.
pub(crate) const NO_ID: i64 = -1;

/// Where the listener's clock is not known.
pub(crate) const NO_ZONE: i16 = i16::MIN;

/// An hour and a day, in microseconds.
pub(crate) const HOUR_US: i64 = 3_600_000_000;
pub(crate) const DAY_US: i64 = 24 * HOUR_US;

/// One event: 64 bytes, so that ten million of them fit in less than a gigabyte.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) user: i64,
    /// Event time, UTC: of a playback, when it stopped.
    pub(crate) time_us: i64,
    pub(crate) session: i64,
    /// [`NO_ID`] if there is none.
    pub(crate) track: i64,
    /// [`NO_ID`] if there is none.
    pub(crate) artist: i64,
    pub(crate) ms_played: i32,
    /// 0 if unknown.
    pub(crate) duration_ms: i32,
    /// Orders events of the same time: the lower part of the offset.
    pub(crate) order: u32,
    /// What the listener's clock is ahead of UTC, in minutes; [`NO_ZONE`] if unknown.
    pub(crate) zone_minutes: i16,
    pub(crate) kind: EventType,
    pub(crate) context: Option<Context>,
    pub(crate) reason_start: Option<ReasonStart>,
    pub(crate) reason_end: Option<ReasonEnd>,
    pub(crate) platform: Option<Platform>,
    /// ISO 3166-1 alpha-2; zeros if unknown.
    pub(crate) country: [u8; 2],
    pub(crate) flags: Flags,
}

const _: () = assert!(size_of::<Event>() == 64);

/// Yes, no or unknown, three times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    pub(crate) fn new(shuffle: Option<bool>, premium: Option<bool>, bot: Option<bool>) -> Self {
        let bits = |value: Option<bool>| value.map_or(0, |yes| 2 | u8::from(yes));
        Self(bits(shuffle) | bits(premium) << 2 | bits(bot) << 4)
    }

    fn get(self, at: u8) -> Option<bool> {
        let bits = self.0 >> at;
        (bits & 2 != 0).then_some(bits & 1 != 0)
    }

    pub(crate) fn shuffle(self) -> Option<bool> {
        self.get(0)
    }

    pub(crate) fn premium(self) -> Option<bool> {
        self.get(2)
    }

    pub(crate) fn bot(self) -> Option<bool> {
        self.get(4)
    }
}

impl Event {
    pub(crate) fn is_playback(&self) -> bool {
        matches!(self.kind, EventType::Play | EventType::Skip)
    }

    /// When a playback began.
    pub(crate) fn start_us(&self) -> i64 {
        self.time_us - i64::from(self.ms_played) * 1000
    }

    /// Played share of the track, if its duration is known.
    pub(crate) fn fraction(&self) -> Option<f64> {
        (self.duration_ms > 0).then(|| f64::from(self.ms_played) / f64::from(self.duration_ms))
    }

    /// Whether the playback ended before its track did: `reason_end <> 'trackdone' AND f < 0.98`.
    pub(crate) fn skipped(&self) -> Option<bool> {
        // Both must be known, even where one is enough: else what is known would be of the tracks that ended.
        let (reason, fraction) = (self.reason_end?, self.fraction()?);
        Some(reason != ReasonEnd::TrackDone && fraction < 0.98)
    }

    /// Whether it was skipped within 30 seconds: the stand-in for the published `skip_2`.
    pub(crate) fn skipped_early(&self) -> Option<bool> {
        self.skipped().map(|skipped| skipped && self.ms_played < 30_000)
    }

    /// A time on the listener's own clock, in microseconds.
    fn local(&self, time_us: i64) -> Option<i64> {
        (self.zone_minutes != NO_ZONE).then(|| time_us + i64::from(self.zone_minutes) * 60_000_000)
    }

    /// The listener's hour, 0 to 23, in which a playback began.
    pub(crate) fn start_hour(&self) -> Option<usize> {
        self.local(self.start_us()).map(|local| (local.rem_euclid(DAY_US) / HOUR_US) as usize)
    }

    /// The listener's day of the week on which a playback began, 0 for Monday.
    pub(crate) fn start_weekday(&self) -> Option<usize> {
        // 1970-01-01 was a Thursday.
        self.local(self.start_us()).map(|local| (local.div_euclid(DAY_US) + 3).rem_euclid(7) as usize)
    }

    /// The listener's day, counted from 1970; of UTC if the zone is unknown.
    pub(crate) fn day(&self) -> i64 {
        self.local(self.time_us).unwrap_or(self.time_us).div_euclid(DAY_US)
    }

    /// Whether the playback came from an algorithm's choice: radio or a personalized playlist.
    pub(crate) fn algorithmic(&self) -> Option<bool> {
        self.context.map(|context| matches!(context, Context::Radio | Context::PersonalizedPlaylist))
    }
}

/// A change of a playlist.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edit {
    pub(crate) playlist: i64,
    pub(crate) time_us: i64,
    pub(crate) kind: EventType,
}

/// What was read, and what of it was left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) rows: u64,
    /// Rows that repeat an earlier one.
    pub(crate) duplicates: u64,
    /// Rows a right pipeline would put aside.
    pub(crate) quarantined: u64,
    /// Of those, rows whose clock cannot be.
    pub(crate) wild_clocks: u64,
    /// Whether the source tells (or allows to find) duplicates.
    pub(crate) duplicates_known: bool,
    /// Whether the source tells (or allows to find) wild clocks.
    pub(crate) clocks_known: bool,
}

impl Read {
    pub(crate) fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.duplicates += other.duplicates;
        self.quarantined += other.quarantined;
        self.wild_clocks += other.wild_clocks;
        self.duplicates_known |= other.duplicates_known;
        self.clocks_known |= other.clocks_known;
    }
}

/// Everything a report is measured on.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// What was measured, in a line.
    pub(crate) source: String,
    /// What a reader must know about how it was read.
    pub(crate) notes: Vec<String>,
    /// First moment observed.
    pub(crate) from_us: i64,
    /// End of what was observed, exclusive.
    pub(crate) until_us: i64,
    /// By listener, then time.
    pub(crate) events: Vec<Event>,
    /// By playlist, then time.
    pub(crate) edits: Vec<Edit>,
    /// Days since 1970 of the release of the tracks played, if known.
    pub(crate) released: HashMap<i64, i32>,
    pub(crate) read: Read,
}

impl Observed {
    /// Days observed.
    pub(crate) fn days(&self) -> f64 {
        (self.until_us - self.from_us) as f64 / DAY_US as f64
    }

    /// Puts everything in order.
    pub(crate) fn sort(&mut self) {
        self.events.sort_unstable_by_key(|event| (event.user, event.time_us, event.order));
        self.edits.sort_unstable_by_key(|edit| (edit.playlist, edit.time_us));
    }

    /// The events of each listener.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = &[Event]> {
        self.events.chunk_by(|one, next| one.user == next.user)
    }
}
