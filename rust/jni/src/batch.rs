//! Batches that the JVM owns: Arrow on this side, one C struct to read on the other.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, StructArray, make_array},
    buffer::NullBuffer,
    datatypes::{DataType, Fields},
    ffi::FFI_ArrowArray,
};

use crate::{
    error::{Error, Result},
    handles::Handles,
};

/// A struct array whose fields are the batch's columns, exported once.
#[derive(Debug)]
pub(crate) struct Batch {
    data: StructArray,
    /// Holds references to the same buffers; its drop releases them.
    exported: FFI_ArrowArray,
}

/// Every batch the JVM has not closed yet.
pub(crate) static BATCHES: Handles<Batch> = Handles::new("batch");

/// Which column of which batch a kernel is to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) batch: i64,
    /// The way to it: a column of the batch, a field of that, and so on. None: the batch itself, as one struct.
    pub(crate) path: &'a [i32],
}

impl Batch {
    pub(crate) fn new(data: StructArray) -> Self {
        let exported = FFI_ArrowArray::new(&data.to_data());
        Self { data, exported }
    }

    /// Where the C struct is; valid until the batch is dropped, for it is behind an `Arc` from its first use on.
    pub(crate) fn address(self: &Arc<Self>) -> i64 {
        (&raw const self.exported) as i64
    }

    pub(crate) fn rows(&self) -> usize {
        self.data.len()
    }

    /// Arrow bytes of its rows.
    pub(crate) fn bytes(&self) -> Result<usize> {
        slice_bytes(self.data.columns())
    }
}

/// Arrow bytes of some columns' rows. The buffers behind them may be parts of a message that others share.
pub(crate) fn slice_bytes(columns: &[ArrayRef]) -> Result<usize> {
    Ok(columns.iter().map(|column| column.to_data().get_slice_memory_size()).sum::<Result<_, _>>()?)
}

/// The columns a kernel reads, as one struct of `rows` rows. No data is copied, except that a field under a null struct
/// gets a new validity bitmap: it is null too.
pub(crate) fn gather(inputs: &[Input<'_>], rows: usize) -> Result<StructArray> {
    let columns: Vec<ArrayRef> = inputs.iter().map(column).collect::<Result<_>>()?;
    let fields: Fields = columns
        .iter()
        .enumerate()
        .map(|(i, column)| arrow::datatypes::Field::new(i.to_string(), column.data_type().clone(), true))
        .collect();
    Ok(StructArray::try_new_with_length(fields, columns, None, rows)?)
}

fn column(input: &Input<'_>) -> Result<ArrayRef> {
    let batch = BATCHES.get(input.batch)?;
    let whole: ArrayRef = Arc::new(batch.data.clone());
    input.path.iter().try_fold(whole, |parent, &field| match (usize::try_from(field), parent.data_type()) {
        (Ok(index), DataType::Struct(_)) => child(parent.as_struct(), index),
        (_, other) => Err(Error::Call(format!("{other} has no field {field} (path {:?})", input.path))),
    })
}

/// A field of a struct, null where the struct is.
fn child(parent: &StructArray, index: usize) -> Result<ArrayRef> {
    let array = parent
        .columns()
        .get(index)
        .ok_or_else(|| Error::Call(format!("field {index} of a struct of {}", parent.num_columns())))?;
    let Some(nulls) = parent.nulls().filter(|nulls| nulls.null_count() > 0) else { return Ok(Arc::clone(array)) };
    let nulls = NullBuffer::union(Some(nulls), array.logical_nulls().as_ref());
    Ok(make_array(array.to_data().into_builder().nulls(nulls).build()?))
}

#[cfg(test)]
mod tests {
    use arrow::{
        array::{Int64Array, StringArray},
        datatypes::Field,
    };

    use super::*;

    fn nested() -> StructArray {
        let inner = StructArray::new(
            vec![Field::new("a", DataType::Int64, true)].into(),
            vec![Arc::new(Int64Array::from(vec![Some(1), Some(2), None]))],
            Some(NullBuffer::from(vec![true, false, true])),
        );
        let text = StringArray::from(vec!["x", "y", "z"]);
        StructArray::from(vec![
            (Arc::new(Field::new("s", inner.data_type().clone(), true)), Arc::new(inner) as ArrayRef),
            (Arc::new(Field::new("t", DataType::Utf8, true)), Arc::new(text) as ArrayRef),
        ])
    }

    #[test]
    fn a_field_under_a_null_struct_is_null() {
        let handle = BATCHES.insert(Arc::new(Batch::new(nested())));
        let inputs = [Input { batch: handle, path: &[0, 0] }, Input { batch: handle, path: &[1] }];
        let gathered = gather(&inputs, 3).unwrap();
        let a = gathered.column(0).as_primitive::<arrow::datatypes::Int64Type>();
        assert_eq!(a.iter().collect::<Vec<_>>(), [Some(1), None, None]);
        assert_eq!(gathered.column(1).as_string::<i32>().value(2), "z");
        BATCHES.remove(handle).unwrap();
    }

    #[test]
    fn the_batch_itself_can_be_read_as_one_struct() {
        let handle = BATCHES.insert(Arc::new(Batch::new(nested())));
        let gathered = gather(&[Input { batch: handle, path: &[] }], 3).unwrap();
        assert_eq!(gathered.column(0).as_struct().column(1).as_string::<i32>().value(0), "x");
        BATCHES.remove(handle).unwrap();
    }

    #[test]
    fn a_column_that_is_not_there_is_an_error() {
        let handle = BATCHES.insert(Arc::new(Batch::new(nested())));
        for path in [&[2][..], &[0, 1], &[1, 0], &[-1]] {
            assert!(matches!(gather(&[Input { batch: handle, path }], 3), Err(Error::Call(_))));
        }
        BATCHES.remove(handle).unwrap();
        assert!(matches!(gather(&[Input { batch: handle, path: &[0] }], 3), Err(Error::Closed { .. })));
    }
}
