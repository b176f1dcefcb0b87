//! Recognises rows that their partition already held.
//!
//! A row is a *duplicate* if an earlier row of its partition, a duplicate itself or not, has the same key and arrived no more than
//! the window before it (exactly the window counts). That is a function of the log: fed the partition's rows in order, from one
//! window before the first row of interest on, a [`Deduper`] gives the same verdicts whatever the batches are.
//!
//! A key is a UUID: text in any notation that [`normalise`](crate::normalise) takes, or 16 bytes. Null and anything else is no key.
//!
//! **Memory.** A key is kept as 74 bits of a fixed mix of its 128 and the time it was last seen, in 13 bytes; tables are filled
//! to between 5/6 and 9/10, which makes 14 to 16 bytes a key (a test holds a million to at most 16), on top of 40 KiB for an empty
//! deduper. Keys that left the window are thrown out once a window and make room for new ones before. Two different
//! keys share their 74 bits with probability 2^-74: with ten million live keys, one new row in 10^15 is wrongly called a duplicate.
//! Whoever can choose ids can make two that collide, and so hide rows of his own.

use arrow::{
    array::{Array, AsArray, BooleanArray},
    datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
};

use crate::{Error, Result, mask::Mask, normalise::uuid_key};

/// Tables: enough that growing one is quick and moves little memory, few enough that empty ones cost nothing to speak of.
const SHARD_BITS: u32 = 10;

/// Times are kept in 40 bits; the window may use half of them.
const MAX_WINDOW_US: i64 = (1 << 39) - 1;

/// Sweeping takes a look at every table, which would be too much to do for every row of a short window.
const SWEEP_EVERY_US: u64 = 1_000_000;

/// The keys one partition has seen within a window.
///
/// Cloning it is taking a snapshot.
///
/// ```
/// use arrow::array::{BooleanArray, StringArray, TimestampMicrosecondArray};
/// use downbeat_kernels::dedupe::Deduper;
///
/// let mut partition = Deduper::new(600_000_000)?;
/// let id = Some("12345678-9abc-def0-0102-0304050607ff");
/// let keys = StringArray::from(vec![id, None, id, id]);
/// let arrived_at = TimestampMicrosecondArray::from(vec![0, 1, 600_000_000, 1_200_000_001]).with_timezone("UTC");
/// assert_eq!(partition.mark(&keys, &arrived_at)?, BooleanArray::from(vec![false, false, true, false]));
/// # Ok::<(), downbeat_kernels::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Deduper {
    window_us: u64,
    shards: Vec<Shard>,
    /// The time that is 0 in the slots.
    base_us: i64,
    /// Arrival of the last row.
    last_us: Option<i64>,
    /// When everything expired was last thrown out.
    swept_us: i64,
}

impl Deduper {
    /// Starts with no key seen. `window_us` is the window in microseconds.
    ///
    /// # Errors
    /// [`Error::Window`] for a window that is negative or over 6 days.
    pub fn new(window_us: i64) -> Result<Self> {
        if !(0..=MAX_WINDOW_US).contains(&window_us) {
            return Err(Error::Window { window_us, max_us: MAX_WINDOW_US });
        }
        let shards = vec![Shard::default(); 1 << SHARD_BITS];
        Ok(Self { window_us: window_us.unsigned_abs(), shards, base_us: 0, last_us: None, swept_us: 0 })
    }

    /// Takes the next rows of the partition, in order of offset, and says of each whether it is a duplicate (never null).
    ///
    /// `keys` is Utf8, Binary or FixedSizeBinary(16), `arrived_at` a timestamp in microseconds, both of one length.
    ///
    /// # Errors
    /// [`Error::ColumnType`] for other types, [`Error::NoArrival`] and [`Error::ArrivalOrder`] for times that are missing or decrease,
    /// [`Error::Arrow`] for different lengths. Nothing of the batch has been remembered then.
    pub fn mark(&mut self, keys: &dyn Array, arrived_at: &dyn Array) -> Result<BooleanArray> {
        let times = self.arrivals(keys.len(), arrived_at)?;
        let mut duplicates = Mask::new(keys.len());
        match keys.data_type() {
            DataType::Utf8 => {
                let keys = keys.as_string::<i32>().iter().map(|key| key.and_then(uuid_key));
                self.mark_all(keys, times, &mut duplicates);
            }
            DataType::Binary => {
                let keys = keys.as_binary::<i32>().iter().map(|key| key.and_then(|key| key.try_into().ok()));
                self.mark_all(keys, times, &mut duplicates);
            }
            DataType::FixedSizeBinary(16) => {
                let keys = keys.as_fixed_size_binary().iter().map(|key| key.and_then(|key| key.try_into().ok()));
                self.mark_all(keys, times, &mut duplicates);
            }
            other => {
                return Err(Error::ColumnType {
                    column: "dedupe.key".to_owned(),
                    expected: "a UUID as STRING or BINARY".to_owned(),
                    found: other.clone(),
                });
            }
        }
        Ok(BooleanArray::new(duplicates.finish(), None))
    }

    /// Bytes held on the heap.
    pub fn memory_bytes(&self) -> usize {
        let slots: usize = self.shards.iter().map(|shard| shard.slots.capacity()).sum();
        slots * size_of::<Slot>() + self.shards.capacity() * size_of::<Shard>()
    }

    /// Keys held; some may have left the window and not yet been thrown out.
    pub fn keys(&self) -> usize {
        self.shards.iter().map(|shard| shard.used).sum()
    }

    fn arrivals<'a>(&self, rows: usize, arrived_at: &'a dyn Array) -> Result<&'a [i64]> {
        if !matches!(arrived_at.data_type(), DataType::Timestamp(TimeUnit::Microsecond, _)) {
            return Err(Error::ColumnType {
                column: "arrived_at".to_owned(),
                expected: "TIMESTAMP".to_owned(),
                found: arrived_at.data_type().clone(),
            });
        }
        let times = arrived_at.as_primitive::<TimestampMicrosecondType>();
        if times.len() != rows {
            let reason = format!("{rows} keys and {} arrival times", times.len());
            return Err(arrow::error::ArrowError::InvalidArgumentError(reason).into());
        }
        if let Some(row) = (0..rows).find(|&row| times.is_null(row)) {
            return Err(Error::NoArrival { row });
        }
        let mut previous_us = self.last_us.unwrap_or(i64::MIN);
        for (row, &arrived_at_us) in times.values().iter().enumerate() {
            if arrived_at_us < previous_us {
                return Err(Error::ArrivalOrder { row, arrived_at_us, previous_us });
            }
            previous_us = arrived_at_us;
        }
        Ok(times.values())
    }

    fn mark_all(&mut self, keys: impl Iterator<Item = Option<[u8; 16]>>, times: &[i64], duplicates: &mut Mask) {
        let Some(&last_us) = times.last() else { return };
        for (row, (key, &now_us)) in keys.zip(times).enumerate() {
            self.move_on(now_us);
            let Some(key) = key else { continue };
            let now = now_us.wrapping_sub(self.base_us) as u64;
            let (shard, print) = split(key);
            if self.shards[shard].see(print, now, now.saturating_sub(self.window_us)) {
                duplicates.set(row);
            }
        }
        self.last_us = Some(last_us);
    }

    /// Throws out what has expired once a window, and keeps times within what a slot holds.
    #[inline]
    fn move_on(&mut self, now_us: i64) {
        // Arrivals never decrease, so the differences are no less than 0; between the ends of 64 bits they need the 64th.
        let since_sweep = now_us.wrapping_sub(self.swept_us) as u64;
        let since_base = now_us.wrapping_sub(self.base_us) as u64;
        if self.last_us.is_none() {
            (self.base_us, self.swept_us, self.last_us) = (now_us, now_us, Some(now_us));
        } else if since_sweep > self.window_us.max(SWEEP_EVERY_US) || since_base >= EMPTY {
            let oldest = since_base.saturating_sub(self.window_us);
            for shard in self.shards.iter_mut().filter(|shard| shard.used > 0) {
                shard.rebuild(oldest, oldest, 0);
                if shard.used == 0 {
                    *shard = Shard::default();
                }
            }
            self.base_us = self.base_us.wrapping_add_unsigned(oldest);
            self.swept_us = now_us;
        }
    }
}

/// A key's shard and its print. The 128 bits are mixed reversibly, so that every bit of the key has its say in the 74 that are kept.
fn split(key: [u8; 16]) -> (usize, u64) {
    const A: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    const B: u128 = 0xd1b5_4a32_d192_ed03_2127_7ae2_a4ed_7b25;
    let mut x = u128::from_le_bytes(key);
    x = (x ^ (x >> 64)).wrapping_mul(A);
    x = (x ^ (x >> 67)).wrapping_mul(B);
    x ^= x >> 61;
    ((x >> (64 - SHARD_BITS)) as usize & ((1 << SHARD_BITS) - 1), (x >> 64) as u64)
}

/// The time of a slot that was never used: no time has all 40 bits set.
const EMPTY: u64 = (1 << 40) - 1;

/// A print (8 bytes) and when it was last seen (5 bytes, microseconds since the base).
#[derive(Debug, Clone, Copy)]
struct Slot([u8; 13]);

impl Slot {
    const UNUSED: Self = Self([0xff; 13]);

    fn new(print: u64, time: u64) -> Self {
        let mut slot = [0; 13];
        slot[..8].copy_from_slice(&print.to_le_bytes());
        slot[8..].copy_from_slice(&time.to_le_bytes()[..5]);
        Self(slot)
    }

    fn print(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    fn time(&self) -> u64 {
        let [.., a, b, c, d, e] = self.0;
        u64::from_le_bytes([a, b, c, d, e, 0, 0, 0])
    }
}

/// A hash table with open addressing whose prints are in ascending order: a print's home grows with it, and whoever comes later to
/// a run is put in at its place in the order. So a search ends at the first greater print, even in a table that is nearly full,
/// and a rebuild is one pass.
#[derive(Debug, Clone, Default)]
struct Shard {
    /// The homes, then a tail for a run that reaches over the last home.
    slots: Vec<Slot>,
    homes: usize,
    /// Slots in use, by live and by expired prints.
    used: usize,
}

impl Shard {
    /// Whether `print` was seen at `oldest` or later. Remembers that it was seen now.
    fn see(&mut self, print: u64, now: u64, oldest: u64) -> bool {
        // Over 9/10 full, runs grow long.
        if (self.used + 1) * 10 > self.homes * 9 {
            self.rebuild(oldest, 0, 0);
        }
        loop {
            let at = self.place(print);
            if let Some(slot) = self.slots.get_mut(at)
                && slot.time() != EMPTY
                && slot.print() == print
            {
                let seen = slot.time() >= oldest;
                *slot = Slot::new(print, now);
                return seen;
            }
            // Everything up to the next slot that is free, or whose print has expired, moves up by one.
            match self.slots[at..].iter().position(|slot| slot.time() == EMPTY || slot.time() < oldest) {
                Some(free) => {
                    self.used += usize::from(self.slots[at + free].time() == EMPTY);
                    self.slots.copy_within(at..at + free, at + 1);
                    self.slots[at] = Slot::new(print, now);
                    return false;
                }
                // A run has filled the tail: more homes part it.
                None => self.rebuild(oldest, 0, self.homes + self.homes / 16 + 1),
            }
        }
    }

    fn home(print: u64, homes: usize) -> usize {
        ((u128::from(print) * homes as u128) >> 64) as usize
    }

    /// Where `print` is, or where it would be put in.
    fn place(&self, print: u64) -> usize {
        let home = Self::home(print, self.homes);
        let behind = self.slots[home..].iter().position(|slot| slot.time() == EMPTY || slot.print() >= print);
        behind.map_or(self.slots.len(), |steps| home + steps)
    }

    /// Keeps only prints seen at `oldest` or later, takes `shift` off their times, and gives them a table that they fill to 5/6, or
    /// one of `min_homes`.
    fn rebuild(&mut self, oldest: u64, shift: u64, min_homes: usize) {
        let live = |slot: &&Slot| slot.time() != EMPTY && slot.time() >= oldest;
        let used = self.slots.iter().filter(live).count();
        // One more than 6/5, so that even a table for nothing has a home.
        let mut homes = (used * 6 / 5 + 1).max(min_homes);
        let slots = loop {
            match Self::laid_out(self.slots.iter().filter(live), homes, shift) {
                Some(slots) => break slots,
                None => homes += homes / 16 + 1,
            }
        };
        *self = Self { slots, homes, used };
    }

    /// `None` if a run does not fit into the tail.
    fn laid_out<'a>(live: impl Iterator<Item = &'a Slot>, homes: usize, shift: u64) -> Option<Vec<Slot>> {
        // A run is seldom longer than 4 slots in a small table, or 1/64 of a big one.
        let mut slots = vec![Slot::UNUSED; homes + 4 + homes / 64];
        let mut next = 0;
        for slot in live {
            next = next.max(Self::home(slot.print(), homes));
            *slots.get_mut(next)? = Slot::new(slot.print(), slot.time() - shift);
            next += 1;
        }
        Some(slots)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::array::{
        BinaryArray, FixedSizeBinaryArray, Int64Array, StringArray, TimestampMicrosecondArray,
        TimestampMillisecondArray,
    };
    use downbeat_model::ids::uuid_text;
    use proptest::prelude::*;

    use super::*;

    const WINDOW: i64 = 1000;

    fn id(n: u64) -> [u8; 16] {
        u128::from(n).to_be_bytes()
    }

    fn times(times: &[i64]) -> TimestampMicrosecondArray {
        TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC")
    }

    fn mark(deduper: &mut Deduper, rows: &[(Option<u64>, i64)]) -> Vec<bool> {
        let keys: BinaryArray = rows.iter().map(|(key, _)| key.map(id)).collect();
        let arrivals: Vec<_> = rows.iter().map(|&(_, time)| time).collect();
        let marks = deduper.mark(&keys, &times(&arrivals)).unwrap();
        marks.values().iter().collect()
    }

    /// The definition, row by row over all rows before.
    fn by_definition(rows: &[(Option<u64>, i64)], window: i64) -> Vec<bool> {
        let earlier = |row: usize| {
            let (key, time) = rows[row];
            key.is_some() && rows[..row].iter().any(|&(other, at)| other == key && at >= time - window)
        };
        (0..rows.len()).map(earlier).collect()
    }

    #[test]
    fn the_window_holds_both_its_ends() {
        let mut deduper = Deduper::new(WINDOW).unwrap();
        let rows =
            [(Some(1), 0), (Some(1), WINDOW), (Some(2), WINDOW), (Some(2), 2 * WINDOW + 1), (Some(1), 2 * WINDOW + 1)];
        assert_eq!(mark(&mut deduper, &rows), [false, true, false, false, false]);
    }

    #[test]
    fn a_duplicate_starts_the_window_anew() {
        let mut deduper = Deduper::new(WINDOW).unwrap();
        let rows = [(Some(1), 0), (Some(1), 900), (Some(1), 1800), (Some(1), 2801)];
        assert_eq!(mark(&mut deduper, &rows), [false, true, true, false]);
    }

    #[test]
    fn a_window_of_nothing_holds_rows_of_the_same_microsecond() {
        let mut deduper = Deduper::new(0).unwrap();
        assert_eq!(mark(&mut deduper, &[(Some(1), 5), (Some(1), 5), (Some(1), 6)]), [false, true, false]);
    }

    #[test]
    fn no_key_is_never_a_duplicate() {
        let mut deduper = Deduper::new(WINDOW).unwrap();
        let keys = StringArray::from(vec![None, None, Some(""), Some(""), Some("no-uuid"), Some("no-uuid")]);
        let marks = deduper.mark(&keys, &times(&[0; 6])).unwrap();
        assert_eq!(marks.true_count(), 0);
        assert_eq!(deduper.keys(), 0);
    }

    #[test]
    fn a_key_is_the_same_in_every_notation_and_type() {
        let mut deduper = Deduper::new(WINDOW).unwrap();
        let text = String::from_utf8(uuid_text(&id(77)).to_vec()).unwrap();
        let keys = StringArray::from(vec![text.clone(), text.to_uppercase(), text.replace('-', "")]);
        assert_eq!(deduper.mark(&keys, &times(&[0; 3])).unwrap(), BooleanArray::from(vec![false, true, true]));
        let binary = BinaryArray::from(vec![id(77).as_slice(), &[1, 2, 3], &[1, 2, 3]]);
        assert_eq!(deduper.mark(&binary, &times(&[0; 3])).unwrap(), BooleanArray::from(vec![true, false, false]));
        let fixed = FixedSizeBinaryArray::try_from_iter([id(77)].into_iter()).unwrap();
        assert_eq!(deduper.mark(&fixed, &times(&[0])).unwrap(), BooleanArray::from(vec![true]));
    }

    #[test]
    fn bad_batches_are_refused_and_leave_nothing_behind() {
        let mut deduper = Deduper::new(WINDOW).unwrap();
        let key = BinaryArray::from(vec![id(1).as_slice(), &id(2)]);
        let error = deduper.mark(&key, &times(&[5, 4])).unwrap_err();
        assert!(matches!(error, Error::ArrivalOrder { row: 1, arrived_at_us: 4, previous_us: 5 }), "{error}");
        let null = TimestampMicrosecondArray::from(vec![Some(1), None]);
        assert!(matches!(deduper.mark(&key, &null).unwrap_err(), Error::NoArrival { row: 1 }));
        assert!(matches!(deduper.mark(&key, &times(&[1])).unwrap_err(), Error::Arrow(_)));
        let millis = TimestampMillisecondArray::from(vec![1, 2]);
        assert!(matches!(deduper.mark(&key, &millis).unwrap_err(), Error::ColumnType { .. }));
        assert!(matches!(
            deduper.mark(&Int64Array::from(vec![1, 2]), &times(&[1, 2])).unwrap_err(),
            Error::ColumnType { .. }
        ));
        assert_eq!(deduper.keys(), 0);
        assert_eq!(mark(&mut deduper, &[(Some(1), 0)]), [false]);
    }

    #[test]
    fn windows_that_cannot_be_held_are_refused() {
        assert!(matches!(Deduper::new(-1), Err(Error::Window { .. })));
        assert!(matches!(Deduper::new(MAX_WINDOW_US + 1), Err(Error::Window { .. })));
        assert!(Deduper::new(MAX_WINDOW_US).is_ok());
    }

    #[test]
    fn times_of_any_size_and_any_gap_are_kept_apart() {
        let edges = [i64::MIN, i64::MIN + 1, -1, 0, 1, EMPTY as i64, EMPTY as i64 + 1, i64::MAX - 1, i64::MAX];
        let rows: Vec<_> = edges.iter().flat_map(|&time| [(Some(1), time), (Some(1), time)]).collect();
        for window in [0, 1, WINDOW, MAX_WINDOW_US] {
            let mut deduper = Deduper::new(window).unwrap();
            let expected: Vec<_> = rows
                .iter()
                .enumerate()
                .map(|(row, &(_, time))| {
                    row > 0 && i128::from(rows[row - 1].1) >= i128::from(time) - i128::from(window)
                })
                .collect();
            assert_eq!(mark(&mut deduper, &rows), expected, "window {window}");
        }
    }

    #[test]
    fn many_keys_are_all_found_within_sixteen_bytes_each() {
        const KEYS: u64 = 1_000_000;
        let mut deduper = Deduper::new(i64::from(u32::MAX)).unwrap();
        for batch in (0..KEYS).collect::<Vec<_>>().chunks(8192) {
            let rows: Vec<_> = batch.iter().map(|&n| (Some(n), n as i64)).collect();
            assert!(mark(&mut deduper, &rows).iter().all(|&duplicate| !duplicate));
        }
        assert_eq!(deduper.keys(), KEYS as usize);
        let per_key = deduper.memory_bytes() as f64 / KEYS as f64;
        assert!(per_key <= 16.0, "{per_key} bytes a key");
        let again: Vec<_> = (0..KEYS).map(|n| (Some(n), KEYS as i64)).collect();
        assert!(mark(&mut deduper, &again).iter().all(|&duplicate| duplicate));
    }

    #[test]
    fn memory_follows_the_keys_of_the_last_window() {
        let mut deduper = Deduper::new(1_000_000).unwrap();
        for n in 0..200_000u64 {
            mark(&mut deduper, &[(Some(n), n as i64 * 100)]);
        }
        // 10,000 keys a window, and at most as many that wait for the next sweep.
        assert!((10_000..=20_001).contains(&deduper.keys()), "{} keys", deduper.keys());
        mark(&mut deduper, &[(None, 1_000_000_000)]);
        assert_eq!(deduper.keys(), 0);
        assert_eq!(deduper.memory_bytes(), (1 << SHARD_BITS) * size_of::<Shard>());
    }

    proptest! {
        #[test]
        fn marks_as_defined_whatever_the_batches(
            steps in prop::collection::vec((prop::option::weighted(0.9, 0u64..40), 0i64..400), 0..300),
            cuts in prop::collection::vec(1usize..50, 1..20),
            window in prop::sample::select(vec![0i64, 1, 100, WINDOW, 50_000]),
        ) {
            let mut now = -5000;
            let rows: Vec<_> = steps.iter().map(|&(key, step)| { now += step; (key, now) }).collect();
            let expected = by_definition(&rows, window);
            let mut deduper = Deduper::new(window).unwrap();
            let mut found = Vec::new();
            let mut rest = rows.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (batch, after) = rest.split_at((*cut).min(rest.len()));
                // A snapshot goes on as the original would have.
                deduper = deduper.clone();
                found.extend(mark(&mut deduper, batch));
                rest = after;
            }
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn a_table_agrees_with_a_map(prints in prop::collection::vec((0u64..4, 0u64..64), 0..2000)) {
            // Prints at both ends of the range make the longest runs, over the tail too.
            let mut shard = Shard::default();
            let mut last = HashMap::new();
            for (now, &(end, low)) in prints.iter().enumerate() {
                let (now, print) = (now as u64, (end << 62).wrapping_add(low).wrapping_sub(32));
                let oldest = now.saturating_sub(100);
                let expected = last.insert(print, now).is_some_and(|seen| seen >= oldest);
                prop_assert_eq!(shard.see(print, now, oldest), expected);
            }
        }
    }
}
