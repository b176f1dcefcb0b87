//! What can go wrong between a configuration and its rows.

use downbeat_model::Stream;

/// Why a world could not be made, or rows could not be read from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value of the configuration is outside what the generator can do.
    #[error("{field} = {value} is not possible; it must be {bound}")]
    Config {
        /// The field as it is written in a file, e.g. `faults.duplicate`.
        field: &'static str,
        /// The value given.
        value: String,
        /// What would be possible, e.g. `from 1 to 1024`.
        bound: String,
    },
    /// No fault preset has this name.
    #[error("no fault preset is called '{name}'; known: default, none, harsh")]
    UnknownPreset {
        /// The name as given.
        name: String,
    },
    /// A partition the log does not have.
    #[error("partition {partition} does not exist; this world has partitions 0 to {last}")]
    UnknownPartition {
        /// The partition asked for.
        partition: u32,
        /// The last there is.
        last: u32,
    },
    /// Rows beyond the end of the log or table.
    #[error("{stream}: row {row} was asked for, but there are only {rows} rows; ask for an end up to {rows}")]
    PastEnd {
        /// The stream asked for.
        stream: Stream,
        /// The first row that is not there.
        row: u64,
        /// How many there are.
        rows: u64,
    },
    /// A range that ends before it begins.
    #[error("rows {from}..{until} were asked for; the end must not be before the beginning")]
    BackwardRange {
        /// First row.
        from: u64,
        /// Row after the last.
        until: u64,
    },
    /// A column the stream does not have.
    #[error("stream '{stream}' has {columns} columns, counted from 0; there is no column {column}")]
    UnknownColumn {
        /// The stream asked for.
        stream: Stream,
        /// The column asked for.
        column: usize,
        /// How many there are.
        columns: usize,
    },
    /// A dimension was read as a log, or a log as a dimension.
    #[error("stream '{stream}' is not {expected}")]
    WrongStream {
        /// The stream asked for.
        stream: Stream,
        /// What the call reads, e.g. `a log; read it as a dimension`.
        expected: &'static str,
    },
    /// A kept index is of another world, or broken.
    #[error("the index cannot be used: {reason}")]
    Index {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No batch can hold a row.
    #[error("a batch of 0 rows holds nothing; ask for at least 1")]
    EmptyBatch,
    /// Arrow could not put the columns together.
    #[error("the columns of a batch do not fit together")]
    Arrow(#[from] arrow::error::ArrowError),
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
