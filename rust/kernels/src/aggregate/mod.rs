//! Partial aggregates: rows of equal keys become one group, whose buffers Spark merges with those of other tasks.
//!
//! What comes out is what Spark's own partial aggregate makes: the same buffers, of the same types, and sums of doubles added in
//! the order of rows. [`Aggregator::drain`] may be called at any time, for a group that comes out twice is merged above.

mod groups;
mod measures;
mod sketch;
mod tally;

use arrow::{
    array::{Array, ArrayRef, StructArray},
    buffer::OffsetBuffer,
    compute::FilterBuilder,
    datatypes::{Field, Fields},
    error::ArrowError,
};
use prost::Message;

use crate::{
    Error, Result,
    expr::{Evaluation, NodeId, Program, holding},
    proto::{
        Expr,
        aggregate::{Aggregate, Kind},
    },
    types::{self, Type},
};
use groups::{Groups, Key};
use measures::Measure;

/// A partial aggregate at work: fed batches, it holds the groups met since it was last drained.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray, StructArray};
/// use downbeat_kernels::{Aggregator, proto::{self, Expr, Field, Type, aggregate::{Aggregate, Key, Kind, Measure}}};
/// use prost::Message;
///
/// let column = |index, of: Type| Expr { r#type: of.into(), node: Some(proto::expr::Node::Column(index)) };
/// let spec = Aggregate {
///     input: vec![
///         Field { name: "country".to_owned(), r#type: Type::String.into() },
///         Field { name: "ms".to_owned(), r#type: Type::Bigint.into() },
///     ],
///     keys: vec![Key { value: Some(column(0, Type::String)), bucket_us: 0 }],
///     measures: vec![Measure { kind: Kind::Sum.into(), argument: Some(column(1, Type::Bigint)), precision: 0 }],
///     ..Aggregate::default()
/// };
/// let mut aggregator = Aggregator::new(&spec.encode_to_vec())?;
/// let countries: ArrayRef = Arc::new(StringArray::from(vec!["SE", "NO", "SE"]));
/// let ms: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
/// let rows = StructArray::try_from(vec![("country", countries), ("ms", ms)])?;
/// aggregator.update(&rows)?;
/// let groups = aggregator.drain()?;
/// assert_eq!(groups.column(0).as_string::<i32>(), &StringArray::from(vec!["SE", "NO"]));
/// assert_eq!(groups.column(1).as_ref(), &Int64Array::from(vec![4, 2]) as &dyn arrow::array::Array);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Aggregator {
    input: Vec<(String, Type)>,
    program: Program,
    time_zone: String,
    conditions: Vec<NodeId>,
    keys: Vec<NodeId>,
    arguments: Vec<Option<NodeId>>,
    groups: Groups,
    measures: Vec<Measure>,
    fields: Fields,
    /// The group of each row of a batch; kept for its room.
    places: Vec<u32>,
}

/// What expressions are in messages.
const CONDITION: &str = "a condition of the aggregate";
const KEY: &str = "a key of the aggregate";
const ARGUMENT: &str = "an argument of the aggregate";

impl Aggregator {
    /// Decodes and compiles an [`Aggregate`].
    ///
    /// # Errors
    /// [`Error::Decode`] if `aggregate` is no such message; [`Error::Contract`] if it holds what the kernels cannot run.
    pub fn new(aggregate: &[u8]) -> Result<Self> {
        let spec = Aggregate::decode(aggregate)?;
        let refused = |item: &str, reason: String| Error::Contract { item: item.to_owned(), reason };
        let input: Vec<(String, Type)> = spec
            .input
            .into_iter()
            .map(|field| match types::declared(field.r#type.as_ref()) {
                Ok(of) => Ok((field.name, of)),
                Err(reason) => Err(refused("an input of the aggregate", reason)),
            })
            .collect::<Result<_>>()?;
        let columns: Vec<Type> = input.iter().map(|field| field.1).collect();
        let mut compiler = Program::compiler(&columns, spec.ansi, &spec.time_zone);
        let conditions = spec
            .conditions
            .iter()
            .map(|condition| compiler.condition(condition).map_err(|reason| refused(CONDITION, reason)))
            .collect::<Result<_>>()?;
        let mut value = |item, expr: Option<&Expr>| match expr {
            Some(expr) => compiler.expression(expr).map_err(|reason| refused(item, reason)),
            None => Err(refused(item, "it is not set".to_owned())),
        };
        let (mut keys, mut key_columns, mut fields) = (Vec::new(), Vec::new(), Vec::new());
        for key in &spec.keys {
            let (node, of) = value(KEY, key.value.as_ref())?;
            let bucket_us = u64::try_from(key.bucket_us).unwrap_or(0);
            key_columns.push(Key::new(of, bucket_us).map_err(|reason| refused(KEY, reason))?);
            keys.push(node);
            if bucket_us == 0 {
                fields.push(Field::new("key", types::arrow_type(of), true));
            }
        }
        let (mut arguments, mut measures) = (Vec::new(), Vec::new());
        for measure in &spec.measures {
            let kind = Kind::try_from(measure.kind).unwrap_or(Kind::Unspecified);
            let argument = measure.argument.as_ref().map(|expr| value(ARGUMENT, Some(expr))).transpose()?;
            let of = argument.map(|argument| argument.1);
            let measure =
                Measure::new(kind, of, measure.precision, spec.ansi).map_err(|reason| refused(ARGUMENT, reason))?;
            fields.extend(measure.types().into_iter().map(|of| Field::new("buffer", of, true)));
            arguments.push(argument.map(|argument| argument.0));
            measures.push(measure);
        }
        Ok(Self {
            input,
            program: compiler.finish(),
            time_zone: spec.time_zone,
            conditions,
            keys,
            arguments,
            groups: Groups::new(key_columns),
            measures,
            fields: fields.into(),
            places: Vec::new(),
        })
    }

    /// Adds the rows of `input`, whose fields are matched by position.
    ///
    /// # Errors
    /// [`Error::FieldCount`] and [`Error::ColumnType`] for another input than planned; [`Error::Overflow`] and the others of
    /// expressions where Spark would raise them. What was added before is lost then.
    pub fn update(&mut self, input: &StructArray) -> Result<()> {
        types::accept(&self.input, input)?;
        let (columns, rows) = self.counted(input)?;
        if rows == 0 {
            return Ok(());
        }
        let mut evaluation = Evaluation::new(&self.program, &columns, rows, &self.time_zone);
        let keys = self.keys.iter().map(|&key| evaluation.values(KEY, key)).collect::<Result<Vec<_>>>()?;
        let arguments = self
            .arguments
            .iter()
            .map(|argument| argument.map(|argument| evaluation.values(ARGUMENT, argument)).transpose())
            .collect::<Result<Vec<_>>>()?;
        self.groups.find(&keys, rows, &mut self.places);
        for (measure, argument) in self.measures.iter_mut().zip(&arguments) {
            measure.update(&self.places, self.groups.len(), argument.as_ref())?;
        }
        Ok(())
    }

    /// Takes all groups out, in the order in which they were met. Without keys there is one group, whatever was added.
    ///
    /// # Errors
    /// [`Error::Arrow`] if the groups' texts or sketches are too long for one column.
    pub fn drain(&mut self) -> Result<StructArray> {
        let count = self.groups.len();
        let mut columns = self.groups.drain()?;
        for measure in &mut self.measures {
            columns.extend(measure.drain(count)?);
        }
        Ok(StructArray::try_new_with_length(self.fields.clone(), columns, None, count)?)
    }

    /// Groups held.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Bytes held for groups.
    pub fn memory_bytes(&self) -> usize {
        self.groups.memory_bytes() + self.measures.iter().map(Measure::memory_bytes).sum::<usize>()
    }

    /// The columns of the rows that count, and how many those are.
    fn counted(&self, input: &StructArray) -> Result<(Vec<ArrayRef>, usize)> {
        let rows = input.len();
        let columns: Vec<ArrayRef> = input.columns().iter().map(types::plain).collect::<Result<_>>()?;
        if self.conditions.is_empty() {
            return Ok((columns, rows));
        }
        let mut evaluation = Evaluation::new(&self.program, &columns, rows, &self.time_zone);
        let Some(counted) = holding(&mut evaluation, CONDITION, &self.conditions, rows)? else {
            return Ok((columns, rows));
        };
        let filter = FilterBuilder::new(&counted).optimize().build();
        let kept = columns.iter().map(|column| filter.filter(column)).collect::<Result<_, _>>()?;
        Ok((kept, filter.count()))
    }
}

/// Where texts or bytes that stand behind each other begin, of those that end there.
fn offsets(ends: Vec<usize>) -> Result<OffsetBuffer<i32>> {
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    for end in ends {
        offsets.push(i32::try_from(end).map_err(|_| ArrowError::OffsetOverflowError(end))?);
    }
    Ok(OffsetBuffer::new(offsets.into()))
}
