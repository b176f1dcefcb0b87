//! The counts of a log as bytes, to be kept from one start to the next: how many rows each bucket has.
//!
//! `DBINDEX1`, the world's fingerprint, then for each partition two lists of counts (in buckets counted, in buckets to come):
//! the length and each count as a LEB128 number; at the end, 8 bytes of FNV-1a over all before.

use crate::{Error, Result};

const MAGIC: &[u8; 8] = b"DBINDEX1";

/// The buckets of a partition: rows in each and all before it, and rows known of those to come.
type Counts = (Vec<u64>, Vec<u64>);

/// The bytes of an index.
pub(crate) fn write(fingerprint: &str, partitions: impl Iterator<Item = Counts>) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(fingerprint.as_bytes());
    for (until, pending) in partitions {
        number(until.len() as u64, &mut out);
        let mut before = 0;
        for rows in until {
            number(rows - before, &mut out);
            before = rows;
        }
        number(pending.len() as u64, &mut out);
        pending.into_iter().for_each(|rows| number(rows, &mut out));
    }
    let hash = hash(&out);
    out.extend_from_slice(&hash.to_le_bytes());
    out
}

/// The counts in the bytes of an index.
///
/// # Errors
/// [`Error::Index`] if it is of another world, or not whole.
pub(crate) fn read(fingerprint: &str, partitions: usize, index: &[u8]) -> Result<Vec<Counts>> {
    let broken = || Error::Index { reason: "it is broken" };
    let (body, sum) = index.split_last_chunk().ok_or_else(broken)?;
    let body = body.strip_prefix(MAGIC).ok_or_else(broken)?;
    if u64::from_le_bytes(*sum) != hash(&index[..index.len() - sum.len()]) {
        return Err(broken());
    }
    let mut rest =
        body.strip_prefix(fingerprint.as_bytes()).ok_or(Error::Index { reason: "it is of another world" })?;
    let mut counts = Vec::with_capacity(partitions);
    for _ in 0..partitions {
        let mut list = || {
            let length = take(&mut rest)?;
            // A count takes a byte at least.
            if length > rest.len() as u64 {
                return None;
            }
            (0..length).map(|_| take(&mut rest)).collect::<Option<Vec<u64>>>()
        };
        let (mut until, pending) = list().zip(list()).ok_or_else(broken)?;
        let mut rows = 0u64;
        for count in &mut until {
            rows = rows.checked_add(*count).ok_or_else(broken)?;
            *count = rows;
        }
        counts.push((until, pending));
    }
    if rest.is_empty() { Ok(counts) } else { Err(broken()) }
}

fn number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
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

fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_survives_its_bytes_and_a_broken_or_foreign_one_is_refused() {
        let counts = vec![(vec![0, 5, 5, 300], vec![7, 0]), (vec![], vec![1 << 40, 0])];
        let bytes = write("world", counts.clone().into_iter());
        assert_eq!(read("world", 2, &bytes).unwrap(), counts);
        let refused = |bytes: &[u8]| read("world", 2, bytes).unwrap_err().to_string();
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 1;
            assert_eq!(refused(&broken), "the index cannot be used: it is broken");
            assert_eq!(refused(&bytes[..at]), "the index cannot be used: it is broken");
        }
        let foreign = write("other", counts.into_iter());
        assert_eq!(refused(&foreign), "the index cannot be used: it is of another world");
    }
}
