//! Which rows of a batch belong to which partition.

use std::collections::HashMap;

use arrow::{
    array::{Array, ArrayRef, AsArray, UInt32Array},
    datatypes::{DataType, Date32Type},
    row::{RowConverter, SortField},
};
use delta_kernel::{expressions::Scalar, schema::DataType as KernelType};

use crate::{Error, Result};

/// Tells the rows of batches apart by their partition columns.
#[derive(Debug)]
pub(crate) struct Partitions {
    types: Vec<DataType>,
    converter: RowConverter,
}

/// The values of the partition columns, as they are compared.
pub(crate) type Key = Box<[u8]>;

impl Partitions {
    pub(crate) fn new(types: Vec<DataType>) -> Result<Self> {
        let converter = RowConverter::new(types.iter().cloned().map(SortField::new).collect())?;
        Ok(Self { types, converter })
    }

    pub(crate) fn types(&self) -> &[DataType] {
        &self.types
    }

    /// The partitions of `rows` rows, in the order in which they come: each with its first row, and with all of its rows, or none if
    /// it has every one.
    pub(crate) fn split(&self, columns: &[ArrayRef], rows: usize) -> Result<Vec<(Key, usize, Option<UInt32Array>)>> {
        if columns.is_empty() {
            return Ok(vec![(Key::default(), 0, None)]);
        }
        let keys = self.converter.convert_columns(columns)?;
        let mut places: HashMap<&[u8], usize> = HashMap::new();
        let mut found: Vec<(&[u8], Vec<u32>)> = Vec::new();
        // Neighbours are mostly of one partition.
        let mut current: Option<(&[u8], usize)> = None;
        for row in 0..rows {
            let key = keys.row(row).data();
            let place = match current {
                Some((known, place)) if known == key => place,
                _ => *places.entry(key).or_insert_with(|| {
                    found.push((key, Vec::new()));
                    found.len() - 1
                }),
            };
            current = Some((key, place));
            found[place].1.push(row as u32);
        }
        let one = found.len() == 1;
        Ok(found
            .into_iter()
            .map(|(key, of)| (key.into(), of[0] as usize, (!one).then(|| UInt32Array::from(of))))
            .collect())
    }
}

/// The value of a partition column in a row, as a table's log has it.
pub(crate) fn value(column: &ArrayRef, row: usize) -> Result<Scalar> {
    Ok(match column.data_type() {
        DataType::Date32 if column.is_null(row) => Scalar::Null(KernelType::DATE),
        DataType::Date32 => Scalar::Date(column.as_primitive::<Date32Type>().value(row)),
        DataType::Utf8 if column.is_null(row) => Scalar::Null(KernelType::STRING),
        DataType::Utf8 => Scalar::String(column.as_string::<i32>().value(row).to_owned()),
        other => return Err(Error::Message(format!("{other} is no type of a partition column"))),
    })
}
