//! The listeners: who each is, what they love, and on which days and at which hours they listen.
//!
//! Everything is a function of a listener's number. How much somebody listens is log-normal over listeners; it decides the share
//! of active days, the sessions of a day and the length of a session together.

use crate::{
    catalogue::GENRES,
    chance::{Alias, Chance, Purpose, Quantiles, Seed, exp, mix, normal, scale, unit},
    device::{OTHERS, PHONES},
    place::{Clock, Homes},
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
}

/// Everybody.
#[derive(Debug)]
pub(crate) struct Listeners {
    seed: Seed,
    pub(crate) homes: Homes,
    levels: Vec<Level>,
    genres: Alias,
    /// Seconds after 04:00 local at which sessions begin.
    begins_s: Quantiles,
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

/// Who a listener is.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) routine: Routine,
    pub(crate) user_id: u64,
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
    /// How far behind the newest app their phone is.
    pub(crate) app_lag_days: i64,
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

impl Listeners {
    pub(crate) fn new(seed: Seed, start_day: i64) -> Self {
        // Shares of plays by local hour from 4 to 3: Music Streaming Sessions, peak to trough 9.5.
        const HOURS: [f64; 24] = [
            9.0, 7.0, 10.0, 14.0, 20.0, 33.0, 44.0, 50.0, 58.0, 64.0, 69.0, 69.0, 70.0, 65.0, 62.0, 57.0, 56.0, 59.0,
            53.0, 43.0, 34.0, 24.0, 17.0, 13.0,
        ];
        let total: f64 = HOURS.iter().sum();
        let mut points = vec![(0.0, 0.0)];
        let mut share = 0.0;
        for (hour, weight) in HOURS.iter().enumerate() {
            share += weight / total;
            points.push((share, (hour + 1) as f64 * 3600.0));
        }
        let levels = (0..LEVELS)
            .map(|level| {
                let z = normal((level as f64 + 0.5) / LEVELS as f64);
                Level {
                    active: 1.0 / (1.0 + exp(0.9 - 1.6 * z)),
                    no_more_sessions: exp(-1.25 * exp(0.4 * z)),
                    premium: 1.0 / (1.0 + exp(0.6 - 3.0 * z)),
                    length: exp(0.15 * z),
                    library: 350.0 * exp(0.7 * z),
                }
            })
            .collect();
        Self {
            seed,
            homes: Homes::new(),
            levels,
            genres: Alias::new(&GENRES.map(|genre| genre.1)),
            begins_s: Quantiles::through(&points),
            start_day,
        }
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

    pub(crate) fn user_id(&self, listener: u32) -> u64 {
        self.seed.id(Purpose::UserId, u64::from(listener))
    }

    pub(crate) fn listener(&self, listener: u32) -> Listener {
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
        Listener {
            routine,
            user_id: self.user_id(listener),
            country: self.homes.get(routine.home).country,
            premium: !routine.bot && unit(mix(traits)) < level.premium,
            birth_year: (start_year - age) as i32,
            signup_day: self.start_day - 1 - scale(mix(ages ^ traits), 365 * (age.min(26) as u64 - 12)) as i64,
            impatience: (unit(traits) - 0.5) * 0.3 - (age - 30) as f64 * 0.002,
            expressive: {
                // A product of uniforms: most react seldom, a few to everything. Its mean is 1.
                4.0 * unit(mix(devices)) * unit(mix(devices ^ traits))
            },
            length: level.length,
            taste,
            library_tracks: ((level.library * (0.4 + 1.2 * unit(devices))) as u64).max(20),
            phone: PHONES.start + scale(devices, u64::from(PHONES.end - PHONES.start)) as u16,
            other_device: OTHERS.start + scale(devices << 20, u64::from(OTHERS.end - OTHERS.start)) as u16,
            app_lag_days: { if devices & 7 == 0 { (devices >> 8 & 255) as i64 } else { (devices >> 8 & 31) as i64 } },
        }
    }

    /// A listener's sessions on a local day (`day`: whatever number stands for it in keys), in order; none on most days.
    #[inline]
    pub(crate) fn sessions(
        &self,
        routine: Routine,
        day_key: u64,
        clock: &Clock,
        out: &mut [Slot; MAX_SESSIONS],
    ) -> usize {
        let level = &self.levels[usize::from(routine.level)];
        let mut chance = self.seed.stream(Purpose::Day, day_key);
        if !routine.bot && !chance.hit(level.active) {
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
        let mut local = [0u32; MAX_SESSIONS];
        for start in &mut local[..wanted] {
            let bits = chance.bits();
            let jitter = (bits >> 12) as i64 % 600 - 300;
            *start = (self.begins_s.get(bits) + jitter - 1500 + i64::from(routine.shift_s)).rem_euclid(86_400) as u32;
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

    /// The draws of a listener's library, one of which stands for each place in it.
    #[inline]
    pub(crate) fn library(&self, listener: u32, place: u64) -> Chance {
        self.seed.stream(Purpose::Library, u64::from(listener) << 32 | place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_a_day_neither_overlap_nor_leave_their_day() {
        let listeners = Listeners::new(Seed::new(5), 20_000);
        let clocks = listeners.homes.clocks("2026-10-31".parse().unwrap());
        let mut slots = [Slot { start_s: 0, limit_s: 0, hour: 0 }; MAX_SESSIONS];
        let mut sessions = 0;
        for listener in 0..5_000 {
            let routine = listeners.routine(listener);
            let clock = &clocks[usize::from(routine.home)];
            let count = listeners.sessions(routine, u64::from(listener), clock, &mut slots);
            for (i, slot) in slots[..count].iter().enumerate() {
                assert!(slot.start_s >= clock.utc_s(0) && slot.limit_s < clock.end_s());
                assert!(slot.limit_s > slot.start_s || i + 1 == count);
                if i + 1 < count {
                    assert!(slot.limit_s <= slots[i + 1].start_s - MARGIN_S);
                }
            }
            sessions += count;
        }
        assert!(sessions > 2_000);
    }
}
