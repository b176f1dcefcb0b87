//! A contract's expressions, compiled to a graph and evaluated a column at a time, with Spark's answers.
//!
//! Spark stops as soon as it knows a row's answer, so an overflow in what it did not look at is no error: the right side of
//! `AND` after a false left one, a branch not taken, an argument after a null. A column kernel computes all rows, so whatever can
//! fail is evaluated under a *selection*, the rows Spark would look at, and a failure outside of it is ignored.

mod cast;
mod compile;
mod decimal;
mod evaluate;
mod moment;
mod pattern;
mod zone;

pub(crate) use compile::{NodeId, Program};
pub(crate) use evaluate::{Evaluation, holding, is_false, is_true};

/// Why an operation has no value in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The value is outside of its type's range.
    Overflow,
    /// It lies in years for which the time zone's rules are not compiled in.
    UnknownYear,
    /// Something is divided by zero.
    DivideByZero,
    /// A text is no value of the type it is cast to.
    Malformed,
}
