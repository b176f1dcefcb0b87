//! What can be served: the seam between this crate and whatever holds or makes the rows.

use std::ops::Range;

use arrow::{array::RecordBatch, datatypes::SchemaRef};

/// Why a log could not answer.
pub type LogError = Box<dyn std::error::Error + Send + Sync>;

/// The rows of one range, in order.
pub type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch, LogError>> + 'a>;

/// One stream of a log.
#[derive(Debug, Clone)]
pub struct LogStream {
    /// The name readers ask by.
    pub name: String,
    /// All columns.
    pub schema: SchemaRef,
    /// Partitions are numbered from 0.
    pub partitions: u32,
    /// Whether rows have a time of arrival that never decreases with the offset, as opposed to a table of facts.
    pub is_log: bool,
}

/// Which rows of a partition can be read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// First row held.
    pub earliest: u64,
    /// Row after the last one held.
    pub latest: u64,
    /// No row will ever follow.
    pub ended: bool,
}

/// A replayable log: a row is a function of its stream, partition and offset, and never changes.
///
/// The service calls every method from a thread that may block, and only with streams and partitions that exist.
pub trait Log: Send + Sync + 'static {
    /// The fingerprint of the world behind the log.
    fn world(&self) -> &str;

    /// The configuration behind the fingerprint, as JSON.
    fn config_json(&self) -> &str;

    /// The streams, in the order they are listed to clients.
    fn streams(&self) -> &[LogStream];

    /// World time, in microseconds since 1970 UTC.
    fn now_us(&self) -> i64;

    /// The rows that can be read now. `latest` never decreases.
    ///
    /// # Errors
    /// When the log cannot tell.
    fn held(&self, stream: &str, partition: u32) -> Result<Held, LogError>;

    /// The first offset that arrived at or after `at_us`, if rows without end were there already. Only asked of a
    /// stream with [`LogStream::is_log`].
    ///
    /// # Errors
    /// When the log cannot tell.
    fn offset_at(&self, stream: &str, partition: u32, at_us: i64) -> Result<u64, LogError>;

    /// When a held row arrived, in microseconds since 1970 UTC. Only asked of a stream with [`LogStream::is_log`].
    ///
    /// # Errors
    /// When the log cannot tell.
    fn arrived_at(&self, stream: &str, partition: u32, offset: u64) -> Result<i64, LogError>;

    /// Exactly the rows `range` (held, and not empty), with the given columns in the given order, in batches of at most
    /// `batch_rows`.
    ///
    /// # Errors
    /// When the rows cannot be read; an iterator that fails later yields the error and ends.
    fn read(
        &self,
        stream: &str,
        partition: u32,
        range: Range<u64>,
        columns: &[usize],
        batch_rows: usize,
    ) -> Result<Batches<'_>, LogError>;
}
