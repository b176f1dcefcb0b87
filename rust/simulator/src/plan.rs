//! Which sessions enter the log of a partition on a day, and in which hour: found from the listeners' habits alone, without playing
//! a single track.
//!
//! A session enters the log when it begins, or, if it was offline for longer than sessions last, when its device is online again.

use chrono::{Days, NaiveDate};

use crate::{
    Model,
    chance::{Purpose, Quantiles, exp, mix, normal, scale, unit},
    listener::{MAX_SESSIONS, Routine, Slot},
    place::Clock,
    row::{day_key, session_key},
};

/// The log is generated in pieces of this many microseconds of arrival: small enough that a piece fits the caches of a processor,
/// large enough that most of a session is in one. Rows do not depend on it.
pub(crate) const BUCKET_US: i64 = 3600 * 1_000_000;

/// Pieces of a day.
pub(crate) const BUCKETS_PER_DAY: i64 = 24;

/// The longest time without a network, in days.
const OFFLINE_DAYS: i64 = 7;

/// Offline for longer than this, in microseconds, a session enters the log afterwards: longer than the longest session.
const LONG_OFFLINE_US: i64 = 5 * 3600 * 1_000_000;

/// A session that enters the log.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The session's key.
    pub(crate) session: u64,
    pub(crate) slot: Slot,
    /// Until this moment its device had no network; microseconds since 1970 UTC, [`i64::MIN`] if it always had.
    pub(crate) online_us: i64,
}

impl Entry {
    /// When its first rows can arrive, in microseconds since 1970 UTC.
    #[inline]
    pub(crate) fn enters_us(&self) -> i64 {
        let start_us = self.slot.start_s * 1_000_000;
        if self.online_us > start_us + LONG_OFFLINE_US { self.online_us } else { start_us }
    }
}

/// The sessions that enter the log of a partition on one UTC day.
#[derive(Debug)]
pub(crate) struct DayPlan {
    entries: Vec<Entry>,
    /// Where each bucket's entries begin, and where the last one's end.
    bounds: [usize; BUCKETS_PER_DAY as usize + 1],
}

/// How long phones have no network.
pub(crate) fn offline_us() -> Quantiles {
    // Minutes to a week, mostly hours: a log-normal with median 2.5 h.
    Quantiles::new(|u| (9.0e9 * exp(1.4 * normal(u))).clamp(7.2e8, OFFLINE_DAYS as f64 * 8.64e10))
}

impl DayPlan {
    /// `day` counts from the world's first.
    pub(crate) fn new(model: &Model, partition: u32, day: i64) -> Self {
        let from_us = model.start_us + day * BUCKETS_PER_DAY * BUCKET_US;
        let window_us = from_us..from_us + BUCKETS_PER_DAY * BUCKET_US;
        // A local listening day can begin on the UTC day before or after the one of its date.
        let days: Vec<(i64, Vec<Clock>)> = (day - OFFLINE_DAYS - 1..=day + 1)
            .filter(|&day| day >= -1)
            .filter_map(|day| Some((day, model.listeners.homes.clocks(model.date(day)?))))
            .collect();
        let mut entries = Vec::new();
        let mut slots = [Slot { start_s: 0, limit_s: 0, hour: 0 }; MAX_SESSIONS];
        let mut listener = u64::from(partition);
        while listener < model.config.listeners {
            let number = listener as u32;
            let routine = model.listeners.routine(number);
            for (day, clocks) in &days {
                let clock = &clocks[usize::from(routine.home)];
                let today = clock.utc_s(0) * 1_000_000 < window_us.end && clock.end_s() * 1_000_000 > window_us.start;
                let key = day_key(number, *day);
                let offline = unit(model.seed.draw(Purpose::OfflineDay, key));
                // The rate is per session, and there are no more than this many.
                let perhaps_offline = offline < model.config.faults.late * MAX_SESSIONS as f64;
                if !today && !perhaps_offline {
                    continue;
                }
                let count = model.listeners.sessions(routine, key, clock, &mut slots);
                let offline_slot = if count > 0 && offline < model.config.faults.late * count as f64 {
                    (offline / model.config.faults.late) as usize
                } else {
                    MAX_SESSIONS
                };
                for (n, slot) in slots[..count].iter().enumerate() {
                    let session = session_key(key, n);
                    let online_us = if n == offline_slot {
                        let bits = mix(model.seed.draw(Purpose::OfflineDay, key));
                        slot.start_s * 1_000_000 + model.offline_us.get(bits) + scale(bits, 60_000_000) as i64
                    } else {
                        i64::MIN
                    };
                    let entry = Entry { session, slot: *slot, online_us };
                    if slot.start_s * 1_000_000 >= model.start_us && window_us.contains(&entry.enters_us()) {
                        entries.push(entry);
                    }
                }
            }
            listener += u64::from(model.config.partitions);
        }
        let bucket = |entry: &Entry| ((entry.enters_us() - window_us.start) / BUCKET_US) as usize;
        entries.sort_unstable_by_key(|entry| (bucket(entry), entry.session));
        let bounds = std::array::from_fn(|n| entries.partition_point(|entry| bucket(entry) < n));
        Self { entries, bounds }
    }

    /// The sessions that enter in a bucket of the day.
    pub(crate) fn entries(&self, bucket: usize) -> &[Entry] {
        &self.entries[self.bounds[bucket]..self.bounds[bucket + 1]]
    }
}

impl Model {
    /// The date of a day counted from the world's first; `None` beyond the calendar.
    pub(crate) fn date(&self, day: i64) -> Option<NaiveDate> {
        match u64::try_from(day) {
            Ok(day) => self.config.start.checked_add_days(Days::new(day)),
            Err(_) => self.config.start.checked_sub_days(Days::new(day.unsigned_abs())),
        }
    }

    /// The keys of a listener's sessions on a local day; `None` for a day before the world began.
    pub(crate) fn sessions_of(
        &self,
        listener: u32,
        routine: Routine,
        day: i64,
    ) -> Option<impl Iterator<Item = u64> + use<>> {
        if day < -1 {
            return None;
        }
        let key = day_key(listener, day);
        let clock = self.listeners.homes.clock(routine.home, self.date(day)?);
        let mut slots = [Slot { start_s: 0, limit_s: 0, hour: 0 }; MAX_SESSIONS];
        let count = self.listeners.sessions(routine, key, &clock, &mut slots);
        let start_us = self.start_us;
        Some((0..count).filter(move |&n| slots[n].start_s * 1_000_000 >= start_us).map(move |n| session_key(key, n)))
    }
}
