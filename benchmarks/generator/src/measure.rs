//! Repeated measurements in turn, and what they spread over.

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use crate::{Result, progress};

/// What one step made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Made {
    pub rows: u64,
    pub bytes: u64,
}

/// One thread of a generator: each call makes the next batch, or does the whole of some work again.
pub type Step = Box<dyn FnMut() -> Result<Made> + Send>;

/// How fast a generator was in one repeat.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub rows_s: f64,
    pub bytes_s: f64,
    /// Processor time of the threads asked for, which a busy machine does not stretch as it does the wall clock's.
    pub cpu_ns_row: f64,
    /// Processor time of the whole process a second of wall clock: more than the threads asked for would be unfair.
    pub cores: f64,
}

/// The least, the middle and the most of some measurements.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

impl Spread {
    pub fn of<T>(all: &[T], value: impl Fn(&T) -> f64) -> Self {
        let mut values: Vec<f64> = all.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        Self { min: values[0], median: values[values.len() / 2], max: values[values.len() - 1] }
    }

    /// `min / median / max`, times a unit, to so many decimals.
    pub fn text(&self, unit: f64, decimals: usize) -> String {
        [self.min, self.median, self.max].map(|value| format!("{:.decimals$}", value * unit)).join(" / ")
    }
}

/// Runs every generator for a while, all of them again and again; the first round only warms up.
pub fn rates<N: AsRef<str>>(
    generators: &mut [(N, Vec<Step>)],
    repeats: usize,
    time: Duration,
) -> Result<Vec<(String, Vec<Rate>)>> {
    let mut all: Vec<_> = generators.iter().map(|generator| (generator.0.as_ref().to_owned(), Vec::new())).collect();
    for repeat in 0..=repeats {
        for (i, (name, steps)) in generators.iter_mut().enumerate() {
            progress(&format!("repeat {repeat} of {repeats}: {}", name.as_ref()));
            match repeat {
                0 => drop(rate(steps, time / 4)?),
                _ => all[i].1.push(rate(steps, time)?),
            }
        }
    }
    progress("");
    Ok(all)
}

/// Every step on a thread of its own, for at least `time`.
fn rate(steps: &mut [Step], time: Duration) -> Result<Rate> {
    let (began, cpu) = (Instant::now(), clock(ClockId::ProcessCPUTime));
    let threads = thread::scope(|scope| -> Result<Vec<Ran>> {
        let running: Vec<_> = steps.iter_mut().map(|step| scope.spawn(move || run(step, time))).collect();
        running.into_iter().map(|thread| thread.join().map_err(|_| "a thread of a generator panicked")?).collect()
    })?;
    let cores = (clock(ClockId::ProcessCPUTime) - cpu).as_secs_f64() / began.elapsed().as_secs_f64();
    let sum = |value: fn(&Ran) -> f64| threads.iter().map(value).sum::<f64>();
    Ok(Rate {
        rows_s: sum(|ran| ran.made.rows as f64 / ran.wall.as_secs_f64()),
        bytes_s: sum(|ran| ran.made.bytes as f64 / ran.wall.as_secs_f64()),
        cpu_ns_row: sum(|ran| ran.cpu.as_secs_f64() * 1e9) / sum(|ran| ran.made.rows as f64),
        cores,
    })
}

/// What one thread did.
struct Ran {
    made: Made,
    wall: Duration,
    cpu: Duration,
}

fn run(step: &mut Step, time: Duration) -> Result<Ran> {
    let (began, cpu) = (Instant::now(), clock(ClockId::ThreadCPUTime));
    let mut made = Made::default();
    loop {
        let batch = black_box(step()?);
        made.rows += batch.rows;
        made.bytes += batch.bytes;
        let wall = began.elapsed();
        if wall >= time {
            return Ok(Ran { made, wall, cpu: clock(ClockId::ThreadCPUTime) - cpu });
        }
    }
}

/// Processor time so far.
fn clock(of: ClockId) -> Duration {
    let time = clock_gettime(of);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Processor time a row, in nanoseconds, of each of these works and of the first one just before it: every repeat does all of
/// them, in turn. What it costs more is told better by such a pair than by two measurements a minute apart.
pub fn pairs(works: &mut [(String, Step)], repeats: usize) -> Result<Vec<(String, Vec<Pair>)>> {
    let mut all: Vec<_> = works.iter().map(|work| (work.0.clone(), Vec::new())).collect();
    let cpu_ns_row = |work: &mut Step| -> Result<f64> {
        let cpu = clock(ClockId::ThreadCPUTime);
        let rows = black_box(work()?).rows;
        Ok((clock(ClockId::ThreadCPUTime) - cpu).as_secs_f64() * 1e9 / rows as f64)
    };
    // The first time pays for memory that is used again later.
    cpu_ns_row(&mut works[0].1)?;
    for repeat in 1..=repeats {
        for i in 0..works.len() {
            progress(&format!("repeat {repeat} of {repeats}: {}", works[i].0));
            let first = cpu_ns_row(&mut works[0].1)?;
            all[i].1.push(Pair { first, own: cpu_ns_row(&mut works[i].1)? });
        }
    }
    progress("");
    Ok(all)
}

/// Nanoseconds a row of a work, and of the first one just before it.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    pub first: f64,
    pub own: f64,
}

/// The duration below which a share of them are; they must be sorted.
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}
