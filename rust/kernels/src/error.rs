//! What can go wrong in a kernel. A row that breaks a contract is not an error; it is a result.

use arrow::{datatypes::DataType, error::ArrowError};

/// Why a kernel could not be made or could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a resolved contract.
    #[error("the resolved contract cannot be decoded; were connector and native library built from the same version?")]
    Decode(#[from] prost::DecodeError),
    /// A part of the contract cannot be run.
    #[error("{item}: {reason}")]
    Contract {
        /// The part, e.g. `column 'event_id'` or `check 'event_time_range'`.
        item: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// The input struct has more or fewer fields than the contract was resolved for.
    #[error("the input has {found} fields, the contract was resolved for {expected}")]
    FieldCount {
        /// Fields of the contract's input.
        expected: usize,
        /// Fields of the struct at hand.
        found: usize,
    },
    /// A column has another type than the kernel was made for.
    #[error("column '{column}' is {found}, expected {expected}")]
    ColumnType {
        /// The column's name.
        column: String,
        /// What the kernel takes.
        expected: String,
        /// What it was given.
        found: DataType,
    },
    /// A number or a point in time left its type's range; Spark raises the same.
    #[error("{item}: {operation} leaves the range of {of}; guard the rule with `when`, or use a wider type")]
    Overflow {
        /// What failed: a check, or an expression of an aggregate.
        item: String,
        /// The operation, e.g. `ADD`.
        operation: &'static str,
        /// The type whose range was left, e.g. `BIGINT`.
        of: String,
    },
    /// A number was divided by zero; Spark raises the same under ANSI.
    #[error("{item}: {operation} by zero; guard the rule with `when`, or write nullif(…, 0)")]
    DivideByZero {
        /// What failed: a check, or an expression of an aggregate.
        item: String,
        /// The operation, e.g. `DIVIDE`.
        operation: &'static str,
    },
    /// Two rows of a table that is looked up in have one key.
    #[error("the key {key} is twice in the table that is looked up in; its rows cannot be told apart")]
    Duplicate {
        /// The key.
        key: i64,
    },
    /// A text is no value of the type it is cast to; Spark raises the same under ANSI.
    #[error("{item}: '{text}' is no {of}; guard the rule with `when`, or use a normaliser")]
    Malformed {
        /// What failed: a check, or an expression of an aggregate.
        item: String,
        /// The text.
        text: String,
        /// The type, e.g. `BIGINT`.
        of: String,
    },
    /// A point in time for which the time zone's rules are not known here.
    #[error(
        "{item}: day arithmetic in time zone {time_zone} is only known for the years 1900 to 2099; set spark.sql.session.timeZone=UTC"
    )]
    TimeZoneRange {
        /// What failed: a check, or an expression of an aggregate.
        item: String,
        /// The session's time zone.
        time_zone: String,
    },
    /// A dedupe window outside what a [`Deduper`](crate::dedupe::Deduper) can hold.
    #[error("a dedupe window of {window_us} microseconds is not within 0..={max_us}")]
    Window {
        /// The window asked for.
        window_us: i64,
        /// The longest there is.
        max_us: i64,
    },
    /// Rows of a partition came in another order than they arrived.
    #[error(
        "row {row} arrived at {arrived_at_us}, before the row in front of it ({previous_us}); dedupe needs a partition's rows in order of offset"
    )]
    ArrivalOrder {
        /// Row within the batch.
        row: usize,
        /// Its arrival, microseconds since 1970.
        arrived_at_us: i64,
        /// The arrival of the row before.
        previous_us: i64,
    },
    /// A row without an arrival.
    #[error("row {row} has no arrival time; dedupe needs one in every row")]
    NoArrival {
        /// Row within the batch.
        row: usize,
    },
    /// Arrow refused an operation: a fault of ours, or memory ran out.
    #[error("an Arrow operation failed")]
    Arrow(#[from] ArrowError),
}

/// [`std::result::Result`] with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
