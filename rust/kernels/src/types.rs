//! The types of a contract, their names in Spark and their form in Arrow.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, DurationMicrosecondArray, Float64Array,
        Int32Array, Int64Array, StringArray, StructArray, TimestampMicrosecondArray, new_null_array,
    },
    compute::cast,
    datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
};

use crate::{
    Error,
    proto::{Literal, Type, literal::Value},
};

/// The zone every clean timestamp carries.
const UTC: &str = "UTC";

/// The Arrow form of `of`. Unspecified is Null; [`declared`] has refused it before.
pub(crate) fn arrow_type(of: Type) -> DataType {
    match of {
        Type::Unspecified => DataType::Null,
        Type::Boolean => DataType::Boolean,
        Type::Int => DataType::Int32,
        Type::Bigint => DataType::Int64,
        Type::Double => DataType::Float64,
        Type::String => DataType::Utf8,
        Type::Binary => DataType::Binary,
        Type::Date => DataType::Date32,
        Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        Type::Interval => DataType::Duration(TimeUnit::Microsecond),
    }
}

/// Whether an input of type `found` can be read as `of`. A timestamp's zone is only how it is shown, so any will do; texts may be words of
/// a dictionary.
pub(crate) fn accepts(of: Type, found: &DataType) -> bool {
    match (of, found) {
        (Type::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, Some(_))) => true,
        (Type::String, DataType::Dictionary(keys, words)) => **keys == DataType::Int32 && **words == DataType::Utf8,
        _ => arrow_type(of) == *found,
    }
}

/// Checks that a struct has the fields that are expected, by position.
///
/// # Errors
/// [`Error::FieldCount`] and [`Error::ColumnType`].
pub(crate) fn accept(expected: &[(String, Type)], input: &StructArray) -> Result<(), Error> {
    if input.num_columns() != expected.len() {
        return Err(Error::FieldCount { expected: expected.len(), found: input.num_columns() });
    }
    for ((name, of), column) in expected.iter().zip(input.columns()) {
        if !accepts(*of, column.data_type()) {
            return Err(Error::ColumnType {
                column: name.clone(),
                expected: of.as_str_name().to_owned(),
                found: column.data_type().clone(),
            });
        }
    }
    Ok(())
}

/// An accepted input in the one form of its type: texts one by one, and timestamps in UTC.
///
/// # Errors
/// [`Error::Arrow`] if texts are too long for one column.
pub(crate) fn plain(values: &ArrayRef) -> Result<ArrayRef, Error> {
    match values.data_type() {
        DataType::Dictionary(_, words) => Ok(cast(values, words)?),
        _ => Ok(in_utc(values)),
    }
}

/// `values` (timestamps in microseconds) under the zone of clean columns.
pub(crate) fn in_utc(values: &ArrayRef) -> ArrayRef {
    match values.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(times) if times.timezone() != Some(UTC) => Arc::new(times.clone().with_timezone(UTC)),
        _ => Arc::clone(values),
    }
}

/// The type behind the number on the wire.
pub(crate) fn declared(number: i32) -> Result<Type, String> {
    match Type::try_from(number) {
        Ok(Type::Unspecified) | Err(_) => Err(format!("type {number} is not set, or newer than this library")),
        Ok(of) => Ok(of),
    }
}

/// The literal as an array of one row, and its type.
pub(crate) fn literal(literal: &Literal) -> Result<(Type, ArrayRef), String> {
    let of = declared(literal.r#type)?;
    let Some(value) = &literal.value else {
        return Ok((of, new_null_array(&arrow_type(of), 1)));
    };
    let array: ArrayRef = match (of, value) {
        (Type::Boolean, Value::Boolean(value)) => Arc::new(BooleanArray::from(vec![*value])),
        (Type::Int | Type::Date, Value::Integer(value)) => {
            let value = i32::try_from(*value).map_err(|_| format!("literal {value} is no {}", of.as_str_name()))?;
            if of == Type::Int {
                Arc::new(Int32Array::from(vec![value]))
            } else {
                Arc::new(Date32Array::from(vec![value]))
            }
        }
        (Type::Bigint, Value::Integer(value)) => Arc::new(Int64Array::from(vec![*value])),
        (Type::Timestamp, Value::Integer(value)) => {
            Arc::new(TimestampMicrosecondArray::from(vec![*value]).with_timezone(UTC))
        }
        (Type::Interval, Value::Integer(value)) => Arc::new(DurationMicrosecondArray::from(vec![*value])),
        (Type::Double, Value::Double(value)) => Arc::new(Float64Array::from(vec![*value])),
        (Type::String, Value::String(value)) => Arc::new(StringArray::from(vec![value.as_str()])),
        (Type::Binary, Value::Binary(value)) => Arc::new(BinaryArray::from(vec![value.as_slice()])),
        _ => return Err(format!("a literal of type {} holds a value of another type: {value:?}", of.as_str_name())),
    };
    debug_assert_eq!(array.data_type(), &arrow_type(of));
    Ok((of, array))
}
