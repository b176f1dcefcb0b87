//! What can go wrong between record batches and a table.

use std::fmt;

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
    #[error("cannot {tried} {place}: {cause}; {}", advice(place))]
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
    #[error("the log of the table {table}: {}; {}", told(cause), advice(table))]
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
        move |cause| Self::Store { tried, place, cause: told(&cause) }
    }

    pub(crate) fn file(tried: &'static str, place: impl Into<String>) -> impl FnOnce(ParquetError) -> Self {
        let place = place.into();
        move |cause| Self::Store { tried, place, cause: told(&cause) }
    }
}

/// What a store's answer comes to: of the document that it may be, the code and the message.
pub(crate) fn told(cause: &dyn fmt::Display) -> String {
    let text = cause.to_string();
    let Some((before, document)) = text.find("<?xml").or_else(|| text.find("<Error>")).map(|at| text.split_at(at))
    else {
        return text;
    };
    let element = |name: &str| {
        let (_, rest) = document.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner)
    };
    match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => format!("{before}{code}: {message}"),
        (Some(code), None) => format!("{before}{code}"),
        (None, _) => text,
    }
}

/// What to do where a store fails. Whatever was tried may be tried again.
fn advice(place: &str) -> &'static str {
    match place.contains("://") && !place.starts_with("file:") {
        true => "check that the store answers and that the credentials in the environment may do this, then try again",
        false => "check that there is room on the disk and that this user may do this, then try again",
    }
}

/// [`std::result::Result`] with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_stores_document_the_code_and_the_message_are_told() {
        for (cause, said) in [
            (
                "403: <?xml?>\n<Error><Code>Gone</Code><Message>No.</Message><Signature>f0</Signature></Error>",
                "403: Gone: No.",
            ),
            ("500: <Error><Code>Gone</Code></Error>", "500: Gone"),
            ("404: <Error></Error>", "404: <Error></Error>"),
            ("No space left on device", "No space left on device"),
        ] {
            assert_eq!(told(&cause), said);
        }
    }
}
