//! A contract, compiled once and run over many batches.
//!
//! One pass a batch: columns are normalised, checks become one bit mask each, and only rows that break or repair something are
//! ever looked at one by one, when the lists of names are built from the masks.

use std::{borrow::Cow, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, Scalar, StringArray, StructArray, make_array},
    buffer::{BooleanBuffer, NullBuffer, OffsetBuffer},
    compute::kernels::zip::zip,
    datatypes::{DataType, Field, FieldRef, Fields, Int32Type},
};
use prost::Message;

use crate::{
    Error, Result,
    expr::{Evaluation, NodeId, Program, is_false, is_true},
    mask::Mask,
    normalise::{Normalised, Normaliser, is_blank},
    proto::{self, Severity, check::Test},
    types::{self, Type},
};

/// A resolved contract, ready to run.
///
/// A check is *broken* in a row as `proto/contract.proto` says; a row is *valid* if it breaks no check of severity ERROR. Sharing one
/// between threads is cheap; a batch leaves nothing behind in it.
#[derive(Debug)]
pub struct Cleanser {
    input: Vec<(String, Type)>,
    columns: Vec<Column>,
    checks: Vec<Check>,
    program: Program,
    time_zone: String,
    clean_fields: Fields,
    run_fields: Fields,
    check_fields: Fields,
    run_type: DataType,
    check_type: DataType,
}

#[derive(Debug)]
struct Column {
    name: String,
    input: usize,
    normaliser: Option<Normaliser>,
    default: Option<Scalar<ArrayRef>>,
    /// Whether a check or a default asks where the input is missing.
    asks_missing: bool,
}

#[derive(Debug)]
struct Check {
    name: String,
    /// The check in messages.
    item: String,
    severity: Severity,
    test: CompiledTest,
    when: Option<NodeId>,
}

#[derive(Debug)]
enum CompiledTest {
    Required(usize),
    WellFormed(usize),
    Expect(NodeId),
}

/// What one batch comes to, before it takes its final form.
struct Verdicts {
    columns: Vec<Normalised>,
    /// Where each check is broken.
    broken: Vec<BooleanBuffer>,
    valid: BooleanArray,
}

impl Cleanser {
    /// Decodes and compiles a [`proto::Contract`].
    ///
    /// # Errors
    /// [`Error::Decode`] if `contract` is no such message (expressions nested over 45 deep included); [`Error::Contract`] if it holds
    /// what the kernels cannot run, naming the column or check.
    pub fn new(contract: &[u8]) -> Result<Self> {
        let contract = proto::Contract::decode(contract)?;
        let input = contract
            .input
            .into_iter()
            .map(|field| match types::declared(field.r#type.as_ref()) {
                Ok(of) => Ok((field.name, of)),
                Err(reason) => Err(refused("input field", &field.name, reason)),
            })
            .collect::<Result<Vec<_>>>()?;
        let mut columns: Vec<Column> = Vec::new();
        let mut column_types = Vec::new();
        for spec in contract.columns {
            if columns.iter().any(|column| column.name == spec.name) {
                return Err(refused("column", &spec.name, "there are two of this name; rename one".to_owned()));
            }
            let (column, of) = compile_column(&spec, &input).map_err(|reason| refused("column", &spec.name, reason))?;
            columns.push(column);
            column_types.push(of);
        }
        let mut compiler = Program::compiler(&column_types, contract.ansi, &contract.time_zone);
        let mut checks = Vec::new();
        for spec in contract.checks {
            let mut compile = || {
                let column = |index: u32| {
                    let known = columns.len();
                    Some(index as usize)
                        .filter(|&index| index < known)
                        .ok_or_else(|| format!("it tests column {index}, the contract has {known}"))
                };
                let test = match &spec.test {
                    None => return Err("its test is not set, or newer than this library".to_owned()),
                    Some(Test::Required(index)) => CompiledTest::Required(column(*index)?),
                    Some(Test::WellFormed(index)) => CompiledTest::WellFormed(column(*index)?),
                    Some(Test::Expect(expr)) => CompiledTest::Expect(compiler.condition(expr)?),
                };
                let severity = Severity::try_from(spec.severity)
                    .map_err(|_| format!("severity {} is newer than this library", spec.severity))?;
                let when = spec.when.as_ref().map(|when| compiler.condition(when)).transpose()?;
                Ok((test, severity, when))
            };
            let (test, severity, when) = compile().map_err(|reason| refused("check", &spec.name, reason))?;
            if let CompiledTest::Required(column) = test {
                columns[column].asks_missing = true;
            }
            let item = format!("check '{}'", spec.name);
            checks.push(Check { name: spec.name, item, severity, test, when });
        }
        let clean_fields: Fields = columns
            .iter()
            .zip(&column_types)
            .map(|(column, &of)| Field::new(&column.name, types::arrow_type(of), true))
            .collect();
        let program = compiler.finish();
        let check_fields =
            Fields::from(vec![Field::new("valid", DataType::Boolean, false), list_of_names("violations")]);
        let run_fields: Fields = check_fields
            .iter()
            .cloned()
            .chain([
                list_of_names("repairs").into(),
                Field::new("row", DataType::Struct(clean_fields.clone()), false).into(),
            ])
            .collect();
        Ok(Self {
            input,
            columns,
            checks,
            program,
            time_zone: contract.time_zone,
            clean_fields,
            run_type: DataType::Struct(run_fields.clone()),
            check_type: DataType::Struct(check_fields.clone()),
            run_fields,
            check_fields,
        })
    }

    /// The type of [`run`](Self::run)'s result:
    /// `struct<valid boolean, violations list<utf8>, repairs list<utf8>, row struct<clean columns>>`, nothing nullable but clean columns.
    pub fn run_type(&self) -> &DataType {
        &self.run_type
    }

    /// The type of [`check`](Self::check)'s result: `struct<valid boolean, violations list<utf8>>`, nothing nullable.
    pub fn check_type(&self) -> &DataType {
        &self.check_type
    }

    /// Cleans a batch: one result row for each row of `input`, whose fields are matched by position.
    ///
    /// `violations` holds the names of the checks a row breaks, `repairs` those of the columns whose value was read from another
    /// notation than the canonical one, both in the contract's order. A row that is null counts as one whose fields are all null.
    ///
    /// # Errors
    /// [`Error::FieldCount`] and [`Error::ColumnType`] for another input than the contract's; [`Error::Overflow`] where Spark would
    /// raise it; [`Error::TimeZoneRange`] for calendar arithmetic we know no rules for.
    pub fn run(&self, input: &StructArray) -> Result<StructArray> {
        let rows = input.len();
        let Verdicts { columns, broken, valid } = self.verdicts(input)?;
        let repaired: Vec<_> = columns.iter().map(|column| column.repaired.clone()).collect();
        let repairs = names_where(self.columns.iter().map(|column| column.name.as_str()), &repaired, rows);
        let values = columns.into_iter().map(|column| column.values).collect();
        let row = StructArray::try_new_with_length(self.clean_fields.clone(), values, None, rows)?;
        let fields: Vec<ArrayRef> =
            vec![Arc::new(valid), Arc::new(self.violations(&broken, rows)), Arc::new(repairs), Arc::new(row)];
        Ok(StructArray::try_new_with_length(self.run_fields.clone(), fields, None, rows)?)
    }

    /// The verdicts of [`run`](Self::run) without repairs and clean columns.
    ///
    /// `downbeat_check` normalises nothing because its contract has no normalisers.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn check(&self, input: &StructArray) -> Result<StructArray> {
        let rows = input.len();
        let Verdicts { broken, valid, .. } = self.verdicts(input)?;
        let fields: Vec<ArrayRef> = vec![Arc::new(valid), Arc::new(self.violations(&broken, rows))];
        Ok(StructArray::try_new_with_length(self.check_fields.clone(), fields, None, rows)?)
    }

    /// Only which rows are valid.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn valid(&self, input: &StructArray) -> Result<BooleanArray> {
        Ok(self.verdicts(input)?.valid)
    }

    fn violations(&self, broken: &[BooleanBuffer], rows: usize) -> ListArray {
        names_where(self.checks.iter().map(|check| check.name.as_str()), broken, rows)
    }

    fn verdicts(&self, input: &StructArray) -> Result<Verdicts> {
        let rows = input.len();
        types::accept(&self.input, input)?;
        let columns = self.columns.iter().map(|column| column.clean(input)).collect::<Result<Vec<_>>>()?;
        let values: Vec<ArrayRef> = columns.iter().map(|column| Arc::clone(&column.values)).collect();
        let mut evaluation = Evaluation::new(&self.program, &values, rows, &self.time_zone);
        let mut broken = Vec::with_capacity(self.checks.len());
        let mut invalid = BooleanBuffer::new_unset(rows);
        for check in &self.checks {
            let when = match check.when {
                Some(when) => Some(is_true(&evaluation.condition(&check.item, when, None)?)),
                None => None,
            };
            let failed = match check.test {
                CompiledTest::Required(column) => columns[column].missing.clone(),
                CompiledTest::WellFormed(column) => columns[column].malformed.clone(),
                CompiledTest::Expect(expect) => is_false(&evaluation.condition(&check.item, expect, when.clone())?),
            };
            let failed = when.map_or(failed.clone(), |when| &failed & &when);
            if check.severity == Severity::Error && failed.has_true() {
                invalid = &invalid | &failed;
            }
            broken.push(failed);
        }
        Ok(Verdicts { columns, broken, valid: BooleanArray::new(!&invalid, None) })
    }
}

impl Column {
    fn clean(&self, input: &StructArray) -> Result<Normalised> {
        let raw = under(input.column(self.input), input.nulls())?;
        let rows = raw.len();
        let words = raw.as_dictionary_opt::<Int32Type>().filter(|words| words.values().len() <= rows);
        let mut clean = match (&self.normaliser, words) {
            (Some(normaliser), Some(words)) => normaliser.run(words.values().as_string()).at(words.keys())?,
            (Some(normaliser), None) => normaliser.run(types::plain(&raw)?.as_string()),
            (None, _) => {
                let values = types::plain(&raw)?;
                Normalised {
                    missing: if self.asks_missing { missing(&values) } else { BooleanBuffer::new_unset(rows) },
                    malformed: BooleanBuffer::new_unset(rows),
                    repaired: BooleanBuffer::new_unset(rows),
                    values,
                }
            }
        };
        if let Some(default) = &self.default {
            clean.values = zip(&BooleanArray::new(clean.missing, None), default, &clean.values)?;
            clean.missing = BooleanBuffer::new_unset(rows);
        }
        Ok(clean)
    }
}

fn refused(kind: &str, name: &str, reason: String) -> Error {
    Error::Contract { item: format!("{kind} '{name}'"), reason }
}

fn compile_column(spec: &proto::Column, input: &[(String, Type)]) -> Result<(Column, Type), String> {
    let of = types::declared(spec.r#type.as_ref())?;
    let index = spec.input as usize;
    let (from, raw) =
        input.get(index).ok_or_else(|| format!("it reads input field {index}, the input has {}", input.len()))?;
    let normaliser = match &spec.normaliser {
        None => None,
        Some(normaliser) => Some(Normaliser::new(normaliser).map_err(|error| match error {
            Error::Contract { item, reason } => format!("{item}: {reason}"),
            other => other.to_string(),
        })?),
    };
    if normaliser.is_some() && *raw != Type::String {
        return Err(format!("a normaliser reads STRING, field '{from}' is {raw}"));
    }
    let made = normaliser.as_ref().map_or(*raw, Normaliser::spark_type);
    if made != of {
        return Err(format!("it is declared as {of}, field '{from}' gives {made}"));
    }
    if matches!(of, Type::Interval | Type::Texts) {
        return Err(format!("{of} is for expressions only"));
    }
    let default = match &spec.default {
        None => None,
        Some(literal) => {
            let (found, value) = types::literal(literal)?;
            if found != of || value.is_null(0) {
                return Err(format!("its default must be a value of type {of}"));
            }
            Some(Scalar::new(value))
        }
    };
    let asks_missing = default.is_some();
    Ok((Column { name: spec.name.clone(), input: index, normaliser, default, asks_missing }, of))
}

/// A field as SQL sees it: null wherever its struct is.
fn under<'a>(column: &'a ArrayRef, parent: Option<&NullBuffer>) -> Result<Cow<'a, ArrayRef>> {
    match parent.filter(|parent| parent.null_count() > 0) {
        None => Ok(Cow::Borrowed(column)),
        Some(parent) => {
            let nulls = NullBuffer::union(column.nulls(), Some(parent));
            Ok(Cow::Owned(make_array(column.to_data().into_builder().nulls(nulls).build()?)))
        }
    }
}

/// Where a value is null, or a text with nothing in it.
fn missing(values: &ArrayRef) -> BooleanBuffer {
    let nulls = match values.nulls() {
        Some(valid) => !valid.inner(),
        None => BooleanBuffer::new_unset(values.len()),
    };
    let Some(texts) = values.as_string_opt::<i32>() else { return nulls };
    let mut missing = Mask::from(nulls);
    for (row, text) in texts.iter().enumerate() {
        if text.is_some_and(is_blank) {
            missing.set(row);
        }
    }
    missing.finish()
}

fn list_of_names(name: &str) -> Field {
    Field::new(name, DataType::List(name_field()), false)
}

fn name_field() -> FieldRef {
    Arc::new(Field::new("item", DataType::Utf8, false))
}

/// For each row, the names of the masks that are set in it, in the masks' order.
fn names_where<'a>(names: impl Iterator<Item = &'a str>, masks: &[BooleanBuffer], rows: usize) -> ListArray {
    let set: Vec<_> = names.zip(masks).filter(|(_, mask)| mask.has_true()).collect();
    if set.is_empty() {
        let none = Arc::new(StringArray::new_null(0));
        return ListArray::new(name_field(), OffsetBuffer::new(vec![0; rows + 1].into()), none, None);
    }
    let mut counts = vec![0usize; rows];
    for (_, mask) in &set {
        mask.set_indices().for_each(|row| counts[row] += 1);
    }
    // Where the next name of each row goes.
    let mut next: Vec<usize> = counts
        .iter()
        .scan(0, |end, count| {
            let start = *end;
            *end += count;
            Some(start)
        })
        .collect();
    let mut words = vec![""; counts.iter().sum()];
    for (name, mask) in &set {
        for row in mask.set_indices() {
            words[next[row]] = name;
            next[row] += 1;
        }
    }
    let words = Arc::new(StringArray::from(words));
    ListArray::new(name_field(), OffsetBuffer::from_lengths(counts), words, None)
}
