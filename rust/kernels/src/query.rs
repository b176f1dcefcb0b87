//! Queries over the rows of a batch: some of them go on, as columns that are picked or worked out.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, StructArray},
    compute::FilterBuilder,
    datatypes::{Field, Fields},
};

use crate::{
    Error, Result,
    expr::{Evaluation, NodeId, Program, holding},
    proto::{
        self,
        query::{Read, output},
    },
    types::{self, Type},
};

/// A resolved query, ready to run.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{ArrayRef, AsArray, BooleanArray, StringArray, StructArray};
/// use downbeat_kernels::{Query, proto::{Expr, Type, expr, query::{self, Output, Read, output}}};
///
/// let good = Expr { r#type: Type::Boolean.into(), node: Some(expr::Node::Column(0)) };
/// let query = Query::new(query::Query {
///     reads: vec![Read { column: 1, r#type: Type::Boolean.into() }],
///     conditions: vec![good],
///     outputs: vec![Output { name: "word".to_owned(), value: Some(output::Value::Column(0)) }],
///     ..query::Query::default()
/// })?;
/// let words: ArrayRef = Arc::new(StringArray::from(vec!["one", "two"]));
/// let good: ArrayRef = Arc::new(BooleanArray::from(vec![false, true]));
/// let kept = query.run(&StructArray::try_from(vec![("word", words), ("good", good)])?)?;
/// assert_eq!(kept.column(0).as_string::<i32>(), &StringArray::from(vec!["two"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Query {
    reads: Vec<(usize, Type)>,
    program: Program,
    time_zone: String,
    conditions: Vec<NodeId>,
    outputs: Vec<(String, Output)>,
}

#[derive(Debug)]
enum Output {
    Column(usize),
    Value(NodeId),
}

/// What expressions are in messages.
const CONDITION: &str = "a condition of the query";
const COLUMN: &str = "a column of the query";

impl Query {
    /// Compiles a query.
    ///
    /// # Errors
    /// [`Error::Contract`] if it holds what the kernels cannot run.
    pub fn new(query: proto::query::Query) -> Result<Self> {
        let refused = |item: &str, reason: String| Error::Contract { item: item.to_owned(), reason };
        let declared = |Read { column, r#type }| match types::declared(r#type.as_ref()) {
            Ok(of) => Ok((column as usize, of)),
            Err(reason) => Err(refused("an input of the query", reason)),
        };
        let reads: Vec<_> = query.reads.into_iter().map(declared).collect::<Result<_>>()?;
        let columns: Vec<Type> = reads.iter().map(|read| read.1).collect();
        let mut compiler = Program::compiler(&columns, query.ansi, &query.time_zone);
        let conditions = query
            .conditions
            .iter()
            .map(|condition| compiler.condition(condition).map_err(|reason| refused(CONDITION, reason)))
            .collect::<Result<_>>()?;
        let outputs = query
            .outputs
            .into_iter()
            .map(|output| {
                let value = match &output.value {
                    Some(output::Value::Column(column)) => Output::Column(*column as usize),
                    Some(output::Value::Expression(expr)) => {
                        let compiled = compiler.expression(expr);
                        Output::Value(compiled.map_err(|reason| refused(COLUMN, reason))?.0)
                    }
                    None => return Err(refused(COLUMN, "it is not set".to_owned())),
                };
                Ok((output.name, value))
            })
            .collect::<Result<_>>()?;
        Ok(Self { reads, program: compiler.finish(), time_zone: query.time_zone, conditions, outputs })
    }

    /// The rows of `input` that go on, as the query's columns. Columns of the input are known by their place.
    ///
    /// # Errors
    /// [`Error::FieldCount`] and [`Error::ColumnType`] for another input than planned; [`Error::Overflow`] and the others of
    /// expressions where Spark would raise them.
    pub fn run(&self, input: &StructArray) -> Result<StructArray> {
        let mut rows = input.len();
        let mut read = self.reads.iter().map(|&(column, of)| read(input, column, of)).collect::<Result<Vec<_>>>()?;
        let kept = match self.conditions.is_empty() {
            true => None,
            false => {
                let mut evaluation = Evaluation::new(&self.program, &read, rows, &self.time_zone);
                holding(&mut evaluation, CONDITION, &self.conditions, rows)?
            }
        };
        let filter = kept.map(|kept| FilterBuilder::new(&kept).optimize().build());
        if let Some(filter) = &filter {
            rows = filter.count();
            for column in &mut read {
                *column = filter.filter(column)?;
            }
        }
        let mut evaluation = Evaluation::new(&self.program, &read, rows, &self.time_zone);
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (name, output) in &self.outputs {
            let column = match output {
                Output::Value(node) => evaluation.values(COLUMN, *node)?,
                Output::Column(place) => {
                    let whole = input.columns().get(*place).ok_or_else(|| too_few(*place, input))?;
                    match &filter {
                        Some(filter) => filter.filter(whole)?,
                        None => Arc::clone(whole),
                    }
                }
            };
            fields.push(Field::new(name, column.data_type().clone(), true));
            columns.push(column);
        }
        Ok(StructArray::try_new_with_length(Fields::from(fields), columns, None, rows)?)
    }
}

fn read(input: &StructArray, place: usize, of: Type) -> Result<ArrayRef> {
    let column = input.columns().get(place).ok_or_else(|| too_few(place, input))?;
    types::accept_column(place, of, column)?;
    types::plain(column)
}

fn too_few(place: usize, input: &StructArray) -> Error {
    Error::FieldCount { expected: place + 1, found: input.num_columns() }
}
