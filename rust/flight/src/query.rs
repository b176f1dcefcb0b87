//! Bounded results of any Flight server: what a descriptor or a Flight SQL statement stands for, endpoint by endpoint.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::{
    FlightDescriptor, FlightInfo, Ticket,
    decode::DecodedPayload,
    sql::{CommandStatementQuery, ProstMessageExt},
};
use futures::StreamExt;
use prost::Message;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    BatchReader, Credentials, Error, Patience, Result, proto,
    reader::{Event, keep_schema, unreadable},
    replicas::{Replica, Replicas, parts_of},
};

/// Other servers batch as they like; the protocol's own bound is four gigabytes.
const MESSAGE_BYTES: usize = u32::MAX as usize;

/// The location that means "where you asked".
const REUSE_CONNECTION: &str = "arrow-flight-reuse-connection://";

/// What to ask a server for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// A descriptor's path.
    Path(Vec<String>),
    /// A descriptor's command, in whatever form the server wants it.
    Command(Vec<u8>),
    /// A statement, for servers that speak Flight SQL.
    Sql(String),
}

/// A way to any Flight server, by way of any of its replicas. It assumes of a server only what the protocol says: so a
/// result that breaks off is not gone on with, for nobody promises the same rows in the same order.
#[derive(Debug, Clone)]
pub struct QueryClient {
    replicas: Arc<Replicas>,
    credentials: Credentials,
    patience: Patience,
    cancel: CancellationToken,
}

impl QueryClient {
    /// Takes note of `uris` (`grpc://host:port` or `grpc+tls://host:port`, several separated by commas); connects when asked.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a malformed address or a file of `credentials` that cannot be read.
    pub fn new(uris: &str, credentials: Credentials, patience: Patience) -> Result<Self> {
        let replicas = Arc::new(Replicas::new(uris, &credentials, patience, MESSAGE_BYTES)?);
        Ok(Self { replicas, credentials, patience, cancel: CancellationToken::new() })
    }

    /// The same client, whose calls and readings fail with [`Error::Cancelled`] soon after `cancel` is cancelled, from any
    /// thread.
    pub fn until(self, cancel: CancellationToken) -> Self {
        Self { cancel, ..self }
    }

    /// The schema of a result.
    ///
    /// # Errors
    /// Those of the server, and [`Error::Unavailable`] if none can be reached for as long as the client's [`Patience`].
    pub fn schema(&self, query: &Query) -> Result<SchemaRef> {
        let descriptor = query.descriptor();
        let ask = async |replica: &Replica| match replica.schema(descriptor.clone()).await {
            // GetSchema is optional, and what GetFlightInfo says of the schema is, too.
            Err(Error::Unimplemented(_)) => {
                let info = info(replica, descriptor.clone()).await?;
                info.try_decode_schema().map_err(|_| {
                    Error::Unimplemented(format!("{} does not tell the schema of its result", replica.uri()))
                })
            }
            told => told,
        };
        self.replicas.call(&self.cancel, ask).map(|schema: Schema| Arc::new(schema))
    }

    /// The parts of a result, each to be read on its own.
    ///
    /// # Errors
    /// As [`Self::schema`].
    pub fn endpoints(&self, query: &Query) -> Result<Vec<proto::Endpoint>> {
        let descriptor = query.descriptor();
        let ask = async |replica: &Replica| info(replica, descriptor.clone()).await;
        let info = self.replicas.call(&self.cancel, ask)?;
        info.endpoint
            .into_iter()
            .map(|endpoint| {
                let ticket = endpoint.ticket.ok_or_else(|| {
                    Error::DataLoss("the server told of a part of its result without a ticket for it".into())
                })?;
                let locations = endpoint.location.into_iter().map(|location| location.uri).collect();
                Ok(proto::Endpoint { ticket: ticket.ticket.to_vec(), locations })
            })
            .collect()
    }

    /// Starts to read one part in the background, two batches ahead at most. What [`BatchReader::next`] calls an offset
    /// counts the rows of this part. A connection that fails is tried again, at another location, until the first rows came.
    ///
    /// # Errors
    /// [`Error::Unimplemented`] if the part is nowhere this client can reach; all others come from [`BatchReader::next`].
    pub fn read(&self, endpoint: proto::Endpoint) -> Result<BatchReader> {
        let replicas = self.locations(&endpoint.locations)?;
        let ticket = Ticket::new(endpoint.ticket);
        BatchReader::start(self.cancel.clone(), async move |events| {
            let mut attempts = replicas.attempts();
            let mut part = Part { schema: None, rows: 0, events };
            loop {
                let replica = replicas.current();
                match part.attempt(replica, ticket.clone()).await {
                    Err(error) if part.rows == 0 => {
                        replicas.turn(replica, &error);
                        attempts.wait(error).await?;
                    }
                    ended => return ended,
                }
            }
        })
    }

    /// Who has a part: those named, or else those that told of it.
    fn locations(&self, locations: &[String]) -> Result<Arc<Replicas>> {
        if locations.is_empty() || locations.iter().any(|at| at.starts_with(REUSE_CONNECTION)) {
            return Ok(Arc::clone(&self.replicas));
        }
        let elsewhere: Vec<&str> = locations.iter().map(String::as_str).filter(|at| parts_of(at).is_ok()).collect();
        if elsewhere.is_empty() {
            return Err(Error::Unimplemented(format!(
                "a part of the result is at {} only; this client reads grpc:// and grpc+tls://",
                locations.join(", ")
            )));
        }
        Ok(Arc::new(Replicas::new(&elsewhere.join(","), &self.credentials, self.patience, MESSAGE_BYTES)?))
    }
}

impl Query {
    fn descriptor(&self) -> FlightDescriptor {
        match self {
            Self::Path(path) => FlightDescriptor::new_path(path.clone()),
            Self::Command(command) => FlightDescriptor::new_cmd(command.clone()),
            Self::Sql(statement) => {
                let command = CommandStatementQuery { query: statement.clone(), transaction_id: None };
                FlightDescriptor::new_cmd(command.as_any().encode_to_vec())
            }
        }
    }
}

async fn info(replica: &Replica, descriptor: FlightDescriptor) -> Result<FlightInfo> {
    let mut client = replica.client();
    replica.answer(async { Ok(client.get_flight_info(descriptor).await?.into_inner()) }).await
}

/// A part on its way.
struct Part {
    /// Of the first attempt; whoever reads has planned with it.
    schema: Option<SchemaRef>,
    /// How many were handed on.
    rows: u64,
    events: mpsc::Sender<Event>,
}

impl Part {
    /// Reads from the beginning, over one connection.
    async fn attempt(&mut self, replica: &Replica, ticket: Ticket) -> Result<()> {
        let mut decoder = replica.get(ticket).await?;
        while let Some(message) = replica.within(decoder.next()).await? {
            match message.map_err(|error| unreadable(replica.uri(), error))?.payload {
                DecodedPayload::Schema(schema) => {
                    let differs = format!("{} changed the schema in mid-stream", replica.uri());
                    keep_schema(&mut self.schema, schema, &differs)?;
                }
                DecodedPayload::RecordBatch(batch) => {
                    let first = self.rows;
                    self.rows += batch.num_rows() as u64;
                    if self.events.send(Event::Batch(first, batch)).await.is_err() {
                        return Ok(());
                    }
                }
                DecodedPayload::None => {}
            }
        }
        Ok(())
    }
}
