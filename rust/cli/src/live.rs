//! A simulated world as a log that grows with world time.

use std::{
    ops::Range,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use downbeat_flight::{Batches, Held, Log, LogError, LogStream};
use downbeat_model::Stream;
use downbeat_simulator::{World, WorldConfig};

use crate::failure::{Failure, Result};

/// World time: anchor + speed x (clock - anchor).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    anchor_us: i64,
    speed: f64,
    /// The machine's clock when the command began. What passed since is measured, not read from that clock, so that
    /// world time never goes back when the machine's clock is set.
    began_us: i64,
    began: Instant,
}

impl Clock {
    /// Without an anchor, world time agrees with the machine's clock now.
    pub(crate) fn new(anchor_us: Option<i64>, speed: f64) -> Self {
        let began_us = micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        Self { anchor_us: anchor_us.unwrap_or(began_us), speed, began_us, began: Instant::now() }
    }

    /// A clock by which everything has happened.
    pub(crate) fn end_of_time() -> Self {
        Self { anchor_us: i64::MAX / 2, speed: 0.0, began_us: 0, began: Instant::now() }
    }

    pub(crate) const fn anchor_us(&self) -> i64 {
        self.anchor_us
    }

    fn now_us(&self) -> i64 {
        self.at(self.began_us.saturating_add(micros(self.began.elapsed())))
    }

    fn at(&self, clock_us: i64) -> i64 {
        let passed = clock_us.saturating_sub(self.anchor_us);
        // Microseconds of a few centuries are whole in an f64, so speed 1 is exact.
        self.anchor_us.saturating_add((passed as f64 * self.speed) as i64)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A world with a clock: the rows that have arrived by world time are held.
#[derive(Debug)]
pub(crate) struct WorldLog {
    world: World,
    config_json: String,
    streams: Vec<LogStream>,
    clock: Clock,
}

impl WorldLog {
    pub(crate) fn new(config: WorldConfig, clock: Clock) -> Result<Self> {
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
        Ok(Self { world, config_json, streams, clock })
    }

    /// Rows of a table.
    pub(crate) fn rows(&self, table: Stream) -> u64 {
        self.world.dimension_rows(table)
    }

    /// Partitions of `events` and `truth`.
    pub(crate) fn partitions(&self) -> u32 {
        self.world.partitions()
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
        self.clock.now_us()
    }

    fn held(&self, stream: &str, partition: u32) -> Result<Held, LogError> {
        let stream: Stream = stream.parse()?;
        if !stream.is_log() {
            return Ok(Held { earliest: 0, latest: self.rows(stream), ended: true });
        }
        // Held are the rows that arrived at or before now, and before the end.
        let after = self.now_us().saturating_add(1);
        let until = self.world.config().until_us().unwrap_or(i64::MAX);
        let latest = self.world.offset_at(partition, after.min(until))?;
        Ok(Held { earliest: 0, latest, ended: until <= after })
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
    use super::*;

    fn clock(anchor_us: i64, speed: f64) -> Clock {
        Clock { anchor_us, speed, began_us: 0, began: Instant::now() }
    }

    #[test]
    fn world_time_agrees_with_the_clock_at_the_anchor_whatever_the_speed() {
        for speed in [0.5, 1.0, 60.0] {
            assert_eq!(clock(1_000_000, speed).at(1_000_000), 1_000_000);
        }
    }

    #[test]
    fn world_time_passes_at_its_speed() {
        assert_eq!(clock(1_000_000, 60.0).at(2_000_000), 61_000_000);
        assert_eq!(clock(1_000_000, 60.0).at(999_000), 940_000);
        let today_us = 1_790_000_000_123_457;
        assert_eq!(clock(0, 1.0).at(today_us), today_us);
    }

    #[test]
    fn world_time_starts_at_the_machines_clock_without_an_anchor() {
        let clock = Clock::new(None, 100.0);
        assert!(clock.now_us() - clock.anchor_us() < 3_600_000_000);
        assert!(clock.now_us() >= clock.anchor_us());
    }
}
