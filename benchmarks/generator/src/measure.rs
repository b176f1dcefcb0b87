//! Repeated measurements in turn, and what they spread over.

use std::{
    fs,
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use crate::{Result, progress};

/// What one step made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Made {
    pub rows: u64,
    pub bytes: u64,
}

/// One thread of a generator: each call makes the next batch.
pub type Step = Box<dyn FnMut() -> Result<Made> + Send>;

/// How fast a generator was in one repeat.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub rows_s: f64,
    pub bytes_s: f64,
    /// Processor time a second of wall clock: more than the threads asked for would be an unfair comparison.
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
    let (began, cpu) = (Instant::now(), cpu_s()?);
    let threads = thread::scope(|scope| -> Result<Vec<(Made, f64)>> {
        let running: Vec<_> = steps.iter_mut().map(|step| scope.spawn(move || one(step, time))).collect();
        running.into_iter().map(|thread| thread.join().map_err(|_| "a thread of a generator panicked")?).collect()
    })?;
    let cores = (cpu_s()? - cpu) / began.elapsed().as_secs_f64();
    let sum = |value: fn(&Made) -> u64| threads.iter().map(|(made, s)| value(made) as f64 / s).sum::<f64>();
    Ok(Rate { rows_s: sum(|made| made.rows), bytes_s: sum(|made| made.bytes), cores })
}

fn one(step: &mut Step, time: Duration) -> Result<(Made, f64)> {
    let began = Instant::now();
    let mut made = Made::default();
    loop {
        let batch = black_box(step()?);
        made.rows += batch.rows;
        made.bytes += batch.bytes;
        let elapsed = began.elapsed();
        if elapsed >= time {
            return Ok((made, elapsed.as_secs_f64()));
        }
    }
}

/// Processor time of this process so far.
fn cpu_s() -> Result<f64> {
    /// Clock ticks a second: 100 on every Linux that runs on a server.
    const TICKS_S: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name, in brackets, may have spaces; user and system time are the 12th and 13th after it.
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/self/stat has no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<std::result::Result<f64, _>>()? / TICKS_S)
}

/// The duration below which a share of them are; they must be sorted.
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}
