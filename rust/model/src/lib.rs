//! The vocabulary of Downbeat: what a raw event, its truth and the dimensions look like, and the words they use.
//!
//! Every other crate, and through them the Spark connector, the tables and the pages, takes its column names, types, enum
//! texts, id formats and fault names from here. Nothing here does I/O, and the only dependency of weight is Arrow's schema.
//!
//! ```
//! use downbeat_model::{ids, Stream};
//!
//! assert_eq!(Stream::Events.schema().field(0).name(), "partition");
//! let uri = ids::track_uri(42);
//! assert_eq!(ids::parse_track_uri(&uri), Some(42));
//! ```

pub mod ids;
mod nearest;
mod schema;
mod words;

pub use nearest::{nearest, shown};
pub use schema::Stream;
pub use words::{
    Context, EventType, Fault, LATE_AFTER_US, MAX_AHEAD_US, MAX_BEHIND_US, MAX_MS_PLAYED, Outcome, Platform, ReasonEnd,
    ReasonStart, STREAM_MS,
};

/// A word that is not one of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {kind} is called '{word}'; known: {known}")]
pub struct UnknownWord {
    /// What was looked for, e.g. `stream`.
    pub kind: &'static str,
    /// The word as given.
    pub word: String,
    /// The words there are, separated by commas.
    pub known: String,
}
