//! `downbeat read`: a few rows of a server, for people.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use arrow::{array::RecordBatch, json::LineDelimitedWriter, util::pretty::pretty_format_batches};
use clap::Args;
use downbeat_flight::{Client, Credentials, Error, Patience, Token};
use downbeat_model::Stream;

use crate::failure::{Failure, Result};

/// Print rows of a running server.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  downbeat read grpc://127.0.0.1:8815
  downbeat read grpc://127.0.0.1:8815 --stream truth --partition 2 --from 100000 --limit 5 --json
  DOWNBEAT_TOKEN_FILE=token downbeat read grpc+tls://events.example:8815 --tls-ca ca.pem")]
pub(crate) struct Read {
    /// The server's address, as `downbeat serve` prints it: grpc://… or grpc+tls://…
    #[arg(value_name = "grpc://HOST:PORT")]
    uri: String,
    /// A file whose first line is the token to show
    #[arg(long, value_name = "FILE", env = "DOWNBEAT_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Certificates, as PEM, that sign the server's [default: those the system trusts]
    #[arg(long, value_name = "FILE", env = "DOWNBEAT_TLS_CA")]
    tls_ca: Option<PathBuf>,
    /// Our certificate, as PEM, for a server that wants one
    #[arg(long, value_name = "FILE", env = "DOWNBEAT_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, as PEM
    #[arg(long, value_name = "FILE", env = "DOWNBEAT_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// events, truth, tracks, artists or listeners
    #[arg(long, default_value_t = Stream::Events)]
    stream: Stream,
    /// The partition to read
    #[arg(long, default_value_t = 0)]
    partition: u32,
    /// Offset of the first row [default: the earliest held]
    #[arg(long)]
    from: Option<u64>,
    /// Rows at most
    #[arg(long, default_value_t = 20)]
    limit: u64,
    /// Print one JSON object a row instead of a table
    #[arg(long)]
    json: bool,
}

impl Read {
    pub(crate) fn run(self) -> Result<()> {
        let credentials = Credentials {
            token: self.token_file.map(Token::File),
            ca: self.tls_ca,
            identity: self.tls_cert.zip(self.tls_key),
            server_name: None,
        };
        let client = Client::connect_with(&self.uri, None, &credentials, Patience::default()).map_err(failure)?;
        let stream = self.stream.text();
        let offsets = client.offsets(stream, None).map_err(failure)?;
        let held = offsets.iter().find(|offsets| offsets.partition == self.partition).ok_or_else(|| {
            Failure::usage(format!(
                "stream '{stream}' has no partition {}; its partitions are 0 to {}",
                self.partition,
                offsets.len().saturating_sub(1)
            ))
        })?;
        let from = self.from.unwrap_or(held.earliest);
        let until = from.saturating_add(self.limit).min(held.latest);
        if until <= from {
            eprintln!("no rows from {from} on: {stream}/{} ends at row {} now", self.partition, held.latest);
            return Ok(());
        }
        let read = downbeat_flight::Read {
            stream: stream.to_owned(),
            partition: self.partition,
            from,
            until: Some(until),
            columns: Vec::new(),
        };
        let mut reader = client.read(read).map_err(failure)?;
        let mut batches = Vec::new();
        while let Some((_, batch)) = reader.next().map_err(failure)? {
            batches.push(batch);
        }
        match print(&batches, self.json) {
            // Whoever read our output has seen enough (`| head`).
            Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(cause) => Err(Failure::work(format!("cannot print rows: {cause}"))),
            Ok(()) => Ok(()),
        }
    }
}

fn print(batches: &[RecordBatch], json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        let mut writer = LineDelimitedWriter::new(&mut out);
        for batch in batches {
            writer.write(batch).map_err(unwrapped)?;
        }
        writer.finish().map_err(unwrapped)?;
    } else {
        writeln!(out, "{}", pretty_format_batches(batches).map_err(unwrapped)?)?;
    }
    out.flush()
}

/// Arrow wraps what the pipe said.
fn unwrapped(error: arrow::error::ArrowError) -> io::Error {
    match error {
        arrow::error::ArrowError::IoError(_, cause) => cause,
        other => io::Error::other(other),
    }
}

/// A server that cannot be reached or refuses is the address's or the question's fault; the rest is the work's.
fn failure(error: Error) -> Failure {
    match error {
        Error::Unavailable(_) | Error::ResourceExhausted(_) | Error::DataLoss(_) | Error::Internal(_) => {
            Failure::work(error.to_string())
        }
        _ => Failure::usage(error.to_string()),
    }
}
