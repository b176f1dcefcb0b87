//! Pure functions from record batch and specification to record batch: parsers, contracts, duplicates.
//!
//! [`Cleanser`] runs a resolved contract: raw columns in, verdicts and clean columns out. [`normalise`] holds the parsers of single
//! values, [`dedupe`] the state that recognises a row sent twice. Nothing here does I/O, starts a thread or knows of a JVM.

mod cleanse;
pub mod dedupe;
mod error;
mod expr;
mod mask;
pub mod normalise;
pub mod proto;
mod types;
mod words;

pub use cleanse::Cleanser;
pub use error::{Error, Result};
