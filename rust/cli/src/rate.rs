//! A log that grows by the same number of rows every second, whatever the hour: for load, where a world's nights would be
//! in the way.
//!
//! The rows are those of the world, in its order; only when they can be read is another matter. Partitions stay together:
//! where the log stands is an hour of the world and a share of that hour's rows, the same share in each. So a partition
//! is never more than an hour of world time ahead of another, and two replicas with the same anchor and rate agree.

use std::sync::{Mutex, PoisonError};

use downbeat_simulator::{Error, World};

const HOUR_US: i64 = 3_600_000_000;

/// When a world has no end of its own: nothing happens in it after 60,000 days, the latest `until` there can be.
const LONGEST_US: i64 = 60_000 * 24 * HOUR_US;

/// Where a log stands: at all rows that arrived before `from_us`, and a share of those until `until_us`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Every row that arrived before is held.
    pub(crate) from_us: i64,
    until_us: i64,
    /// `share.0` of `share.1` rows between the two, over all partitions.
    share: (u64, u64),
}

impl Position {
    /// Exactly the rows that arrived before a moment.
    pub(crate) const fn by_time(at_us: i64) -> Self {
        Self { from_us: at_us, until_us: at_us, share: (0, 1) }
    }

    /// The rows of one partition.
    pub(crate) fn rows(&self, world: &World, partition: u32) -> Result<u64, Error> {
        let first = world.offset_at(partition, self.from_us)?;
        let (part, whole) = self.share;
        if part == 0 {
            return Ok(first);
        }
        let rows = world.offset_at(partition, self.until_us)? - first;
        // No larger than `rows`, which is a u64.
        Ok(first + (u128::from(rows) * u128::from(part) / u128::from(whole)) as u64)
    }
}

/// The hour at hand.
#[derive(Debug, Clone, Copy)]
struct Hour {
    from_us: i64,
    /// Rows before it, over all partitions.
    before: u64,
    /// Rows before its end.
    after: u64,
}

/// Finds where a log stands that grows at a rate.
#[derive(Debug)]
pub(crate) struct Growth {
    rate: f64,
    by_anchor: u64,
    /// Only ever goes on.
    hour: Mutex<Hour>,
}

impl Growth {
    /// Counts the rows that arrived before the anchor.
    pub(crate) fn new(world: &World, anchor_us: i64, rate: f64) -> Result<Self, Error> {
        let from_us = world.config().start_us();
        let hour = Hour { from_us, before: 0, after: rows_before(world, from_us + HOUR_US)? };
        Ok(Self { rate, by_anchor: rows_before(world, anchor_us)?, hour: Mutex::new(hour) })
    }

    /// Where the log stands so long after the anchor, which must not decrease from call to call.
    pub(crate) fn position(&self, world: &World, passed_us: i64) -> Result<Position, Error> {
        let grown = (passed_us as f64 / 1e6 * self.rate) as i64;
        let wanted = self.by_anchor.saturating_add_signed(grown);
        let end_us = world.config().until_us().unwrap_or(world.config().start_us() + LONGEST_US);
        // What it guards is whole even if another thread died.
        let mut hour = self.hour.lock().unwrap_or_else(PoisonError::into_inner);
        while hour.after <= wanted {
            let from_us = hour.from_us + HOUR_US;
            if from_us >= end_us {
                return Ok(Position::by_time(end_us));
            }
            *hour = Hour { from_us, before: hour.after, after: rows_before(world, from_us + HOUR_US)? };
        }
        // A thread that was overtaken on its way here may want less than the hour begins with.
        let part = wanted.saturating_sub(hour.before);
        let Hour { from_us, before, after } = *hour;
        Ok(Position { from_us, until_us: from_us + HOUR_US, share: (part, after - before) })
    }

    /// World time: as far into the hour as into its rows.
    pub(crate) fn now_us(&self, world: &World, passed_us: i64) -> i64 {
        match self.position(world, passed_us) {
            Ok(Position { from_us, until_us, share: (part, whole) }) => {
                from_us + ((until_us - from_us) as f64 * (part as f64 / whole as f64)) as i64
            }
            // Only a partition that does not exist is an error.
            Err(_) => world.config().start_us(),
        }
    }
}

/// Rows over all partitions that arrived before a moment.
fn rows_before(world: &World, time_us: i64) -> Result<u64, Error> {
    (0..world.partitions()).map(|partition| world.offset_at(partition, time_us)).sum()
}
