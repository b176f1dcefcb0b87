//! The counts of a log as bytes, to be kept from one start to the next: how many rows each tick of each bucket has.
//!
//! `DBINDEX2`, the world's fingerprint, then for each partition the number of buckets counted, each bucket's [`Ticks`], and those of
//! all buckets to come as if they were one: the length in bytes as a LEB128 number, and the bytes. At the end, 8 bytes of FNV-1a
//! over all before.

use crate::{
    Error, Result,
    log::Index,
    plan::Cut,
    tick::{Ticks, put, take},
};

const MAGIC: &[u8; 8] = b"DBINDEX2";

/// The bytes of an index.
pub(crate) fn write(fingerprint: &str, partitions: impl Iterator<Item = Index>) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(fingerprint.as_bytes());
    for index in partitions {
        put(index.ticks.len() as u64, &mut out);
        for ticks in index.ticks.iter().chain([&Ticks::new(&index.pending)]) {
            put(ticks.bytes().len() as u64, &mut out);
            out.extend_from_slice(ticks.bytes());
        }
    }
    let hash = hash(&out);
    out.extend_from_slice(&hash.to_le_bytes());
    out
}

/// The counts in the bytes of an index.
///
/// # Errors
/// [`Error::Index`] if it is of another world, or not whole.
pub(crate) fn read(fingerprint: &str, cut: Cut, partitions: usize, index: &[u8]) -> Result<Vec<Index>> {
    let broken = || Error::Index { reason: "it is broken" };
    let (body, sum) = index.split_last_chunk().ok_or_else(broken)?;
    let body = body.strip_prefix(MAGIC).ok_or_else(broken)?;
    if u64::from_le_bytes(*sum) != hash(&index[..index.len() - sum.len()]) {
        return Err(broken());
    }
    let mut rest =
        body.strip_prefix(fingerprint.as_bytes()).ok_or(Error::Index { reason: "it is of another world" })?;
    let indexes = (0..partitions).map(|_| partition(cut, &mut rest)).collect::<Option<_>>();
    indexes.filter(|_| rest.is_empty()).ok_or_else(broken)
}

/// The counts of one partition, of which nothing is missing.
fn partition(cut: Cut, bytes: &mut &[u8]) -> Option<Index> {
    let buckets = take(bytes)?;
    // A bucket takes a byte at least.
    if buckets > bytes.len() as u64 || buckets > cut.last_bucket() as u64 {
        return None;
    }
    let mut next = |count: usize| {
        let length = usize::try_from(take(bytes)?).ok()?;
        let (ticks, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        Ticks::from_bytes(ticks, u32::try_from(count).ok()?)
    };
    let (mut until, mut ticks) = (Vec::with_capacity(buckets as usize), Vec::with_capacity(buckets as usize));
    let mut rows = 0u64;
    for _ in 0..buckets {
        let bucket = next(cut.ticks())?;
        rows = rows.checked_add(bucket.1)?;
        until.push(rows);
        ticks.push(bucket.0);
    }
    let mut pending = vec![0; cut.tail() as usize * cut.ticks()];
    for (tick, rows) in next(pending.len())?.0.iter() {
        pending[tick as usize] = rows;
    }
    Some(Index { until, ticks, pending })
}

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts of so many buckets.
    fn index(cut: Cut, buckets: u32) -> Index {
        let counts = |seed: u32, length: usize| -> Vec<u32> {
            (0..length as u32).map(|n| if (n + seed).is_multiple_of(1000) { n % 300 } else { 0 }).collect()
        };
        let ticks: Vec<_> = (0..buckets).map(|bucket| counts(bucket, cut.ticks())).collect();
        let until = ticks.iter().scan(0, |rows, ticks| {
            *rows += ticks.iter().map(|&rows| u64::from(rows)).sum::<u64>();
            Some(*rows)
        });
        Index {
            until: until.collect(),
            pending: counts(7, cut.tail() as usize * cut.ticks()),
            ticks: ticks.iter().map(|ticks| Ticks::new(ticks)).collect(),
        }
    }

    #[test]
    fn an_index_survives_its_bytes_and_a_broken_or_foreign_one_is_refused() {
        let cut = Cut::new(100);
        let indexes = vec![index(cut, 3), index(cut, 0)];
        let bytes = write("world", indexes.clone().into_iter());
        assert_eq!(read("world", cut, 2, &bytes).unwrap(), indexes);
        let refused = |bytes: &[u8]| read("world", cut, 2, bytes).unwrap_err().to_string();
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 1;
            assert_eq!(refused(&broken), "the index cannot be used: it is broken");
            assert_eq!(refused(&bytes[..at]), "the index cannot be used: it is broken");
        }
        let foreign = write("other", indexes.into_iter());
        assert_eq!(refused(&foreign), "the index cannot be used: it is of another world");
    }

    #[test]
    fn an_index_that_is_whole_but_of_other_pieces_is_refused() {
        let cut = Cut::new(100);
        for (other, buckets) in [(Cut { tick_bits: 18, ..cut }, 2), (Cut { bucket_us: cut.bucket_us / 2, ..cut }, 0)] {
            let bytes = write("world", [index(other, buckets)].into_iter());
            assert!(read("world", other, 1, &bytes).is_ok());
            assert!(read("world", cut, 1, &bytes).is_err());
        }
    }
}
