//! A simulated world as a log that grows with world time.

use std::{
    fmt,
    ops::Range,
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use downbeat_flight::{Batches, Held, Log, LogError, LogStream};
use downbeat_model::Stream;
use downbeat_simulator::{World, WorldConfig};

use crate::{
    failure::{Failure, Result},
    rate::{Growth, Position},
};

/// How a log follows the clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// World time = anchor + speed x (clock - anchor); held is what has arrived by world time.
    Speed(f64),
    /// Rows held = rows by the anchor + rate x (clock - anchor) in seconds, over all partitions.
    Rate(f64),
}

/// The clock behind a log.
///
/// It never goes back: when the machine's clock is set back, it stands still until that has caught up, so that a row
/// once seen stays. (Measuring what passes instead would leave replicas apart for ever after, and lose time while a
/// machine sleeps.)
pub(crate) struct Clock {
    anchor_us: i64,
    pace: Pace,
    read: Box<dyn Fn() -> i64 + Send + Sync>,
    highest_us: AtomicI64,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("anchor_us", &self.anchor_us)
            .field("pace", &self.pace)
            .field("highest_us", &self.highest_us)
            .finish_non_exhaustive()
    }
}

impl Clock {
    /// The machine's clock. Without an anchor, world time agrees with it now.
    pub(crate) fn new(anchor_us: Option<i64>, pace: Pace) -> Self {
        Self::with(anchor_us, pace, machine_us)
    }

    /// Any clock, in microseconds since 1970 UTC.
    fn with(anchor_us: Option<i64>, pace: Pace, read: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        let anchor_us = anchor_us.unwrap_or_else(&read);
        Self { anchor_us, pace, read: Box::new(read), highest_us: AtomicI64::new(i64::MIN) }
    }

    /// A clock by which everything has happened.
    pub(crate) fn end_of_time() -> Self {
        Self::with(Some(i64::MAX / 2), Pace::Speed(1.0), || i64::MAX / 2)
    }

    pub(crate) const fn anchor_us(&self) -> i64 {
        self.anchor_us
    }

    /// Microseconds from the anchor to now, which are below zero before it.
    fn passed_us(&self) -> i64 {
        let read_us = (self.read)();
        let now_us = self.highest_us.fetch_max(read_us, Ordering::AcqRel).max(read_us);
        now_us.saturating_sub(self.anchor_us)
    }
}

fn machine_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// World time at a speed.
fn world_us(anchor_us: i64, speed: f64, passed_us: i64) -> i64 {
    // Microseconds of a few centuries are whole in an f64, so speed 1 is exact.
    anchor_us.saturating_add((passed_us as f64 * speed) as i64)
}

/// A world with a clock: the rows that have arrived by world time are held.
#[derive(Debug)]
pub(crate) struct WorldLog {
    world: World,
    config_json: String,
    streams: Vec<LogStream>,
    clock: Clock,
    course: Course,
    /// Hours for which rows are held.
    retention: Option<u32>,
}

/// What a [`Pace`] comes to in a world.
#[derive(Debug)]
enum Course {
    Speed(f64),
    Rate(Growth),
}

impl WorldLog {
    /// Rows are held for `retention` hours of world time; absent: for ever.
    pub(crate) fn new(config: WorldConfig, clock: Clock, retention: Option<u32>) -> Result<Self> {
        let config_json = serde_json::to_string(&config)
            .map_err(|cause| Failure::work(format!("cannot write the world's configuration as JSON: {cause}")))?;
        let world = World::new(config).map_err(|error| Failure::usage(error.to_string()))?;
        let streams = Stream::ALL
            .iter()
            .map(|stream| LogStream {
                name: stream.text().to_owned(),
                schema: stream.schema(),
                partitions: if stream.is_log() { world.partitions() } else { 1 },
                is_log: stream.is_log(),
            })
            .collect();
        let course = match clock.pace {
            Pace::Speed(speed) => Course::Speed(speed),
            Pace::Rate(rate) => Course::Rate(
                Growth::new(&world, clock.anchor_us, rate)
                    .map_err(|cause| Failure::work(format!("cannot count the rows by the anchor: {cause}")))?,
            ),
        };
        Ok(Self { world, config_json, streams, clock, course, retention })
    }

    /// Counts the rows there are by now, or those before `until_us` if that is sooner, which takes a while for a long history.
    pub(crate) fn count_history(&self, until_us: i64) {
        crate::history::count(&self.world, until_us.min(self.now_us()));
    }

    /// Rows of a table.
    pub(crate) fn rows(&self, table: Stream) -> u64 {
        self.world.dimension_rows(table)
    }

    /// Partitions of `events` and `truth`.
    pub(crate) fn partitions(&self) -> u32 {
        self.world.partitions()
    }

    /// The rows of a partition that can be read now, and whether more will follow.
    fn held_rows(&self, partition: u32) -> Result<Held, LogError> {
        let position = match &self.course {
            // Held are the rows that arrived at or before now.
            Course::Speed(_) => Position::by_time(self.now_us().saturating_add(1)),
            Course::Rate(growth) => growth.position(&self.world, self.clock.passed_us())?,
        };
        let until = self.world.config().until_us().unwrap_or(i64::MAX);
        let latest = position.rows(&self.world, partition)?;
        // Both are looked up at different moments of the same clock, which never goes back.
        let earliest = self.earliest(partition)?.min(latest);
        Ok(Held { earliest, latest, ended: until <= position.from_us })
    }

    /// The first row that has not expired. Rows expire by the hour.
    fn earliest(&self, partition: u32) -> Result<u64, LogError> {
        const HOUR_US: i64 = 3_600_000_000;
        let Some(hours) = self.retention else { return Ok(0) };
        let since_us = self.now_us().saturating_sub(i64::from(hours).saturating_mul(HOUR_US));
        Ok(self.world.offset_at(partition, since_us.div_euclid(HOUR_US) * HOUR_US)?)
    }

    /// When the world begins.
    pub(crate) fn start_us(&self) -> i64 {
        self.world.config().start_us()
    }
}

impl Log for WorldLog {
    fn world(&self) -> &str {
        self.world.fingerprint()
    }

    fn config_json(&self) -> &str {
        &self.config_json
    }

    fn streams(&self) -> &[LogStream] {
        &self.streams
    }

    fn now_us(&self) -> i64 {
        let passed_us = self.clock.passed_us();
        match &self.course {
            Course::Speed(speed) => world_us(self.clock.anchor_us, *speed, passed_us),
            Course::Rate(growth) => growth.now_us(&self.world, passed_us),
        }
    }

    fn held(&self, stream: &str, partition: u32) -> Result<Held, LogError> {
        let stream: Stream = stream.parse()?;
        match stream.is_log() {
            true => self.held_rows(partition),
            false => Ok(Held { earliest: 0, latest: self.rows(stream), ended: true }),
        }
    }

    fn offset_at(&self, _: &str, partition: u32, at_us: i64) -> Result<u64, LogError> {
        Ok(self.world.offset_at(partition, at_us)?)
    }

    fn arrived_at(&self, _: &str, partition: u32, offset: u64) -> Result<i64, LogError> {
        Ok(self.world.arrived_at(partition, offset)?)
    }

    fn read(
        &self,
        stream: &str,
        partition: u32,
        range: Range<u64>,
        columns: &[usize],
        batch_rows: usize,
    ) -> Result<Batches<'_>, LogError> {
        let stream: Stream = stream.parse()?;
        let batches = if stream.is_log() {
            Box::new(self.world.read(stream, partition, range, columns, batch_rows)?.map(|batch| Ok(batch?)))
                as Batches<'_>
        } else {
            Box::new(self.world.dimension(stream, range, columns, batch_rows)?.map(|batch| Ok(batch?)))
        };
        Ok(batches)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;

    use super::*;

    const SECOND_US: i64 = 1_000_000;
    const HOUR_US: i64 = 3600 * SECOND_US;

    fn us(time: &str) -> i64 {
        DateTime::parse_from_rfc3339(time).unwrap().timestamp_micros()
    }

    /// A small world, and the hands of its clock.
    fn log(listeners: u64, start: &str, until: Option<&str>, anchor: &str, pace: Pace) -> (WorldLog, Arc<AtomicI64>) {
        let hands = Arc::new(AtomicI64::new(us(anchor)));
        let seen = Arc::clone(&hands);
        let clock = Clock::with(Some(us(anchor)), pace, move || seen.load(Ordering::Acquire));
        let config = WorldConfig {
            listeners,
            tracks: 1000,
            partitions: 2,
            start: start.parse().unwrap(),
            until: until.map(us),
            ..WorldConfig::default()
        };
        (WorldLog::new(config, clock, None).unwrap(), hands)
    }

    fn latest(log: &WorldLog) -> [u64; 2] {
        [0, 1].map(|partition| log.held("events", partition).unwrap().latest)
    }

    #[test]
    fn world_time_agrees_with_the_clock_at_the_anchor_whatever_the_speed() {
        for speed in [0.5, 1.0, 60.0] {
            assert_eq!(world_us(SECOND_US, speed, 0), SECOND_US);
        }
    }

    #[test]
    fn world_time_passes_at_its_speed() {
        assert_eq!(world_us(SECOND_US, 60.0, SECOND_US), 61 * SECOND_US);
        assert_eq!(world_us(SECOND_US, 60.0, -1000), 940_000);
        let today_us = 1_790_000_000_123_457;
        assert_eq!(world_us(0, 1.0, today_us), today_us);
    }

    #[test]
    fn world_time_starts_at_the_machines_clock_without_an_anchor() {
        let clock = Clock::new(None, Pace::Speed(100.0));
        assert!((0..HOUR_US).contains(&clock.passed_us()));
    }

    #[test]
    fn a_clock_that_is_set_back_takes_no_row_back_and_goes_on_once_it_has_caught_up() {
        for pace in [Pace::Speed(1.0), Pace::Rate(5.0)] {
            let (log, hands) = log(200, "2026-10-01", None, "2026-10-02T08:00:00Z", pace);
            hands.fetch_add(HOUR_US, Ordering::AcqRel);
            let (before, now_us) = (latest(&log), log.now_us());
            for back_us in [SECOND_US, 2 * HOUR_US, 400 * 24 * HOUR_US] {
                hands.fetch_sub(back_us, Ordering::AcqRel);
                assert_eq!((latest(&log), log.now_us()), (before, now_us), "{pace:?}");
                hands.fetch_add(back_us, Ordering::AcqRel);
            }
            hands.fetch_add(HOUR_US, Ordering::AcqRel);
            assert!(latest(&log) > before && log.now_us() > now_us, "{pace:?}");
        }
    }

    #[test]
    fn nothing_stops_at_midnight_a_months_end_a_leap_day_or_new_year() {
        for (start, anchor, hours) in [
            ("2028-02-20", "2028-02-28T00:00:00Z", 3 * 24),
            ("2026-12-20", "2026-12-30T12:00:00Z", 3 * 24),
            // Clocks go back and forward in Europe and America.
            ("2026-10-20", "2026-10-24T00:00:00Z", 10 * 24),
        ] {
            let (log, hands) = log(2_000, start, None, anchor, Pace::Speed(1.0));
            let mut before = latest(&log);
            for hour in 0..hours {
                hands.fetch_add(HOUR_US, Ordering::AcqRel);
                let now = latest(&log);
                assert!(now[0] > before[0] && now[1] > before[1], "{anchor} + {hour} h: {before:?} {now:?}");
                before = now;
            }
            assert_eq!(log.now_us(), us(anchor) + hours * HOUR_US);
        }
    }

    #[test]
    fn a_server_goes_on_for_years() {
        let (log, hands) = log(10, "2026-10-01", None, "2026-10-01T00:00:00Z", Pace::Speed(1.0));
        let mut before = latest(&log);
        for year in 0..8 {
            hands.fetch_add(365 * 24 * HOUR_US, Ordering::AcqRel);
            let now = latest(&log);
            assert!(now[0] > before[0] && now[1] > before[1], "year {year}: {before:?} {now:?}");
            before = now;
        }
        assert!(!log.held("events", 0).unwrap().ended);
    }

    #[test]
    fn a_bounded_log_ends_when_its_time_has_come() {
        for pace in [Pace::Speed(1.0), Pace::Rate(1000.0)] {
            let until = "2026-10-02T01:30:00Z";
            let (log, hands) = log(100, "2026-10-01", Some(until), "2026-10-01T20:00:00Z", pace);
            assert!(!log.held("events", 0).unwrap().ended, "{pace:?}");
            hands.fetch_add(6 * HOUR_US, Ordering::AcqRel);
            for partition in [0, 1] {
                let held = log.held("events", partition).unwrap();
                let rows = log.offset_at("events", partition, us(until)).unwrap();
                assert_eq!(held, Held { earliest: 0, latest: rows, ended: true }, "{pace:?}");
            }
        }
    }

    #[test]
    fn rows_expire_by_the_hour_after_their_retention_and_never_come_back() {
        let (mut log, hands) = log(300, "2026-10-01", None, "2026-10-02T08:30:00Z", Pace::Speed(1.0));
        log.retention = Some(6);
        let at = |log: &WorldLog, time| log.offset_at("events", 0, us(time)).unwrap();
        let first = log.held("events", 0).unwrap().earliest;
        assert_eq!(first, at(&log, "2026-10-02T02:00:00Z"));
        assert!(first > 0 && log.arrived_at("events", 0, first).unwrap() >= us("2026-10-02T02:00:00Z"));
        hands.fetch_add(HOUR_US / 2, Ordering::AcqRel);
        assert_eq!(log.held("events", 0).unwrap().earliest, at(&log, "2026-10-02T03:00:00Z"));
        hands.fetch_sub(5 * HOUR_US, Ordering::AcqRel);
        assert_eq!(log.held("events", 0).unwrap().earliest, at(&log, "2026-10-02T03:00:00Z"));
        assert_eq!(log.held("tracks", 0).unwrap().earliest, 0);
    }

    #[test]
    fn at_a_rate_the_log_grows_by_as_many_rows_every_second_of_day_and_night() {
        let (log, hands) = log(300, "2026-10-01", None, "2026-10-01T12:00:00Z", Pace::Rate(20.0));
        let by_anchor: u64 = [0, 1]
            .map(|partition| log.offset_at("events", partition, us("2026-10-01T12:00:00Z")).unwrap())
            .iter()
            .sum();
        for second in 0..3600 {
            let rows: u64 = latest(&log).iter().sum();
            let wanted = by_anchor + 20 * second;
            // Each partition is rounded down.
            assert!((wanted - 2..=wanted).contains(&rows), "second {second}: {rows} rows instead of {wanted}");
            hands.fetch_add(SECOND_US, Ordering::AcqRel);
        }
        // Partitions stay at the same time of the world, so that none is late for the other's sake.
        let arrived =
            [0, 1].map(|partition| log.arrived_at("events", partition, latest(&log)[partition as usize] - 1).unwrap());
        assert!((arrived[0] - arrived[1]).abs() < HOUR_US, "{arrived:?}");
        assert!(arrived.iter().all(|arrived| (log.now_us() - arrived).abs() < HOUR_US), "{arrived:?} {}", log.now_us());
    }

    #[test]
    fn replicas_with_one_anchor_hold_the_same_rows_at_the_same_time() {
        for pace in [Pace::Speed(7.5), Pace::Rate(3.3)] {
            let make = || log(100, "2026-10-01", None, "2026-10-02T08:00:00Z", pace);
            let ((long, long_hands), (fresh, fresh_hands)) = (make(), make());
            for _ in 0..50 {
                long_hands.fetch_add(97 * SECOND_US, Ordering::AcqRel);
                latest(&long);
            }
            fresh_hands.store(long_hands.load(Ordering::Acquire), Ordering::Release);
            assert_eq!((latest(&long), long.now_us()), (latest(&fresh), fresh.now_us()), "{pace:?}");
        }
    }

    #[test]
    fn before_its_anchor_a_log_at_a_rate_is_shorter_and_never_below_nothing() {
        let (log, hands) = log(100, "2026-10-01", None, "2026-10-02T08:00:00Z", Pace::Rate(1.0));
        let by_anchor = latest(&log);
        assert!(by_anchor[0] > 100, "{by_anchor:?}");
        let (earlier, early_hands) = self::log(100, "2026-10-01", None, "2026-10-02T08:00:00Z", Pace::Rate(1.0));
        early_hands.fetch_sub(100 * SECOND_US, Ordering::AcqRel);
        let rows: u64 = latest(&earlier).iter().sum();
        assert!((by_anchor.iter().sum::<u64>() - rows).abs_diff(100) <= 2);
        let (before, before_hands) = self::log(100, "2026-10-01", None, "2026-10-02T08:00:00Z", Pace::Rate(1.0));
        before_hands.store(0, Ordering::Release);
        assert_eq!(latest(&before), [0, 0]);
        drop(hands);
    }
}
