//! What clients do wrong: which faults a row has, and what a faulty row looks like.
//!
//! Both are functions of the event's key alone, so a copy of a row has the row's faults, byte for byte. A quarantining fault is
//! decided first (at most one a row); a repairable one needs its column to be there.

use downbeat_model::{EventType, Fault};

use crate::{
    chance::{GOLDEN, Purpose, Seed, mix, scale, unit},
    config::FaultRates,
    row::{Faults, is_playback},
};

/// A column of `events`, by its position.
pub(crate) mod column {
    pub(crate) const EVENT_ID: usize = 3;
    pub(crate) const EVENT_TYPE: usize = 4;
    pub(crate) const TS: usize = 5;
    pub(crate) const USER_ID: usize = 6;
    pub(crate) const SESSION_ID: usize = 7;
    pub(crate) const TRACK_URI: usize = 8;
    pub(crate) const PLAYLIST_URI: usize = 9;
    pub(crate) const PLAYLIST_NAME: usize = 10;
    pub(crate) const CONTEXT: usize = 11;
    pub(crate) const MS_PLAYED: usize = 12;
    pub(crate) const REASON_START: usize = 13;
    pub(crate) const REASON_END: usize = 14;
    pub(crate) const PLATFORM: usize = 19;
    pub(crate) const APP_VERSION: usize = 20;
    pub(crate) const CONN_COUNTRY: usize = 21;
}

/// Types that some client sends and nobody knows.
pub(crate) const UNKNOWN_TYPES: [&str; 8] =
    ["pause", "seek", "heartbeat", "follow_artist", "share", "ad_impression", "search", "PLAYBACK_ENDED"];

/// Decides on the faults of rows.
#[derive(Debug)]
pub(crate) struct FaultModel {
    seed: Seed,
    duplicate: u32,
    wrong_clock: f64,
    /// The chance that a row has any fault, and each step's own; a step's comes into play where the steps before came to nothing.
    any: u32,
    steps: [(Step, f64); 6],
    /// The quarantining faults, and the sum of the rates of each and those before.
    quarantine: [(Fault, f64); 5],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Quarantine,
    Mark(Fault),
}

/// A share as one of 2^32.
fn threshold(share: f64) -> u32 {
    (share * f64::from(u32::MAX)) as u32
}

impl FaultModel {
    pub(crate) fn new(seed: Seed, rates: &FaultRates) -> Self {
        let mut sum = 0.0;
        let quarantine = [
            (Fault::MissingField, rates.missing_field),
            (Fault::UnknownType, rates.unknown_type),
            (Fault::BadId, rates.bad_id),
            (Fault::Garbage, rates.garbage),
            // The last, for it is for playbacks only: what strikes another event strikes nothing.
            (Fault::BadDuration, rates.bad_duration),
        ]
        .map(|(fault, rate)| {
            sum += rate;
            (fault, sum)
        });
        let steps = [
            (Step::Quarantine, sum),
            (Step::Mark(Fault::TsFormat), rates.ts_format),
            (Step::Mark(Fault::DirtyText), rates.dirty_text),
            (Step::Mark(Fault::CountryAlias), rates.country_alias),
            (Step::Mark(Fault::PlatformAlias), rates.platform_alias),
            (Step::Mark(Fault::OrphanTrack), rates.orphan_track),
        ];
        Self {
            seed,
            duplicate: threshold(rates.duplicate),
            wrong_clock: rates.clock_skew,
            any: threshold(1.0 - steps.iter().map(|step| 1.0 - step.1).product::<f64>()),
            steps,
            quarantine,
        }
    }

    /// Whether the clock of a session's device is wrong.
    #[inline]
    pub(crate) fn has_wrong_clock(&self, session: u64) -> bool {
        unit(self.seed.draw(Purpose::WrongClock, session)) < self.wrong_clock
    }

    /// What a wrong clock says at a time; both in milliseconds since 1970 UTC. Always further from the time of arrival than
    /// anybody believes: devices are offline for a week at most, and wrong by more.
    pub(crate) fn wrong_time(&self, session: u64, time_ms: i64) -> i64 {
        const DAY_MS: i64 = 86_400_000;
        const IN_2000_MS: i64 = 946_684_800_000;
        let bits = mix(self.seed.draw(Purpose::WrongClock, session));
        let days = |bound: u64| scale(mix(bits), bound) as i64 * DAY_MS;
        match bits & 3 {
            // The battery was empty, and the clock began anew.
            0 => IN_2000_MS + time_ms % (30 * DAY_MS),
            1 => time_ms - 12 * DAY_MS - days(400),
            2 => time_ms - 365 * DAY_MS * (1 + scale(mix(bits), 9) as i64),
            _ => time_ms + 9 * DAY_MS + days(4_000),
        }
    }

    /// The faults of an event of a session whose clock is right. `bits` settles most rows at one look.
    #[inline]
    pub(crate) fn faults(&self, bits: u64, key: u64, event_type: EventType) -> Faults {
        match (bits >> 32) as u32 >= self.any {
            true => Faults::default(),
            false => self.choose(bits, key, event_type),
        }
    }

    /// The faults of an event that has one at least, each as likely as if drawn alone: `bits` chose the first, those after it are drawn.
    #[cold]
    fn choose(&self, bits: u64, key: u64, event_type: EventType) -> Faults {
        let mut faults = Faults::default();
        let mut left = (bits >> 32) as f64 / f64::from(u32::MAX);
        let mut none_before = 1.0;
        let mut more = None;
        for (i, &(step, rate)) in self.steps.iter().enumerate() {
            let struck = match &mut more {
                None => {
                    let first_here = none_before * rate;
                    none_before -= first_here;
                    left -= first_here;
                    left < 0.0
                }
                Some(draws) => unit(mix(*draws + i as u64)) < rate,
            };
            if !struck {
                continue;
            }
            let draws = *more.get_or_insert(mix(bits));
            match step {
                Step::Quarantine => {
                    let which = unit(mix(draws ^ 1)) * rate;
                    let fault =
                        self.quarantine.iter().find(|fault| which < fault.1).map_or(Fault::MissingField, |f| f.0);
                    if fault != Fault::BadDuration || is_playback(event_type) {
                        faults.insert(fault);
                    }
                }
                Step::Mark(fault) => {
                    if self.form(key).leaves_room_for(fault, faults, event_type) {
                        faults.insert(fault);
                    }
                }
            }
        }
        faults
    }

    /// Whether a row is sent again: `bits` are those that [`faults`](Self::faults) looked at, of which it sees others.
    #[inline]
    pub(crate) fn is_resent(&self, bits: u64, key: u64, faults: Faults, event_type: EventType) -> bool {
        ((bits.wrapping_mul(GOLDEN) >> 32) as u32) < self.duplicate
            && (faults.is_empty() || !self.form(key).spoils(column::EVENT_ID, faults, event_type))
    }

    /// The chance in how an event's faults look.
    #[inline]
    pub(crate) fn form(&self, key: u64) -> Form {
        Form(self.seed.draw(Purpose::FaultForm, key))
    }
}

/// How the faults of one event look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form(u64);

impl Form {
    /// A choice among `count`, for a reason of its own.
    pub(crate) fn choice(self, reason: u64, count: usize) -> usize {
        scale(mix(self.0.wrapping_add(reason << 32)), count as u64) as usize
    }

    /// The column that is missing.
    pub(crate) fn missing(self, faults: Faults, event_type: EventType) -> Option<usize> {
        use column as c;
        const ALWAYS: [usize; 7] =
            [c::EVENT_ID, c::EVENT_TYPE, c::TS, c::USER_ID, c::SESSION_ID, c::PLATFORM, c::CONN_COUNTRY];
        const PLAYBACK: [usize; 5] = [c::TRACK_URI, c::CONTEXT, c::MS_PLAYED, c::REASON_START, c::REASON_END];
        const REACTION: [usize; 1] = [c::TRACK_URI];
        const EDIT: [usize; 2] = [c::PLAYLIST_URI, c::TRACK_URI];
        const CREATION: [usize; 1] = [c::PLAYLIST_URI];
        if !faults.contains(Fault::MissingField) {
            return None;
        }
        let more: &[usize] = match event_type {
            EventType::Play | EventType::Skip => &PLAYBACK,
            EventType::Like | EventType::Unlike | EventType::Dislike => &REACTION,
            EventType::PlaylistAdd | EventType::PlaylistRemove => &EDIT,
            EventType::PlaylistCreate => &CREATION,
        };
        let choice = self.choice(1, ALWAYS.len() + more.len());
        Some(ALWAYS.get(choice).copied().unwrap_or_else(|| more[choice - ALWAYS.len()]))
    }

    /// The column with a malformed id.
    pub(crate) fn bad_id(self, faults: Faults, event_type: EventType) -> Option<usize> {
        use column as c;
        if !faults.contains(Fault::BadId) {
            return None;
        }
        let of_type: &[usize] = match event_type {
            EventType::PlaylistCreate => &[c::PLAYLIST_URI],
            EventType::PlaylistAdd | EventType::PlaylistRemove => &[c::TRACK_URI, c::PLAYLIST_URI],
            _ => &[c::TRACK_URI],
        };
        const ALWAYS: [usize; 3] = [c::EVENT_ID, c::USER_ID, c::SESSION_ID];
        let choice = self.choice(15, ALWAYS.len() + of_type.len());
        Some(ALWAYS.get(choice).copied().unwrap_or_else(|| of_type[choice - ALWAYS.len()]))
    }

    /// Whether a column is torn: two of those that no rule overlooks, and maybe others.
    pub(crate) fn is_torn(self, place: usize, faults: Faults) -> bool {
        use column as c;
        const SURE: [usize; 4] = [c::EVENT_TYPE, c::TS, c::USER_ID, c::SESSION_ID];
        const OTHERS: [usize; 6] =
            [c::EVENT_ID, c::TRACK_URI, c::CONTEXT, c::REASON_START, c::REASON_END, c::CONN_COUNTRY];
        if !faults.contains(Fault::Garbage) {
            return false;
        }
        let first = self.choice(16, SURE.len());
        place == SURE[first]
            || place == SURE[(first + 1 + self.choice(17, SURE.len() - 1)) % SURE.len()]
            || OTHERS.contains(&place) && self.choice(18 + place as u64, 3) == 0
    }

    /// The columns of `events` that may not hold a text or number as it should be: a bit each, by position.
    #[cold]
    pub(crate) fn columns(self, faults: Faults, event_type: EventType) -> u32 {
        use column as c;
        const BY_FAULT: [(Fault, usize); 6] = [
            (Fault::UnknownType, c::EVENT_TYPE),
            (Fault::TsFormat, c::TS),
            (Fault::ClockSkew, c::TS),
            (Fault::BadDuration, c::MS_PLAYED),
            (Fault::PlatformAlias, c::PLATFORM),
            (Fault::CountryAlias, c::CONN_COUNTRY),
        ];
        let by_fault = BY_FAULT.iter().filter(|fault| faults.contains(fault.0)).map(|fault| fault.1);
        let torn = (c::EVENT_ID..=c::CONN_COUNTRY).filter(|&column| self.is_torn(column, faults));
        [self.missing(faults, event_type), self.bad_id(faults, event_type), self.dirty(faults, event_type)]
            .into_iter()
            .flatten()
            .chain(by_fault)
            .chain(torn)
            .fold(0, |columns, column| columns | 1 << column)
    }

    /// Whether a column does not hold its value, repairable or not, so that nothing else may show in it.
    fn spoils(self, column: usize, faults: Faults, event_type: EventType) -> bool {
        self.missing(faults, event_type) == Some(column)
            || self.bad_id(faults, event_type) == Some(column)
            || self.is_torn(column, faults)
    }

    /// Whether a fault can show beside those that a row has already. What is torn has no place for more.
    fn leaves_room_for(self, fault: Fault, faults: Faults, event_type: EventType) -> bool {
        let free = |column| !self.spoils(column, faults, event_type);
        !faults.contains(Fault::Garbage)
            && match fault {
                Fault::TsFormat => free(column::TS),
                Fault::CountryAlias => free(column::CONN_COUNTRY),
                Fault::PlatformAlias => free(column::PLATFORM),
                Fault::OrphanTrack => event_type != EventType::PlaylistCreate && free(column::TRACK_URI),
                // The version of the app is always there, and never required.
                _ => true,
            }
    }

    /// What stands in a missing text column: null mostly, or a text with nothing in it.
    pub(crate) fn nothing(self) -> Option<&'static str> {
        match self.choice(2, 10) {
            0..=5 => None,
            6..=8 => Some(""),
            _ => Some(" "),
        }
    }

    /// The column whose text is dirty.
    pub(crate) fn dirty(self, faults: Faults, event_type: EventType) -> Option<usize> {
        use column as c;
        if !faults.contains(Fault::DirtyText) {
            return None;
        }
        if event_type == EventType::PlaylistCreate {
            return Some(c::PLAYLIST_NAME);
        }
        if !is_playback(event_type) {
            return Some(c::APP_VERSION);
        }
        let missing = self.missing(faults, event_type);
        let there = [c::CONTEXT, c::REASON_START, c::REASON_END, c::APP_VERSION]
            .map(|column| (missing != Some(column)).then_some(column));
        let count = there.iter().flatten().count();
        there.into_iter().flatten().nth(self.choice(3, count))
    }

    /// Writes a text with something in it that nobody typed.
    pub(crate) fn soil(self, text: &str, out: &mut Vec<u8>) {
        const ANYWHERE: [&str; 8] =
            ["\u{0}", "\u{7}", "\u{200b}", "\u{feff}", "\u{200d}", "\u{1b}", "\u{85}", "\u{2060}"];
        const OUTSIDE: [&str; 6] = [" ", "  ", "\t", "\r\n", "\u{a0}", "\u{3000}"];
        match self.choice(4, 4) {
            0 => {
                out.extend_from_slice(OUTSIDE[self.choice(5, OUTSIDE.len())].as_bytes());
                out.extend_from_slice(text.as_bytes());
            }
            1 => {
                out.extend_from_slice(text.as_bytes());
                out.extend_from_slice(OUTSIDE[self.choice(5, OUTSIDE.len())].as_bytes());
            }
            _ => {
                let places = text.char_indices().count() + 1;
                let place = self.choice(6, places);
                let at = text.char_indices().nth(place).map_or(text.len(), |(at, _)| at);
                out.extend_from_slice(&text.as_bytes()[..at]);
                out.extend_from_slice(ANYWHERE[self.choice(5, ANYWHERE.len())].as_bytes());
                out.extend_from_slice(&text.as_bytes()[at..]);
            }
        }
    }

    /// Writes an id that no reader takes for one.
    pub(crate) fn malform(self, text: &[u8], out: &mut Vec<u8>) {
        match self.choice(40, 4) {
            0 => out.extend_from_slice([&b"undefined"[..], b"NaN", b"[object Object]", b"?"][self.choice(41, 4)]),
            1 => {
                out.extend_from_slice(&text[..1 + self.choice(42, text.len() - 1)]);
                out.extend_from_slice("…".as_bytes());
            }
            2 => {
                out.extend_from_slice(text);
                out.extend_from_slice(b"%20");
            }
            _ => {
                let at = self.choice(43, text.len());
                out.extend_from_slice(&text[..at]);
                out.push(b'!');
                out.extend_from_slice(&text[at + 1..]);
            }
        }
    }

    /// Writes what is left of a text after a buffer was overwritten: its beginning, and a piece of something else.
    pub(crate) fn tear(self, text: &[u8], out: &mut Vec<u8>) {
        const PIECES: [&str; 4] = ["\u{fffd}\u{fffd}", "\",\"ts\":", "\u{fffd}{\"e", "#\u{fffd}\\u00"];
        out.extend_from_slice(&text[..self.choice(44, text.len())]);
        out.extend_from_slice(PIECES[self.choice(45, PIECES.len())].as_bytes());
    }

    /// A length of playback that cannot be.
    pub(crate) fn bad_duration(self, ms_played: u32) -> i64 {
        match self.choice(7, 3) {
            // A sign lost its way, a counter overflowed, a clock was set while playing.
            0 => -i64::from(ms_played) - 1,
            1 => i64::from(u32::MAX) - i64::from(ms_played),
            _ => 86_400_001 + self.choice(8, 1 << 40) as i64,
        }
    }
}
