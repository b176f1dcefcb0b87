//! What can go wrong at the boundary, and the Spark error condition each failure becomes.

use arrow::{datatypes::DataType, error::ArrowError};

/// A failed call from the JVM.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The server, or the way to it.
    #[error(transparent)]
    Flight(#[from] downbeat_flight::Error),
    /// A kernel could not be made or run.
    #[error(transparent)]
    Kernel(#[from] downbeat_kernels::Error),
    /// A table, or the way to it.
    #[error(transparent)]
    Lake(#[from] downbeat_lake::Error),
    /// A handle that was given back already, or never given out.
    #[error("{kind} {handle:#x} is closed or never was")]
    Closed { kind: &'static str, handle: i64 },
    /// Spark has no such type, or the vectors do not read it.
    #[error("column '{column}' is {found}, which cannot be read in Spark; leave it out with the option `columns`")]
    UnsupportedType { column: String, found: DataType },
    /// A time so fine that Spark cannot hold it.
    #[error(
        "a value of a column is {found} and has a part of a microsecond, which Spark cannot hold; have the server round it, \
         or leave the column out with the option `columns`"
    )]
    TooFine { found: DataType },
    /// The server changed its mind about a stream.
    #[error("{stream} was planned as {planned}, the server sent {sent}; start the query again")]
    SchemaChanged { stream: String, planned: String, sent: String },
    /// The rows that would tell duplicates are gone.
    #[error(
        "duplicates in {stream} partition {partition} from row {from} on cannot be told: the window before begins below row {earliest}, \
         the oldest held; set failOnDataLoss=false to take what is left of it"
    )]
    WindowExpired { stream: String, partition: u32, from: u64, earliest: u64 },
    /// The JVM side handed over something that makes no sense.
    #[error("{0}")]
    Call(String),
    /// Arrow refused an operation.
    #[error("an Arrow operation failed: {0}")]
    Arrow(#[from] ArrowError),
    /// The JVM refused an operation; if it threw, its own exception goes up instead of this.
    #[error("a call into the JVM failed: {0}")]
    Jni(#[from] jni::errors::Error),
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// The condition of a panic.
pub(crate) const PANIC: &str = "DOWNBEAT_NATIVE_PANIC";

/// The condition of what has none of its own.
const NATIVE_ERROR: &str = "DOWNBEAT_NATIVE_ERROR";

impl Error {
    /// The name in `error/downbeat-error-conditions.json`.
    pub(crate) fn condition(&self) -> &'static str {
        use downbeat_flight::Error as Flight;
        use downbeat_lake::Error as Lake;
        match self {
            Self::Flight(Flight::InvalidArgument(_)) => "DOWNBEAT_INVALID_ARGUMENT",
            Self::Flight(Flight::NotFound(_)) => "DOWNBEAT_NOT_FOUND",
            Self::Flight(Flight::OutOfRange(_)) => "DOWNBEAT_OUT_OF_RANGE",
            Self::Flight(Flight::FailedPrecondition(_)) => "DOWNBEAT_WORLD_MISMATCH",
            Self::Flight(Flight::Unimplemented(_)) => "DOWNBEAT_UNSUPPORTED",
            Self::Flight(Flight::Unavailable(_)) => "DOWNBEAT_UNAVAILABLE",
            Self::Flight(Flight::ResourceExhausted(_)) => "DOWNBEAT_RESOURCE_EXHAUSTED",
            Self::Flight(Flight::Cancelled(_)) => "DOWNBEAT_CANCELLED",
            Self::Flight(Flight::DataLoss(_)) | Self::WindowExpired { .. } => "DOWNBEAT_DATA_LOSS",
            Self::Flight(Flight::Unauthenticated(_)) => "DOWNBEAT_UNAUTHENTICATED",
            Self::Flight(Flight::PermissionDenied(_)) => "DOWNBEAT_PERMISSION_DENIED",
            Self::Kernel(cause) | Self::Lake(Lake::Kernel(cause)) => kernel(cause),
            Self::Lake(Lake::Location { .. } | Lake::Schema { .. }) => "DOWNBEAT_TABLE_INVALID",
            Self::Lake(Lake::Changed { .. } | Lake::Contention { .. }) => "DOWNBEAT_TABLE_CHANGED",
            Self::Lake(Lake::Store { .. } | Lake::Log { .. }) => "DOWNBEAT_TABLE_UNAVAILABLE",
            Self::Closed { .. } => "DOWNBEAT_HANDLE_CLOSED",
            Self::UnsupportedType { .. } | Self::TooFine { .. } => "DOWNBEAT_UNSUPPORTED",
            Self::SchemaChanged { .. } => "DOWNBEAT_SCHEMA_CHANGED",
            Self::Flight(_) | Self::Lake(_) | Self::Call(_) | Self::Arrow(_) | Self::Jni(_) => NATIVE_ERROR,
        }
    }
}

fn kernel(error: &downbeat_kernels::Error) -> &'static str {
    use downbeat_kernels::Error as Kernel;
    match error {
        Kernel::Contract { .. } => "DOWNBEAT_CONTRACT_UNSUPPORTED",
        Kernel::Overflow { .. } => "DOWNBEAT_OVERFLOW",
        Kernel::DivideByZero { .. } => "DOWNBEAT_DIVIDE_BY_ZERO",
        Kernel::Malformed { .. } => "DOWNBEAT_CAST_INVALID",
        Kernel::Window { .. } => "DOWNBEAT_INVALID_ARGUMENT",
        _ => NATIVE_ERROR,
    }
}

/// The texts of an error and of its causes, in one line. Skips a cause whose text the one above repeats.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let part = cause.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = cause.source();
    }
    text
}
