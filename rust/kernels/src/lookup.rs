//! Columns of a table's rows, found by a key.

use ahash::RandomState;
use arrow::{
    array::{Array, ArrayRef, AsArray, Int64Array, UInt32Array},
    compute::take,
    datatypes::Int64Type,
};
use hashbrown::{HashTable, hash_table::Entry};

use crate::{Error, Result, types::Type};

/// The rows of a table by a key, a BIGINT that no two of them have.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
/// use downbeat_kernels::Lookup;
///
/// let ids: ArrayRef = Arc::new(Int64Array::from(vec![7, 9]));
/// let words: ArrayRef = Arc::new(StringArray::from(vec!["seven", "nine"]));
/// let lookup = Lookup::new(&ids, vec![words])?;
/// let wanted: ArrayRef = Arc::new(Int64Array::from(vec![Some(9), Some(8), None]));
/// let found = lookup.find(&wanted)?;
/// assert_eq!(found[0].as_string::<i32>(), &StringArray::from(vec![Some("nine"), None, None]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Lookup {
    keys: Int64Array,
    values: Vec<ArrayRef>,
    /// Places of rows.
    table: HashTable<u32>,
    hashing: RandomState,
}

impl Lookup {
    /// A table's columns: its key, and those that are found. Rows without a key are found by none.
    ///
    /// # Errors
    /// [`Error::ColumnType`] for a key of another type; [`Error::Duplicate`] if two rows have one key.
    pub fn new(keys: &ArrayRef, values: Vec<ArrayRef>) -> Result<Self> {
        let keys = bigints(keys)?.clone();
        let hashing = RandomState::new();
        let mut table = HashTable::with_capacity(keys.len());
        for (row, key) in keys.iter().enumerate() {
            let Some(key) = key else { continue };
            let same = |&other: &u32| keys.value(other as usize) == key;
            match table.entry(hashing.hash_one(key), same, |&other| hashing.hash_one(keys.value(other as usize))) {
                Entry::Occupied(_) => return Err(Error::Duplicate { key }),
                // More rows than that have more keys than memory holds.
                Entry::Vacant(free) => free.insert(row as u32),
            };
        }
        Ok(Self { keys, values, table, hashing })
    }

    /// What the rows of these keys have in each column; null where there is none.
    ///
    /// # Errors
    /// [`Error::ColumnType`] for keys of another type.
    pub fn find(&self, keys: &ArrayRef) -> Result<Vec<ArrayRef>> {
        let find = |key: i64| {
            let same = |&row: &u32| self.keys.value(row as usize) == key;
            self.table.find(self.hashing.hash_one(key), same).copied()
        };
        let rows: UInt32Array = bigints(keys)?.iter().map(|key| key.and_then(find)).collect();
        Ok(self.values.iter().map(|column| take(column, &rows, None)).collect::<Result<_, _>>()?)
    }

    /// Bytes that it takes.
    pub fn memory_bytes(&self) -> usize {
        let columns: usize = self.values.iter().map(Array::get_array_memory_size).sum();
        columns + self.keys.get_array_memory_size() + self.table.allocation_size()
    }
}

fn bigints(column: &ArrayRef) -> Result<&Int64Array> {
    column.as_primitive_opt::<Int64Type>().ok_or_else(|| Error::ColumnType {
        column: "the key of a lookup".to_owned(),
        expected: Type::Bigint.to_string(),
        found: column.data_type().clone(),
    })
}
