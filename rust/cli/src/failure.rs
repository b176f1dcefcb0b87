//! How a command ends when it does not succeed: one message, and the exit code that says whose turn it is.

use std::{fmt, process::ExitCode};

/// A command that did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line, a file it names or an address on it must be changed: exit code 2, as for a misspelt flag.
    Usage(String),
    /// The work began and failed: exit code 1.
    Work(String),
}

/// A result of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub(crate) fn work(text: impl Into<String>) -> Self {
        Self::Work(text.into())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Work(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Work(text) => f.write_str(text),
        }
    }
}
