//! Evaluates a program over one batch of clean columns.

use std::{cmp::Ordering, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Datum, Int32Array, PrimitiveArray, Scalar,
        StringArray, TimestampMicrosecondArray, UInt32Array, make_array, new_null_array,
    },
    buffer::{BooleanBuffer, NullBuffer},
    compute::{
        self,
        kernels::{cmp, zip::zip},
    },
    datatypes::{
        Date32Type, Decimal128Type, DurationMicrosecondType, Float64Type, Int32Type, Int64Type,
        TimestampMicrosecondType,
    },
};

use super::{
    Failure, cast,
    compile::{Arithmetic, Comparison, Node, NodeId, Op, Program, Sides},
    decimal, moment,
    zone::{DAY_US, Zone},
};
use crate::{
    Error, Result,
    mask::Mask,
    types::{self, Type},
};

/// The rows an expression is evaluated for: `None` is all of them. Values at other rows mean nothing, and their failures are none.
type Selection = Option<BooleanBuffer>;

/// A program at work on one batch.
#[derive(Debug)]
pub(crate) struct Evaluation<'a> {
    program: &'a Program,
    columns: &'a [ArrayRef],
    rows: usize,
    time_zone: &'a str,
    /// Values of nodes that several expressions share.
    shared: Vec<Option<Value>>,
    /// What is evaluated, for messages.
    item: &'a str,
}

/// One value a row, or one for all rows.
#[derive(Debug, Clone)]
enum Value {
    Column(ArrayRef),
    Constant(Scalar<ArrayRef>),
}

impl Datum for Value {
    fn get(&self) -> (&dyn Array, bool) {
        match self {
            Self::Column(array) => (array.as_ref(), false),
            Self::Constant(scalar) => scalar.get(),
        }
    }
}

impl Value {
    fn array(&self) -> &dyn Array {
        self.get().0
    }

    fn is_constant(&self) -> bool {
        self.get().1
    }

    /// What a kernel made of this and other values: constant if they all were.
    fn made_of(array: ArrayRef, constant: bool) -> Self {
        if constant { Self::Constant(Scalar::new(array)) } else { Self::Column(array) }
    }
}

/// Rows where a condition is true, neither false nor null.
pub(crate) fn is_true(condition: &BooleanArray) -> BooleanBuffer {
    match condition.nulls() {
        Some(valid) => condition.values() & valid.inner(),
        None => condition.values().clone(),
    }
}

/// Rows where a condition is false, neither true nor null.
pub(crate) fn is_false(condition: &BooleanArray) -> BooleanBuffer {
    let unset = !condition.values();
    match condition.nulls() {
        Some(valid) => &unset & valid.inner(),
        None => unset,
    }
}

/// The rows where all conditions are true, each tested only where those before it are; `None` if those are all rows.
pub(crate) fn holding<'a>(
    evaluation: &mut Evaluation<'a>,
    item: &'a str,
    conditions: &[NodeId],
    rows: usize,
) -> Result<Option<BooleanArray>> {
    let mut held: Selection = None;
    for &condition in conditions {
        let holds = is_true(&evaluation.condition(item, condition, held.clone())?);
        held = narrowed(&held, &holds);
    }
    Ok(held.filter(|held| held.count_set_bits() < rows).map(|held| BooleanArray::new(held, None)))
}

fn narrowed(selection: &Selection, rows: &BooleanBuffer) -> Selection {
    Some(match selection {
        Some(selection) => selection & rows,
        None => rows.clone(),
    })
}

impl<'a> Evaluation<'a> {
    /// `columns` are those the program was compiled for, each `rows` long.
    pub(crate) fn new(program: &'a Program, columns: &'a [ArrayRef], rows: usize, time_zone: &'a str) -> Self {
        Self { program, columns, rows, time_zone, shared: vec![None; program.nodes.len()], item: "" }
    }

    /// The condition's value in every row of `selection`.
    pub(crate) fn condition(
        &mut self,
        item: &'a str,
        node: NodeId,
        selection: Option<BooleanBuffer>,
    ) -> Result<BooleanArray> {
        self.item = item;
        self.booleans(node, &selection)
    }

    /// An expression's value in every row.
    pub(crate) fn values(&mut self, item: &'a str, node: NodeId) -> Result<ArrayRef> {
        self.item = item;
        self.column(node, &None)
    }

    fn value(&mut self, id: NodeId, selection: &Selection) -> Result<Value> {
        let program = self.program;
        let node = &program.nodes[id];
        if let Some(value) = &self.shared[id] {
            return Ok(value.clone());
        }
        let value = self.computed(node, selection)?;
        // A value that can fail is one of its selection alone, and is computed anew for another one.
        if node.uses > 1 && !node.fallible {
            self.shared[id] = Some(value.clone());
        }
        Ok(value)
    }

    fn computed(&mut self, node: &Node, selection: &Selection) -> Result<Value> {
        let arguments = node.arguments.as_slice();
        let column = |array: BooleanArray| Ok(Value::Column(Arc::new(array)));
        match &node.op {
            Op::Column(index) => Ok(Value::Column(Arc::clone(&self.columns[*index]))),
            Op::Literal(array) => Ok(Value::Constant(Scalar::new(Arc::clone(array)))),
            Op::And => {
                let mut all = self.booleans(arguments[0], selection)?;
                for &argument in &arguments[1..] {
                    let open = narrowed(selection, &!&is_false(&all));
                    all = compute::and_kleene(&all, &self.booleans(argument, &open)?)?;
                }
                column(all)
            }
            Op::Or => {
                let mut any = self.booleans(arguments[0], selection)?;
                for &argument in &arguments[1..] {
                    let open = narrowed(selection, &!&is_true(&any));
                    any = compute::or_kleene(&any, &self.booleans(argument, &open)?)?;
                }
                column(any)
            }
            Op::Not => column(compute::not(&self.booleans(arguments[0], selection)?)?),
            Op::IsNull => {
                let value = self.column(arguments[0], selection)?;
                column(compute::is_null(&value)?)
            }
            Op::IsNotNull => {
                let value = self.column(arguments[0], selection)?;
                column(compute::is_not_null(&value)?)
            }
            Op::Compare(Comparison::EqNullSafe) => {
                // The only comparison that looks at its right side whatever the left one is.
                let left = self.value(arguments[0], selection)?;
                let right = self.value(arguments[1], selection)?;
                let of = self.program.nodes[arguments[0]].of;
                Ok(self.made_of(Arc::new(equal_null_safe(of, &left, &right)?), &[&left, &right]))
            }
            Op::Compare(comparison) => {
                let (left, right) = self.pair(arguments, selection)?;
                let of = self.program.nodes[arguments[0]].of;
                Ok(self.made_of(Arc::new(compare(*comparison, of, &left, &right)?), &[&left, &right]))
            }
            Op::InWords { words, with_null } => {
                let value = self.column(arguments[0], selection)?;
                let texts = value.as_string::<i32>();
                let found = BooleanBuffer::collect_bool(self.rows, |row| words.contains(texts.value(row)));
                // Not found among values of which one is unknown: unknown.
                let known = with_null.then(|| NullBuffer::new(found.clone()));
                column(BooleanArray::new(found, NullBuffer::union(texts.nulls(), known.as_ref())))
            }
            Op::In => {
                let value = self.value(arguments[0], selection)?;
                let of = self.program.nodes[arguments[0]].of;
                let mut found = BooleanArray::from(vec![false; self.rows]);
                for &item in &arguments[1..] {
                    let open = narrowed(&self.where_valid(&value, selection), &!&is_true(&found));
                    let item = self.value(item, &open)?;
                    let equal = self.made_of(Arc::new(compare(Comparison::Eq, of, &value, &item)?), &[&value, &item]);
                    found = compute::or_kleene(&found, self.expanded(equal)?.as_boolean())?;
                }
                column(found)
            }
            Op::Arithmetic(operation) => {
                let (left, right) = self.pair(arguments, selection)?;
                match node.of {
                    Type::Decimal { precision, scale } => {
                        let scales = [0, 1].map(|side| self.program.nodes[arguments[side]].of.scale());
                        let digits = decimal::Digits { precision, scale };
                        let values = combine::<Decimal128Type, Decimal128Type, Decimal128Type, _>(
                            &left,
                            &right,
                            |left, right| {
                                let value = digits.calculate(*operation, (left, scales[0]), (right, scales[1]));
                                value.ok_or((0, Failure::Overflow))
                            },
                        );
                        let array = self.or_null(values, selection, operation.name(), node.of)?;
                        Ok(self.made_of(types::named(array, node.of), &[&left, &right]))
                    }
                    of => self.arithmetic(*operation, of, &left, &right, selection),
                }
            }
            Op::TimestampAdd => {
                let zone = self.zone();
                self.exact::<TimestampMicrosecondType, DurationMicrosecondType, TimestampMicrosecondType>(
                    node,
                    selection,
                    "TIMESTAMP_ADD",
                    |time, interval| zone.add(time, interval),
                )
            }
            Op::Divide => {
                let (left, right) = self.divisor_first(arguments, selection)?;
                let quotients = combine::<Float64Type, Float64Type, Float64Type, _>(&left, &right, |a, b| {
                    if b == 0.0 { Err((0.0, Failure::DivideByZero)) } else { Ok(a / b) }
                });
                let array = self.or_null(quotients, selection, "DIVIDE", node.of)?;
                Ok(self.made_of(array, &[&left, &right]))
            }
            Op::Remainder => {
                macro_rules! remainders {
                    ($arrow:ty, $zero:literal, $remainder:expr) => {{
                        let (left, right) = self.divisor_first(arguments, selection)?;
                        let remainders = combine::<$arrow, $arrow, $arrow, _>(&left, &right, |a, b| {
                            if b == $zero { Err(($zero, Failure::DivideByZero)) } else { Ok($remainder(a, b)) }
                        });
                        let array = self.or_null(remainders, selection, "REMAINDER", node.of)?;
                        Ok(self.made_of(array, &[&left, &right]))
                    }};
                }
                match node.of {
                    Type::Int => remainders!(Int32Type, 0, i32::wrapping_rem),
                    Type::Bigint => remainders!(Int64Type, 0, i64::wrapping_rem),
                    _ => remainders!(Float64Type, 0.0, |a: f64, b: f64| a % b),
                }
            }
            Op::Negate => {
                let value = self.value(arguments[0], selection)?;
                let negated = match node.of {
                    Type::Int => convert::<Int32Type, Int32Type>(&value, |number| checked(number.overflowing_neg())),
                    Type::Bigint => convert::<Int64Type, Int64Type>(&value, |number| checked(number.overflowing_neg())),
                    Type::Decimal { .. } => convert::<Decimal128Type, Decimal128Type>(&value, |number| Ok(-number)),
                    _ => convert::<Float64Type, Float64Type>(&value, |number| Ok(-number)),
                };
                let array = self.or_wrapped(negated, selection, "NEGATE", node.of)?;
                Ok(self.made_of(types::named(array, node.of), &[&value]))
            }
            Op::Abs => {
                let value = self.value(arguments[0], selection)?;
                let positive = match node.of {
                    Type::Int => convert::<Int32Type, Int32Type>(&value, |number| checked(number.overflowing_abs())),
                    Type::Bigint => convert::<Int64Type, Int64Type>(&value, |number| checked(number.overflowing_abs())),
                    Type::Decimal { .. } => {
                        convert::<Decimal128Type, Decimal128Type>(&value, |number| Ok(number.abs()))
                    }
                    _ => convert::<Float64Type, Float64Type>(&value, |number| Ok(number.abs())),
                };
                let array = self.or_wrapped(positive, selection, "ABS", node.of)?;
                Ok(self.made_of(types::named(array, node.of), &[&value]))
            }
            Op::DateShift(operation) => {
                let (date, days) = self.pair(arguments, selection)?;
                let dates = combine::<Date32Type, Int32Type, Date32Type, _>(&date, &days, |date, days| {
                    Ok(match operation {
                        Arithmetic::Subtract => date.wrapping_sub(days),
                        _ => date.wrapping_add(days),
                    })
                });
                Ok(self.made_of(dates.array, &[&date, &days]))
            }
            Op::DateDiff => {
                let (end, start) = self.pair(arguments, selection)?;
                let days = combine::<Date32Type, Date32Type, Int32Type, _>(&end, &start, |end, start| {
                    Ok(end.wrapping_sub(start))
                });
                Ok(self.made_of(days.array, &[&end, &start]))
            }
            Op::DatesBetween => self.exact::<Date32Type, Date32Type, DurationMicrosecondType>(
                node,
                selection,
                "DATES_BETWEEN",
                |end, start| end.checked_sub(start).map(|days| i64::from(days) * DAY_US).ok_or(Failure::Overflow),
            ),
            Op::TimestampsBetween => {
                let zone = self.zone();
                self.exact::<TimestampMicrosecondType, TimestampMicrosecondType, DurationMicrosecondType>(
                    node,
                    selection,
                    "TIMESTAMPS_BETWEEN",
                    |end, start| zone.between(end, start),
                )
            }
            Op::Extreme(replaced) => {
                let comparison = if replaced.is_gt() { Comparison::Gt } else { Comparison::Lt };
                let mut extreme = self.column(arguments[0], selection)?;
                for &argument in &arguments[1..] {
                    let other = self.column(argument, selection)?;
                    let beyond = compare(
                        comparison,
                        node.of,
                        &Value::Column(Arc::clone(&extreme)),
                        &Value::Column(Arc::clone(&other)),
                    )?;
                    let first = &compute::is_null(&extreme)?;
                    let taken = &is_true(&beyond) | &(first.values() & compute::is_not_null(&other)?.values());
                    extreme = zip(&BooleanArray::new(taken, None), &other, &extreme)?;
                }
                Ok(Value::Column(extreme))
            }
            Op::UnixMicros => {
                let value = self.value(arguments[0], selection)?;
                let times = value.array().as_primitive::<TimestampMicrosecondType>();
                Ok(self.made_of(Arc::new(times.reinterpret_cast::<Int64Type>()), &[&value]))
            }
            Op::TimestampTruncate { unit_us, ahead_us } => {
                let value = self.value(arguments[0], selection)?;
                let times = value.array().as_primitive::<TimestampMicrosecondType>();
                let truncated: TimestampMicrosecondArray =
                    times.unary(|time| time.wrapping_sub(time.wrapping_add(*ahead_us).rem_euclid(*unit_us)));
                Ok(self.made_of(types::in_utc(&(Arc::new(truncated) as ArrayRef)), &[&value]))
            }
            Op::IsNan => {
                let value = self.value(arguments[0], selection)?;
                let doubles = value.array().as_primitive::<Float64Type>();
                let nan = BooleanBuffer::collect_bool(doubles.len(), |row| {
                    doubles.is_valid(row) && doubles.value(row).is_nan()
                });
                Ok(self.made_of(Arc::new(BooleanArray::new(nan, None)), &[&value]))
            }
            Op::Coalesce => {
                let mut value = self.column(arguments[0], selection)?;
                for &argument in &arguments[1..] {
                    if value.null_count() == 0 {
                        break;
                    }
                    let open = compute::is_null(&value)?;
                    let other = self.value(argument, &narrowed(selection, open.values()))?;
                    value = zip(&open, &other, &value)?;
                }
                Ok(Value::Column(value))
            }
            Op::If => {
                let condition = is_true(&self.booleans(arguments[0], selection)?);
                let then = self.value(arguments[1], &narrowed(selection, &condition))?;
                let otherwise = self.value(arguments[2], &narrowed(selection, &!&condition))?;
                Ok(Value::Column(self.either(condition, then, otherwise)?))
            }
            Op::CaseWhen => self.case_when(arguments, node.of, selection),
            Op::Matches(pattern) => {
                let value = self.value(arguments[0], selection)?;
                let texts = value.array().as_string::<i32>();
                let found = BooleanBuffer::collect_bool(texts.len(), |row| {
                    texts.is_valid(row) && pattern.found_in(texts.value(row))
                });
                let array = BooleanArray::new(found, texts.nulls().cloned());
                Ok(self.made_of(Arc::new(array), &[&value]))
            }
            Op::Length => {
                let value = self.value(arguments[0], selection)?;
                let texts = value.array().as_string::<i32>();
                // A text has less than 2^31 bytes, so no more characters either.
                let array: Int32Array = texts.iter().map(|text| text.map(|text| text.chars().count() as i32)).collect();
                Ok(self.made_of(Arc::new(array), &[&value]))
            }
            Op::Lower => self.respelled(arguments, selection, str::to_lowercase),
            Op::Upper => self.respelled(arguments, selection, str::to_uppercase),
            Op::Trim(sides) => self.respelled(arguments, selection, |text| {
                let text = if *sides == Sides::Right { text } else { text.trim_start_matches(' ') };
                if *sides == Sides::Left { text } else { text.trim_end_matches(' ') }.to_owned()
            }),
            Op::Substring => {
                let (text, first) = self.pair(arguments, selection)?;
                let open = self.where_valid(&first, &self.where_valid(&text, selection));
                let count = self.column(arguments[2], &open)?;
                let (text, first) = (self.expanded(text)?, self.expanded(first)?);
                let (texts, firsts) = (text.as_string::<i32>(), first.as_primitive::<Int32Type>());
                let parts: StringArray = texts
                    .iter()
                    .zip(firsts)
                    .zip(count.as_primitive::<Int32Type>())
                    .map(|((text, first), count)| Some(substring(text?, first?, count?)))
                    .collect();
                Ok(Value::Column(Arc::new(parts)))
            }
            Op::Concat => {
                let parts = arguments.iter().map(|&part| self.column(part, selection)).collect::<Result<Vec<_>>>()?;
                let parts: Vec<&StringArray> = parts.iter().map(AsArray::as_string::<i32>).collect();
                let whole = |row| {
                    let texts = parts.iter().map(|part| part.is_valid(row).then(|| part.value(row)));
                    texts.collect::<Option<String>>()
                };
                Ok(Value::Column(Arc::new((0..self.rows).map(whole).collect::<StringArray>())))
            }
            Op::StartsWith => self.search(compute::starts_with, arguments, selection),
            Op::EndsWith => self.search(compute::ends_with, arguments, selection),
            Op::Contains => self.search(compute::contains, arguments, selection),
            Op::Cast => {
                let value = self.value(arguments[0], selection)?;
                let array = self.cast(&value, self.program.nodes[arguments[0]].of, node.of, selection)?;
                Ok(self.made_of(array, &[&value]))
            }
        }
    }

    fn booleans(&mut self, id: NodeId, selection: &Selection) -> Result<BooleanArray> {
        Ok(self.column(id, selection)?.as_boolean().clone())
    }

    fn column(&mut self, id: NodeId, selection: &Selection) -> Result<ArrayRef> {
        let value = self.value(id, selection)?;
        self.expanded(value)
    }

    fn expanded(&self, value: Value) -> Result<ArrayRef> {
        match value {
            Value::Column(array) => Ok(array),
            Value::Constant(scalar) => Ok(compute::take(scalar.get().0, &UInt32Array::from(vec![0; self.rows]), None)?),
        }
    }

    fn made_of(&self, array: ArrayRef, of: &[&Value]) -> Value {
        Value::made_of(array, of.iter().all(|value| value.is_constant()))
    }

    /// The two sides of an operation that is null where the left one is, without a look at the right one.
    fn pair(&mut self, arguments: &[NodeId], selection: &Selection) -> Result<(Value, Value)> {
        let left = self.value(arguments[0], selection)?;
        let right = if self.program.nodes[arguments[1]].fallible {
            self.value(arguments[1], &self.where_valid(&left, selection))?
        } else {
            self.value(arguments[1], selection)?
        };
        Ok((left, right))
    }

    /// The two sides of a division. Spark looks at the right one first, and at the left one where that is not null.
    fn divisor_first(&mut self, arguments: &[NodeId], selection: &Selection) -> Result<(Value, Value)> {
        let (right, left) = self.pair(&[arguments[1], arguments[0]], selection)?;
        Ok((left, right))
    }

    /// The session's; compiling a node that needs it sets it.
    fn zone(&self) -> Zone {
        self.program.zone.unwrap_or(Zone::Fixed(0))
    }

    fn where_valid(&self, value: &Value, selection: &Selection) -> Selection {
        match value {
            Value::Column(array) => match array.nulls() {
                Some(valid) => narrowed(selection, valid.inner()),
                None => selection.clone(),
            },
            Value::Constant(scalar) if scalar.get().0.is_null(0) => Some(BooleanBuffer::new_unset(self.rows)),
            Value::Constant(_) => selection.clone(),
        }
    }

    fn case_when(&mut self, arguments: &[NodeId], of: Type, selection: &Selection) -> Result<Value> {
        let mut branches = Vec::new();
        let mut open = selection.clone();
        let mut rest = arguments;
        while let [condition, value, after @ ..] = rest {
            let taken = is_true(&self.booleans(*condition, &open)?);
            let value = self.value(*value, &narrowed(&open, &taken))?;
            open = narrowed(&open, &!&taken);
            branches.push((taken, value));
            rest = after;
        }
        let mut result = match rest {
            [otherwise, ..] => self.value(*otherwise, &open)?,
            [] => Value::Constant(Scalar::new(new_null_array(&types::arrow_type(of), 1))),
        };
        // The first true condition decides, so it is put on last.
        for (taken, value) in branches.into_iter().rev() {
            result = Value::Column(self.either(taken, value, result)?);
        }
        Ok(result)
    }

    /// One value where it is `taken`, the other elsewhere. Nulls need no copy of what is beside them.
    fn either(&self, taken: BooleanBuffer, value: Value, otherwise: Value) -> Result<ArrayRef> {
        let is_null = |value: &Value| value.is_constant() && value.array().is_null(0);
        let (kept, value) = match (is_null(&value), is_null(&otherwise)) {
            (_, true) => (taken, value),
            (true, false) => (!&taken, otherwise),
            (false, false) => return Ok(zip(&BooleanArray::new(taken, None), &value, &otherwise)?),
        };
        let values = self.expanded(value)?;
        let nulls = NullBuffer::union(values.nulls(), Some(&NullBuffer::new(kept)));
        Ok(make_array(values.to_data().into_builder().nulls(nulls).build()?))
    }

    fn respelled(
        &mut self,
        arguments: &[NodeId],
        selection: &Selection,
        change: impl Fn(&str) -> String,
    ) -> Result<Value> {
        let value = self.value(arguments[0], selection)?;
        let texts = value.array().as_string::<i32>();
        let array: StringArray = texts.iter().map(|text| text.map(&change)).collect();
        Ok(self.made_of(Arc::new(array), &[&value]))
    }

    fn search(
        &mut self,
        kernel: fn(&dyn Datum, &dyn Datum) -> Result<BooleanArray, arrow::error::ArrowError>,
        arguments: &[NodeId],
        selection: &Selection,
    ) -> Result<Value> {
        let (text, part) = self.pair(arguments, selection)?;
        Ok(self.made_of(Arc::new(kernel(&text, &part)?), &[&text, &part]))
    }

    fn arithmetic(
        &self,
        operation: Arithmetic,
        of: Type,
        left: &Value,
        right: &Value,
        selection: &Selection,
    ) -> Result<Value> {
        macro_rules! integers {
            ($arrow:ty, $native:ty) => {
                match operation {
                    Arithmetic::Add => {
                        combine::<$arrow, $arrow, $arrow, _>(left, right, |a, b| checked(a.overflowing_add(b)))
                    }
                    Arithmetic::Subtract => {
                        combine::<$arrow, $arrow, $arrow, _>(left, right, |a, b| checked(a.overflowing_sub(b)))
                    }
                    Arithmetic::Multiply => {
                        combine::<$arrow, $arrow, $arrow, _>(left, right, |a, b| checked(a.overflowing_mul(b)))
                    }
                }
            };
        }
        let combined = match of {
            Type::Int => integers!(Int32Type, i32),
            Type::Bigint => integers!(Int64Type, i64),
            _ => match operation {
                Arithmetic::Add => combine::<Float64Type, Float64Type, Float64Type, _>(left, right, |a, b| Ok(a + b)),
                Arithmetic::Subtract => {
                    combine::<Float64Type, Float64Type, Float64Type, _>(left, right, |a, b| Ok(a - b))
                }
                Arithmetic::Multiply => {
                    combine::<Float64Type, Float64Type, Float64Type, _>(left, right, |a, b| Ok(a * b))
                }
            },
        };
        Ok(self.made_of(self.or_wrapped(combined, selection, operation.name(), of)?, &[left, right]))
    }

    fn cast(&self, value: &Value, from: Type, to: Type, selection: &Selection) -> Result<ArrayRef> {
        let (zone, ansi) = (self.zone(), self.program.ansi);
        let narrowed = match (from, to) {
            (Type::Bigint, Type::Int) => convert::<Int64Type, Int32Type>(value, cast::bigint_to_int),
            (Type::Double, Type::Int) => convert::<Float64Type, Int32Type>(value, cast::double_to_int),
            (Type::Double, Type::Bigint) => convert::<Float64Type, Int64Type>(value, cast::double_to_bigint),
            (_, Type::Decimal { precision, scale }) => {
                let digits = decimal::Digits { precision, scale };
                let fitted = |number: i128, scale: u8| digits.of(number, scale).ok_or((0, Failure::Overflow));
                let decimals = match from {
                    Type::Int => convert::<Int32Type, Decimal128Type>(value, |number| fitted(number.into(), 0)),
                    Type::Bigint => convert::<Int64Type, Decimal128Type>(value, |number| fitted(number.into(), 0)),
                    _ => convert::<Decimal128Type, Decimal128Type>(value, |number| fitted(number, from.scale())),
                };
                return Ok(types::named(self.or_null(decimals, selection, "CAST", to)?, to));
            }
            (Type::Decimal { scale, .. }, Type::Double) => {
                convert::<Decimal128Type, Float64Type>(value, |number| Ok(decimal::to_double(number, scale)))
            }
            (Type::Decimal { precision, scale }, Type::Int) => convert::<Decimal128Type, Int32Type>(value, |number| {
                cast::decimal_to_int(number, precision, scale, ansi)
            }),
            (Type::Decimal { scale, .. }, Type::Bigint) => {
                convert::<Decimal128Type, Int64Type>(value, |number| cast::decimal_to_bigint(number, scale))
            }
            (Type::Date, Type::Timestamp) => {
                let times = convert::<Date32Type, TimestampMicrosecondType>(value, |day| {
                    zone.midnight(day).map_err(|failure| (0, failure))
                });
                return Ok(types::in_utc(&self.without_failure(times, selection, "CAST", to)?));
            }
            (Type::Timestamp, Type::Date) => {
                let days = convert::<TimestampMicrosecondType, Date32Type>(value, |time| {
                    let local = zone.local(time).map_err(|failure| (0, failure))?;
                    Ok(local.div_euclid(DAY_US) as i32)
                });
                return self.without_failure(days, selection, "CAST", to);
            }
            (Type::Date, Type::String) => {
                let days = value.array().as_primitive::<Date32Type>();
                return Ok(Arc::new(days.iter().map(|day| day.map(moment::date_text)).collect::<StringArray>()));
            }
            (Type::Timestamp, Type::String) => {
                let local = convert::<TimestampMicrosecondType, Int64Type>(value, |time| {
                    zone.local(time).map_err(|failure| (0, failure))
                });
                let local = self.without_failure(local, selection, "CAST", to)?;
                let times = local.as_primitive::<Int64Type>();
                return Ok(Arc::new(
                    times.iter().map(|time| time.map(moment::timestamp_text)).collect::<StringArray>(),
                ));
            }
            (Type::Decimal { scale, .. }, Type::String) => {
                let decimals = value.array().as_primitive::<Decimal128Type>();
                let text = |number| decimal::to_text(number, scale, ansi);
                return Ok(Arc::new(decimals.iter().map(|number| number.map(text)).collect::<StringArray>()));
            }
            (Type::String, _) => {
                let texts = value.array().as_string::<i32>();
                let read = match to {
                    Type::Boolean => read_booleans(texts),
                    Type::Int => read_numbers::<Int32Type>(texts, |text| cast::text_to_int(text, ansi)),
                    Type::Double => read_numbers::<Float64Type>(texts, cast::text_to_double),
                    Type::Date => {
                        read_numbers::<Date32Type>(texts, |text| moment::date(text).ok_or((0, Failure::Malformed)))
                    }
                    Type::Timestamp => read_numbers::<TimestampMicrosecondType>(texts, |text| {
                        moment::timestamp(text, zone).map_err(|failure| (0, failure))
                    }),
                    _ => read_numbers::<Int64Type>(texts, |text| cast::text_to_bigint(text, ansi)),
                };
                // No year is guessed, whatever the mode.
                return match self.failure(&read, selection, |why| ansi || why == Failure::UnknownYear) {
                    Some((row, Failure::UnknownYear)) => Err(Error::TimeZoneRange {
                        item: self.item.to_owned(),
                        time_zone: format!("of '{}'", texts.value(row)),
                    }),
                    Some((row, _)) => Err(Error::Malformed {
                        item: self.item.to_owned(),
                        text: texts.value(row).to_owned(),
                        of: to.to_string(),
                    }),
                    None => Ok(types::in_utc(&nulled(read)?)),
                };
            }
            _ => return Ok(compute::cast(value.array(), &types::arrow_type(to))?),
        };
        self.or_wrapped(narrowed, selection, "CAST", to)
    }

    /// An operation on both arguments that has its exact value, or is an error whatever the mode.
    fn exact<L, R, O>(
        &mut self,
        node: &Node,
        selection: &Selection,
        operation: &'static str,
        value: impl Fn(L::Native, R::Native) -> Result<O::Native, Failure>,
    ) -> Result<Value>
    where
        L: ArrowPrimitiveType,
        R: ArrowPrimitiveType,
        O: ArrowPrimitiveType,
    {
        let (left, right) = self.pair(&node.arguments, selection)?;
        let values = combine::<L, R, O, _>(&left, &right, |left, right| {
            value(left, right).map_err(|failure| (O::Native::default(), failure))
        });
        let array = self.without_failure(values, selection, operation, node.of)?;
        Ok(self.made_of(types::in_utc(&array), &[&left, &right]))
    }

    /// The result, with what wrapped where a row failed, unless that is an error.
    fn or_wrapped(
        &self,
        combined: Combined,
        selection: &Selection,
        operation: &'static str,
        of: Type,
    ) -> Result<ArrayRef> {
        if self.program.ansi { self.without_failure(combined, selection, operation, of) } else { Ok(combined.array) }
    }

    /// The result, with nulls where a row failed, unless that is an error.
    fn or_null(
        &self,
        combined: Combined,
        selection: &Selection,
        operation: &'static str,
        of: Type,
    ) -> Result<ArrayRef> {
        if self.program.ansi { self.without_failure(combined, selection, operation, of) } else { nulled(combined) }
    }

    /// The result, unless a row that counts failed.
    fn without_failure(
        &self,
        combined: Combined,
        selection: &Selection,
        operation: &'static str,
        of: Type,
    ) -> Result<ArrayRef> {
        match self.failure(&combined, selection, |_| true) {
            None => Ok(combined.array),
            Some((_, failure)) => Err(self.error(failure, operation, of)),
        }
    }

    fn error(&self, failure: Failure, operation: &'static str, of: Type) -> Error {
        let item = self.item.to_owned();
        match failure {
            Failure::DivideByZero => Error::DivideByZero { item, operation },
            Failure::UnknownYear => Error::TimeZoneRange { item, time_zone: self.time_zone.to_owned() },
            Failure::Overflow | Failure::Malformed => Error::Overflow { item, operation, of: of.to_string() },
        }
    }

    /// The first failure that matters in a row that counts.
    fn failure(
        &self,
        combined: &Combined,
        selection: &Selection,
        matters: impl Fn(Failure) -> bool,
    ) -> Option<(usize, Failure)> {
        let constant = combined.array.len() != self.rows;
        let counts = |row: usize| match selection {
            Some(selection) if constant => selection.has_true(),
            Some(selection) => selection.value(row),
            None => self.rows > 0,
        };
        combined.failures.iter().copied().find(|&(row, why)| matters(why) && counts(row))
    }
}

/// An operation's results, and where it failed.
struct Combined {
    array: ArrayRef,
    failures: Failures,
}

/// Rows, and why they failed.
type Failures = Vec<(usize, Failure)>;

/// What wraps, and the failure if that is not the result.
fn checked<T>((value, overflows): (T, bool)) -> Result<T, (T, Failure)> {
    if overflows { Err((value, Failure::Overflow)) } else { Ok(value) }
}

fn combine<L, R, O, F>(left: &Value, right: &Value, operation: F) -> Combined
where
    L: ArrowPrimitiveType,
    R: ArrowPrimitiveType,
    O: ArrowPrimitiveType,
    F: Fn(L::Native, R::Native) -> Result<O::Native, (O::Native, Failure)>,
{
    let ((left, left_constant), (right, right_constant)) = (left.get(), right.get());
    let (lefts, rights) = (left.as_primitive::<L>().values(), right.as_primitive::<R>().values());
    let rows = common_length(left.len(), left_constant, right.len(), right_constant);
    let nulls = common_nulls(rows, (left, left_constant), (right, right_constant));
    let mut failures = Vec::new();
    let values: Vec<O::Native> = (0..rows)
        .map(|row| {
            let (l, r) = (lefts[if left_constant { 0 } else { row }], rights[if right_constant { 0 } else { row }]);
            operation(l, r).unwrap_or_else(|(value, failure)| {
                // What lies under a null is not computed by Spark either.
                if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                    failures.push((row, failure));
                }
                value
            })
        })
        .collect();
    Combined { array: Arc::new(PrimitiveArray::<O>::new(values.into(), nulls)), failures }
}

/// The same of one side.
fn convert<I, O>(value: &Value, operation: impl Fn(I::Native) -> Result<O::Native, (O::Native, Failure)>) -> Combined
where
    I: ArrowPrimitiveType,
    O: ArrowPrimitiveType,
{
    let numbers = value.array().as_primitive::<I>();
    let mut failures = Vec::new();
    let values: Vec<O::Native> = numbers
        .values()
        .iter()
        .enumerate()
        .map(|(row, &number)| {
            operation(number).unwrap_or_else(|(value, failure)| {
                if numbers.is_valid(row) {
                    failures.push((row, failure));
                }
                value
            })
        })
        .collect();
    Combined { array: Arc::new(PrimitiveArray::<O>::new(values.into(), numbers.nulls().cloned())), failures }
}

/// What texts say, one by one.
fn read<T: Default>(texts: &StringArray, read: impl Fn(&str) -> Result<T, (T, Failure)>) -> (Vec<T>, Failures) {
    let mut failures = Vec::new();
    let values = texts.iter().enumerate().map(|(row, text)| match text.map(&read) {
        None => T::default(),
        Some(Ok(value)) => value,
        Some(Err((value, failure))) => {
            failures.push((row, failure));
            value
        }
    });
    (values.collect(), failures)
}

fn read_numbers<T: ArrowPrimitiveType>(
    texts: &StringArray,
    number: impl Fn(&str) -> Result<T::Native, (T::Native, Failure)>,
) -> Combined {
    let (values, failures) = read(texts, number);
    Combined { array: Arc::new(PrimitiveArray::<T>::new(values.into(), texts.nulls().cloned())), failures }
}

fn read_booleans(texts: &StringArray) -> Combined {
    let (values, failures) = read(texts, cast::text_to_boolean);
    Combined { array: Arc::new(BooleanArray::new(values.into(), texts.nulls().cloned())), failures }
}

/// The results, with nulls where the operation failed.
fn nulled(combined: Combined) -> Result<ArrayRef> {
    let Combined { array, failures } = combined;
    if failures.is_empty() {
        return Ok(array);
    }
    let mut failed = Mask::new(array.len());
    failures.iter().for_each(|&(row, _)| failed.set(row));
    let nulls = NullBuffer::union(array.nulls(), Some(&NullBuffer::new(!&failed.finish())));
    Ok(make_array(array.to_data().into_builder().nulls(nulls).build()?))
}

/// Characters of a text, counted from 1, or from the end if `first` is negative, as SQL has it.
fn substring(text: &str, first: i32, count: i32) -> &str {
    let start = match first {
        1.. => i64::from(first) - 1,
        0 => 0,
        _ => text.chars().count() as i64 + i64::from(first),
    };
    let end = (start + i64::from(count)).clamp(0, i32::MAX.into()) as usize;
    let start = start.max(0) as usize;
    let at = |character: usize| text.char_indices().nth(character).map_or(text.len(), |(at, _)| at);
    if end <= start { "" } else { &text[at(start)..at(end)] }
}

fn common_length(left: usize, left_constant: bool, right: usize, right_constant: bool) -> usize {
    if left_constant && right_constant {
        1
    } else if left_constant {
        right
    } else {
        left
    }
}

/// Null where either side is.
fn common_nulls(rows: usize, left: (&dyn Array, bool), right: (&dyn Array, bool)) -> Option<NullBuffer> {
    let of = |(array, constant): (&dyn Array, bool)| match (constant, array.null_count()) {
        (_, 0) => None,
        (true, _) => Some(NullBuffer::new_null(rows)),
        (false, _) => array.nulls().cloned(),
    };
    NullBuffer::union(of(left).as_ref(), of(right).as_ref())
}

/// Spark's order of doubles: all NaN are equal and greater than any number, and -0.0 equals 0.0.
fn order(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

fn compare(comparison: Comparison, of: Type, left: &Value, right: &Value) -> Result<BooleanArray> {
    if of == Type::Double {
        let holds = match comparison {
            Comparison::Eq | Comparison::EqNullSafe => Ordering::is_eq,
            Comparison::Lt => Ordering::is_lt,
            Comparison::Le => Ordering::is_le,
            Comparison::Gt => Ordering::is_gt,
            Comparison::Ge => Ordering::is_ge,
        };
        return Ok(compare_doubles(left, right, holds));
    }
    Ok(match comparison {
        Comparison::Eq | Comparison::EqNullSafe => cmp::eq(left, right),
        Comparison::Lt => cmp::lt(left, right),
        Comparison::Le => cmp::lt_eq(left, right),
        Comparison::Gt => cmp::gt(left, right),
        Comparison::Ge => cmp::gt_eq(left, right),
    }?)
}

fn compare_doubles(left: &Value, right: &Value, holds: fn(Ordering) -> bool) -> BooleanArray {
    let (left, right) = (left.get(), right.get());
    let rows = common_length(left.0.len(), left.1, right.0.len(), right.1);
    let nulls = common_nulls(rows, left, right);
    let (lefts, rights) =
        (left.0.as_primitive::<Float64Type>().values(), right.0.as_primitive::<Float64Type>().values());
    let values = BooleanBuffer::collect_bool(rows, |row| {
        holds(order(lefts[if left.1 { 0 } else { row }], rights[if right.1 { 0 } else { row }]))
    });
    BooleanArray::new(values, nulls)
}

/// Equal, or both null; never null itself.
fn equal_null_safe(of: Type, left: &Value, right: &Value) -> Result<BooleanArray> {
    if of != Type::Double {
        return Ok(cmp::not_distinct(left, right)?);
    }
    let equal = is_true(&compare_doubles(left, right, Ordering::is_eq));
    let (left, right) = (left.get(), right.get());
    let both_null = BooleanBuffer::collect_bool(equal.len(), |row| {
        left.0.is_null(if left.1 { 0 } else { row }) && right.0.is_null(if right.1 { 0 } else { row })
    });
    Ok(BooleanArray::new(&equal | &both_null, None))
}
