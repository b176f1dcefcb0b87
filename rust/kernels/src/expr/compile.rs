//! From the wire's expression trees to a checked graph in which equal expressions are one node.

use std::{cmp::Ordering, collections::HashMap};

use arrow::{
    array::{Array, ArrayRef, AsArray},
    datatypes::Int64Type,
};
use prost::Message;

use super::{
    pattern::{self, Pattern},
    zone::{SECOND_US, Zone},
};
use crate::{
    proto::{Call, Expr, Function, expr},
    types::{self, Type},
    words::Words,
};

/// A node's place in its [`Program`].
pub(crate) type NodeId = usize;

/// All expressions of a contract.
#[derive(Debug)]
pub(crate) struct Program {
    pub(super) nodes: Vec<Node>,
    pub(super) ansi: bool,
    /// Set if an expression needs it.
    pub(super) zone: Option<Zone>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) op: Op,
    pub(super) of: Type,
    pub(super) arguments: Vec<NodeId>,
    /// Whether evaluating it may be an error for some rows.
    pub(super) fallible: bool,
    /// How many expressions it is part of.
    pub(super) uses: usize,
}

#[derive(Debug)]
pub(super) enum Op {
    Column(usize),
    Literal(ArrayRef),
    And,
    Or,
    Not,
    IsNull,
    IsNotNull,
    Compare(Comparison),
    /// The list is texts, known beforehand; `with_null` if a null was among them.
    InWords {
        words: Words,
        with_null: bool,
    },
    In,
    Arithmetic(Arithmetic),
    Divide,
    Remainder,
    Negate,
    Abs,
    TimestampAdd,
    /// Days added to a date, or taken from it.
    DateShift(Arithmetic),
    DateDiff,
    DatesBetween,
    TimestampsBetween,
    UnixMicros,
    /// Down to a multiple of `unit_us` on clocks that are so far ahead of UTC.
    TimestampTruncate {
        unit_us: i64,
        ahead_us: i64,
    },
    Coalesce,
    If,
    CaseWhen,
    /// The one that comes first or last, as the order of the others to it says.
    Extreme(Ordering),
    IsNan,
    Matches(Pattern),
    Length,
    Lower,
    Upper,
    Trim(Sides),
    Substring,
    Concat,
    StartsWith,
    EndsWith,
    Contains,
    Cast,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    EqNullSafe,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
}

impl Arithmetic {
    /// In messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Subtract => "SUBTRACT",
            Self::Multiply => "MULTIPLY",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sides {
    Both,
    Left,
    Right,
}

/// Builds a [`Program`] over columns of known types. Errors are texts; the caller knows the check they belong to.
#[derive(Debug)]
pub(crate) struct Compiler<'a> {
    columns: &'a [Type],
    time_zone: &'a str,
    program: Program,
    known: HashMap<Vec<u8>, NodeId>,
}

impl Program {
    pub(crate) fn compiler<'a>(columns: &'a [Type], ansi: bool, time_zone: &'a str) -> Compiler<'a> {
        Compiler { columns, time_zone, program: Self { nodes: Vec::new(), ansi, zone: None }, known: HashMap::new() }
    }
}

impl Compiler<'_> {
    pub(crate) fn finish(self) -> Program {
        self.program
    }

    /// Adds a condition: an expression that must be boolean.
    pub(crate) fn condition(&mut self, expr: &Expr) -> Result<NodeId, String> {
        let node = self.add(expr)?;
        self.expect(node, &[Type::Boolean], "a condition")?;
        Ok(node)
    }

    /// Adds an expression of any type, which is returned too.
    pub(crate) fn expression(&mut self, expr: &Expr) -> Result<(NodeId, Type), String> {
        let node = self.add(expr)?;
        Ok((node, self.program.nodes[node].of))
    }

    fn add(&mut self, expr: &Expr) -> Result<NodeId, String> {
        let key = expr.encode_to_vec();
        if let Some(&node) = self.known.get(&key) {
            self.program.nodes[node].uses += 1;
            return Ok(node);
        }
        let declared = types::declared(expr.r#type.as_ref())?;
        let (op, of, arguments) = match &expr.node {
            None => return Err("an expression is empty, or newer than this library".to_owned()),
            Some(expr::Node::Column(index)) => {
                let index = *index as usize;
                let of = *self
                    .columns
                    .get(index)
                    .ok_or_else(|| format!("column {index} is asked for, the contract has {}", self.columns.len()))?;
                (Op::Column(index), of, Vec::new())
            }
            Some(expr::Node::Literal(literal)) => {
                let (of, array) = types::literal(literal)?;
                (Op::Literal(array), of, Vec::new())
            }
            Some(expr::Node::Call(call)) => self.call(call, declared)?,
        };
        if of != declared {
            return Err(format!("an expression of type {of} is declared as {declared}"));
        }
        let fails = match op {
            // Doubles have infinities instead.
            Op::Arithmetic(_) | Op::Negate | Op::Abs => self.program.ansi && of != Type::Double,
            Op::Divide | Op::Remainder => self.program.ansi,
            Op::Cast => {
                let from = self.program.nodes[arguments[0]].of;
                (self.program.ansi && !fits(from, of))
                    || matches!((from, of), (_, Type::Date | Type::Timestamp) | (Type::Timestamp, Type::String))
            }
            Op::TimestampAdd | Op::DatesBetween | Op::TimestampsBetween => true,
            _ => false,
        };
        let fallible = fails || arguments.iter().any(|&argument| self.program.nodes[argument].fallible);
        self.program.nodes.push(Node { op, of, arguments, fallible, uses: 1 });
        let node = self.program.nodes.len() - 1;
        self.known.insert(key, node);
        Ok(node)
    }

    fn call(&mut self, call: &Call, declared: Type) -> Result<(Op, Type, Vec<NodeId>), String> {
        use Type::{Bigint, Boolean, Date, Decimal, Double, Int, Interval, String as Text, Timestamp};

        let function = Function::try_from(call.function).unwrap_or(Function::Unspecified);
        let name = function.as_str_name();
        let arguments = call.arguments.iter().map(|argument| self.add(argument)).collect::<Result<Vec<_>, _>>()?;
        let count = arguments.len();
        let counted = |right: bool| if right { Ok(()) } else { Err(format!("{name} cannot have {count} arguments")) };
        // Checks the number of arguments and that each has its type.
        let all = |expected: &[Type]| {
            counted(count == expected.len())?;
            expected.iter().zip(&arguments).try_for_each(|(&of, &node)| self.expect(node, &[of], name))
        };
        let alike = |nodes: &[NodeId]| {
            let first = self.program.nodes[nodes[0]].of;
            nodes.iter().try_for_each(|&node| self.expect(node, &[first], name)).map(|()| first)
        };
        // Lists have no order, and no equality either.
        let comparable = |nodes: &[NodeId]| match alike(nodes)? {
            Type::Texts => Err(format!("{name} of {} is not run", Type::Texts)),
            of => Ok(of),
        };
        let compare = |comparison| {
            counted(count == 2)?;
            comparable(&arguments)?;
            Ok::<_, String>((Op::Compare(comparison), Boolean))
        };
        let decimals =
            || arguments.iter().all(|&argument| matches!(self.program.nodes[argument].of, Type::Decimal { .. }));
        // Checks the number of arguments and that they are numbers of one type, which is the result's. Decimals may differ in their
        // digits, and so may the result of an operation on two.
        let numeric = |op, expected| {
            counted(count == expected)?;
            if decimals() && matches!(op, Op::Arithmetic(_)) && matches!(declared, Decimal { .. }) {
                return Ok((op, declared));
            }
            if decimals() && matches!(op, Op::Negate | Op::Abs) {
                return Ok((op, self.program.nodes[arguments[0]].of));
            }
            self.expect(arguments[0], &[Int, Bigint, Double], name)?;
            Ok::<_, String>((op, alike(&arguments)?))
        };
        let typed = |op, expected: &[Type], of| all(expected).map(|()| (op, of));
        let (op, of) = match function {
            Function::Unspecified => {
                return Err(format!("function {} is not set, or newer than this library", call.function));
            }
            Function::And | Function::Or => {
                counted(count >= 2)?;
                all(&vec![Boolean; count])?;
                (if function == Function::And { Op::And } else { Op::Or }, Boolean)
            }
            Function::Not => typed(Op::Not, &[Boolean], Boolean)?,
            Function::IsNull | Function::IsNotNull => {
                counted(count == 1)?;
                (if function == Function::IsNull { Op::IsNull } else { Op::IsNotNull }, Boolean)
            }
            Function::Eq => compare(Comparison::Eq)?,
            Function::EqNullSafe => compare(Comparison::EqNullSafe)?,
            Function::Lt => compare(Comparison::Lt)?,
            Function::Le => compare(Comparison::Le)?,
            Function::Gt => compare(Comparison::Gt)?,
            Function::Ge => compare(Comparison::Ge)?,
            Function::In => {
                counted(count >= 2)?;
                comparable(&arguments)?;
                match self.words(&arguments[1..]) {
                    Some((words, with_null)) => {
                        return Ok((Op::InWords { words, with_null }, Boolean, vec![arguments[0]]));
                    }
                    None => (Op::In, Boolean),
                }
            }
            Function::Add => numeric(Op::Arithmetic(Arithmetic::Add), 2)?,
            Function::Subtract => numeric(Op::Arithmetic(Arithmetic::Subtract), 2)?,
            Function::Multiply => numeric(Op::Arithmetic(Arithmetic::Multiply), 2)?,
            Function::TimestampAdd => {
                all(&[Timestamp, Interval])?;
                self.need_zone()?;
                (Op::TimestampAdd, Timestamp)
            }
            Function::Divide => typed(Op::Divide, &[Double, Double], Double)?,
            Function::Remainder => numeric(Op::Remainder, 2)?,
            Function::Negate => numeric(Op::Negate, 1)?,
            Function::Abs => numeric(Op::Abs, 1)?,
            Function::DateAdd => typed(Op::DateShift(Arithmetic::Add), &[Date, Int], Date)?,
            Function::DateSubtract => typed(Op::DateShift(Arithmetic::Subtract), &[Date, Int], Date)?,
            Function::DateDiff => typed(Op::DateDiff, &[Date, Date], Int)?,
            Function::DatesBetween => typed(Op::DatesBetween, &[Date, Date], Interval)?,
            Function::TimestampsBetween => {
                all(&[Timestamp, Timestamp])?;
                self.need_zone()?;
                (Op::TimestampsBetween, Interval)
            }
            Function::Coalesce => {
                counted(count >= 1)?;
                (Op::Coalesce, alike(&arguments)?)
            }
            Function::If => {
                counted(count == 3)?;
                self.expect(arguments[0], &[Boolean], name)?;
                (Op::If, alike(&arguments[1..])?)
            }
            Function::CaseWhen => {
                counted(count >= 2)?;
                let (mut values, mut rest) = (Vec::new(), arguments.as_slice());
                while let [condition, value, after @ ..] = rest {
                    self.expect(*condition, &[Boolean], name)?;
                    values.push(*value);
                    rest = after;
                }
                values.extend(rest);
                (Op::CaseWhen, alike(&values)?)
            }
            Function::Least | Function::Greatest => {
                counted(count >= 2)?;
                let order = if function == Function::Least { Ordering::Greater } else { Ordering::Less };
                (Op::Extreme(order), comparable(&arguments)?)
            }
            Function::UnixMicros => typed(Op::UnixMicros, &[Timestamp], Bigint)?,
            Function::TimestampTruncate => {
                all(&[Timestamp, Bigint])?;
                let Op::Literal(unit) = &self.program.nodes[arguments[1]].op else {
                    return Err(format!("{name} takes a literal unit, not an expression"));
                };
                let unit_us = unit.as_primitive::<Int64Type>().values()[0];
                let ahead_us = match Zone::parse(self.time_zone)? {
                    _ if unit_us <= 0 => return Err(format!("{unit_us} microseconds are no unit")),
                    Zone::Fixed(ahead_us) => ahead_us,
                    Zone::Region(_) if unit_us <= SECOND_US => 0,
                    Zone::Region(zone) => {
                        return Err(format!(
                            "{name} to more than a second is run only where clocks are never changed, not in {zone}; set \
                             spark.sql.session.timeZone=UTC"
                        ));
                    }
                };
                return Ok((Op::TimestampTruncate { unit_us, ahead_us }, Timestamp, vec![arguments[0]]));
            }
            Function::IsNan => typed(Op::IsNan, &[Double], Boolean)?,
            Function::Like | Function::Rlike => {
                all(&[Text, Text])?;
                let Op::Literal(literal) = &self.program.nodes[arguments[1]].op else {
                    return Err(format!("{name} takes a literal pattern, not an expression"));
                };
                if literal.is_null(0) {
                    return Err(format!("{name} NULL is always null; leave it out"));
                }
                let literal = literal.as_string::<i32>().value(0);
                let pattern =
                    if function == Function::Like { pattern::like(literal)? } else { pattern::java(literal)? };
                return Ok((Op::Matches(pattern), Boolean, vec![arguments[0]]));
            }
            Function::Length => typed(Op::Length, &[Text], Int)?,
            Function::Lower => typed(Op::Lower, &[Text], Text)?,
            Function::Upper => typed(Op::Upper, &[Text], Text)?,
            Function::Trim => typed(Op::Trim(Sides::Both), &[Text], Text)?,
            Function::TrimLeft => typed(Op::Trim(Sides::Left), &[Text], Text)?,
            Function::TrimRight => typed(Op::Trim(Sides::Right), &[Text], Text)?,
            Function::Substring => typed(Op::Substring, &[Text, Int, Int], Text)?,
            Function::Concat => {
                counted(count >= 1)?;
                all(&vec![Text; count])?;
                (Op::Concat, Text)
            }
            Function::StartsWith => typed(Op::StartsWith, &[Text, Text], Boolean)?,
            Function::EndsWith => typed(Op::EndsWith, &[Text, Text], Boolean)?,
            Function::Contains => typed(Op::Contains, &[Text, Text], Boolean)?,
            Function::Cast => {
                counted(count == 1)?;
                let from = self.program.nodes[arguments[0]].of;
                match (from, declared) {
                    (Boolean | Int | Bigint | Double, Boolean | Int | Bigint | Double)
                    | (Boolean | Int | Bigint | Date | Decimal { .. }, Text)
                    | (Text, Boolean | Int | Bigint | Double | Date) => {}
                    (Int | Bigint | Decimal { .. }, Decimal { .. }) | (Decimal { .. }, Int | Bigint | Double) => {}
                    (Date | Text, Timestamp) | (Timestamp, Date | Text) => self.need_zone()?,
                    (from, to) => return Err(format!("CAST from {from} to {to} is not run")),
                }
                (Op::Cast, declared)
            }
        };
        Ok((op, of, arguments))
    }

    fn need_zone(&mut self) -> Result<(), String> {
        if self.program.zone.is_none() {
            self.program.zone = Some(Zone::parse(self.time_zone)?);
        }
        Ok(())
    }

    /// The words of an `IN` list, and whether a null is among them, if the list is all literal texts.
    fn words(&self, list: &[NodeId]) -> Option<(Words, bool)> {
        let mut with_null = false;
        let mut words = Vec::new();
        for &node in list {
            match &self.program.nodes[node].op {
                Op::Literal(literal) if literal.is_null(0) => with_null = true,
                Op::Literal(literal) => words.push(literal.as_string_opt::<i32>()?.value(0)),
                _ => return None,
            }
        }
        (!words.is_empty()).then(|| (Words::new(words), with_null))
    }

    fn expect(&self, node: NodeId, expected: &[Type], of: &str) -> Result<(), String> {
        let found = self.program.nodes[node].of;
        if expected.contains(&found) {
            return Ok(());
        }
        let expected: Vec<_> = expected.iter().map(Type::to_string).collect();
        Err(format!("{of} expects {}, found {found}", expected.join(" or ")))
    }
}

/// Whether every value of a number's type is one of a decimal type, too, with no rounding.
fn fits(from: Type, to: Type) -> bool {
    let (whole, places) = match from {
        Type::Int => (10, 0),
        Type::Bigint => (19, 0),
        Type::Decimal { precision, scale } => (precision - scale, scale),
        _ => return false,
    };
    matches!(to, Type::Decimal { precision, scale } if scale >= places && precision - scale >= whole)
}
