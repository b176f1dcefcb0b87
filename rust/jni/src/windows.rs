//! What a partition's duplicates are told by, kept from one micro-batch to the next.
//!
//! The state is a function of the log, so nothing here is needed for a right answer: what is missing is read again. An
//! entry is known by the row it is ready for, and leaves when it is taken: a task that is retried or runs twice finds
//! nothing and rebuilds, so no task ever sees a state that another has advanced.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use downbeat_kernels::dedupe::Deduper;

/// Whose duplicates, and how they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) world: String,
    pub(crate) stream: String,
    pub(crate) partition: u32,
    pub(crate) key: String,
    pub(crate) window_us: i64,
}

/// What all entries may hold together: ten minutes of a million keys a minute in one process. Beyond it the oldest go.
const MAX_BYTES: usize = 256 << 20;

/// And how many there may be: batch reads leave one a partition that nobody takes again.
const MAX_ENTRIES: usize = 256;

struct Entry {
    window: Window,
    next: u64,
    deduper: Deduper,
}

static ENTRIES: Mutex<VecDeque<Entry>> = Mutex::new(VecDeque::new());

/// The state that is ready for row `next`, if it is here.
pub(crate) fn take(window: &Window, next: u64) -> Option<Deduper> {
    let mut entries = ENTRIES.lock().unwrap_or_else(PoisonError::into_inner);
    let index = entries.iter().position(|entry| entry.next == next && entry.window == *window)?;
    entries.remove(index).map(|entry| entry.deduper)
}

/// Keeps a state that is ready for row `next`.
pub(crate) fn put(window: Window, next: u64, deduper: Deduper) {
    let mut entries = ENTRIES.lock().unwrap_or_else(PoisonError::into_inner);
    entries.retain(|entry| entry.next != next || entry.window != window);
    entries.push_back(Entry { window, next, deduper });
    let mut bytes: usize = entries.iter().map(|entry| entry.deduper.memory_bytes()).sum();
    while entries.len() > MAX_ENTRIES || bytes > MAX_BYTES {
        let Some(oldest) = entries.pop_front() else { break };
        bytes -= oldest.deduper.memory_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_taken_once_and_only_for_its_row() {
        let window = |key: &str| Window {
            world: "w".into(),
            stream: "events".into(),
            partition: 0,
            key: key.into(),
            window_us: 1,
        };
        put(window("a"), 10, Deduper::new(1).unwrap());
        assert!(take(&window("a"), 9).is_none());
        assert!(take(&window("b"), 10).is_none());
        assert!(take(&window("a"), 10).is_some());
        assert!(take(&window("a"), 10).is_none());
    }
}
