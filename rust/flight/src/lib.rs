//! Arrow Flight over any replayable log: the service, and the client that resumes.
//!
//! A [`Log`] is what can be served: partitioned streams of rows, dense in their offsets, the same bytes whoever asks and
//! whenever. [`Server`] puts one on a socket for any Flight client. [`Client`] reads it back, and when a connection drops
//! in the middle it goes on at the next row, at any replica of the same world. Neither knows what made the rows.
//! [`QueryClient`] reads bounded results of any other Flight server.
//!
//! ```no_run
//! use downbeat_flight::{Client, Read};
//!
//! let client = Client::connect("grpc://127.0.0.1:8815", None)?;
//! let latest = client.offsets("events", None)?[0].latest;
//! let mut reader = client.read(Read {
//!     stream: "events".into(),
//!     partition: 0,
//!     from: 0,
//!     until: Some(latest),
//!     columns: vec!["event_id".into(), "ts".into()],
//! })?;
//! while let Some((first_offset, batch)) = reader.next()? {
//!     println!("{first_offset}: {} rows", batch.num_rows());
//! }
//! # Ok::<(), downbeat_flight::Error>(())
//! ```

mod client;
mod error;
mod http;
mod linger;
mod log;
mod metrics;
mod produce;
mod query;
mod reader;
mod receive;
mod replicas;
mod request;
mod security;
mod send;
mod server;
mod service;

/// The messages inside descriptors, tickets, actions and batch metadata; `proto/flight.proto` explains them.
#[allow(clippy::doc_markdown)]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/downbeat.flight.v1.rs"));
}

pub use client::Client;
pub use error::{Error, Result};
pub use log::{Batches, Held, Log, LogError, LogStream};
pub use proto::{Endpoint, PartitionOffsets, StreamInfo, WorldReply};
pub use query::{Query, QueryClient};
pub use reader::{BatchReader, Read};
pub use replicas::Patience;
pub use security::{Credentials, Secret, Security, ServerTls, Token};
pub use server::{Server, ServerOptions};
pub use tokio_util::sync::CancellationToken;

/// The action that tells the first and last rows held, or a row by its time.
const OFFSETS_ACTION: &str = "offsets";

/// The action that tells which world is served.
const WORLD_ACTION: &str = "world";
