//! What clients do wrong: which faults a row has, and what a faulty row looks like.
//!
//! Both are functions of the event's key alone, so a copy of a row has the row's faults, byte for byte. A quarantining fault is
//! decided first (at most one a row); a repairable one needs its column to be there.

use downbeat_model::{EventType, Fault};

use crate::{
    chance::{Purpose, Seed, mix, scale, unit},
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
    duplicate: f64,
    /// The chance that a row has any fault, and each step's own; a step's comes into play where the steps before came to nothing.
    any: f64,
    steps: [(Step, f64); 5],
    missing_field: f64,
    bad_duration: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Quarantine,
    Repair(Fault),
}

impl FaultModel {
    pub(crate) fn new(seed: Seed, rates: &FaultRates) -> Self {
        let quarantine = rates.missing_field + rates.bad_duration + rates.unknown_type;
        let steps = [
            (Step::Quarantine, quarantine),
            (Step::Repair(Fault::TsFormat), rates.ts_format),
            (Step::Repair(Fault::DirtyText), rates.dirty_text),
            (Step::Repair(Fault::CountryAlias), rates.country_alias),
            (Step::Repair(Fault::PlatformAlias), rates.platform_alias),
        ];
        Self {
            seed,
            duplicate: rates.duplicate,
            any: 1.0 - steps.iter().map(|step| 1.0 - step.1).product::<f64>(),
            steps,
            missing_field: rates.missing_field,
            bad_duration: rates.bad_duration,
        }
    }

    /// The faults of an event. One look at chance settles most rows.
    #[inline]
    pub(crate) fn faults(&self, key: u64, event_type: EventType) -> Faults {
        let bits = self.seed.draw(Purpose::Fault, key);
        match unit(bits) < self.any {
            true => self.choose(bits, key, event_type),
            false => Faults::default(),
        }
    }

    /// The faults of an event that has one at least, each as likely as if drawn alone: `bits` chose the first, those after it are drawn.
    #[cold]
    fn choose(&self, bits: u64, key: u64, event_type: EventType) -> Faults {
        let mut faults = Faults::default();
        let mut left = unit(bits);
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
                    if which < self.missing_field {
                        faults.insert(Fault::MissingField);
                    } else if which >= self.missing_field + self.bad_duration {
                        faults.insert(Fault::UnknownType);
                    } else if is_playback(event_type) {
                        faults.insert(Fault::BadDuration);
                    }
                }
                Step::Repair(fault) => {
                    let form = self.form(key);
                    let missing = form.missing(faults, event_type);
                    let possible = match fault {
                        Fault::TsFormat => missing != Some(column::TS),
                        Fault::CountryAlias => missing != Some(column::CONN_COUNTRY),
                        Fault::PlatformAlias => missing != Some(column::PLATFORM),
                        // The version of the app is always there, and never required.
                        _ => true,
                    };
                    if possible {
                        faults.insert(fault);
                    }
                }
            }
        }
        faults
    }

    /// Whether a row is sent again.
    #[inline]
    pub(crate) fn is_resent(&self, key: u64, faults: Faults, event_type: EventType) -> bool {
        unit(self.seed.draw(Purpose::Resent, key)) < self.duplicate
            && (!faults.contains(Fault::MissingField)
                || self.form(key).missing(faults, event_type) != Some(column::EVENT_ID))
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
