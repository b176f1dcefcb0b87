//! How long opening a log takes: by offset and by time, of a log that is warm and of one just made.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use downbeat_model::Stream;
use downbeat_simulator::{World, WorldConfig};

use crate::{BATCH_ROWS, Result, all_columns, measure::percentile, progress};

/// History of the cold log.
const DAYS: i64 = 7;
const DAY_US: i64 = 86_400_000_000;

/// Prints the section.
pub fn section() -> Result<()> {
    let world = World::new(WorldConfig::default())?;
    let config = world.config();
    println!(
        "seek: {} listeners, {} partitions, {DAYS} days of history; every column, a first batch of {BATCH_ROWS} rows",
        config.listeners, config.partitions
    );
    println!();
    println!("{:<34} {:>8} {:>20} {:>24}", "opened at random", "samples", "opened p50 / p99", "with batch p50 / p99");
    cold()?;
    let mut chance = Chance(1);
    let ends = (0..world.partitions())
        .map(|partition| world.offset_at(partition, config.start_us() + DAYS * DAY_US))
        .collect::<downbeat_simulator::Result<Vec<_>>>()?;
    samples("warm, by offset", 200, Duration::from_secs(8), || {
        let partition = chance.below(ends.len() as u64) as u32;
        let from = chance.below(ends[partition as usize] - BATCH_ROWS as u64);
        opened(Instant::now(), &world, partition, |_| Ok(from))
    })?;
    samples("warm, by time", 200, Duration::from_secs(8), || {
        let partition = chance.below(ends.len() as u64) as u32;
        let time_us = config.start_us() + chance.below((DAYS * DAY_US) as u64) as i64;
        opened(Instant::now(), &world, partition, |world| world.offset_at(partition, time_us))
    })
}

/// A world is made for every sample, so that nothing is known of the log.
fn cold() -> Result<()> {
    let mut chance = Chance(2);
    samples("cold, by time (World::new included)", 20, Duration::from_secs(20), || {
        let began = Instant::now();
        let world = World::new(WorldConfig::default())?;
        let time_us = world.config().start_us() + chance.below((DAYS * DAY_US) as u64) as i64;
        let partition = chance.below(u64::from(world.partitions())) as u32;
        opened(began, &world, partition, |world| world.offset_at(partition, time_us))
    })
}

/// Time until the log is open, and until its first batch is there.
fn opened(
    began: Instant,
    world: &World,
    partition: u32,
    from: impl FnOnce(&World) -> downbeat_simulator::Result<u64>,
) -> Result<[Duration; 2]> {
    let from = from(world)?;
    let columns = all_columns();
    let mut batches =
        black_box(world.read(Stream::Events, partition, from..from + BATCH_ROWS as u64, &columns, BATCH_ROWS)?);
    let open = began.elapsed();
    let batch = batches.next().ok_or("a range of rows gave no batch")??;
    black_box(&batch);
    Ok([open, began.elapsed()])
}

/// Takes samples until there are enough or time is up, and prints a line; at least three.
fn samples(name: &str, most: usize, time: Duration, mut sample: impl FnMut() -> Result<[Duration; 2]>) -> Result<()> {
    let began = Instant::now();
    let mut all = [Vec::new(), Vec::new()];
    while all[0].len() < most && (all[0].len() < 3 || began.elapsed() < time) {
        progress(&format!("{name}: {}", all[0].len()));
        let [open, batch] = sample()?;
        all[0].push(open);
        all[1].push(batch);
    }
    progress("");
    all.iter_mut().for_each(|durations| durations.sort());
    let text = |durations: &[Duration]| {
        let [half, most] = [0.5, 0.99].map(|share| percentile(durations, share).as_secs_f64() * 1e3);
        format!("{half:.3} / {most:.3} ms")
    };
    println!("{name:<34} {:>8} {:>20} {:>24}", all[0].len(), text(&all[0]), text(&all[1]));
    Ok(())
}

/// Draws that are the same in every run (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(x ^ x >> 31) * u128::from(bound)) >> 64) as u64
    }
}
