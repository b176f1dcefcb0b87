//! The types of a contract, their names in Spark and their form in Arrow.

use std::{fmt, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DurationMicrosecondArray,
        Float64Array, Int32Array, Int64Array, StringArray, StructArray, TimestampMicrosecondArray, new_null_array,
    },
    compute::cast,
    datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal128Type, DecimalType, TimeUnit, TimestampMicrosecondType},
};

use crate::{
    Error,
    proto::{self, Literal, literal::Value},
};

/// The zone every clean timestamp carries.
const UTC: &str = "UTC";

/// The type of a column or an expression, as `contract.proto` explains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Boolean,
    Int,
    Bigint,
    Double,
    String,
    Binary,
    Date,
    Timestamp,
    Interval,
    Decimal { precision: u8, scale: u8 },
    Texts,
}

impl Type {
    /// Digits behind the point; of a decimal only.
    pub(crate) fn scale(self) -> u8 {
        if let Self::Decimal { scale, .. } = self { scale } else { 0 }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Boolean => proto::Type::Boolean,
            Self::Int => proto::Type::Int,
            Self::Bigint => proto::Type::Bigint,
            Self::Double => proto::Type::Double,
            Self::String => proto::Type::String,
            Self::Binary => proto::Type::Binary,
            Self::Date => proto::Type::Date,
            Self::Timestamp => proto::Type::Timestamp,
            Self::Interval => proto::Type::Interval,
            Self::Texts => proto::Type::Texts,
            Self::Decimal { precision, scale } => return write!(f, "DECIMAL({precision},{scale})"),
        };
        f.write_str(name.as_str_name())
    }
}

/// The Arrow form of `of`.
pub(crate) fn arrow_type(of: Type) -> DataType {
    match of {
        Type::Boolean => DataType::Boolean,
        Type::Int => DataType::Int32,
        Type::Bigint => DataType::Int64,
        Type::Double => DataType::Float64,
        Type::String => DataType::Utf8,
        Type::Binary => DataType::Binary,
        Type::Date => DataType::Date32,
        Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        Type::Interval => DataType::Duration(TimeUnit::Microsecond),
        Type::Decimal { precision, scale } => DataType::Decimal128(precision, scale as i8),
        Type::Texts => DataType::new_list(DataType::Utf8, false),
    }
}

/// Whether an input of type `found` can be read as `of`. A timestamp's zone is only how it is shown, so any will do; texts may be words of
/// a dictionary.
fn accepts(of: Type, found: &DataType) -> bool {
    match (of, found) {
        (Type::Timestamp, DataType::Timestamp(TimeUnit::Microsecond, Some(_))) => true,
        (Type::String, DataType::Dictionary(keys, words)) => **keys == DataType::Int32 && **words == DataType::Utf8,
        (Type::Texts, DataType::List(item)) => *item.data_type() == DataType::Utf8,
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
    expected.iter().zip(input.columns()).try_for_each(|((name, of), column)| accept_column(name, *of, column))
}

/// Checks that a column can be read as `of`; `name` is what an error calls it.
///
/// # Errors
/// [`Error::ColumnType`].
pub(crate) fn accept_column(name: impl fmt::Display, of: Type, column: &ArrayRef) -> Result<(), Error> {
    match accepts(of, column.data_type()) {
        true => Ok(()),
        false => Err(Error::ColumnType {
            column: name.to_string(),
            expected: of.to_string(),
            found: column.data_type().clone(),
        }),
    }
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

/// Numbers without their points as decimals of the type `of`; anything else as it is, timestamps under the zone of clean columns.
pub(crate) fn named(values: ArrayRef, of: Type) -> ArrayRef {
    match values.as_primitive_opt::<Decimal128Type>() {
        Some(decimals) => Arc::new(decimals.clone().with_data_type(arrow_type(of))),
        None => in_utc(&values),
    }
}

/// `values` (timestamps in microseconds) under the zone of clean columns.
pub(crate) fn in_utc(values: &ArrayRef) -> ArrayRef {
    match values.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(times) if times.timezone() != Some(UTC) => Arc::new(times.clone().with_timezone(UTC)),
        _ => Arc::clone(values),
    }
}

/// The type behind the message.
pub(crate) fn declared(of: Option<&proto::DataType>) -> Result<Type, String> {
    let of = of.ok_or("its type is not set")?;
    match proto::Type::try_from(of.r#type) {
        Ok(proto::Type::Unspecified) | Err(_) => {
            Err(format!("type {} is not set, or newer than this library", of.r#type))
        }
        Ok(proto::Type::Boolean) => Ok(Type::Boolean),
        Ok(proto::Type::Int) => Ok(Type::Int),
        Ok(proto::Type::Bigint) => Ok(Type::Bigint),
        Ok(proto::Type::Double) => Ok(Type::Double),
        Ok(proto::Type::String) => Ok(Type::String),
        Ok(proto::Type::Binary) => Ok(Type::Binary),
        Ok(proto::Type::Date) => Ok(Type::Date),
        Ok(proto::Type::Timestamp) => Ok(Type::Timestamp),
        Ok(proto::Type::Interval) => Ok(Type::Interval),
        Ok(proto::Type::Texts) => Ok(Type::Texts),
        Ok(proto::Type::Decimal) => decimal(of.precision, of.scale),
    }
}

/// A decimal of so many digits, `scale` of them behind the point.
pub(crate) fn decimal(precision: u32, scale: u32) -> Result<Type, String> {
    match (u8::try_from(precision), u8::try_from(scale)) {
        (Ok(precision @ 1..=DECIMAL128_MAX_PRECISION), Ok(scale)) if scale <= precision => {
            Ok(Type::Decimal { precision, scale })
        }
        _ => Err(format!("a decimal has 1 to 38 digits, and no more behind the point, not {precision} and {scale}")),
    }
}

/// The literal as an array of one row, and its type.
pub(crate) fn literal(literal: &Literal) -> Result<(Type, ArrayRef), String> {
    let of = declared(literal.r#type.as_ref())?;
    let Some(value) = &literal.value else {
        return Ok((of, new_null_array(&arrow_type(of), 1)));
    };
    let array: ArrayRef = match (of, value) {
        (Type::Boolean, Value::Boolean(value)) => Arc::new(BooleanArray::from(vec![*value])),
        (Type::Int | Type::Date, Value::Integer(value)) => {
            let value = i32::try_from(*value).map_err(|_| format!("literal {value} is no {of}"))?;
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
        (Type::Decimal { precision, .. }, Value::Decimal(bytes)) => {
            let value = unscaled(bytes)
                .filter(|value| Decimal128Type::is_valid_decimal_precision(*value, precision))
                .ok_or_else(|| format!("a literal of {} bytes is no {of}", bytes.len()))?;
            Arc::new(Decimal128Array::from(vec![value]).with_data_type(arrow_type(of)))
        }
        _ => return Err(format!("a literal of type {of} holds a value of another type: {value:?}")),
    };
    debug_assert_eq!(array.data_type(), &arrow_type(of));
    Ok((of, array))
}

/// A whole number in as many bytes as it needs, big-endian, two's complement.
fn unscaled(bytes: &[u8]) -> Option<i128> {
    let first = *bytes.first()?;
    let mut whole = if first >= 0x80 { [0xff; 16] } else { [0; 16] };
    let begin = whole.len().checked_sub(bytes.len())?;
    whole[begin..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(whole))
}
