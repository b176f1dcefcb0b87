//! The first version of a table: what every reader of Delta tables can read, with no feature that a newer one would need.

use std::time::{SystemTime, UNIX_EPOCH};

use delta_kernel::schema::{DataType, StructType};
use object_store::{ObjectStore, PutMode, PutOptions, path::Path};
use serde_json::json;
use uuid::Uuid;

use crate::{Error, Result, proto::Append};

/// Who commits, in a table's history.
pub(crate) const ENGINE: &str = concat!("Downbeat/", env!("CARGO_PKG_VERSION"));

/// Properties of a table that ask no more of its readers and writers than these versions can.
const PROPERTIES: [&str; 9] = [
    "delta.appendOnly",
    "delta.checkpointInterval",
    "delta.dataSkippingNumIndexedCols",
    "delta.dataSkippingStatsColumns",
    "delta.deletedFileRetentionDuration",
    "delta.enableExpiredLogCleanup",
    "delta.logRetentionDuration",
    "delta.setTransactionRetentionDuration",
    "delta.targetFileSize",
];

/// Characters that the name of a column has only where names are mapped, which is a feature of newer tables.
const NOT_IN_NAMES: &[char] = &[' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '='];

/// Writes version 0, unless another writer has been there first.
pub(crate) async fn create(
    store: &dyn ObjectStore,
    log: &Path,
    table: &str,
    columns: &StructType,
    append: &Append,
) -> Result<()> {
    check(table, columns, append)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let actions = [
        json!({"commitInfo": {
            "timestamp": now, "operation": "CREATE TABLE", "operationParameters": {}, "engineInfo": ENGINE,
            "txnId": Uuid::new_v4().to_string(),
        }}),
        json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}),
        json!({"metaData": {
            "id": Uuid::new_v4().to_string(),
            "format": {"provider": "parquet", "options": {}},
            "schemaString": append.columns,
            "partitionColumns": append.partition_columns,
            "configuration": append.properties,
            "createdTime": now,
        }}),
    ];
    let text = actions.map(|action| action.to_string()).join("\n");
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    match store.put_opts(&log.clone().join("00000000000000000000.json"), text.into(), options).await {
        Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
        Err(cause) => Err(Error::store("create the table", table)(cause)),
    }
}

/// Whether such columns, layout and properties can be a new table's.
fn check(table: &str, columns: &StructType, append: &Append) -> Result<()> {
    let refused = |reason: String| Error::Schema { table: table.to_owned(), reason };
    for field in columns.fields() {
        if let Some(what) = unsupported(field.name(), field.data_type()) {
            return Err(refused(what));
        }
    }
    for name in &append.partition_columns {
        let field = columns.field(name).ok_or_else(|| {
            refused(format!("there is no column '{name}' to partition it by; the names' case counts"))
        })?;
        if !same(field.data_type(), &DataType::DATE) && !same(field.data_type(), &DataType::STRING) {
            return Err(refused(format!(
                "it cannot be partitioned by '{name}', which is {}; use a date or a string column",
                field.data_type()
            )));
        }
    }
    if append.partition_columns.len() >= columns.num_fields() {
        return Err(refused("a column must be left beside those it is partitioned by".to_owned()));
    }
    if let Some(name) = append.properties.keys().find(|name| !PROPERTIES.contains(&name.as_str())) {
        return Err(refused(format!(
            "a new table cannot have the property {name}; known are {}",
            PROPERTIES.join(", ")
        )));
    }
    Ok(())
}

/// Why a column cannot be in a table of these versions.
fn unsupported(name: &str, of: &DataType) -> Option<String> {
    if name.contains(NOT_IN_NAMES) {
        return Some(format!("a column is named '{name}'; rename it, without blanks and any of ,;{{}}()="));
    }
    match of {
        DataType::Struct(fields) => fields.fields().find_map(|field| unsupported(field.name(), field.data_type())),
        DataType::Array(list) => unsupported(name, list.element_type()),
        DataType::Map(map) => unsupported(name, map.key_type()).or_else(|| unsupported(name, map.value_type())),
        DataType::Variant(_) => Some(format!("the column '{name}' is variant, which not every reader knows; cast it")),
        plain if same(plain, &DataType::TIMESTAMP_NTZ) => {
            Some(format!("the column '{name}' is timestamp_ntz, which not every reader knows; cast it to timestamp"))
        }
        plain if *plain == DataType::VOID => Some(format!("the column '{name}' has no type; cast it")),
        _ => None,
    }
}

/// Whether types are the same, wherever nulls may be.
pub(crate) fn same(one: &DataType, other: &DataType) -> bool {
    match (one, other) {
        (DataType::Struct(one), DataType::Struct(other)) => {
            one.num_fields() == other.num_fields()
                && one
                    .fields()
                    .zip(other.fields())
                    .all(|(one, other)| one.name() == other.name() && same(one.data_type(), other.data_type()))
        }
        (DataType::Array(one), DataType::Array(other)) => same(one.element_type(), other.element_type()),
        (DataType::Map(one), DataType::Map(other)) => {
            same(one.key_type(), other.key_type()) && same(one.value_type(), other.value_type())
        }
        _ => one == other,
    }
}
