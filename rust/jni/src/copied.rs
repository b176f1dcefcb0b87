//! Spark's own rows and vectors on their way in: the JVM writes them into one region of native memory, laid out as Arrow
//! would, and this side makes them a batch without copying them again.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
        StringArray, StructArray, TimestampMicrosecondArray,
    },
    buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::{ArrowNativeType, Field, Fields},
};
use downbeat_kernels::proto::Type;

use crate::{
    error::{Error, Result},
    handles::Handles,
};

/// Memory that the JVM is writing.
#[derive(Debug)]
pub(crate) struct Region(Mutex<MutableBuffer>);

/// Every region the JVM has neither imported nor given up.
pub(crate) static REGIONS: Handles<Region> = Handles::new("region");

/// Numbers that describe a column: its `contract.proto` type, then where its parts begin in the region, in bytes, or its digits.
pub(crate) const LAYOUT: usize = 5;

impl Region {
    /// Zeroed memory, aligned for any Arrow type.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Mutex::new(MutableBuffer::from_len_zeroed(bytes)))
    }

    /// Where it is: stays the same until it is imported or dropped.
    pub(crate) fn address(&self) -> i64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut_ptr() as i64
    }

    /// Makes the region a batch: for each column [`LAYOUT`] numbers, its type, and the bytes at which its validity
    /// (negative: no nulls), its values or offsets, and its data begin, and how long the data is (text and binary only; of
    /// decimals instead the precision and the scale).
    ///
    /// # Panics
    /// When the layout points out of the region: that is a fault of ours, not of any data.
    pub(crate) fn import(&self, rows: usize, layout: &[i64]) -> Result<StructArray> {
        let memory = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let memory: Buffer = memory.into();
        let columns: Vec<ArrayRef> =
            layout.chunks_exact(LAYOUT).map(|part| column(&memory, rows, part)).collect::<Result<_>>()?;
        let fields: Fields = columns
            .iter()
            .enumerate()
            .map(|(i, column)| Field::new(i.to_string(), column.data_type().clone(), true))
            .collect();
        Ok(StructArray::try_new_with_length(fields, columns, None, rows)?)
    }
}

fn column(memory: &Buffer, rows: usize, part: &[i64]) -> Result<ArrayRef> {
    let &[type_number, validity, values, data, data_bytes] = part else {
        return Err(Error::Call(format!("a column is described by {LAYOUT} numbers, not {}", part.len())));
    };
    let nulls = (validity >= 0).then(|| NullBuffer::new(bits(memory, validity, rows)));
    let kind = i32::try_from(type_number).ok().and_then(|number| Type::try_from(number).ok());
    Ok(match kind {
        Some(Type::Boolean) => Arc::new(BooleanArray::new(bits(memory, values, rows), nulls)),
        Some(Type::Int) => Arc::new(Int32Array::try_new(numbers(memory, values, rows), nulls)?),
        Some(Type::Date) => Arc::new(Date32Array::try_new(numbers(memory, values, rows), nulls)?),
        Some(Type::Bigint) => Arc::new(Int64Array::try_new(numbers(memory, values, rows), nulls)?),
        Some(Type::Timestamp) => {
            Arc::new(TimestampMicrosecondArray::try_new(numbers(memory, values, rows), nulls)?.with_timezone("UTC"))
        }
        Some(Type::Double) => Arc::new(Float64Array::try_new(numbers(memory, values, rows), nulls)?),
        Some(Type::String) => text(offsets(memory, values, rows), bytes(memory, data, data_bytes), nulls)?,
        Some(Type::Binary) => {
            Arc::new(BinaryArray::try_new(offsets(memory, values, rows), bytes(memory, data, data_bytes), nulls)?)
        }
        Some(Type::Decimal) => {
            let decimals = Decimal128Array::try_new(numbers(memory, values, rows), nulls)?;
            // What is no precision is far from one afterwards, too.
            Arc::new(decimals.with_precision_and_scale(data as u8, data_bytes as i8)?)
        }
        Some(Type::Unspecified | Type::Interval | Type::Texts) | None => {
            return Err(Error::Call(format!("{type_number} is not the type of a column")));
        }
    })
}

/// Spark's strings may hold any bytes, Arrow's are UTF-8. What is not becomes U+FFFD, as Spark's own `make_valid_utf8` does.
fn text(offsets: OffsetBuffer<i32>, bytes: Buffer, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    if let Ok(array) = StringArray::try_new(offsets.clone(), bytes.clone(), nulls.clone()) {
        return Ok(Arc::new(array));
    }
    let raw = BinaryArray::try_new(offsets, bytes, nulls)?;
    Ok(Arc::new(raw.iter().map(|value| value.map(String::from_utf8_lossy)).collect::<StringArray>()))
}

fn bits(memory: &Buffer, begin: i64, rows: usize) -> BooleanBuffer {
    BooleanBuffer::new(bytes(memory, begin, rows.div_ceil(8) as i64), 0, rows)
}

fn numbers<T: ArrowNativeType>(memory: &Buffer, begin: i64, rows: usize) -> ScalarBuffer<T> {
    ScalarBuffer::new(bytes(memory, begin, (rows * size_of::<T>()) as i64), 0, rows)
}

fn offsets(memory: &Buffer, begin: i64, rows: usize) -> OffsetBuffer<i32> {
    OffsetBuffer::new(numbers(memory, begin, rows + 1))
}

fn bytes(memory: &Buffer, begin: i64, length: i64) -> Buffer {
    // A negative number becomes one far outside of any region, which slicing refuses.
    memory.slice_with_length(begin as usize, length as usize)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};

    use super::*;

    fn region(bytes: &[u8]) -> Region {
        let region = Region::new(bytes.len());
        region.0.lock().unwrap().as_slice_mut().copy_from_slice(bytes);
        region
    }

    #[test]
    fn bytes_that_are_no_text_become_replacement_characters() {
        let mut memory = Vec::new();
        for offset in [0_i32, 2, 3, 3] {
            memory.extend(offset.to_le_bytes());
        }
        memory.extend(b"ok\xff");
        let batch = region(&memory).import(3, &[Type::String as i64, -1, 0, 16, 3]).unwrap();
        let column = batch.column(0).as_string::<i32>();
        assert_eq!(column.iter().collect::<Vec<_>>(), [Some("ok"), Some("\u{fffd}"), Some("")]);
    }

    #[test]
    fn validity_is_one_bit_a_row() {
        let mut memory = vec![0b101, 0, 0, 0, 0, 0, 0, 0];
        for value in [7_i64, 0, 9] {
            memory.extend(value.to_le_bytes());
        }
        let batch = region(&memory).import(3, &[Type::Bigint as i64, 0, 8, 0, 0]).unwrap();
        let column = batch.column(0).as_primitive::<arrow::datatypes::Int64Type>();
        assert_eq!(column.iter().collect::<Vec<_>>(), [Some(7), None, Some(9)]);
        assert_eq!(batch.len(), 3);
    }

    #[test]
    #[should_panic(expected = "offset")]
    fn a_layout_that_points_outside_panics() {
        let _ = region(&[0; 8]).import(1000, &[Type::Bigint as i64, -1, 0, 0, 0]);
    }
}
