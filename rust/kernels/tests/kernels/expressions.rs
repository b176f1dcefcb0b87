use std::{cmp::Ordering, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray, StructArray,
        TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, TimeUnit},
};
use downbeat_kernels::proto::{
    Column, Contract, Expr, Field as InputField, Function, Severity, Type, check::Test, expr::Node, literal,
};
use proptest::prelude::*;

use crate::building::{boolean, call, check, cleanser, column, condition, integer, literal, mixed, text};

/// One value of any type.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Boolean(bool),
    Int(i32),
    Bigint(i64),
    Double(f64),
    Text(String),
    Time(i64),
    Interval(i64),
}

use Value::Null;

/// The columns all expressions here are over, two of each type: `Contract.columns` and how a value of each is drawn.
const COLUMNS: [Type; 12] = [
    Type::Boolean,
    Type::Boolean,
    Type::Int,
    Type::Int,
    Type::Bigint,
    Type::Bigint,
    Type::Double,
    Type::Double,
    Type::String,
    Type::String,
    Type::Timestamp,
    Type::Timestamp,
];

const TEXTS: [&str; 14] =
    ["", "a", "b", "ab", "abc", " a ", "A", "\u{e9}\u{301}", "ß", "🎵x", "a%b", "a\nb", "ab\n", "\u{10ffff}"];

/// A pattern, and what it asks said another way.
type Pattern = (&'static str, fn(&str) -> bool);

const LIKE: [Pattern; 5] = [
    ("a%", |text| text.starts_with('a')),
    ("%b", |text| text.ends_with('b')),
    ("_", |text| text.chars().count() == 1),
    (r"a\%b", |text| text == "a%b"),
    ("%a%", |text| text.contains('a')),
];
const RLIKE: [Pattern; 4] = [
    ("b$", |text| text.strip_suffix('\n').unwrap_or(text).ends_with('b') || text.ends_with('b')),
    ("^a", |text| text.starts_with('a')),
    ("^.$", |text| text.chars().count() == 1 && text != "\n"),
    ("[A-Z]", |text| text.chars().any(|c| c.is_ascii_uppercase())),
];

struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(1);
        (mixed(self.0) % n as u64) as usize
    }

    fn value(&mut self, of: Type) -> Value {
        if self.below(5) == 0 {
            return Null;
        }
        match of {
            Type::Boolean => Value::Boolean(self.below(2) == 0),
            Type::Int => Value::Int([0, 1, -1, 2, 7, i32::MAX, i32::MIN][self.below(7)]),
            Type::Bigint => Value::Bigint([0, 1, -1, 2, 7, i64::MAX, i64::MIN][self.below(7)]),
            Type::Double => {
                Value::Double([0.0, -0.0, 1.5, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY][self.below(7)])
            }
            Type::String => Value::Text(TEXTS[self.below(TEXTS.len())].to_owned()),
            Type::Timestamp => Value::Time([0, 1, -1, 1_790_856_000_000_000, i64::MAX, i64::MIN][self.below(6)]),
            _ => Value::Interval([0, 1, -86_400_000_000, 300_000_000, i64::MAX][self.below(5)]),
        }
    }

    fn literal(&mut self, of: Type) -> Expr {
        let value = match self.value(of) {
            Null => None,
            Value::Boolean(value) => Some(literal::Value::Boolean(value)),
            Value::Int(value) => Some(literal::Value::Integer(value.into())),
            Value::Bigint(value) | Value::Time(value) | Value::Interval(value) => Some(literal::Value::Integer(value)),
            Value::Double(value) => Some(literal::Value::Double(value)),
            Value::Text(value) => Some(literal::Value::String(value)),
        };
        literal(of, value)
    }

    fn any_type(&mut self) -> Type {
        [Type::Boolean, Type::Int, Type::Bigint, Type::Double, Type::String, Type::Timestamp][self.below(6)]
    }

    fn expr(&mut self, of: Type, depth: usize) -> Expr {
        let choice = self.below(10);
        if depth == 0 || choice < 2 {
            return if of == Type::Interval || choice == 0 {
                self.literal(of)
            } else {
                let of_type: Vec<_> = (0..12).filter(|&at| COLUMNS[at] == of).collect();
                column(of, of_type[self.below(2)] as u32)
            };
        }
        let depth = depth - 1;
        if choice < 5 || of == Type::Interval {
            return match self.below(3) {
                0 => call(
                    of,
                    Function::If,
                    vec![self.expr(Type::Boolean, depth), self.expr(of, depth), self.expr(of, depth)],
                ),
                1 => {
                    let mut arguments = Vec::new();
                    for _ in 0..=self.below(2) {
                        arguments.extend([self.expr(Type::Boolean, depth), self.expr(of, depth)]);
                    }
                    if self.below(2) == 0 {
                        arguments.push(self.expr(of, depth));
                    }
                    call(of, Function::CaseWhen, arguments)
                }
                _ => {
                    let arguments = (0..=self.below(3)).map(|_| self.expr(of, depth)).collect();
                    call(of, Function::Coalesce, arguments)
                }
            };
        }
        match of {
            Type::Boolean => self.boolean(depth),
            Type::Int if self.below(3) == 0 => call(of, Function::Length, vec![self.expr(Type::String, depth)]),
            Type::Bigint if self.below(3) == 0 => call(of, Function::Cast, vec![self.expr(Type::Int, depth)]),
            Type::Double if self.below(3) == 0 => {
                let from = [Type::Int, Type::Bigint][self.below(2)];
                call(of, Function::Cast, vec![self.expr(from, depth)])
            }
            Type::Int | Type::Bigint | Type::Double => {
                let function = [Function::Add, Function::Subtract, Function::Multiply][self.below(3)];
                call(of, function, vec![self.expr(of, depth), self.expr(of, depth)])
            }
            Type::Timestamp => {
                let arguments = vec![self.expr(of, depth), self.expr(Type::Interval, depth)];
                call(of, Function::TimestampAdd, arguments)
            }
            _ => {
                let function = [Function::Lower, Function::Upper, Function::Trim][self.below(3)];
                call(of, function, vec![self.expr(of, depth)])
            }
        }
    }

    fn boolean(&mut self, depth: usize) -> Expr {
        use Function::{
            And, Contains, EndsWith, Eq, EqNullSafe, Ge, Gt, In, IsNotNull, IsNull, Le, Like, Lt, Not, Or, Rlike,
            StartsWith,
        };
        let some = |draw: &mut Self, of, n| (0..n).map(|_| draw.expr(of, depth)).collect::<Vec<_>>();
        match self.below(9) {
            0 => {
                let n = 2 + self.below(2);
                condition([And, Or][self.below(2)], some(self, Type::Boolean, n))
            }
            1 => condition(Not, some(self, Type::Boolean, 1)),
            2 => {
                let of = self.any_type();
                condition([IsNull, IsNotNull][self.below(2)], some(self, of, 1))
            }
            3 | 4 => {
                let of = self.any_type();
                condition([Eq, EqNullSafe, Lt, Le, Gt, Ge][self.below(6)], some(self, of, 2))
            }
            5 => {
                let of = self.any_type();
                let n = 2 + self.below(3);
                condition(In, some(self, of, n))
            }
            6 => {
                let value = self.expr(Type::String, depth);
                let list = (0..=self.below(4)).map(|_| self.literal(Type::String));
                condition(In, std::iter::once(value).chain(list).collect())
            }
            7 => {
                let value = self.expr(Type::String, depth);
                let (function, pattern) =
                    if self.below(2) == 0 { (Like, LIKE[self.below(5)].0) } else { (Rlike, RLIKE[self.below(4)].0) };
                condition(function, vec![value, text(pattern)])
            }
            _ => condition([StartsWith, EndsWith, Contains][self.below(3)], some(self, Type::String, 2)),
        }
    }
}

/// An error Spark would raise.
#[derive(Debug, PartialEq)]
struct Overflow;

/// Spark's interpreter, one row at a time: every function as its documentation has it, stopping where Spark stops.
fn evaluate(expr: &Expr, row: &[Value], ansi: bool) -> Result<Value, Overflow> {
    let call = match expr.node.as_ref().unwrap() {
        Node::Column(index) => return Ok(row[*index as usize].clone()),
        Node::Literal(literal) => {
            return Ok(match (expr.r#type.unwrap().r#type(), &literal.value) {
                (_, None) => Null,
                (_, Some(literal::Value::Boolean(value))) => Value::Boolean(*value),
                (Type::Int, Some(literal::Value::Integer(value))) => Value::Int(*value as i32),
                (Type::Bigint, Some(literal::Value::Integer(value))) => Value::Bigint(*value),
                (Type::Timestamp, Some(literal::Value::Integer(value))) => Value::Time(*value),
                (_, Some(literal::Value::Integer(value))) => Value::Interval(*value),
                (_, Some(literal::Value::Double(value))) => Value::Double(*value),
                (_, Some(literal::Value::String(value))) => Value::Text(value.clone()),
                (_, Some(literal::Value::Binary(_) | literal::Value::Decimal(_))) => panic!("no such literal is drawn"),
            });
        }
        Node::Call(call) => call,
    };
    let argument = |at: usize| evaluate(&call.arguments[at], row, ansi);
    let count = call.arguments.len();
    let is_true = |value: &Value| *value == Value::Boolean(true);
    Ok(match call.function() {
        Function::And | Function::Or => {
            let decisive = Value::Boolean(call.function() == Function::Or);
            let mut result = Value::Boolean(call.function() == Function::And);
            for at in 0..count {
                let value = argument(at)?;
                if value == decisive {
                    return Ok(decisive);
                }
                if value == Null {
                    result = Null;
                }
            }
            result
        }
        Function::Not => match argument(0)? {
            Value::Boolean(value) => Value::Boolean(!value),
            other => other,
        },
        Function::IsNull => Value::Boolean(argument(0)? == Null),
        Function::IsNotNull => Value::Boolean(argument(0)? != Null),
        Function::EqNullSafe => match (argument(0)?, argument(1)?) {
            (Null, Null) => Value::Boolean(true),
            (Null, _) | (_, Null) => Value::Boolean(false),
            (left, right) => Value::Boolean(compare(&left, &right).is_eq()),
        },
        Function::In => {
            let value = argument(0)?;
            if value == Null {
                return Ok(Null);
            }
            let mut result = Value::Boolean(false);
            for at in 1..count {
                match argument(at)? {
                    Null => result = Null,
                    item if compare(&value, &item).is_eq() => return Ok(Value::Boolean(true)),
                    _ => {}
                }
            }
            result
        }
        Function::Coalesce => {
            for at in 0..count {
                let value = argument(at)?;
                if value != Null {
                    return Ok(value);
                }
            }
            Null
        }
        Function::If => argument(if is_true(&argument(0)?) { 1 } else { 2 })?,
        Function::CaseWhen => {
            for at in (0..count - 1).step_by(2) {
                if is_true(&argument(at)?) {
                    return argument(at + 1);
                }
            }
            if count % 2 == 1 { argument(count - 1)? } else { Null }
        }
        function => {
            let mut values = Vec::new();
            for at in 0..count {
                match argument(at)? {
                    Null => return Ok(Null),
                    value => values.push(value),
                }
            }
            strict(function, expr.r#type.unwrap().r#type(), &values, ansi)?
        }
    })
}

/// Functions that are null where an argument is.
fn strict(function: Function, of: Type, values: &[Value], ansi: bool) -> Result<Value, Overflow> {
    let texts: Vec<&str> = values
        .iter()
        .filter_map(|value| if let Value::Text(text) = value { Some(text.as_str()) } else { None })
        .collect();
    let order = || compare(&values[0], &values[1]);
    let known =
        |table: &[Pattern]| Value::Boolean(table.iter().find(|(pattern, _)| *pattern == texts[1]).unwrap().1(texts[0]));
    Ok(match (function, values) {
        (Function::Eq, _) => Value::Boolean(order().is_eq()),
        (Function::Lt, _) => Value::Boolean(order().is_lt()),
        (Function::Le, _) => Value::Boolean(order().is_le()),
        (Function::Gt, _) => Value::Boolean(order().is_gt()),
        (Function::Ge, _) => Value::Boolean(order().is_ge()),
        (Function::Like, _) => known(&LIKE),
        (Function::Rlike, _) => known(&RLIKE),
        (Function::Length, _) => Value::Int(texts[0].chars().count() as i32),
        (Function::Lower, _) => Value::Text(texts[0].to_lowercase()),
        (Function::Upper, _) => Value::Text(texts[0].to_uppercase()),
        (Function::Trim, _) => Value::Text(texts[0].trim_matches(' ').to_owned()),
        (Function::StartsWith, _) => Value::Boolean(texts[0].starts_with(texts[1])),
        (Function::EndsWith, _) => Value::Boolean(texts[0].ends_with(texts[1])),
        (Function::Contains, _) => Value::Boolean(texts[0].contains(texts[1])),
        (Function::Cast, [Value::Int(value)]) if of == Type::Bigint => Value::Bigint((*value).into()),
        (Function::Cast, [Value::Int(value)]) => Value::Double((*value).into()),
        (Function::Cast, [Value::Bigint(value)]) => Value::Double(*value as f64),
        (Function::TimestampAdd, [Value::Time(time), Value::Interval(interval)]) => {
            Value::Time(time.checked_add(*interval).ok_or(Overflow)?)
        }
        (_, [Value::Double(a), Value::Double(b)]) => Value::Double(match function {
            Function::Add => a + b,
            Function::Subtract => a - b,
            _ => a * b,
        }),
        (_, [Value::Int(a), Value::Int(b)]) => {
            let exact = exactly(function, i128::from(*a), i128::from(*b));
            if ansi { Value::Int(exact.try_into().map_err(|_| Overflow)?) } else { Value::Int(exact as i32) }
        }
        (_, [Value::Bigint(a), Value::Bigint(b)]) => {
            let exact = exactly(function, i128::from(*a), i128::from(*b));
            if ansi { Value::Bigint(exact.try_into().map_err(|_| Overflow)?) } else { Value::Bigint(exact as i64) }
        }
        other => panic!("{other:?}"),
    })
}

fn exactly(function: Function, a: i128, b: i128) -> i128 {
    match function {
        Function::Add => a + b,
        Function::Subtract => a - b,
        _ => a * b,
    }
}

fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Boolean(left), Value::Boolean(right)) => left.cmp(right),
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Bigint(left), Value::Bigint(right)) | (Value::Time(left), Value::Time(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Value::Double(left), Value::Double(right)) => match (left.is_nan(), right.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => left.partial_cmp(right).unwrap(),
        },
        other => panic!("{other:?}"),
    }
}

macro_rules! array {
    ($array:ty, $rows:expr, $at:expr, $case:ident) => {
        $rows
            .iter()
            .map(|row| if let Value::$case(value) = &row[$at] { Some(value.clone()) } else { None })
            .collect::<$array>()
    };
}

fn batch(rows: &[Vec<Value>]) -> StructArray {
    let columns = COLUMNS.iter().enumerate().map(|(at, of)| {
        let array: ArrayRef = match of {
            Type::Boolean => Arc::new(array!(BooleanArray, rows, at, Boolean)),
            Type::Int => Arc::new(array!(Int32Array, rows, at, Int)),
            Type::Bigint => Arc::new(array!(Int64Array, rows, at, Bigint)),
            Type::Double => Arc::new(array!(Float64Array, rows, at, Double)),
            Type::String => Arc::new(array!(StringArray, rows, at, Text)),
            _ => Arc::new(array!(TimestampMicrosecondArray, rows, at, Time).with_timezone("UTC")),
        };
        (Arc::new(Field::new(format!("c{at}"), array.data_type().clone(), true)), array)
    });
    StructArray::from(columns.collect::<Vec<_>>())
}

fn contract(ansi: bool, checks: Vec<(&str, Expr, Option<Expr>)>) -> Contract {
    let named = |at: usize| format!("c{at}");
    Contract {
        input: COLUMNS.iter().enumerate().map(|(at, &of)| InputField { name: named(at), r#type: of.into() }).collect(),
        columns: COLUMNS
            .iter()
            .enumerate()
            .map(|(at, &of)| Column { name: named(at), input: at as u32, r#type: of.into(), ..Column::default() })
            .collect(),
        checks: checks
            .into_iter()
            .map(|(name, expect, when)| check(name, Severity::Warn, Test::Expect(expect), when))
            .collect(),
        ansi,
        time_zone: "UTC".to_owned(),
    }
}

/// What a check of `expect` and one of its opposite tell: false, true, or null where neither is broken.
fn verdicts(contract: &Contract, rows: &StructArray) -> Result<Vec<Value>, downbeat_kernels::Error> {
    let out = cleanser(contract).check(rows)?;
    let lists = out.column(1).as_list::<i32>();
    Ok((0..rows.len())
        .map(|row| {
            let list = lists.value(row);
            match list.as_string::<i32>().iter().map(Option::unwrap).collect::<Vec<_>>()[..] {
                [] => Null,
                ["false"] => Value::Boolean(false),
                ["true"] => Value::Boolean(true),
                ref other => panic!("{other:?}"),
            }
        })
        .collect())
}

fn both_ways(ansi: bool, expect: &Expr, when: Option<Expr>) -> Contract {
    let opposite = condition(Function::Not, vec![expect.clone()]);
    contract(ansi, vec![("false", expect.clone(), when.clone()), ("true", opposite, when)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn columns_agree_with_rows(seed: u64, ansi: bool, guarded: bool, rows in 0usize..80, cut in 0usize..80) {
        let mut draw = Draw(seed);
        let expect = draw.expr(Type::Boolean, 4);
        let when = guarded.then(|| draw.expr(Type::Boolean, 2));
        let rows: Vec<Vec<Value>> = (0..rows).map(|_| COLUMNS.iter().map(|&of| draw.value(of)).collect()).collect();
        // A slice, so that every array has an offset.
        let cut = cut.min(rows.len());
        let found = verdicts(&both_ways(ansi, &expect, when.clone()), &batch(&rows).slice(cut, rows.len() - cut));
        let expected: Result<Vec<Value>, Overflow> = rows[cut..]
            .iter()
            .map(|row| match when.as_ref().map(|when| evaluate(when, row, ansi)).transpose()? {
                None | Some(Value::Boolean(true)) => evaluate(&expect, row, ansi),
                Some(_) => Ok(Null),
            })
            .collect();
        match (found, expected) {
            (Ok(found), Ok(expected)) => prop_assert_eq!(found, expected),
            (Err(downbeat_kernels::Error::Overflow { .. }), Err(Overflow)) => {}
            (found, expected) => prop_assert!(false, "{:?} is not {:?}", found, expected),
        }
    }
}

/// A condition's value in one row of nulls.
fn alone(expect: Expr) -> Value {
    verdicts(&both_ways(true, &expect, None), &batch(&[vec![Null; 12]])).unwrap().remove(0)
}

#[test]
fn logic_has_three_values() {
    let values = [Some(true), Some(false), None];
    let (t, f, n) = (Value::Boolean(true), Value::Boolean(false), Null);
    let and = [[&t, &f, &n], [&f, &f, &f], [&n, &f, &n]];
    let or = [[&t, &t, &t], [&t, &f, &n], [&t, &n, &n]];
    for (i, left) in values.into_iter().enumerate() {
        for (j, right) in values.into_iter().enumerate() {
            let both = || vec![boolean(left), boolean(right)];
            assert_eq!(&alone(condition(Function::And, both())), and[i][j], "{left:?} AND {right:?}");
            assert_eq!(&alone(condition(Function::Or, both())), or[i][j], "{left:?} OR {right:?}");
        }
    }
    for (value, opposite) in [(Some(true), f), (Some(false), t), (None, n)] {
        assert_eq!(alone(condition(Function::Not, vec![boolean(value)])), opposite);
    }
}

#[test]
fn a_null_in_a_list_makes_not_found_unknown() {
    let null = || literal(Type::String, None);
    let list =
        |value: Expr, rest: Vec<Expr>| alone(condition(Function::In, std::iter::once(value).chain(rest).collect()));
    assert_eq!(list(text("a"), vec![text("a"), null()]), Value::Boolean(true));
    assert_eq!(list(text("a"), vec![text("b"), null()]), Null);
    assert_eq!(list(text("a"), vec![text("b")]), Value::Boolean(false));
    assert_eq!(list(text("a"), vec![null()]), Null);
    assert_eq!(list(null(), vec![text("a")]), Null);
    assert_eq!(list(integer(Type::Int, 1), vec![integer(Type::Int, 2), literal(Type::Int, None)]), Null);
}

#[test]
fn nan_equals_nan_and_is_the_greatest() {
    let double = |value| literal(Type::Double, Some(literal::Value::Double(value)));
    let compared =
        |function, left, right| alone(condition(function, vec![double(left), double(right)])) == Value::Boolean(true);
    assert!(compared(Function::Eq, f64::NAN, -f64::NAN));
    assert!(compared(Function::Gt, f64::NAN, f64::INFINITY));
    assert!(compared(Function::Lt, f64::NEG_INFINITY, -f64::NAN));
    assert!(compared(Function::Eq, 0.0, -0.0));
    assert!(compared(Function::EqNullSafe, f64::NAN, f64::NAN));
    assert!(!compared(Function::Lt, -0.0, 0.0));
}

#[test]
fn case_of_letters_follows_unicode() {
    for (function, from, to) in [
        (Function::Upper, "straße", "STRASSE"),
        (Function::Upper, "ﬁ", "FI"),
        (Function::Lower, "ΑΣ", "ας"),
        (Function::Lower, "İ", "i\u{307}"),
        (Function::Trim, " \ta ", "\ta"),
    ] {
        let equal = condition(Function::Eq, vec![call(Type::String, function, vec![text(from)]), text(to)]);
        assert_eq!(alone(equal), Value::Boolean(true), "{from}");
    }
}

#[test]
fn an_interval_in_a_zone_with_summer_time_follows_the_calendar() {
    // 2026-03-28T12:00 in Berlin; a day later is 23 hours later.
    let noon = 1_774_695_600_000_000;
    let sum = call(
        Type::Timestamp,
        Function::TimestampAdd,
        vec![column(Type::Timestamp, 10), integer(Type::Interval, 86_400_000_000)],
    );
    let expect = condition(Function::Eq, vec![sum, integer(Type::Timestamp, noon + 23 * 3_600_000_000)]);
    let mut row = vec![Null; 12];
    row[10] = Value::Time(noon);
    let mut contract = contract(true, vec![("false", expect, None)]);
    contract.time_zone = "Europe/Berlin".to_owned();
    let rows = batch(&[row.clone()]);
    assert_eq!(verdicts(&contract, &rows).unwrap(), [Null]);
    contract.time_zone = "UTC".to_owned();
    assert_eq!(verdicts(&contract, &rows).unwrap(), [Value::Boolean(false)]);
    contract.time_zone = "Europe/Berlin".to_owned();
    row[10] = Value::Time(i64::MAX);
    let error = verdicts(&contract, &batch(&[row])).unwrap_err();
    assert!(error.to_string().contains("Europe/Berlin"), "{error}");
}

#[test]
fn a_timestamp_of_any_zone_is_the_same_instant() {
    let mut rows = batch(&[vec![Null; 12]]);
    let (fields, mut columns, nulls) = rows.into_parts();
    columns[10] = Arc::new(TimestampMicrosecondArray::from(vec![5]).with_timezone("+02:00"));
    let fields: Vec<_> = fields
        .iter()
        .enumerate()
        .map(|(at, field)| match at {
            10 => Arc::new(Field::new("c10", DataType::Timestamp(TimeUnit::Microsecond, Some("+02:00".into())), true)),
            _ => Arc::clone(field),
        })
        .collect();
    rows = StructArray::new(fields.into(), columns, nulls);
    let expect = condition(Function::Eq, vec![column(Type::Timestamp, 10), integer(Type::Timestamp, 6)]);
    assert_eq!(verdicts(&contract(true, vec![("false", expect, None)]), &rows).unwrap(), [Value::Boolean(false)]);
}

#[test]
fn what_has_no_value_is_an_error_under_ansi_and_null_or_wrapped_otherwise() {
    let one = |expect: &Expr, ansi| {
        verdicts(&both_ways(ansi, expect, None), &batch(&[vec![Null; 12]])).map(|mut found| found.remove(0))
    };
    let double = |value| literal(Type::Double, Some(literal::Value::Double(value)));
    let cast = |of, value| call(of, Function::Cast, vec![value]);
    let null = |value| condition(Function::IsNull, vec![value]);
    let bigint = |value| integer(Type::Bigint, value);
    let equal = |left, right| condition(Function::Eq, vec![left, right]);
    let quotient = |by| call(Type::Double, Function::Divide, vec![double(1.0), by]);
    let remainder = |by| call(Type::Bigint, Function::Remainder, vec![bigint(7), by]);
    for (otherwise, said) in [
        (null(quotient(double(-0.0))), "DIVIDE by zero"),
        (null(remainder(bigint(0))), "REMAINDER by zero"),
        (null(cast(Type::Int, text("7x"))), "'7x' is no INT"),
        (null(cast(Type::Boolean, text("maybe"))), "'maybe' is no BOOLEAN"),
        (
            equal(call(Type::Bigint, Function::Negate, vec![bigint(i64::MIN)]), bigint(i64::MIN)),
            "NEGATE leaves the range",
        ),
        (equal(call(Type::Bigint, Function::Abs, vec![bigint(i64::MIN)]), bigint(i64::MIN)), "ABS leaves the range"),
        (equal(cast(Type::Int, bigint(1 << 32)), integer(Type::Int, 0)), "CAST leaves the range of INT"),
        (equal(cast(Type::Bigint, double(1e300)), bigint(i64::MAX)), "CAST leaves the range of BIGINT"),
    ] {
        assert_eq!(one(&otherwise, false).unwrap(), Value::Boolean(true), "{said}");
        let error = one(&otherwise, true).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    // Nothing is divided by what is unknown, so the other side is not looked at.
    let failing = quotient(double(0.0));
    let unknown = call(Type::Double, Function::Divide, vec![failing, literal(Type::Double, None)]);
    assert_eq!(one(&null(unknown), true).unwrap(), Value::Boolean(true));
    let lowest =
        call(Type::Int, Function::Remainder, vec![integer(Type::Int, i32::MIN.into()), integer(Type::Int, -1)]);
    assert_eq!(one(&equal(lowest, integer(Type::Int, 0)), true).unwrap(), Value::Boolean(true));
}
