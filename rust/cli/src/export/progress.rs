//! How far an export is: a bar on a terminal, a line now and then elsewhere.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};

/// Between two lines: often enough to see that it lives, seldom enough for a log.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Rows and files written.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    rows: u64,
    /// Rows that an earlier run has written.
    already: u64,
    files: usize,
    whole: AtomicUsize,
    begun: Instant,
    line: Mutex<Instant>,
}

impl Progress {
    /// Of `rows` rows in `files` files, of which `rows_left` in `files_left` are to be written.
    pub(super) fn new(rows: u64, rows_left: u64, files: usize, files_left: usize) -> Self {
        let bar = ProgressBar::new(rows);
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:30} {percent:>3}%  {human_pos} of {human_len} rows  {per_sec}  {eta} left",
        ) {
            bar.set_style(style);
        }
        let (already, whole) = (rows - rows_left, files - files_left);
        if whole > 0 {
            eprintln!("resuming: {whole} of {files} files are there already, {} rows are left", HumanCount(rows_left));
            // What is there already must not count as speed.
            bar.set_position(already);
            bar.reset_eta();
        }
        let begun = Instant::now();
        Self { bar, rows, already, files, whole: AtomicUsize::new(whole), begun, line: Mutex::new(begun) }
    }

    pub(super) fn wrote_rows(&self, rows: u64) {
        self.bar.inc(rows);
        if !self.bar.is_hidden() {
            return;
        }
        // Another thread with the lock is printing the very line.
        if let Ok(mut line) = self.line.try_lock()
            && line.elapsed() >= LINE_EVERY
        {
            *line = Instant::now();
            eprintln!("{}", self.text(self.bar.position(), self.begun.elapsed()));
        }
    }

    pub(super) fn wrote_file(&self) {
        self.whole.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// How many files are whole.
    pub(super) fn whole(&self) -> String {
        format!("{} of {} files", self.whole.load(Ordering::Relaxed), self.files)
    }

    fn text(&self, position: u64, elapsed: Duration) -> String {
        let rate = (position - self.already) as f64 / elapsed.as_secs_f64();
        let left = Duration::from_secs_f64(((self.rows - position) as f64 / rate.max(1.0)).min(1e9));
        format!(
            "{} of {} rows, {}, {} rows/s, {} left",
            HumanCount(position),
            HumanCount(self.rows),
            self.whole(),
            HumanCount(rate as u64),
            HumanDuration(left)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_an_earlier_run_are_not_counted_as_speed() {
        let progress = Progress::new(1_000_000, 400_000, 10, 4);
        progress.wrote_file();
        assert_eq!(
            progress.text(800_000, Duration::from_secs(2)),
            "800,000 of 1,000,000 rows, 7 of 10 files, 100,000 rows/s, 2 seconds left"
        );
    }
}
