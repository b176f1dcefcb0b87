//! What can go wrong between record batches and a table.

use arrow::error::ArrowError;
use parquet::errors::ParquetError;

/// Why rows could not be written, or not be made part of a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address of a table makes no sense, or its store cannot be reached with what the environment says.
    #[error("cannot use {uri}: {reason}")]
    Location {
        /// The address, as it was given.
        uri: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// The rows and the table do not fit each other.
    #[error("the rows do not fit the table {table}: {reason}")]
    Schema {
        /// The table's address.
        table: String,
        /// What does not fit, and the way out.
        reason: String,
    },
    /// The table was changed between the planning of an append and its commit.
    #[error("the table {table} was changed while rows for it were written: {change}; write them again")]
    Changed {
        /// The table's address.
        table: String,
        /// What is another now.
        change: String,
    },
    /// Others commit to the table faster than this could.
    #[error(
        "the table {table} was committed to {attempts} times by others while this commit was tried; try again, with fewer writers"
    )]
    Contention {
        /// The table's address.
        table: String,
        /// Commits that were tried.
        attempts: usize,
    },
    /// The store refused or failed.
    #[error("cannot {tried} {place}: {cause}")]
    Store {
        /// What was to be done.
        tried: &'static str,
        /// To what.
        place: String,
        /// What the store, or the way to it, said.
        cause: String,
    },
    /// A message is not what it should be.
    #[error("not the message expected: {0}")]
    Message(String),
    /// The table's log cannot be read or written.
    #[error("the log of the table {table}: {cause}")]
    Log {
        /// The table's address.
        table: String,
        /// What `delta_kernel` says.
        cause: Box<delta_kernel::KernelError>,
    },
    /// What is to become of the rows cannot be worked out.
    #[error(transparent)]
    Kernel(#[from] downbeat_kernels::Error),
    /// Arrow refused an operation.
    #[error("an Arrow operation failed")]
    Arrow(#[from] ArrowError),
}

impl Error {
    pub(crate) fn log(table: &str) -> impl Fn(delta_kernel::KernelError) -> Self {
        let table = table.to_owned();
        move |cause| Self::Log { table: table.clone(), cause: Box::new(cause) }
    }

    pub(crate) fn store(tried: &'static str, place: impl Into<String>) -> impl FnOnce(object_store::Error) -> Self {
        let place = place.into();
        move |cause| Self::Store { tried, place, cause: cause.to_string() }
    }

    pub(crate) fn file(tried: &'static str, place: impl Into<String>) -> impl FnOnce(ParquetError) -> Self {
        let place = place.into();
        move |cause| Self::Store { tried, place, cause: cause.to_string() }
    }
}

/// [`std::result::Result`] with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
