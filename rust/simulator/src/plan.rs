//! Which sessions enter the log of a partition, and when: found from the listeners' habits alone, without playing a single track.
//!
//! A session enters the log when it begins, or, if it was offline for longer than sessions last, when its device is online again.

use chrono::{Days, NaiveDate};

use crate::{
    Model,
    chance::{Purpose, Quantiles, exp, normal, unit},
    config::MAX_DAYS,
    listener::{MAX_SESSIONS, Routine, Slot, Today},
    place::Clock,
    row::{day_key, session_key},
    session::SPAN_US,
};

/// How a partition's log is cut into pieces. Of the rows, only when they arrive depends on it, by less than two ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// Rows are put in order in buckets of this many microseconds of arrival: so many as fit the caches of a processor, and an
    /// hour at most.
    pub(crate) bucket_us: i64,
    /// Rows arrive in ticks of two to the power of this many microseconds, counted from the bucket's beginning: half a second, or
    /// less where many would share one.
    pub(crate) tick_bits: u32,
    /// Sessions are planned for this many buckets at a time: a day, or less where that would take much memory.
    pub(crate) plan_buckets: i64,
}

impl Cut {
    // The next four decide when rows arrive, and change with [`crate::GENERATOR_VERSION`] only.
    const HOUR_US: i64 = 3600 * 1_000_000;
    /// Rows of a bucket at the busiest hour, 2 MB: fewer sessions are cut in pieces than by smaller ones.
    const BUCKET_ROWS: u64 = 64 * 1024;
    /// Rows of a tick at the busiest hour, at most: an index keeps a byte or two for each tick.
    const TICK_ROWS: u64 = 128;
    const LONGEST_TICK_BITS: u32 = 19;
    /// Sessions of a plan, about 40 MB.
    const PLAN_SESSIONS: u64 = 1_000_000;

    /// For a partition of so many listeners.
    pub(crate) fn new(listeners: u64) -> Self {
        // Events and sessions of a listener and hour at the busiest hour of the day, about.
        let (events, sessions) = (listeners * 5 / 4, listeners / 24);
        let mut bucket_us = Self::HOUR_US;
        // An hour in microseconds can be halved this often.
        for _ in 0..10 {
            if events as i128 * i128::from(bucket_us) > i128::from(Self::BUCKET_ROWS) * i128::from(Self::HOUR_US) {
                bucket_us /= 2;
            }
        }
        let tick_bits = (0..Self::LONGEST_TICK_BITS)
            .find(|bits| (events << (bits + 1)) as i128 > i128::from(Self::TICK_ROWS) * i128::from(Self::HOUR_US))
            .unwrap_or(Self::LONGEST_TICK_BITS);
        let hours = [24, 12, 6, 3].into_iter().find(|hours| sessions * hours <= Self::PLAN_SESSIONS).unwrap_or(1);
        Self { bucket_us, tick_bits, plan_buckets: hours as i64 * (Self::HOUR_US / bucket_us) }
    }

    /// Buckets in which rows of a session may arrive, after the one in which it enters.
    pub(crate) const fn tail(&self) -> i64 {
        SPAN_US / self.bucket_us
    }

    /// Ticks of a bucket.
    pub(crate) const fn ticks(&self) -> usize {
        (self.bucket_us as usize).div_ceil(1 << self.tick_bits)
    }

    /// Buckets of a world that lasts as long as one can.
    pub(crate) const fn last_bucket(&self) -> i64 {
        MAX_DAYS * (DAY_US / self.bucket_us)
    }
}

/// A day, in microseconds.
const DAY_US: i64 = 86_400_000_000;

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

/// The sessions that enter the log of a partition in some consecutive buckets.
#[derive(Debug)]
pub(crate) struct Plan {
    /// By bucket, in order of their keys.
    entries: Vec<Vec<Entry>>,
}

/// How many milliseconds phones have no network.
pub(crate) fn offline_ms() -> Quantiles {
    // Minutes to a week, mostly hours: a log-normal with median 2.5 h.
    Quantiles::new(|u| (9.0e6 * exp(1.4 * normal(u))).clamp(7.2e5, OFFLINE_DAYS as f64 * 8.64e7))
}

impl Plan {
    /// `number` counts the plans from the world's start.
    pub(crate) fn new(model: &Model, partition: u32, number: i64) -> Self {
        let cut = model.cut;
        let span_us = cut.plan_buckets * cut.bucket_us;
        let from_us = model.start_us + number * span_us;
        let window_us = from_us..from_us + span_us;
        let day = number * span_us / DAY_US;
        // A local listening day can begin on the UTC day before or after the one of its date.
        let days: Vec<(Today, Vec<Clock>)> = (day - OFFLINE_DAYS - 1..=day + 1)
            .filter(|&day| day >= -1)
            .filter_map(|day| {
                let date = model.date(day)?;
                Some((model.listeners.today(day, date), model.listeners.homes.clocks(date)))
            })
            .collect();
        let late = model.config.faults.late;
        let mut entries = vec![Vec::new(); cut.plan_buckets as usize];
        let mut slots = [Slot { start_s: 0, limit_s: 0, hour: 0 }; MAX_SESSIONS];
        let mut listener = u64::from(partition);
        while listener < model.config.listeners {
            let number = listener as u32;
            let routine = model.listeners.routine(number);
            for (today, clocks) in &days {
                let clock = &clocks[usize::from(routine.home)];
                let now = clock.utc_s(0) * 1_000_000 < window_us.end && clock.end_s() * 1_000_000 > window_us.start;
                let key = day_key(number, today.day);
                let bits = model.seed.draw(Purpose::OfflineDay, key);
                let (offline, offline_ms) = (unit(bits), model.offline_ms.get(bits));
                let offline_us = offline_ms * 1000;
                // Few are offline for days. The rate is per session, and there are no more than this many.
                let perhaps_offline =
                    clock.end_s() * 1_000_000 + offline_us >= window_us.start && offline < late * MAX_SESSIONS as f64;
                if !now && !perhaps_offline {
                    continue;
                }
                let count = model.listeners.sessions(number, routine, today, clock, &mut slots);
                let offline_slot =
                    if count > 0 && offline < late * count as f64 { (offline / late) as usize } else { MAX_SESSIONS };
                for (n, slot) in slots[..count].iter().enumerate() {
                    let session = session_key(key, n);
                    let online_us = if n == offline_slot { slot.start_s * 1_000_000 + offline_us } else { i64::MIN };
                    let entry = Entry { session, slot: *slot, online_us };
                    let enters_us = entry.enters_us();
                    if slot.start_s * 1_000_000 >= model.start_us && window_us.contains(&enters_us) {
                        entries[((enters_us - window_us.start) / cut.bucket_us) as usize].push(entry);
                    }
                }
            }
            listener += u64::from(model.config.partitions);
        }
        Self { entries }
    }

    /// The sessions that enter in a bucket, counted from the plan's first.
    pub(crate) fn entries(&self, bucket: usize) -> &[Entry] {
        &self.entries[bucket]
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
        let (key, date) = (day_key(listener, day), self.date(day)?);
        let clock = self.listeners.homes.clock(routine.home, date);
        let mut slots = [Slot { start_s: 0, limit_s: 0, hour: 0 }; MAX_SESSIONS];
        let count = self.listeners.sessions(listener, routine, &self.listeners.today(day, date), &clock, &mut slots);
        let start_us = self.start_us;
        Some((0..count).filter(move |&n| slots[n].start_s * 1_000_000 >= start_us).map(move |n| session_key(key, n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To be changed with [`crate::GENERATOR_VERSION`] only.
    #[test]
    fn a_log_is_cut_like_this() {
        let cut =
            |listeners| (Cut::new(listeners).bucket_us, Cut::new(listeners).tick_bits, Cut::new(listeners).ticks());
        let cuts = [100, 50_000, 2_500_000, 250_000_000].map(cut);
        assert_eq!(
            cuts,
            [(3_600_000_000, 19, 6_867), (3_600_000_000, 19, 6_867), (56_250_000, 17, 430), (3_515_625, 10, 3_434)]
        );
    }
}
