//! The generators: ours, TPC-H's lineitem and Nexmark's events, each as threads that make batch after batch for ever.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{Array, RecordBatch},
    datatypes::DataType,
};
use downbeat_model::Stream;
use downbeat_simulator::{World, WorldConfig};
use nexmark::{EventGenerator, event::Event};
use tpchgen::generators::LineItemGenerator;
use tpchgen_arrow::LineItemArrow;

use crate::{
    BATCH_ROWS, Result,
    measure::{Made, Step},
};

/// As in Cargo.lock; a test holds them.
pub const TPCHGEN_VERSION: &str = "4.0.0";
/// As in Cargo.lock; a test holds them.
pub const NEXMARK_VERSION: &str = "0.2.0";

const HOUR_US: i64 = 3_600_000_000;

/// Our events: one day of a log whose index is warm, read again and again. It is much more than a log keeps in memory, so
/// that every row is made anew.
#[derive(Debug)]
pub struct Ours {
    pub world: World,
    /// Rows of the day, by partition.
    pub days: Vec<Range<u64>>,
}

impl Ours {
    /// A world that has a partition for each thread.
    pub fn new(listeners: u64, partitions: usize) -> Result<Self> {
        let world = World::new(WorldConfig { listeners, partitions: partitions as u32, ..WorldConfig::default() })?;
        // The third day: nobody listened before the first.
        let at = |partition, hour: i64| world.offset_at(partition, world.config().start_us() + hour * HOUR_US);
        let days = (0..world.partitions())
            .map(|partition| Ok(at(partition, 48)?..at(partition, 72)?))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { world, days })
    }

    pub fn describe(&self) -> String {
        let config = self.world.config();
        let faults = if config.faults == WorldConfig::default().faults { "default" } else { "other" };
        format!("{} listeners, {} tracks, {faults} faults, index warm", config.listeners, config.tracks)
    }

    /// Rows of the day in the first partition.
    pub fn rows(&self) -> u64 {
        self.days[0].end - self.days[0].start
    }

    /// Reads columns of the first partition's whole day.
    pub fn day(&self, columns: &[usize]) -> Step {
        let (world, day, columns) = (self.world.clone(), self.days[0].clone(), columns.to_vec());
        Box::new(move || -> Result<Made> {
            let mut all = Made::default();
            for batch in world.read(Stream::Events, 0, day.clone(), &columns, BATCH_ROWS)? {
                let made = made(&std::hint::black_box(batch?));
                all.rows += made.rows;
                all.bytes += made.bytes;
            }
            Ok(all)
        })
    }

    /// Reads columns in so many threads, each from a partition of its own.
    pub fn threads(&self, threads: usize, columns: &[usize]) -> Result<Vec<Step>> {
        (0..threads)
            .map(|partition| {
                let (world, day, columns) = (self.world.clone(), self.days[partition].clone(), columns.to_vec());
                let read = move || world.read(Stream::Events, partition as u32, day.clone(), &columns, BATCH_ROWS);
                let mut batches = read()?;
                Ok(Box::new(move || -> Result<Made> {
                    loop {
                        match batches.next() {
                            Some(batch) => return Ok(made(&batch?)),
                            None => batches = read()?,
                        }
                    }
                }) as Step)
            })
            .collect()
    }
}

/// TPC-H's lineitem, each thread a part of it.
pub fn tpchgen(threads: usize) -> Vec<Step> {
    (0..threads)
        .map(|thread| {
            let start = move || {
                let part = LineItemGenerator::new(10.0, thread as i32 + 1, threads as i32);
                LineItemArrow::new(part).with_batch_size(BATCH_ROWS)
            };
            let mut batches = start();
            Box::new(move || -> Result<Made> {
                loop {
                    match batches.next() {
                        Some(batch) => return Ok(made(&batch?)),
                        None => batches = start(),
                    }
                }
            }) as Step
        })
        .collect()
}

/// Nexmark's events, each thread every n-th of them.
pub fn nexmark(threads: usize) -> Vec<Step> {
    (0..threads)
        .map(|thread| {
            let mut events = EventGenerator::default().with_offset(thread as u64).with_step(threads as u64);
            Box::new(move || -> Result<Made> {
                let bytes =
                    events.by_ref().take(BATCH_ROWS).map(|event| event_bytes(&std::hint::black_box(event))).sum();
                Ok(Made { rows: BATCH_ROWS as u64, bytes })
            }) as Step
        })
        .collect()
}

fn made(batch: &RecordBatch) -> Made {
    Made { rows: batch.num_rows() as u64, bytes: bytes(batch) }
}

/// Bytes that rows take in Arrow.
pub fn bytes(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(column_bytes).sum()
}

/// Bytes that a column's rows take in Arrow: values, ends, flags.
fn column_bytes(column: &Arc<dyn Array>) -> u64 {
    let data = column.to_data();
    match column.data_type() {
        // The size of a slice leaves out what views point to.
        DataType::Utf8View | DataType::BinaryView => data.buffers().iter().map(|buffer| buffer.len() as u64).sum(),
        _ => data.get_slice_memory_size().unwrap_or_default() as u64,
    }
}

/// Bytes of what an event says, as if it were in columns: 8 a number, 4 a text's end, and its text.
fn event_bytes(event: &Event) -> u64 {
    let (numbers, texts): (usize, &[&String]) = match event {
        Event::Person(it) => (2, &[&it.name, &it.email_address, &it.credit_card, &it.city, &it.state, &it.extra]),
        Event::Auction(it) => (7, &[&it.item_name, &it.description, &it.extra]),
        Event::Bid(it) => (4, &[&it.channel, &it.url, &it.extra]),
    };
    (numbers * 8 + texts.iter().map(|text| 4 + text.len()).sum::<usize>()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_named_are_those_compared_with() {
        let lock = include_str!("../Cargo.lock");
        for (name, version) in [("tpchgen-arrow", TPCHGEN_VERSION), ("nexmark", NEXMARK_VERSION)] {
            assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"")), "{name} is not {version}");
        }
    }
}
