//! What can go wrong between a reader and a log: one variant a gRPC code, so that nothing is lost on the wire.

use std::{error::Error as _, io};

use tonic::{Code, Status};

/// A failed request. Each variant is one gRPC code; its text says what was tried, with which value, and what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request makes sense for no log: an unknown stream or column, a malformed ticket or address.
    #[error("{0}")]
    InvalidArgument(String),
    /// The stream has no such partition.
    #[error("{0}")]
    NotFound(String),
    /// The rows asked for are held no more, or not yet.
    #[error("{0}")]
    OutOfRange(String),
    /// The request is for another world, or the server may not listen where it was told to.
    #[error("{0}")]
    FailedPrecondition(String),
    /// The server does not do this.
    #[error("{0}")]
    Unimplemented(String),
    /// No replica can be reached, or it is going away. Trying again later may help.
    #[error("{0}")]
    Unavailable(String),
    /// The server has as many readers as it takes. Trying again later may help.
    #[error("{0}")]
    ResourceExhausted(String),
    /// The reader was cancelled on this side.
    #[error("{0}")]
    Cancelled(String),
    /// Rows are missing, doubled or unreadable.
    #[error("{0}")]
    DataLoss(String),
    /// The server wants to know who is asking.
    #[error("{0}")]
    Unauthenticated(String),
    /// The server knows who is asking, and refuses.
    #[error("{0}")]
    PermissionDenied(String),
    /// A fault in this program or in the server.
    #[error("{0}")]
    Internal(String),
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn cancelled() -> Self {
        Self::Cancelled("the reading was cancelled".into())
    }

    /// The gRPC code of the variant.
    pub const fn code(&self) -> Code {
        match self {
            Self::InvalidArgument(_) => Code::InvalidArgument,
            Self::NotFound(_) => Code::NotFound,
            Self::OutOfRange(_) => Code::OutOfRange,
            Self::FailedPrecondition(_) => Code::FailedPrecondition,
            Self::Unimplemented(_) => Code::Unimplemented,
            Self::Unavailable(_) => Code::Unavailable,
            Self::ResourceExhausted(_) => Code::ResourceExhausted,
            Self::Cancelled(_) => Code::Cancelled,
            Self::DataLoss(_) => Code::DataLoss,
            Self::Unauthenticated(_) => Code::Unauthenticated,
            Self::PermissionDenied(_) => Code::PermissionDenied,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// Whether the same request may succeed later, or at another replica.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::ResourceExhausted(_))
    }

    /// What a call to `uri` failed with.
    pub(crate) fn from_status(uri: &str, status: &Status) -> Self {
        // Only a status made on this side, for a connection that broke or never was, has a source.
        if let Some(source) = status.source() {
            return Self::Unavailable(unreachable(uri, source));
        }
        let text = status.message().to_owned();
        match status.code() {
            Code::InvalidArgument => Self::InvalidArgument(text),
            Code::NotFound => Self::NotFound(text),
            Code::OutOfRange => Self::OutOfRange(text),
            Code::FailedPrecondition => Self::FailedPrecondition(text),
            Code::Unimplemented => Self::Unimplemented(text),
            Code::Unavailable | Code::Aborted | Code::DeadlineExceeded => Self::Unavailable(text),
            Code::ResourceExhausted => Self::ResourceExhausted(text),
            Code::Cancelled => Self::Cancelled(text),
            Code::DataLoss => Self::DataLoss(text),
            Code::Unauthenticated => Self::Unauthenticated(text),
            Code::PermissionDenied => Self::PermissionDenied(text),
            Code::Ok | Code::Unknown | Code::AlreadyExists | Code::Internal => {
                Self::Internal(format!("{uri} failed: {text}"))
            }
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// Why there was no connection, or none any longer, and what may help.
fn unreachable(uri: &str, cause: &(dyn std::error::Error + 'static)) -> String {
    let reason = innermost(cause);
    let never_was = causes(cause).any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| {
            use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
            matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable | TimedOut)
        })
    });
    let advice = if never_was {
        "; is the address right, and is `downbeat serve` running there?"
    } else if reason.starts_with("invalid peer certificate") {
        "; its certificate has to be for its host, of this day, and signed by a CA that is trusted here"
    } else if uri.starts_with("grpc+tls://") {
        // With TLS 1.3 a client may learn that its certificate was refused from nothing but the end of the connection.
        "; does it want to see a certificate of its clients, and trust the one it was shown?"
    } else {
        ""
    };
    format!("{uri} cannot be reached: {reason}{advice}")
}

fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The text of the last cause in the chain: "Connection refused" tells more than "transport error".
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_variant_and_text_over_the_wire() {
        for error in [
            Error::InvalidArgument("a".into()),
            Error::NotFound("b".into()),
            Error::OutOfRange("c".into()),
            Error::FailedPrecondition("d".into()),
            Error::Unimplemented("e".into()),
            Error::Unavailable("f".into()),
            Error::ResourceExhausted("g".into()),
            Error::Cancelled("h".into()),
            Error::DataLoss("i".into()),
            Error::Unauthenticated("j".into()),
            Error::PermissionDenied("k".into()),
        ] {
            assert_eq!(Error::from_status("grpc://x", &Status::from(error.clone())), error);
        }
    }

    #[test]
    fn a_broken_connection_is_transient_whatever_its_code() {
        let status = Status::from_error(Box::new(std::io::Error::other("reset")));
        let error = Error::from_status("grpc://x", &status);
        assert!(error.is_transient(), "{error:?}");
    }
}
