//! The listeners: who each is, what they love, and on which days and at which hours they listen.
//!
//! Everything is a function of a listener's number. How much somebody listens is log-normal over listeners; it decides the share
//! of active days, the sessions of a day and the length of a session together.

use chrono::{Datelike, NaiveDate};

use crate::{
    catalogue::GENRES,
    chance::{Alias, Purpose, Quantiles, Seed, exp, ln, mix, normal, scale, unit},
    device::{COMPUTERS, OTHERS, PHONES},
    place::{Clock, Homes},
    row::day_key,
};

/// Most sessions a listener has on one day.
pub(crate) const MAX_SESSIONS: usize = 12;

/// Sessions of one listener begin at least this far apart; nearer ones are one session.
const APART_S: i64 = 40 * 60;

/// A session ends this long before the next begins: longer than the longest track, which may be played to its end.
const MARGIN_S: i64 = 12 * 60;

/// The longest session.
const LONGEST_S: i64 = 5 * 3600;

/// Levels of activity: enough that nobody notices the steps.
const LEVELS: usize = 1024;

/// What comes with one level of activity.
#[derive(Debug)]
struct Level {
    /// Share of days with a session.
    active: f64,
    /// e^-(sessions of an active day beyond the first).
    no_more_sessions: f64,
    premium: f64,
    length: f64,
    library: f64,
    sessions_a_day: f64,
}

/// Everybody.
#[derive(Debug)]
pub(crate) struct Listeners {
    seed: Seed,
    pub(crate) homes: Homes,
    levels: Vec<Level>,
    genres: Alias,
    /// How long a listener stays.
    stays_days: Quantiles,
    /// Seconds after 04:00 local at which sessions begin: on working days, and on days off.
    begins_s: [Quantiles; 2],
    /// Days since 1970.
    start_day: i64,
}

/// What the plan of a day needs to know of a listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Routine {
    pub(crate) home: u8,
    pub(crate) bot: bool,
    level: u16,
    /// Early birds are negative, owls positive, in seconds.
    shift_s: i32,
}

/// What a day of the calendar is to everybody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Today {
    /// Counted from the world's first.
    pub(crate) day: i64,
    /// Nobody commutes.
    pub(crate) day_off: bool,
    /// How much likelier than on other days people listen.
    busy: f64,
}

/// Who a listener is, on a day.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) routine: Routine,
    pub(crate) country: u8,
    pub(crate) premium: bool,
    pub(crate) birth_year: i32,
    /// Days since 1970.
    pub(crate) signup_day: i64,
    /// Added to the chance of a skip.
    pub(crate) impatience: f64,
    /// How much likelier than others to react to a track.
    pub(crate) expressive: f64,
    /// How much longer than others' a session is.
    pub(crate) length: f64,
    /// A bit for each genre of their taste.
    pub(crate) taste: u32,
    pub(crate) library_tracks: u64,
    pub(crate) phone: u16,
    pub(crate) other_device: u16,
    /// How far behind the newest app, and the newest system, their devices are.
    pub(crate) lag_days: i64,
}

/// When a session may go on, in seconds since 1970 UTC.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) start_s: i64,
    /// No playback begins at this moment or later.
    pub(crate) limit_s: i64,
    /// Local hour of the day, 0 to 23.
    pub(crate) hour: u8,
}

/// Shares of sessions by local hour from 4 to 3, which give the published shares of plays (Music Streaming Sessions, a weekend;
/// peak to trough 9.5). Working days have a morning on the way to work and a dip at lunch that days off have not.
const HOURS: [[f64; 24]; 2] = [
    [
        17.0, 13.0, 18.0, 27.0, 31.0, 36.0, 43.0, 49.0, 54.0, 60.0, 64.0, 67.0, 71.0, 70.0, 66.0, 58.0, 56.0, 56.0,
        50.0, 40.0, 30.0, 20.0, 14.0, 11.0,
    ],
    [
        17.0, 10.0, 9.0, 12.0, 18.0, 31.0, 44.0, 52.0, 60.0, 65.0, 70.0, 70.0, 69.0, 64.0, 61.0, 57.0, 56.0, 60.0,
        55.0, 46.0, 37.0, 27.0, 19.0, 14.0,
    ],
];

impl Listeners {
    pub(crate) fn new(seed: Seed, start_day: i64) -> Self {
        let levels = (0..LEVELS)
            .map(|level| {
                let z = normal((level as f64 + 0.5) / LEVELS as f64);
                let active = 1.0 / (1.0 + exp(1.16 - 1.6 * z));
                let more_sessions = 1.4 * exp(0.4 * z);
                Level {
                    active,
                    sessions_a_day: active * (1.0 + more_sessions),
                    no_more_sessions: exp(-more_sessions),
                    premium: 1.0 / (1.0 + exp(1.1 - 4.8 * z)),
                    length: exp(0.15 * z),
                    library: 150.0 * exp(0.7 * z),
                }
            })
            .collect();
        Self {
            seed,
            homes: Homes::new(),
            levels,
            genres: Alias::new(&GENRES.map(|genre| genre.1)),
            stays_days: Quantiles::new(|u| -4_380.0 * ln(1.0 - u)),
            begins_s: HOURS.map(|hours| {
                let total: f64 = hours.iter().sum();
                let mut points = vec![(0.0, 0.0)];
                let mut share = 0.0;
                for (hour, weight) in hours.iter().enumerate() {
                    share += weight / total;
                    points.push((share, (hour + 1) as f64 * 3600.0));
                }
                Quantiles::through(&points)
            }),
            start_day,
        }
    }

    /// `date` is the date of `day`.
    pub(crate) fn today(&self, day: i64, date: NaiveDate) -> Today {
        let weekday = date.weekday().num_days_from_monday();
        // Weeks vary by ten per cent (Yambda); at Christmas people have company.
        const WEEK: [f64; 7] = [0.99, 0.97, 0.98, 1.0, 1.05, 1.03, 0.98];
        let (holiday, busy) = match (date.month(), date.day()) {
            (12, 24..=26) => (true, 0.8),
            (12, 31) => (false, 1.1),
            (1, 1) => (true, 0.85),
            _ => (false, 1.0),
        };
        Today { day, day_off: holiday || weekday >= 5, busy: busy * WEEK[weekday as usize] }
    }

    #[inline]
    pub(crate) fn routine(&self, listener: u32) -> Routine {
        let bits = self.seed.draw(Purpose::Person, u64::from(listener));
        let habits = mix(bits ^ Purpose::Habits as u64);
        // Irwin-Hall: the sum of four numbers of 8 bits is near enough to normal for a habit; deviation 50 minutes.
        let sum = (habits >> 24 & 255) + (habits >> 32 & 255) + (habits >> 40 & 255) + (habits >> 48 & 255);
        Routine {
            home: self.homes.choose(bits),
            level: (habits % LEVELS as u64) as u16,
            // One account in 2,700 is a bot; playing for hours every day, they make about two per cent of all playbacks.
            bot: (habits >> 10 & 0x3fff) < 6,
            shift_s: (sum as i32 - 510) * 3000 / 148,
        }
    }

    /// The first day of a listener and the one after the last, counted from the world's first.
    ///
    /// Nine in ten are there from the beginning, the others come over the years; every year one in twelve goes for good.
    #[inline]
    fn lifetime(&self, listener: u32) -> (i64, i64) {
        let bits = self.seed.draw(Purpose::Lifetime, u64::from(listener));
        let first = match bits & 1023 {
            0..=921 => -1,
            _ => scale(mix(bits), 1_460) as i64,
        };
        (first, first.max(0) + self.stays_days.get(bits >> 12))
    }

    /// Whether a listener pays, which some begin or cease to do in a quarter.
    fn premium(&self, listener: u32, routine: Routine, day: i64) -> bool {
        let bits = self.seed.draw(Purpose::Tier, u64::from(listener));
        let quarter = (day + (bits & 63) as i64).div_euclid(91);
        let moved = unit(mix(bits ^ (quarter as u64) << 32)) - 0.5;
        !routine.bot && unit(bits) + 0.03 * moved < self.levels[usize::from(routine.level)].premium
    }

    pub(crate) fn user_id(&self, listener: u32) -> u64 {
        self.seed.id(Purpose::UserId, u64::from(listener))
    }

    /// `day` counts from the world's first.
    #[inline]
    pub(crate) fn listener(&self, listener: u32, day: i64) -> Listener {
        let routine = self.routine(listener);
        let level = &self.levels[usize::from(routine.level)];
        let mut chance = self.seed.stream(Purpose::Habits, u64::from(listener));
        let (ages, traits, devices) = (chance.bits(), chance.bits(), chance.bits());
        // Most are between 18 and 35, some are 70.
        let age = 14 + (unit(ages) * unit(ages) * 45.0 + unit(mix(ages)) * 20.0) as i64;
        let start_year = 1970 + self.start_day * 400 / 146_097;
        let mut taste = 0u32;
        for i in 0..3 {
            taste |= 1 << self.genres.get(mix(traits.wrapping_add(i)));
        }
        // A phone lasts three years or so, other things longer.
        let worn = |bits: u64, days: i64| mix(bits ^ ((day + (bits & 1023) as i64) / days) as u64);
        let first = self.lifetime(listener).0;
        Listener {
            routine,
            country: self.homes.get(routine.home).country,
            premium: self.premium(listener, routine, day),
            birth_year: (start_year - age) as i32,
            signup_day: match first {
                -1 => self.start_day - 1 - scale(mix(ages ^ traits), 365 * (age.min(26) as u64 - 12)) as i64,
                later => self.start_day + later,
            },
            // The young skip most, and those of middle age more than those before and after.
            impatience: (unit(traits) - 0.5) * 0.5 + if age < 20 { 0.06 } else { 0.0 } - (age - 30) as f64 * 0.002
                + if (43..=52).contains(&age) { 0.05 } else { 0.0 },
            expressive: {
                // A product of uniforms: most react seldom, a few to everything. Its mean is 1.
                4.0 * unit(mix(devices)) * unit(mix(devices ^ traits))
            },
            length: level.length,
            taste,
            library_tracks: ((level.library * (0.4 + 1.2 * unit(devices))) as u64).max(20),
            phone: PHONES.start + scale(worn(devices, 1_000), u64::from(PHONES.end - PHONES.start)) as u16,
            other_device: match routine.bot && devices & 7 < 5 {
                // Farms run on computers.
                true => COMPUTERS.start + scale(devices << 20, u64::from(COMPUTERS.end - COMPUTERS.start)) as u16,
                false => OTHERS.start + scale(worn(devices << 20, 1_700), u64::from(OTHERS.end - OTHERS.start)) as u16,
            },
            lag_days: { if devices & 7 == 0 { (devices >> 8 & 255) as i64 } else { (devices >> 8 & 31) as i64 } },
        }
    }

    /// A listener's sessions on a local day, in order; none on most days.
    #[inline]
    pub(crate) fn sessions(
        &self,
        listener: u32,
        routine: Routine,
        today: &Today,
        clock: &Clock,
        out: &mut [Slot; MAX_SESSIONS],
    ) -> usize {
        let level = &self.levels[usize::from(routine.level)];
        let mut chance = self.seed.stream(Purpose::Day, day_key(listener, today.day));
        if !routine.bot && !chance.hit(level.active * today.busy) {
            return 0;
        }
        let (first, end) = self.lifetime(listener);
        if !(first..end).contains(&today.day) {
            return 0;
        }
        // Poisson: multiply uniforms until they fall below e^-mean.
        let mut wanted = 1;
        let mut left = unit(chance.bits());
        while left > level.no_more_sessions && wanted < MAX_SESSIONS {
            left *= unit(chance.bits());
            wanted += 1;
        }
        if routine.bot {
            wanted = 4;
        }
        let begins_s = &self.begins_s[usize::from(today.day_off)];
        let usual = self.seed.draw(Purpose::Lifetime, !u64::from(listener));
        let mut local = [0u32; MAX_SESSIONS];
        for start in &mut local[..wanted] {
            let bits = chance.bits();
            let jitter = (bits >> 12) as i64 % 600 - 300;
            // Two sessions in five are at one of two hours of the listener's own, give or take half an hour.
            let (when, around) = match bits >> 61 {
                0..=1 => (usual, (bits >> 24) as i64 % 3600 - 1800),
                2 => (mix(usual), (bits >> 24) as i64 % 3600 - 1800),
                _ => (bits, 0),
            };
            let begin_s = begins_s.get(when) + around + jitter - 1200 + i64::from(routine.shift_s);
            *start = begin_s.rem_euclid(86_400) as u32;
        }
        let local = &mut local[..wanted];
        local.sort_unstable();
        let mut count = 0;
        for &local_s in local.iter() {
            let start_s = clock.utc_s(local_s);
            if count > 0 {
                let last = &mut out[count - 1];
                if start_s < last.start_s + APART_S {
                    continue;
                }
                last.limit_s = last.limit_s.min(start_s - MARGIN_S);
            }
            // So near the end of the day there is no room for a session before the next day's first.
            if start_s + MARGIN_S >= clock.end_s() {
                break;
            }
            out[count] = Slot {
                start_s,
                limit_s: (start_s + LONGEST_S).min(clock.end_s() - MARGIN_S),
                hour: ((local_s / 3600 + 4) % 24) as u8,
            };
            count += 1;
        }
        count
    }

    /// 64 bits for a place in a listener's library.
    #[inline]
    pub(crate) fn library(&self, listener: u32, place: u64) -> u64 {
        self.seed.draw(Purpose::Library, u64::from(listener) << 32 | place)
    }

    /// Sessions of a listener on the average day.
    pub(crate) fn sessions_a_day(&self, routine: Routine) -> f64 {
        self.levels[usize::from(routine.level)].sessions_a_day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_a_day_neither_overlap_nor_leave_their_day() {
        let listeners = Listeners::new(Seed::new(5), 20_000);
        let date = "2026-10-31".parse().unwrap();
        let (clocks, today) = (listeners.homes.clocks(date), listeners.today(40, date));
        let mut slots = [Slot { start_s: 0, limit_s: 0, hour: 0 }; MAX_SESSIONS];
        let mut sessions = 0;
        for listener in 0..5_000 {
            let routine = listeners.routine(listener);
            let clock = &clocks[usize::from(routine.home)];
            let count = listeners.sessions(listener, routine, &today, clock, &mut slots);
            for (i, slot) in slots[..count].iter().enumerate() {
                assert!(slot.start_s >= clock.utc_s(0) && slot.limit_s < clock.end_s());
                assert!(slot.limit_s > slot.start_s || i + 1 == count);
                if i + 1 < count {
                    assert!(slot.limit_s <= slots[i + 1].start_s - MARGIN_S);
                }
            }
            sessions += count;
        }
        assert!(sessions > 1_500);
    }
}
