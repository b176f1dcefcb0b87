//! The kernels from outside, as the connector uses them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails must panic, its helpers too")]

/// Partial aggregates against a slow one that takes one row at a time.
mod aggregates;
mod building;
/// What the listening contract makes of events, row by row.
mod cleansing;
/// Contracts and inputs that cannot be run say why.
mod errors;
/// Expressions against a slow evaluator that takes one row at a time.
mod expressions;
/// Queries, lookups and tallies against what a loop over rows makes.
mod queries;
