//! The groups of an aggregate: each distinct combination of keys has a number, in the order in which they were met.
//!
//! Keys are kept a column each. A batch is hashed a column at a time; only the look into the table is row by row.

use std::sync::Arc;

use ahash::RandomState;
use arrow::{
    array::{
        Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, Decimal128Array, PrimitiveArray,
        StringArray, TimestampMicrosecondArray,
    },
    buffer::{Buffer, NullBuffer, ScalarBuffer},
    datatypes::{Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType},
};
use hashbrown::HashTable;

use super::offsets;
use crate::{
    Result,
    types::{self, Type},
};

/// Not random, so that the same rows always give the same groups in the same order.
const HASHING: RandomState = RandomState::with_seeds(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344);

/// Marks a null among the hashes.
const NULL_HASH: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug)]
pub(super) struct Groups {
    keys: Vec<Key>,
    table: HashTable<Entry>,
    /// Room for the hashes of a batch.
    hashes: Vec<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    group: u32,
}

/// One column of keys, a value for each group.
#[derive(Debug)]
pub(super) struct Key {
    of: Type,
    /// 0: every value is its own.
    bucket_us: u64,
    values: Values,
    nulls: Vec<bool>,
}

#[derive(Debug)]
enum Values {
    /// Anything of up to 64 bits, equal if the bits are.
    Fixed(Vec<u64>),
    Decimals(Vec<i128>),
    /// Bytes behind each other, and where each value ends.
    Bytes {
        data: Vec<u8>,
        ends: Vec<usize>,
    },
}

/// A batch's column of keys.
enum Column<'a> {
    Fixed { values: Vec<u64>, valid: Option<&'a NullBuffer> },
    Decimals { values: &'a [i128], valid: Option<&'a NullBuffer> },
    Bytes { data: &'a [u8], offsets: &'a [i32], valid: Option<&'a NullBuffer> },
}

impl Groups {
    pub(super) fn new(keys: Vec<Key>) -> Self {
        Self { keys, table: HashTable::new(), hashes: Vec::new() }
    }

    /// Without keys there is always one.
    pub(super) fn len(&self) -> usize {
        if self.keys.is_empty() { 1 } else { self.table.len() }
    }

    /// Writes down the group of each row, a new one for keys that were not met before.
    pub(super) fn find(&mut self, keys: &[ArrayRef], rows: usize, places: &mut Vec<u32>) {
        places.clear();
        if self.keys.is_empty() {
            places.resize(rows, 0);
            return;
        }
        let columns: Vec<Column<'_>> = self.keys.iter().zip(keys).map(|(key, array)| key.column(array)).collect();
        self.hashes.clear();
        self.hashes.resize(rows, 0);
        for column in &columns {
            column.hash(&mut self.hashes);
        }
        places.reserve(rows);
        for (row, &hash) in self.hashes.iter().enumerate() {
            let same = |entry: &Entry| {
                entry.hash == hash
                    && self.keys.iter().zip(&columns).all(|(key, column)| key.is(entry.group as usize, column, row))
            };
            let group = match self.table.find(hash, same) {
                Some(entry) => entry.group,
                None => {
                    // A group takes more than a byte: memory ends before 2^32 of them.
                    let group = self.table.len() as u32;
                    self.keys.iter_mut().zip(&columns).for_each(|(key, column)| key.push(column, row));
                    self.table.insert_unique(hash, Entry { hash, group }, |entry| entry.hash);
                    group
                }
            };
            places.push(group);
        }
    }

    /// The keys of all groups, without those in buckets; there are no groups afterwards.
    pub(super) fn drain(&mut self) -> Result<Vec<ArrayRef>> {
        self.table = HashTable::new();
        let drained: Vec<_> = self.keys.iter_mut().map(Key::drain).collect::<Result<_>>()?;
        Ok(drained.into_iter().flatten().collect())
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.table.allocation_size() + self.keys.iter().map(Key::memory_bytes).sum::<usize>()
    }
}

impl Key {
    /// A column of keys of a type; `bucket_us` above 0 is for timestamps only.
    pub(super) fn new(of: Type, bucket_us: u64) -> Result<Self, String> {
        let values = match of {
            Type::String | Type::Binary => Values::Bytes { data: Vec::new(), ends: Vec::new() },
            Type::Decimal { .. } => Values::Decimals(Vec::new()),
            Type::Interval | Type::Texts => return Err(format!("{of} is no type of a key")),
            _ => Values::Fixed(Vec::new()),
        };
        if bucket_us > 0 && of != Type::Timestamp {
            return Err(format!("only TIMESTAMPs have buckets, not {of}"));
        }
        Ok(Self { of, bucket_us, values, nulls: Vec::new() })
    }

    /// A batch's values of this column, whose type was checked before.
    fn column<'a>(&self, array: &'a ArrayRef) -> Column<'a> {
        fn bits<T: ArrowPrimitiveType>(array: &ArrayRef, bits: impl Fn(T::Native) -> u64) -> Vec<u64> {
            array.as_primitive::<T>().values().iter().map(|&value| bits(value)).collect()
        }
        let valid = array.nulls().filter(|nulls| nulls.null_count() > 0);
        let values = match self.of {
            Type::String => {
                let texts = array.as_string::<i32>();
                return Column::Bytes { data: texts.value_data(), offsets: texts.value_offsets(), valid };
            }
            Type::Binary => {
                let bytes = array.as_binary::<i32>();
                return Column::Bytes { data: bytes.value_data(), offsets: bytes.value_offsets(), valid };
            }
            Type::Decimal { .. } => {
                return Column::Decimals { values: array.as_primitive::<Decimal128Type>().values(), valid };
            }
            Type::Boolean => array.as_boolean().values().iter().map(u64::from).collect(),
            Type::Int => bits::<Int32Type>(array, |value| value as u64),
            Type::Date => bits::<Date32Type>(array, |value| value as u64),
            Type::Double => bits::<Float64Type>(array, |value| match value {
                value if value.is_nan() => f64::NAN.to_bits(),
                // One zero for both.
                value => (value + 0.0).to_bits(),
            }),
            Type::Timestamp if self.bucket_us > 0 => {
                let bucket_us = self.bucket_us as i64;
                bits::<TimestampMicrosecondType>(array, |value| value.div_euclid(bucket_us) as u64)
            }
            Type::Timestamp => bits::<TimestampMicrosecondType>(array, |value| value as u64),
            // The others were refused.
            _ => bits::<Int64Type>(array, |value| value as u64),
        };
        Column::Fixed { values, valid }
    }

    /// Whether a group's key is that of a row.
    #[inline]
    fn is(&self, group: usize, column: &Column<'_>, row: usize) -> bool {
        let null = column.is_null(row);
        if null || self.nulls[group] {
            return null && self.nulls[group];
        }
        match (&self.values, column) {
            (Values::Fixed(kept), Column::Fixed { values, .. }) => kept[group] == values[row],
            (Values::Decimals(kept), Column::Decimals { values, .. }) => kept[group] == values[row],
            (Values::Bytes { data, ends }, column @ Column::Bytes { .. }) => {
                let begin = if group == 0 { 0 } else { ends[group - 1] };
                data[begin..ends[group]] == *column.bytes(row)
            }
            _ => false,
        }
    }

    fn push(&mut self, column: &Column<'_>, row: usize) {
        let null = column.is_null(row);
        self.nulls.push(null);
        match (&mut self.values, column) {
            (Values::Fixed(kept), Column::Fixed { values, .. }) => kept.push(if null { 0 } else { values[row] }),
            (Values::Decimals(kept), Column::Decimals { values, .. }) => kept.push(if null { 0 } else { values[row] }),
            (Values::Bytes { data, ends }, column) => {
                if !null {
                    data.extend_from_slice(column.bytes(row));
                }
                ends.push(data.len());
            }
            // A key and its column are of one type.
            (Values::Fixed(_) | Values::Decimals(_), _) => {}
        }
    }

    /// The column of all groups; none for keys in buckets.
    fn drain(&mut self) -> Result<Option<ArrayRef>> {
        fn numbers<T: ArrowPrimitiveType>(
            bits: &[u64],
            nulls: Option<NullBuffer>,
            number: impl Fn(u64) -> T::Native,
        ) -> ArrayRef {
            let numbers: ScalarBuffer<T::Native> = bits.iter().map(|&bits| number(bits)).collect();
            Arc::new(PrimitiveArray::<T>::new(numbers, nulls))
        }
        let nulls = std::mem::take(&mut self.nulls);
        let nulls = nulls.contains(&true).then(|| nulls.iter().map(|null| !null).collect::<NullBuffer>());
        let array: ArrayRef = match (&mut self.values, self.of) {
            (Values::Bytes { data, ends }, of) => {
                let (data, ends) = (Buffer::from_vec(std::mem::take(data)), std::mem::take(ends));
                let offsets = offsets(ends)?;
                match of {
                    Type::String => Arc::new(StringArray::try_new(offsets, data, nulls)?),
                    _ => Arc::new(BinaryArray::try_new(offsets, data, nulls)?),
                }
            }
            (Values::Decimals(values), of) => {
                types::named(Arc::new(Decimal128Array::new(std::mem::take(values).into(), nulls)), of)
            }
            (Values::Fixed(bits), of) => {
                let bits = std::mem::take(bits);
                match of {
                    Type::Boolean => Arc::new(BooleanArray::new(bits.iter().map(|&bit| bit == 1).collect(), nulls)),
                    Type::Int => numbers::<Int32Type>(&bits, nulls, |bits| bits as i32),
                    Type::Date => numbers::<Date32Type>(&bits, nulls, |bits| bits as i32),
                    Type::Double => numbers::<Float64Type>(&bits, nulls, f64::from_bits),
                    Type::Timestamp => {
                        let times: ScalarBuffer<i64> = bits.iter().map(|&bits| bits as i64).collect();
                        Arc::new(TimestampMicrosecondArray::new(times, nulls).with_timezone("UTC"))
                    }
                    _ => numbers::<Int64Type>(&bits, nulls, |bits| bits as i64),
                }
            }
        };
        Ok((self.bucket_us == 0).then_some(array))
    }

    fn memory_bytes(&self) -> usize {
        let values = match &self.values {
            Values::Fixed(values) => values.capacity() * size_of::<u64>(),
            Values::Decimals(values) => values.capacity() * size_of::<i128>(),
            Values::Bytes { data, ends } => data.capacity() + ends.capacity() * size_of::<usize>(),
        };
        values + self.nulls.capacity()
    }
}

impl Column<'_> {
    #[inline]
    fn is_null(&self, row: usize) -> bool {
        let (Self::Fixed { valid, .. } | Self::Decimals { valid, .. } | Self::Bytes { valid, .. }) = self;
        valid.is_some_and(|valid| valid.is_null(row))
    }

    /// A row's bytes; none of a column of numbers.
    #[inline]
    fn bytes(&self, row: usize) -> &[u8] {
        match self {
            Self::Bytes { data, offsets, .. } => &data[offsets[row] as usize..offsets[row + 1] as usize],
            Self::Fixed { .. } | Self::Decimals { .. } => &[],
        }
    }

    /// Mixes this column into the hash of each row.
    fn hash(&self, hashes: &mut [u64]) {
        let mixed = |before: u64, hash: u64| before.rotate_left(23) ^ hash;
        match self {
            Self::Fixed { values, .. } => {
                for (hash, value) in hashes.iter_mut().zip(values) {
                    *hash = mixed(*hash, HASHING.hash_one(*value));
                }
            }
            Self::Decimals { values, .. } => {
                for (hash, value) in hashes.iter_mut().zip(*values) {
                    *hash = mixed(*hash, HASHING.hash_one(*value));
                }
            }
            Self::Bytes { .. } => {
                for (row, hash) in hashes.iter_mut().enumerate() {
                    *hash = mixed(*hash, HASHING.hash_one(self.bytes(row)));
                }
            }
        }
        // Whatever stands where a null is, nulls are equal.
        let (Self::Fixed { valid, .. } | Self::Decimals { valid, .. } | Self::Bytes { valid, .. }) = self;
        if let Some(valid) = valid {
            for (row, hash) in hashes.iter_mut().enumerate().filter(|(row, _)| valid.is_null(*row)) {
                let hidden = match self {
                    Self::Fixed { values, .. } => HASHING.hash_one(values[row]),
                    Self::Decimals { values, .. } => HASHING.hash_one(values[row]),
                    Self::Bytes { .. } => HASHING.hash_one(self.bytes(row)),
                };
                *hash ^= hidden ^ NULL_HASH;
            }
        }
    }
}
