//! Arrow's types as Spark has them: in Spark's own JSON for schemas, which is how the JVM is told what a batch holds, and
//! in the one form of each type that `NativeVector` reads.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, ArrowPrimitiveType, AsArray, DictionaryArray, Int32Array, Int64Array, ListArray, MapArray,
        PrimitiveArray, StructArray,
    },
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, Field, Fields, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit},
};
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// The digits of Spark's longest decimal.
const DECIMAL_DIGITS: u8 = 38;

/// A value that does not fit is an error, never a null.
const EXACTLY: CastOptions<'static> =
    CastOptions { safe: false, format_options: arrow::util::display::FormatOptions::new() };

/// A Spark `StructType` as JSON.
///
/// # Errors
/// [`Error::UnsupportedType`] for a type that Spark has not.
pub(crate) fn struct_json(fields: &Fields) -> Result<Value> {
    let fields: Vec<Value> = fields
        .iter()
        .map(|field| {
            Ok(json!({
                "name": field.name(),
                "type": type_json(field, field.data_type())?,
                "nullable": field.is_nullable(),
                "metadata": {},
            }))
        })
        .collect::<Result<_>>()?;
    Ok(json!({ "type": "struct", "fields": fields }))
}

/// The Spark type of a field that is, or whose values are, `of`.
fn type_json(field: &Field, of: &DataType) -> Result<Value> {
    let refused = || Error::UnsupportedType { column: field.name().clone(), found: of.clone() };
    Ok(match of {
        DataType::Null => "void".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Int8 => "byte".into(),
        DataType::Int16 | DataType::UInt8 => "short".into(),
        DataType::Int32 | DataType::UInt16 => "integer".into(),
        DataType::Int64 | DataType::UInt32 => "long".into(),
        DataType::UInt64 => "decimal(20,0)".into(),
        DataType::Float16 | DataType::Float32 => "float".into(),
        DataType::Float64 => "double".into(),
        DataType::Date32 | DataType::Date64 => "date".into(),
        DataType::Time32(_) | DataType::Time64(_) => "time(6)".into(),
        DataType::Timestamp(_, Some(_)) => "timestamp".into(),
        DataType::Timestamp(_, None) => "timestamp_ntz".into(),
        DataType::Duration(_) => "interval day to second".into(),
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month".into(),
        DataType::Interval(IntervalUnit::DayTime | IntervalUnit::MonthDayNano) => "interval".into(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".into(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "binary".into()
        }
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale) => match u8::try_from(*scale) {
            Ok(scale) if scale <= *digits && *digits <= DECIMAL_DIGITS => format!("decimal({digits},{scale})").into(),
            _ => return Err(refused()),
        },
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => json!({
            "type": "array",
            "elementType": type_json(item, item.data_type())?,
            "containsNull": item.is_nullable(),
        }),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(parts) if parts.len() == 2 => json!({
                "type": "map",
                "keyType": type_json(&parts[0], parts[0].data_type())?,
                "valueType": type_json(&parts[1], parts[1].data_type())?,
                "valueContainsNull": parts[1].is_nullable(),
            }),
            _ => return Err(refused()),
        },
        DataType::Struct(fields) => struct_json(fields)?,
        DataType::Dictionary(_, values) => type_json(field, values)?,
        DataType::RunEndEncoded(_, values) => type_json(field, values.data_type())?,
        DataType::Union(..) => return Err(refused()),
    })
}

/// The same fields where each may be null: what is known of a server that promises nothing.
pub(crate) fn nullable(fields: &Fields) -> Fields {
    fields.iter().map(|field| nullable_field(field)).collect()
}

fn nullable_field(field: &Field) -> Arc<Field> {
    let inner = |item: &Arc<Field>| nullable_field(item);
    let of = match field.data_type() {
        DataType::List(item) => DataType::List(inner(item)),
        DataType::LargeList(item) => DataType::LargeList(inner(item)),
        DataType::ListView(item) => DataType::ListView(inner(item)),
        DataType::LargeListView(item) => DataType::LargeListView(inner(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(inner(item), *length),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(nullable(fields)),
        other => other.clone(),
    };
    Arc::new(Field::new(field.name(), of, true))
}

/// The columns in the form that vectors read; those that have it already are handed on without a copy.
///
/// # Errors
/// [`Error::TooFine`] for a time with a part of a microsecond, and Arrow's own for other values that Spark's type does not hold.
pub(crate) fn spark_columns(columns: Vec<ArrayRef>) -> Result<Vec<ArrayRef>> {
    columns.into_iter().map(spark_column).collect()
}

fn spark_column(array: ArrayRef) -> Result<ArrayRef> {
    let to = |of: DataType| Ok(cast_with_options(&array, &of, &EXACTLY)?);
    match array.data_type() {
        DataType::Null
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Timestamp(TimeUnit::Microsecond, _)
        | DataType::Duration(TimeUnit::Microsecond)
        | DataType::Interval(IntervalUnit::YearMonth)
        | DataType::Utf8
        | DataType::Binary
        | DataType::Decimal128(..) => Ok(array),
        DataType::UInt8 => to(DataType::Int16),
        DataType::UInt16 => to(DataType::Int32),
        DataType::UInt32 => to(DataType::Int64),
        DataType::UInt64 => to(DataType::Decimal128(20, 0)),
        DataType::Float16 => to(DataType::Float32),
        DataType::Date64 => to(DataType::Date32),
        DataType::Time64(TimeUnit::Nanosecond) => {
            check_whole_microseconds(&array)?;
            Ok(array)
        }
        // Spark counts nanoseconds of the day.
        DataType::Time32(_) | DataType::Time64(_) => to(DataType::Time64(TimeUnit::Nanosecond)),
        DataType::Timestamp(unit, zone) => {
            if *unit == TimeUnit::Nanosecond {
                check_whole_microseconds(&array)?;
            }
            to(DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))
        }
        DataType::Duration(unit) => {
            if *unit == TimeUnit::Nanosecond {
                check_whole_microseconds(&array)?;
            }
            to(DataType::Duration(TimeUnit::Microsecond))
        }
        DataType::Interval(IntervalUnit::DayTime) => spark_column(to(DataType::Interval(IntervalUnit::MonthDayNano))?),
        DataType::Interval(IntervalUnit::MonthDayNano) => calendar_interval(array.as_primitive()),
        DataType::LargeUtf8 | DataType::Utf8View => to(DataType::Utf8),
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => to(DataType::Binary),
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal256(digits, scale) => to(DataType::Decimal128(*digits, *scale)),
        DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => spark_column(to(DataType::List(Arc::clone(item)))?),
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            let items = spark_column(Arc::clone(list.values()))?;
            let item = like(item, &items);
            Ok(Arc::new(ListArray::try_new(item, list.offsets().clone(), items, list.nulls().cloned())?))
        }
        DataType::Map(entries, sorted) => {
            let map = array.as_map();
            let parts = spark_struct(map.entries())?;
            let entries = Arc::new(Field::new(entries.name(), parts.data_type().clone(), false));
            Ok(Arc::new(MapArray::try_new(entries, map.offsets().clone(), parts, map.nulls().cloned(), *sorted)?))
        }
        DataType::Struct(_) => Ok(Arc::new(spark_struct(array.as_struct())?)),
        DataType::Dictionary(_, values) => {
            let (keys, words) = (array.as_any_dictionary().keys(), array.as_any_dictionary().values());
            match values.as_ref() {
                // Kernels read each word once.
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View if words.null_count() == 0 => {
                    let keys = cast_with_options(keys, &DataType::Int32, &EXACTLY)?.as_primitive().clone();
                    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, spark_column(Arc::clone(words))?)?))
                }
                values => spark_column(to(values.clone())?),
            }
        }
        DataType::RunEndEncoded(_, values) => spark_column(to(values.data_type().clone())?),
        DataType::Union(..) => Err(Error::UnsupportedType { column: String::new(), found: array.data_type().clone() }),
    }
}

fn spark_struct(array: &StructArray) -> Result<StructArray> {
    let columns = spark_columns(array.columns().to_vec())?;
    let fields = array.fields().iter().zip(&columns).map(|(field, column)| like(field, column)).collect();
    Ok(StructArray::try_new_with_length(fields, columns, array.nulls().cloned(), array.len())?)
}

/// A field of the same name for what its values became.
fn like(field: &Field, values: &ArrayRef) -> Arc<Field> {
    Arc::new(Field::new(field.name(), values.data_type().clone(), field.is_nullable()))
}

/// Spark's calendar interval is read as a struct of months, days and microseconds.
fn calendar_interval(intervals: &PrimitiveArray<IntervalMonthDayNanoType>) -> Result<ArrayRef> {
    let nulls = intervals.nulls().cloned();
    let of = |part: fn(&<IntervalMonthDayNanoType as ArrowPrimitiveType>::Native) -> i32| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(intervals.values().iter().map(part)))
    };
    let nanos = Int64Array::new(intervals.values().iter().map(|value| value.nanoseconds).collect(), nulls.clone());
    check_each(&nanos, intervals.data_type())?;
    let micros: ArrayRef = Arc::new(nanos.unary::<_, Int64Type>(|nanos| nanos / 1000));
    let columns = vec![of(|value| value.months), of(|value| value.days), micros];
    let fields = ["months", "days", "microseconds"].iter().zip(&columns);
    let fields = fields.map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    Ok(Arc::new(StructArray::try_new(fields, columns, nulls)?))
}

/// Refuses nanoseconds that would be lost.
fn check_whole_microseconds(nanos: &ArrayRef) -> Result<()> {
    check_each(cast_with_options(nanos, &DataType::Int64, &EXACTLY)?.as_primitive(), nanos.data_type())
}

fn check_each(nanos: &Int64Array, found: &DataType) -> Result<()> {
    match nanos.iter().flatten().all(|nanos| nanos % 1000 == 0) {
        true => Ok(()),
        false => Err(Error::TooFine { found: found.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{
            Float16Array, IntervalDayTimeArray, IntervalMonthDayNanoArray, LargeListArray, StringArray,
            TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
        },
        datatypes::{Int8Type, IntervalDayTime, IntervalMonthDayNano},
    };

    use super::*;

    fn json_of(of: DataType) -> Result<Value> {
        type_json(&Field::new("c", of.clone(), true), &of)
    }

    #[test]
    fn a_list_says_whether_its_items_may_be_null() {
        let item = Arc::new(Field::new("item", DataType::Utf8, false));
        let fields = Fields::from(vec![Field::new("violations", DataType::List(item), false)]);
        assert_eq!(
            struct_json(&fields).unwrap(),
            json!({"type": "struct", "fields": [{
                "name": "violations",
                "type": {"type": "array", "elementType": "string", "containsNull": false},
                "nullable": false,
                "metadata": {},
            }]})
        );
        assert_eq!(
            struct_json(&nullable(&fields)).unwrap()["fields"][0]["type"],
            json!({"type": "array", "elementType": "string", "containsNull": true})
        );
    }

    #[test]
    fn a_type_that_spark_has_not_is_refused_by_its_column() {
        let item = Arc::new(Field::new("item", DataType::Decimal256(76, 2), true));
        for of in [
            DataType::Union([].into_iter().collect(), arrow::datatypes::UnionMode::Sparse),
            DataType::Decimal128(10, -2),
            DataType::Decimal256(39, 2),
        ] {
            assert!(matches!(json_of(of), Err(Error::UnsupportedType { column, .. }) if column == "c"));
        }
        assert!(
            matches!(json_of(DataType::List(item)), Err(Error::UnsupportedType { column, .. }) if column == "item")
        );
    }

    #[test]
    fn a_value_is_the_same_in_its_other_form() {
        let unsigned = spark_column(Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]))).unwrap();
        assert_eq!(unsigned.as_primitive::<arrow::datatypes::Decimal128Type>().value(0), i128::from(u64::MAX));
        let half = spark_column(Arc::new(Float16Array::from(vec![
            <arrow::datatypes::Float16Type as ArrowPrimitiveType>::Native::from_f32(0.5),
        ])))
        .unwrap();
        assert_eq!(half.as_primitive::<arrow::datatypes::Float32Type>().value(0), 0.5);
        let words: DictionaryArray<Int8Type> = vec![Some("a"), None, Some("a")].into_iter().collect();
        let words = spark_column(Arc::new(words)).unwrap();
        assert_eq!(words.data_type(), &DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into()));
        let words = words.as_dictionary::<Int32Type>().downcast_dict::<StringArray>().unwrap();
        assert_eq!(words.into_iter().collect::<Vec<_>>(), [Some("a"), None, Some("a")]);
        let lists = LargeListArray::from_iter_primitive::<arrow::datatypes::UInt8Type, _, _>([
            Some(vec![Some(1), None]),
            None,
            Some(vec![Some(255)]),
        ]);
        let lists = spark_column(Arc::new(lists.slice(1, 2))).unwrap();
        let lists = lists.as_list::<i32>();
        assert!(lists.is_null(0));
        assert_eq!(lists.value(1).as_primitive::<arrow::datatypes::Int16Type>().value(0), 255);
    }

    #[test]
    fn an_interval_becomes_its_three_parts() {
        let intervals = vec![Some(IntervalMonthDayNano::new(-1, 2, 3_000)), None];
        let parts = spark_column(Arc::new(IntervalMonthDayNanoArray::from(intervals))).unwrap();
        let parts = parts.as_struct();
        assert_eq!(parts.column(0).as_primitive::<arrow::datatypes::Int32Type>().value(0), -1);
        assert_eq!(parts.column(2).as_primitive::<Int64Type>().value(0), 3);
        assert!(parts.is_null(1));
        let days = spark_column(Arc::new(IntervalDayTimeArray::from(vec![IntervalDayTime::new(2, 5)]))).unwrap();
        assert_eq!(days.as_struct().column(2).as_primitive::<Int64Type>().value(0), 5_000);
    }

    #[test]
    fn a_time_that_spark_cannot_hold_is_an_error_and_no_other_time() {
        let whole = TimestampNanosecondArray::from(vec![Some(-2_000), None]).with_timezone("+01:00");
        let whole = spark_column(Arc::new(whole)).unwrap();
        assert_eq!(whole.as_primitive::<arrow::datatypes::TimestampMicrosecondType>().value(0), -2);
        let fine = spark_column(Arc::new(TimestampNanosecondArray::from(vec![1_001])));
        assert!(matches!(fine, Err(Error::TooFine { .. })));
        assert!(spark_column(Arc::new(TimestampSecondArray::from(vec![i64::MAX]))).is_err());
        let fine = IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(0, 0, 1)]);
        assert!(matches!(spark_column(Arc::new(fine)), Err(Error::TooFine { .. })));
    }
}
