//! Writing text columns: digits, ids and times straight into a column's bytes, nothing allocated for a value.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, StringArray},
    buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer},
    error::ArrowError,
};
use downbeat_model::ids::BASE62;

/// Bits that are being written: flags, or which values are there.
#[derive(Debug)]
pub(crate) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    pub(crate) fn new(rows: usize) -> Self {
        Self { words: Vec::with_capacity(rows.div_ceil(64)), len: 0 }
    }

    /// Appends the lowest `count` bits of a word, of 1 to 64; those above are 0.
    #[inline]
    pub(crate) fn append(&mut self, word: u64, count: usize) {
        let used = self.len % 64;
        match self.words.last_mut() {
            Some(last) if used > 0 => {
                *last |= word << used;
                if used + count > 64 {
                    self.words.push(word >> (64 - used));
                }
            }
            _ => self.words.push(word),
        }
        self.len += count;
    }

    /// Appends `count` equal bits.
    fn repeat(&mut self, bit: bool, count: usize) {
        let end = self.len + count;
        // The last word's bits behind the end are 0.
        if bit && !self.len.is_multiple_of(64) {
            self.words[self.len / 64] |= u64::MAX << (self.len % 64);
        }
        self.words.resize(end.div_ceil(64), if bit { u64::MAX } else { 0 });
        if !end.is_multiple_of(64) {
            self.words[end / 64] &= (1 << (end % 64)) - 1;
        }
        self.len = end;
    }

    pub(crate) fn finish(self) -> BooleanBuffer {
        BooleanBuffer::new(Buffer::from_vec(self.words), 0, self.len)
    }
}

/// Which values are there: nothing is written until the first is not.
#[derive(Debug)]
pub(crate) struct Validity {
    rows: usize,
    bits: Option<Bits>,
}

impl Validity {
    pub(crate) const fn new(rows: usize) -> Self {
        Self { rows, bits: None }
    }

    /// `count` values, of 1 to 64: those whose bit in `word` is set are there. `before`: how many values came before them.
    #[inline]
    pub(crate) fn append(&mut self, word: u64, count: usize, before: usize) {
        match &mut self.bits {
            Some(bits) => bits.append(word, count),
            None if word.count_ones() as usize != count => self.begin(before).append(word, count),
            None => {}
        }
    }

    /// A value for each item, there where `valid`; `before`: how many values came before them.
    #[inline]
    pub(crate) fn extend<T>(&mut self, items: &[T], before: usize, valid: impl Fn(&T) -> bool) {
        for (n, items) in items.chunks(64).enumerate() {
            let word = items.iter().enumerate().fold(0, |word, (n, item)| word | u64::from(valid(item)) << n);
            self.append(word, items.len(), before + 64 * n);
        }
    }

    /// `count` values, all there or none; `before`: how many values came before them.
    #[inline]
    pub(crate) fn repeat(&mut self, valid: bool, count: usize, before: usize) {
        match &mut self.bits {
            Some(bits) => bits.repeat(valid, count),
            None if !valid && count > 0 => self.begin(before).repeat(false, count),
            None => {}
        }
    }

    #[cold]
    fn begin(&mut self, before: usize) -> &mut Bits {
        let bits = self.bits.insert(Bits::new(self.rows));
        bits.repeat(true, before);
        bits
    }

    pub(crate) fn finish(self) -> Option<NullBuffer> {
        self.bits.map(|bits| NullBuffer::new(bits.finish()))
    }
}

/// A short text in a block of `N` bytes, which is copied as a whole: faster than to copy as many bytes as it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> Block<N> {
    pub(crate) const EMPTY: Self = Self { bytes: [0; N], len: 0 };

    /// # Panics
    /// If the text is longer than the block.
    pub(crate) const fn of(text: &str) -> Self {
        let text = text.as_bytes();
        let mut bytes = [0; N];
        let mut at = 0;
        while at < text.len() {
            bytes[at] = text[at];
            at += 1;
        }
        Self { bytes, len: text.len() as u8 }
    }

    /// Blocks of words, by their number.
    pub(crate) fn all<const COUNT: usize>(texts: [&str; COUNT]) -> [Self; COUNT] {
        texts.map(Self::of)
    }

    /// Appends as much of `text`, which must be ASCII, as there is room for.
    pub(crate) fn append(&mut self, text: &[u8]) {
        debug_assert!(text.is_ascii());
        let from = usize::from(self.len);
        let until = (from + text.len()).min(N);
        self.bytes[from..until].copy_from_slice(&text[..until - from]);
        self.len = until as u8;
    }

    /// Appends a number below 1,000,000.
    pub(crate) fn append_number(&mut self, number: u64) {
        let mut digits = [0; 6];
        let mut at = digits.len();
        let mut left = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 || at == 0 {
                break;
            }
        }
        self.append(&digits[at..]);
    }

    #[inline]
    pub(crate) fn text(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Bytes of whole blocks for which there is room at a time: for all of a column's it would be several times what is used.
const ROOM: usize = 4096;

/// A column of text that is being written.
#[derive(Debug)]
pub(crate) struct TextColumn {
    values: Vec<u8>,
    offsets: Vec<i32>,
    validity: Validity,
}

impl TextColumn {
    pub(crate) fn new(rows: usize, bytes_per_row: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { values: Vec::with_capacity(rows * bytes_per_row + ROOM), offsets, validity: Validity::new(rows) }
    }

    #[inline]
    fn end(&mut self, valid: bool) {
        self.validity.repeat(valid, 1, self.offsets.len() - 1);
        self.offsets.push(self.values.len() as i32);
    }

    /// Adds a text of `N` bytes for each item: `write` puts it, which must be ASCII, in its place, for a copy would cost more.
    #[inline]
    pub(crate) fn extend_fixed<T, const N: usize>(&mut self, items: &[T], mut write: impl FnMut(&T, &mut [u8; N])) {
        let (count, begin) = (items.len(), self.values.len());
        self.values.resize(begin + count * N, 0);
        let (room, _) = self.values[begin..].as_chunks_mut();
        items.iter().zip(room).for_each(|(item, room)| write(item, room));
        self.validity.repeat(true, count, self.offsets.len() - 1);
        self.offsets.extend((1..=count).map(|n| (begin + n * N) as i32));
    }

    /// Adds the text of each item, copied with its whole block.
    #[inline]
    pub(crate) fn extend_blocks<'b, T, const N: usize>(&mut self, items: &[T], block: impl Fn(&T) -> &'b Block<N>) {
        self.extend_options(items, |_| true, block);
    }

    /// Adds the text of each item; null where it is not `valid`, whose block must be empty.
    #[inline]
    pub(crate) fn extend_options<'b, T, const N: usize>(
        &mut self,
        items: &[T],
        valid: impl Fn(&T) -> bool,
        block: impl Fn(&T) -> &'b Block<N>,
    ) {
        self.validity.extend(items, self.offsets.len() - 1, valid);
        for items in items.chunks(ROOM / N) {
            self.values.reserve(ROOM);
            let begin = self.values.len();
            let room = self.values.spare_capacity_mut();
            let mut written = 0;
            self.offsets.extend(items.iter().map(|item| {
                let block = block(item);
                // So many bytes as the compiler knows are copied without a call; the next text overwrites what is too much.
                room[written..written + N].write_copy_of_slice(&block.bytes);
                written += usize::from(block.len);
                (begin + written) as i32
            }));
            // SAFETY: so many bytes after the old end have been written, and are within the capacity.
            unsafe { self.values.set_len(begin + written) };
        }
    }

    /// Adds `count` nulls.
    #[inline]
    pub(crate) fn extend_nulls(&mut self, count: usize) {
        self.validity.repeat(false, count, self.offsets.len() - 1);
        self.offsets.resize(self.offsets.len() + count, self.values.len() as i32);
    }

    /// Adds a value: what `write` appends, which must be UTF-8.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.values);
        self.end(true);
    }

    #[inline]
    pub(crate) fn push(&mut self, text: &str) {
        self.values.extend_from_slice(text.as_bytes());
        self.end(true);
    }

    #[inline]
    pub(crate) fn push_null(&mut self) {
        self.end(false);
    }

    #[inline]
    pub(crate) fn push_option(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.push(text),
            None => self.push_null(),
        }
    }

    /// The last value; empty if there is none, or it is null.
    pub(crate) fn last(&self) -> &[u8] {
        let from = self.offsets.iter().rev().nth(1).map_or(0, |&from| from as usize);
        &self.values[from..]
    }

    /// The column.
    ///
    /// # Errors
    /// If there are more than 2 GiB of text.
    pub(crate) fn finish(self) -> Result<ArrayRef, ArrowError> {
        if i32::try_from(self.values.len()).is_err() {
            return Err(ArrowError::InvalidArgumentError(
                "a text column of more than 2 GiB; ask for smaller batches".to_owned(),
            ));
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        // SAFETY: offsets only ever grew, by the bytes of whole values, and what is written is UTF-8: everybody who calls
        // `write` or `extend_fixed`, or appends to a block, sees to it, and tests let Arrow check every kind of batch.
        let array =
            unsafe { StringArray::new_unchecked(offsets, Buffer::from_vec(self.values), self.validity.finish()) };
        Ok(Arc::new(array))
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

/// Two base-62 digits of every number below 3844.
static PAIRS62: [[u8; 2]; 3844] = {
    let mut pairs = [[0; 2]; 3844];
    let mut n = 0;
    while n < 3844 {
        pairs[n] = [BASE62[n / 62], BASE62[n % 62]];
        n += 1;
    }
    pairs
};

/// A number in decimal, in the first bytes of a block.
#[inline]
pub(crate) fn decimal_block(mut number: u64) -> Block<20> {
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
    let mut block = Block::EMPTY;
    block.append(&digits[at..]);
    block
}

/// A number in decimal.
pub(crate) fn decimal(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(decimal_block(number).text());
}

/// The 16 hexadecimal digits of a number, all at once: each half byte becomes a byte, and 39 is added to those above 9.
#[inline]
pub(crate) const fn hex(number: u64) -> [u8; 16] {
    let mut spread = number as u128;
    spread = (spread | spread << 32) & 0x0000_0000_ffff_ffff_0000_0000_ffff_ffff;
    spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff_0000_ffff_0000_ffff;
    spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff;
    spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f;
    const ONES: u128 = 0x0101_0101_0101_0101_0101_0101_0101_0101;
    let letters = ((spread + ONES * 6) >> 4) & ONES;
    (spread + ONES * 0x30 + letters * 39).to_be_bytes()
}

/// The 32 hexadecimal digits of two numbers: half the time of an event's id is these.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn hex_of_two(high: u64, low: u64) -> [[u8; 16]; 2] {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi8, _mm_and_si128, _mm_cmpgt_epi8, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8,
        _mm_srli_epi16, _mm_unpackhi_epi8, _mm_unpackhi_epi64, _mm_unpacklo_epi8,
    };
    let bytes = _mm_set_epi64x(low.swap_bytes() as i64, high.swap_bytes() as i64);
    let digits = |halves: __m128i| {
        let halves = _mm_and_si128(halves, _mm_set1_epi8(15));
        let letters = _mm_and_si128(_mm_cmpgt_epi8(halves, _mm_set1_epi8(9)), _mm_set1_epi8(39));
        _mm_add_epi8(_mm_add_epi8(halves, _mm_set1_epi8(b'0' as i8)), letters)
    };
    let (high, low) = (digits(_mm_srli_epi16::<4>(bytes)), digits(bytes));
    let text = |digits: __m128i| {
        let (first, last) = (_mm_cvtsi128_si64(digits), _mm_cvtsi128_si64(_mm_unpackhi_epi64(digits, digits)));
        (u128::from(last as u64) << 64 | u128::from(first as u64)).to_le_bytes()
    };
    [text(_mm_unpacklo_epi8(high, low)), text(_mm_unpackhi_epi8(high, low))]
}

/// A UUID with its hyphens.
#[inline]
pub(crate) fn uuid(high: u64, low: u64, text: &mut [u8; 36]) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of this architecture has SSE2.
    let [high, low] = unsafe { hex_of_two(high, low) };
    #[cfg(not(target_arch = "x86_64"))]
    let [high, low] = [hex(high), hex(low)];
    *text = *b"00000000-0000-0000-0000-000000000000";
    text[..8].copy_from_slice(&high[..8]);
    text[9..13].copy_from_slice(&high[8..12]);
    text[14..18].copy_from_slice(&high[12..]);
    text[19..23].copy_from_slice(&low[..4]);
    text[24..].copy_from_slice(&low[4..]);
}

/// The 11 base-62 digits of an id below 2^63, after `prefix`: `M` is 11 more than `N`.
#[inline]
pub(crate) fn uri<const N: usize, const M: usize>(prefix: &[u8; N], mut id: u64, text: &mut [u8; M]) {
    const { assert!(M == N + 11) };
    text[..N].copy_from_slice(prefix);
    for at in [9, 7, 5, 3, 1] {
        text[N + at..N + at + 2].copy_from_slice(&PAIRS62[(id % 3844) as usize]);
        id /= 3844;
    }
    text[N] = BASE62[id as usize % 62];
}

/// A time zone's offset, or none, after a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suffix {
    /// Nothing: the reader has to know that it is UTC.
    Nothing,
    /// `+02:00`, in minutes; the time before it is local.
    Minutes(i32),
}

const MINUTE_MS: i64 = 60_000;

/// Writes times: all but the seconds is worked out once for as many rows as it holds for.
#[derive(Debug)]
pub(crate) struct Times {
    /// When the minute begins, in milliseconds since 1970 UTC.
    minute_ms: i64,
    /// `YYYY-MM-DDTHH:MM:00.000Z`.
    text: [u8; 24],
}

impl Times {
    pub(crate) fn new() -> Self {
        let mut times = Self { minute_ms: 0, text: *b"0000-00-00T00:00:00.000Z" };
        times.set_minute(0);
        times
    }

    #[cold]
    fn set_minute(&mut self, minute: i64) {
        self.minute_ms = minute * MINUTE_MS;
        let (year, month, day) = civil(minute.div_euclid(24 * 60));
        let of_day = minute.rem_euclid(24 * 60) as u32;
        let numbers = [(0, year / 100), (2, year % 100), (5, month), (8, day), (11, of_day / 60), (14, of_day % 60)];
        for (at, number) in numbers {
            self.text[at..at + 2].copy_from_slice(&PAIRS[number as usize]);
        }
    }

    /// A time in milliseconds since 1970 UTC as `YYYY-MM-DDTHH:MM:SS.mmmZ`; years 0 to 9999.
    #[inline]
    pub(crate) fn utc(&mut self, time_ms: i64, text: &mut [u8; 24]) {
        if !(0..MINUTE_MS).contains(&(time_ms - self.minute_ms)) {
            self.set_minute(time_ms.div_euclid(MINUTE_MS));
        }
        let ms = (time_ms - self.minute_ms) as u32;
        let (s, ms) = (ms / 1000, ms % 1000);
        *text = self.text;
        text[17..19].copy_from_slice(&PAIRS[s as usize]);
        text[20] = b'0' + (ms / 100) as u8;
        text[21..23].copy_from_slice(&PAIRS[(ms % 100) as usize]);
    }
}

/// A time in milliseconds since 1970 UTC as `YYYY-MM-DD<separator>HH:MM:SS.mmm<suffix>`; years 0 to 9999.
pub(crate) fn iso_time(time_ms: i64, separator: u8, suffix: Suffix, out: &mut Vec<u8>) {
    let local_ms = match suffix {
        Suffix::Minutes(minutes) => time_ms + i64::from(minutes) * 60_000,
        Suffix::Nothing => time_ms,
    };
    let mut text = [0; 24];
    Times::new().utc(local_ms, &mut text);
    text[10] = separator;
    out.extend_from_slice(&text[..23]);
    if let Suffix::Minutes(minutes) = suffix {
        out.push(if minutes < 0 { b'-' } else { b'+' });
        out.extend_from_slice(&PAIRS[(minutes.unsigned_abs() / 60) as usize]);
        out.push(b':');
        out.extend_from_slice(&PAIRS[(minutes.unsigned_abs() % 60) as usize]);
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
    use arrow::array::AsArray;
    use downbeat_model::ids;

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_agree_with_chrono_on_leap_days_and_at_the_ends_of_years() {
        let mut times = Times::new();
        for time in [
            "1970-01-01T00:00:00.000Z",
            "2000-02-29T23:59:59.999Z",
            "2026-12-31T23:59:59.001Z",
            "2100-03-01T00:00:00.100Z",
        ] {
            let ms = time.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp_millis();
            let mut text = [0; 24];
            times.utc(ms, &mut text);
            assert_eq!(text, *time.as_bytes());
        }
        assert_eq!(text(|out| iso_time(0, b'T', Suffix::Minutes(330), out)), "1970-01-01T05:30:00.000+05:30");
        assert_eq!(text(|out| iso_time(0, b' ', Suffix::Nothing, out)), "1970-01-01 00:00:00.000");
        assert_eq!(text(|out| iso_time(0, b'T', Suffix::Minutes(-210), out)), "1969-12-31T20:30:00.000-03:30");
    }

    #[test]
    fn ids_are_written_as_the_model_writes_them() {
        for id in [0, 9, 10, 99, 100, 12_345, u64::MAX / 2] {
            assert_eq!(text(|out| decimal(id, out)), id.to_string());
            assert_eq!(hex(id), ids::session_text(id));
            let mut text = [0; 26];
            uri(b"downbeat:track:", id, &mut text);
            assert_eq!(text, ids::track_uri(id).as_bytes());
            let low = id.wrapping_mul(0x1234_5678_9abc_def1);
            let bytes = (u128::from(id) << 64 | u128::from(low)).to_be_bytes();
            let mut text = [0; 36];
            uuid(id, low, &mut text);
            assert_eq!(text, ids::uuid_text(&bytes));
        }
    }

    #[test]
    fn nulls_and_empty_texts_differ_wherever_the_first_null_comes() {
        for before in [0, 1, 63, 64, 65, 200] {
            let mut column = TextColumn::new(3, 1);
            (0..before).for_each(|_| column.push("é"));
            column.push_null();
            column.write(|_| {});
            column.extend_blocks(&["abc"], |_| &const { Block::<8>::of("abc") });
            let array = column.finish().unwrap();
            let mut expected = vec![Some("é"); before];
            expected.extend([None, Some(""), Some("abc")]);
            assert_eq!(array.as_string::<i32>().iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_block_keeps_what_has_room() {
        let mut block = Block::<8>::of("iOS ");
        block.append_number(18);
        block.append(b".12345");
        assert_eq!(block.text(), b"iOS 18.1");
        let mut zero = Block::<8>::EMPTY;
        zero.append_number(0);
        assert_eq!(zero.text(), b"0");
    }
}
