//! When rows arrive. The collector takes what clients send in ticks, and writes down what came in one during the next, one row after
//! the other. So when the n-th row of a tick arrives follows from how many it has, and an index of those numbers tells the row of a
//! time, and the time of a row, without making any.

use crate::{
    chance::{GOLDEN, mix},
    plan::Cut,
};

/// One tick of a bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tick {
    /// When it begins, in microseconds since its bucket began.
    first_us: u32,
    rows: u32,
    /// Microseconds for each row, times 65,536.
    step: u64,
    chance: u64,
}

impl Tick {
    /// The tick of this number in its bucket. What is random in it follows from `key`, which is the bucket's own.
    pub(crate) fn new(cut: Cut, key: u64, number: u32, rows: u32) -> Self {
        let first_us = u64::from(number) << cut.tick_bits;
        // The last of a bucket may be shorter.
        let length_us = (cut.bucket_us as u64 - first_us).min(1 << cut.tick_bits);
        let step = (length_us << 16) / u64::from(rows.max(1));
        Self { first_us: first_us as u32, rows, step, chance: mix(key ^ u64::from(number)) }
    }

    /// When its n-th row arrives, in microseconds since the bucket began: somewhere in the part of the tick that is its own.
    #[inline]
    pub(crate) fn arrives_us(&self, n: u32) -> u32 {
        let within = self.chance.wrapping_add(u64::from(n)).wrapping_mul(GOLDEN) >> 48;
        self.first_us + (((u64::from(n) << 16 | within) * self.step) >> 32) as u32
    }

    /// How many of its rows arrive before a moment of the bucket.
    fn rows_before(&self, after_us: u32) -> u32 {
        (0..self.rows).take_while(|&n| self.arrives_us(n) < after_us).count() as u32
    }
}

/// How many rows each tick of a bucket has: a byte for most ticks, and few for many ticks without rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ticks(Box<[u8]>);

impl Ticks {
    pub(crate) fn new(rows: &[u32]) -> Self {
        let mut bytes = Vec::with_capacity(rows.len());
        let mut rest = rows;
        while let [first, after @ ..] = rest {
            put(u64::from(*first), &mut bytes);
            rest = after;
            if *first == 0 {
                // And so many more have none.
                let more = rest.iter().take_while(|&&rows| rows == 0).count();
                put(more as u64, &mut bytes);
                rest = &rest[more..];
            }
        }
        Self(bytes.into())
    }

    /// From what [`bytes`](Self::bytes) returned, and how many rows there are; `None` if it is not whole, or not of `count` ticks.
    pub(crate) fn from_bytes(bytes: &[u8], count: u32) -> Option<(Self, u64)> {
        let ticks = Self(bytes.into());
        let (mut seen, mut rows) = (0u32, 0u64);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (empty, some) = run(&mut rest)?;
            seen = seen.checked_add(u32::try_from(empty).ok()?)?.checked_add(u32::from(some > 0))?;
            rows = rows.checked_add(u64::from(u32::try_from(some).ok()?))?;
        }
        (seen == count).then_some((ticks, rows))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Number and rows of each tick that has some, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        let mut rest = &*self.0;
        let mut next = 0;
        std::iter::from_fn(move || {
            loop {
                // What was written by `new`, or checked, is whole.
                let (empty, rows) = run(&mut rest)?;
                next += empty as u32;
                if rows > 0 {
                    next += 1;
                    return Some((next - 1, rows as u32));
                }
            }
        })
    }

    /// How many rows of a bucket arrive before a moment of it.
    pub(crate) fn rows_before(&self, cut: Cut, key: u64, after_us: u32) -> u64 {
        let wanted = after_us >> cut.tick_bits;
        let mut before = 0;
        for (number, rows) in self.iter().take_while(|tick| tick.0 <= wanted) {
            let tick = || Tick::new(cut, key, number, rows);
            before += u64::from(if number < wanted { rows } else { tick().rows_before(after_us) });
        }
        before
    }

    /// When the n-th row of a bucket arrives, in microseconds since the bucket began; `None` if it has no more than `n`.
    pub(crate) fn arrives_us(&self, cut: Cut, key: u64, mut n: u64) -> Option<u32> {
        for (number, rows) in self.iter() {
            match n.checked_sub(u64::from(rows)) {
                Some(rest) => n = rest,
                None => return Some(Tick::new(cut, key, number, rows).arrives_us(n as u32)),
            }
        }
        None
    }
}

/// A run of ticks without rows, or one with some: how many it has.
fn run(bytes: &mut &[u8]) -> Option<(u64, u64)> {
    match take(bytes)? {
        0 => Some((take(bytes)?.checked_add(1)?, 0)),
        rows => Some((0, rows)),
    }
}

/// Writes a number: seven bits a byte, the lowest first (LEB128).
pub(crate) fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads a number, and moves on; `None` where there is none.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_arrive_within_their_tick_in_order_and_are_found_by_time(key: u64, rows in 1u32..3000, large: bool) {
            let cut = Cut::new(if large { 30_000_000 } else { 100 });
            let last = ((cut.bucket_us - 1) >> cut.tick_bits) as u32;
            for number in [0, 1, last] {
                let tick = Tick::new(cut, key, number, rows);
                let arrivals: Vec<u32> = (0..rows).map(|n| tick.arrives_us(n)).collect();
                prop_assert!(arrivals.is_sorted());
                prop_assert!(arrivals[0] >= number << cut.tick_bits);
                let end_us = (u64::from(number + 1) << cut.tick_bits).min(cut.bucket_us as u64);
                prop_assert!(u64::from(arrivals[rows as usize - 1]) < end_us);
                let mut counts = vec![0; number as usize + 1];
                counts[number as usize] = rows;
                let ticks = Ticks::new(&counts);
                for n in [0, rows / 2, rows - 1] {
                    let at_us = arrivals[n as usize];
                    prop_assert_eq!(ticks.arrives_us(cut, key, u64::from(n)), Some(at_us));
                    let before = arrivals.partition_point(|&other| other < at_us) as u64;
                    prop_assert_eq!(ticks.rows_before(cut, key, at_us), before);
                    prop_assert!(ticks.rows_before(cut, key, at_us + 1) > u64::from(n));
                }
                prop_assert_eq!(ticks.arrives_us(cut, key, u64::from(rows)), None);
            }
        }

        #[test]
        fn counts_survive_their_bytes(counts in prop::collection::vec(prop_oneof![Just(0), Just(0), 0u32..500, any::<u32>()], 0..200)) {
            let ticks = Ticks::new(&counts);
            let rows: u64 = counts.iter().map(|&rows| u64::from(rows)).sum();
            prop_assert_eq!(Ticks::from_bytes(ticks.bytes(), counts.len() as u32), Some((ticks.clone(), rows)));
            prop_assert_eq!(Ticks::from_bytes(ticks.bytes(), counts.len() as u32 + 1), None);
            let found: Vec<(u32, u32)> = (0..).zip(counts).filter(|tick| tick.1 > 0).collect();
            prop_assert_eq!(ticks.iter().collect::<Vec<_>>(), found);
        }

        #[test]
        fn bytes_of_anything_else_are_no_counts(bytes: Vec<u8>, count: u32) {
            if let Some((ticks, rows)) = Ticks::from_bytes(&bytes, count) {
                prop_assert_eq!(ticks.iter().map(|tick| u64::from(tick.1)).sum::<u64>(), rows);
            }
        }
    }
}
