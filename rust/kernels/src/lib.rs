//! Pure functions from record batch and specification to record batch: parsers, contracts, duplicates, queries, partial aggregates.
//!
//! [`Cleanser`] runs a resolved contract: raw columns in, verdicts and clean columns out. [`Aggregator`] turns rows into groups, and a
//! [`Query`] into other rows.
//! [`normalise`] holds the parsers of single values, [`dedupe`] the state that recognises a row sent twice. Nothing here does I/O,
//! starts a thread or knows of a JVM.

mod aggregate;
mod cleanse;
pub mod dedupe;
mod error;
mod expr;
mod lookup;
mod mask;
pub mod normalise;
pub mod proto;
mod query;
mod types;
mod words;

pub use aggregate::Aggregator;
pub use cleanse::Cleanser;
pub use error::{Error, Result};
pub use lookup::Lookup;
pub use query::Query;
