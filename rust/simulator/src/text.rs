//! Writing text columns: digits, ids and times straight into a column's bytes, nothing allocated for a value.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, StringArray},
    buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer},
    error::ArrowError,
};
use downbeat_model::ids::BASE62;

/// A column of text that is being written.
#[derive(Debug)]
pub(crate) struct TextColumn {
    values: Vec<u8>,
    offsets: Vec<i32>,
    /// Empty until the first null.
    valid: Vec<bool>,
}

impl TextColumn {
    pub(crate) fn new(rows: usize, bytes_per_row: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { values: Vec::with_capacity(rows * bytes_per_row), offsets, valid: Vec::new() }
    }

    /// Adds a value: what `write` appends, which must be UTF-8.
    #[inline]
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.values);
        self.offsets.push(self.values.len() as i32);
        if !self.valid.is_empty() {
            self.valid.push(true);
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, text: &str) {
        self.write(|out| out.extend_from_slice(text.as_bytes()));
    }

    pub(crate) fn push_null(&mut self) {
        if self.valid.is_empty() {
            self.valid = Vec::with_capacity(self.offsets.capacity());
            self.valid.resize(self.offsets.len() - 1, true);
        }
        self.valid.push(false);
        self.offsets.push(self.values.len() as i32);
    }

    #[inline]
    pub(crate) fn push_option(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.push(text),
            None => self.push_null(),
        }
    }

    /// The column.
    ///
    /// # Errors
    /// If the bytes are not UTF-8, or more than 2 GiB.
    pub(crate) fn finish(self) -> Result<ArrayRef, ArrowError> {
        if i32::try_from(self.values.len()).is_err() {
            return Err(ArrowError::InvalidArgumentError(
                "a text column of more than 2 GiB; ask for smaller batches".to_owned(),
            ));
        }
        let nulls = (!self.valid.is_empty()).then(|| NullBuffer::from(self.valid));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Ok(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(self.values), nulls)?))
    }
}

/// Two decimal digits of every number below 100.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// Two hexadecimal digits of every byte.
static HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut n = 0;
    while n < 256 {
        pairs[n] = [digits[n >> 4], digits[n & 15]];
        n += 1;
    }
    pairs
};

/// A number in decimal.
#[inline]
pub(crate) fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    while number >= 100 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    if number >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[number as usize]);
    } else {
        at -= 1;
        digits[at] = b'0' + number as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// A 64-bit number as 16 hexadecimal digits.
#[inline]
pub(crate) fn hex(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 16];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair.copy_from_slice(&HEX[usize::from(byte)]);
    }
    out.extend_from_slice(&digits);
}

/// A UUID with its hyphens.
#[inline]
pub(crate) fn uuid(id: &[u8; 16], out: &mut Vec<u8>) {
    let mut text = [b'-'; 36];
    const AT: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    for (at, byte) in AT.into_iter().zip(id) {
        text[at..at + 2].copy_from_slice(&HEX[usize::from(*byte)]);
    }
    out.extend_from_slice(&text);
}

/// A URI: prefix and 11 base-62 digits.
#[inline]
pub(crate) fn uri(prefix: &str, mut id: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(prefix.as_bytes());
    let mut digits = [b'0'; 11];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(id % 62) as usize];
        id /= 62;
    }
    out.extend_from_slice(&digits);
}

/// A time zone's offset, or none, after a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suffix {
    /// `Z`
    Utc,
    /// Nothing: the reader has to know that it is UTC.
    Nothing,
    /// `+02:00`, in minutes; the time before it is local.
    Minutes(i32),
}

/// A time in milliseconds since 1970 UTC as `YYYY-MM-DD<separator>HH:MM:SS.mmm<suffix>`; years 0 to 9999.
#[inline]
pub(crate) fn iso_time(time_ms: i64, separator: u8, suffix: Suffix, out: &mut Vec<u8>) {
    let local_ms = match suffix {
        Suffix::Minutes(minutes) => time_ms + i64::from(minutes) * 60_000,
        Suffix::Utc | Suffix::Nothing => time_ms,
    };
    let (day, ms) = (local_ms.div_euclid(86_400_000), local_ms.rem_euclid(86_400_000) as u32);
    let (year, month, day) = civil(day);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut pair = |at: usize, number: u32| text[at..at + 2].copy_from_slice(&PAIRS[number as usize]);
    pair(0, year / 100);
    pair(2, year % 100);
    pair(5, month);
    pair(8, day);
    pair(11, ms / 3_600_000);
    pair(14, ms / 60_000 % 60);
    pair(17, ms / 1000 % 60);
    pair(20, ms % 1000 / 10);
    text[22] = b'0' + (ms % 10) as u8;
    text[10] = separator;
    match suffix {
        Suffix::Utc => out.extend_from_slice(&text),
        Suffix::Nothing => out.extend_from_slice(&text[..23]),
        Suffix::Minutes(minutes) => {
            out.extend_from_slice(&text[..23]);
            out.push(if minutes < 0 { b'-' } else { b'+' });
            out.extend_from_slice(&PAIRS[(minutes.unsigned_abs() / 60) as usize]);
            out.push(b':');
            out.extend_from_slice(&PAIRS[(minutes.unsigned_abs() % 60) as usize]);
        }
    }
}

/// Year, month and day of a day since 1970 (Hinnant's algorithm, years from 0).
#[inline]
fn civil(day: i64) -> (u32, u32, u32) {
    let z = (day + 719_468) as u64;
    let (era, of_era) = (z / 146_097, (z % 146_097) as u32);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era as u32 * 400 + year_of_era + u32::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use downbeat_model::ids;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_agree_with_chrono_on_leap_days_and_at_the_ends_of_years() {
        for time in [
            "1970-01-01T00:00:00.000Z",
            "2000-02-29T23:59:59.999Z",
            "2026-12-31T23:59:59.001Z",
            "2100-03-01T00:00:00.100Z",
        ] {
            let ms = time.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis();
            assert_eq!(text(|out| iso_time(ms, b'T', Suffix::Utc, out)), time);
        }
        assert_eq!(text(|out| iso_time(0, b'T', Suffix::Minutes(330), out)), "1970-01-01T05:30:00.000+05:30");
        assert_eq!(text(|out| iso_time(0, b' ', Suffix::Nothing, out)), "1970-01-01 00:00:00.000");
        assert_eq!(text(|out| iso_time(0, b'T', Suffix::Minutes(-210), out)), "1969-12-31T20:30:00.000-03:30");
    }

    #[test]
    fn ids_are_written_as_the_model_writes_them() {
        for id in [0, 9, 10, 99, 100, 12_345, u64::MAX / 2, u64::MAX] {
            assert_eq!(text(|out| decimal(id, out)), id.to_string());
            assert_eq!(text(|out| hex(id, out)).as_bytes(), ids::session_text(id));
            assert_eq!(text(|out| uri(ids::TRACK_PREFIX, id, out)), ids::track_uri(id));
            let bytes = u128::from(id).wrapping_mul(0x1234_5678_9abc_def1).to_be_bytes();
            assert_eq!(text(|out| uuid(&bytes, out)).as_bytes(), ids::uuid_text(&bytes));
        }
    }

    #[test]
    fn nulls_and_empty_texts_differ() {
        use arrow::array::AsArray;
        let mut column = TextColumn::new(3, 1);
        column.push("é");
        column.push_null();
        column.push("");
        let array = column.finish().unwrap();
        assert_eq!(array.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("é"), None, Some("")]);
    }
}
