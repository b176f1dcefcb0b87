//! Arrow's types in Spark's own JSON for schemas, which is how the JVM is told what a batch holds.

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// A Spark `StructType` as JSON.
///
/// # Errors
/// [`Error::UnsupportedType`] for a type that Spark has not, or that `NativeVector` does not read.
pub(crate) fn struct_json(fields: &Fields) -> Result<Value> {
    let fields: Vec<Value> = fields
        .iter()
        .map(|field| {
            Ok(json!({
                "name": field.name(),
                "type": type_json(field)?,
                "nullable": field.is_nullable(),
                "metadata": {},
            }))
        })
        .collect::<Result<_>>()?;
    Ok(json!({ "type": "struct", "fields": fields }))
}

fn type_json(field: &Field) -> Result<Value> {
    Ok(match field.data_type() {
        DataType::Boolean => "boolean".into(),
        DataType::Int32 => "integer".into(),
        DataType::Int64 => "long".into(),
        DataType::Float64 => "double".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp".into(),
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp_ntz".into(),
        DataType::Utf8 => "string".into(),
        DataType::Binary => "binary".into(),
        DataType::List(item) => json!({
            "type": "array",
            "elementType": type_json(item)?,
            "containsNull": item.is_nullable(),
        }),
        DataType::Struct(fields) => struct_json(fields)?,
        other => return Err(Error::UnsupportedType { column: field.name().clone(), found: other.clone() }),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

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
    }

    #[test]
    fn a_type_that_cannot_be_read_is_refused_by_its_column() {
        let fields = Fields::from(vec![Field::new("u", DataType::UInt64, true)]);
        let error = struct_json(&fields).unwrap_err();
        assert!(matches!(error, Error::UnsupportedType { column, .. } if column == "u"));
    }
}
