//! How soon a world of so many listeners gives its first batch, and how much memory it takes: each in a process of its own,
//! for the most a process ever held never goes down.

use std::{
    env, fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use downbeat_model::Stream;
use downbeat_simulator::{World, WorldConfig};

use crate::{BATCH_ROWS, Result, all_columns, progress};

/// First argument of the process that measures one world.
pub const CHILD: &str = "one-world";

const TRACKS: u64 = 10_000_000;
const PARTITIONS: u32 = 4;

/// How long it reads on after the first batch.
const READING: Duration = Duration::from_secs(5);

/// A world that takes longer has failed; the others are measured all the same.
const LIMIT: Duration = Duration::from_secs(60);

/// Prints the section.
pub fn section() -> Result<()> {
    println!(
        "memory: {TRACKS} tracks, {PARTITIONS} partitions, no history; one process a world; after the first batch of {BATCH_ROWS} rows, every column, one thread reads on for {} s",
        READING.as_secs()
    );
    println!();
    println!(
        "{:>12} {:>12} {:>14} {:>18} {:>18} {:>16}",
        "listeners", "World::new", "first batch", "peak RSS then", "peak RSS later", "million rows/s"
    );
    for listeners in [1_000_000_u64, 10_000_000, 100_000_000] {
        progress(&format!("{listeners} listeners"));
        let mut child = Command::new(env::current_exe()?)
            .args([CHILD, &listeners.to_string()])
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit())
            .spawn()?;
        let began = Instant::now();
        loop {
            match child.try_wait()? {
                Some(status) if status.success() => break,
                Some(status) => {
                    println!("{listeners:>12} failed: {status}");
                    break;
                }
                None if began.elapsed() > LIMIT => {
                    child.kill()?;
                    child.wait()?;
                    println!("{listeners:>12} was not done within {} s", LIMIT.as_secs());
                    break;
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        progress("");
    }
    Ok(())
}

/// Measures one world and prints its line.
pub fn child(arguments: &[String]) -> Result<()> {
    let listeners = arguments.first().ok_or("the number of listeners is missing")?.parse()?;
    let began = Instant::now();
    let world =
        World::new(WorldConfig { listeners, tracks: TRACKS, partitions: PARTITIONS, ..WorldConfig::default() })?;
    let made = began.elapsed();
    let mut batches = world.read(Stream::Events, 0, 0..u64::MAX, &all_columns(), BATCH_ROWS)?;
    batches.next().ok_or("a log without end gave no batch")??;
    let (first, then) = (began.elapsed(), peak_mb()?);
    let reading = Instant::now();
    let mut rows = 0;
    while reading.elapsed() < READING {
        rows += batches.next().ok_or("a log without end ended")??.num_rows();
    }
    println!(
        "{listeners:>12} {:>9.3} s  {:>11.3} s  {then:>15} MB {:>15} MB {:>16.2}",
        made.as_secs_f64(),
        first.as_secs_f64(),
        peak_mb()?,
        rows as f64 / reading.elapsed().as_secs_f64() * 1e-6
    );
    Ok(())
}

/// The most memory this process has held.
fn peak_mb() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("/proc/self/status has no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}
