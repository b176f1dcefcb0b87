//! One partition's rows, read to the end whatever happens to connections: each batch is checked to follow the last, and
//! a reading that breaks goes on at the next row.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use arrow_flight::{
    Ticket,
    decode::{DecodedPayload, FlightDataDecoder},
    error::FlightError,
};
use futures::{StreamExt, TryStreamExt};
use prost::Message;
use tokio::{sync::mpsc, task::AbortHandle};

use crate::{
    Error, Result,
    client::{Patience, Shared, answer, runtime},
    proto,
};

/// Batches ready for the caller: one being worked on, one decoded; a third only adds memory.
const READY_BATCHES: usize = 2;

/// Which rows to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The stream's name.
    pub stream: String,
    /// One of its partitions.
    pub partition: u32,
    /// First row wanted.
    pub from: u64,
    /// Row after the last one wanted, which must exist already; absent: follow, as rows arrive, until the log ends.
    pub until: Option<u64>,
    /// Columns wanted, in this order; empty: all.
    pub columns: Vec<String>,
}

/// What the reading task hands over; the end is said aloud, so that a task that died is not taken for one.
enum Event {
    Batch(u64, RecordBatch),
    Failed(Error),
    End,
}

/// Reads the rows of a [`Read`], each exactly once and in order. Dropping it ends the reading.
#[derive(Debug)]
pub struct BatchReader {
    events: mpsc::Receiver<Event>,
    canceller: Canceller,
    /// How the reading ended.
    ended: Option<Result<()>>,
}

/// Ends a reading from another thread.
#[derive(Debug, Clone)]
pub struct Canceller {
    cancelled: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Canceller {
    /// Makes the reader's current and later calls of [`BatchReader::next`] fail with [`Error::Cancelled`], soon.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.task.abort();
    }
}

impl BatchReader {
    pub(crate) fn start(shared: Arc<Shared>, read: Read) -> Result<Self> {
        let (sender, events) = mpsc::channel(READY_BATCHES);
        let task = runtime()?.spawn(async move {
            let mut reading = Reading { next: read.from, read, schema: None, patience: Patience::default(), sender };
            let event = match reading.run(&shared).await {
                Ok(()) => Event::End,
                Err(error) => Event::Failed(error),
            };
            // A reader that was dropped no longer wants to know.
            let _ = reading.sender.send(event).await;
        });
        let canceller = Canceller { cancelled: Arc::new(AtomicBool::new(false)), task: task.abort_handle() };
        Ok(Self { events, canceller, ended: None })
    }

    /// The next rows with the offset of the first, or `None` once every row was read. Blocks. After the end or an error
    /// it gives the same again.
    ///
    /// # Errors
    /// What the server said; [`Error::Unavailable`] if no replica could be reached for about 15 seconds;
    /// [`Error::DataLoss`] if rows are missing or doubled; [`Error::Cancelled`] after [`Canceller::cancel`].
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<(u64, RecordBatch)>> {
        if self.ended.is_none() && !self.canceller.cancelled.load(Ordering::Acquire) {
            match self.events.blocking_recv() {
                Some(Event::Batch(first_offset, batch)) => return Ok(Some((first_offset, batch))),
                Some(Event::End) => self.ended = Some(Ok(())),
                Some(Event::Failed(error)) => self.ended = Some(Err(error)),
                None => {}
            }
        }
        let ended = self.ended.get_or_insert_with(|| {
            Err(match self.canceller.cancelled.load(Ordering::Acquire) {
                true => Error::Cancelled("the reading was cancelled".into()),
                false => Error::Internal("the reading task died without a word; its panic is in the log".into()),
            })
        });
        ended.clone().map(|()| None)
    }

    /// A handle that ends this reading from another thread.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }
}

impl Drop for BatchReader {
    fn drop(&mut self) {
        self.canceller.task.abort();
    }
}

/// Where a reading stands.
struct Reading {
    read: Read,
    next: u64,
    schema: Option<SchemaRef>,
    patience: Patience,
    sender: mpsc::Sender<Event>,
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} at row {}", self.read.stream, self.read.partition, self.next)
    }
}

impl Reading {
    async fn run(&mut self, shared: &Shared) -> Result<()> {
        loop {
            let Err(error) = self.attempt(shared).await else { return Ok(()) };
            if self.schema.is_some() && self.read.until == Some(self.next) {
                // The connection broke between the last row and the end.
                return Ok(());
            }
            shared.turn();
            self.patience.wait(error).await?;
        }
    }

    /// Reads from the next row on, over one connection.
    async fn attempt(&mut self, shared: &Shared) -> Result<()> {
        let (uri, mut client) = shared.connection();
        let range = proto::ReadRange {
            stream: self.read.stream.clone(),
            partition: Some(self.read.partition),
            from: Some(self.next),
            until: self.read.until,
            follow: self.read.until.is_none(),
            columns: self.read.columns.clone(),
            world: shared.world().to_owned(),
        };
        let ticket = Ticket::new(proto::Ticket { range: Some(range) }.encode_to_vec());
        let messages = answer(&uri, async { Ok(client.do_get(ticket).await?.into_inner()) }).await?;
        let mut decoder = FlightDataDecoder::new(messages.map_err(FlightError::from));
        while let Some(message) = decoder.next().await {
            let message = message.map_err(|error| match error {
                FlightError::Tonic(status) => Error::from_status(&uri, &status),
                other => Error::DataLoss(format!("{self}: {uri} sent what cannot be read: {other}")),
            })?;
            match message.payload {
                DecodedPayload::Schema(schema) => self.check_schema(schema)?,
                DecodedPayload::RecordBatch(batch) => {
                    let first = self.check_batch(&uri, &message.inner.app_metadata, &batch)?;
                    self.patience.restore();
                    if self.sender.send(Event::Batch(first, batch)).await.is_err() {
                        return Ok(());
                    }
                }
                DecodedPayload::None => {}
            }
        }
        match self.read.until {
            Some(until) if self.next != until => {
                Err(Error::DataLoss(format!("{self}: {uri} ended instead of going on to row {until}")))
            }
            _ => Ok(()),
        }
    }

    /// A resumed reading must go on with the columns it began with.
    fn check_schema(&mut self, schema: SchemaRef) -> Result<()> {
        match &self.schema {
            Some(first) if *first != schema => {
                Err(Error::DataLoss(format!("{self}: the replicas disagree on the schema: {first} and {schema}")))
            }
            _ => {
                self.schema = Some(schema);
                Ok(())
            }
        }
    }

    /// The offset of the batch's first row, once it is known to be the next one and to stay within the range.
    fn check_batch(&mut self, uri: &str, metadata: &[u8], batch: &RecordBatch) -> Result<u64> {
        let first = proto::BatchMetadata::decode(metadata).ok().and_then(|metadata| metadata.first_offset).ok_or_else(
            || Error::DataLoss(format!("{self}: {uri} sent a batch without the offset of its first row")),
        )?;
        if first != self.next {
            return Err(Error::DataLoss(format!("{self}: {uri} sent the row {first} instead")));
        }
        let after = first + batch.num_rows() as u64;
        if self.read.until.is_some_and(|until| after > until) {
            return Err(Error::DataLoss(format!("{self}: {uri} sent rows up to {after}, more than asked")));
        }
        self.next = after;
        Ok(first)
    }
}
