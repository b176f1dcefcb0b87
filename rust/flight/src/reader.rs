//! One partition's rows, read to the end whatever happens to connections: each batch is checked to follow the last, and
//! a reading that breaks goes on at the next row.

use std::{any::Any, fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use arrow_flight::{
    Ticket,
    decode::{DecodedFlightData, DecodedPayload, FlightDataDecoder},
    error::FlightError,
};
use futures::{FutureExt, StreamExt};
use prost::Message;
use tokio::{sync::mpsc, task::AbortHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Result,
    client::Shared,
    proto,
    replicas::{Attempts, Replica, runtime},
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
pub(crate) enum Event {
    Batch(u64, RecordBatch),
    Failed(Error),
    End,
}

/// Reads the rows of a [`Read`], each exactly once and in order. Dropping it ends the reading.
#[derive(Debug)]
pub struct BatchReader {
    events: mpsc::Receiver<Event>,
    cancel: CancellationToken,
    task: AbortHandle,
    /// How the reading ended.
    ended: Option<Result<()>>,
}

impl BatchReader {
    /// Reads rows of a stream, each once, whatever happens to connections.
    pub(crate) fn of_range(shared: Arc<Shared>, read: Read, cancel: CancellationToken) -> Result<Self> {
        Self::start(cancel, async move |sender| {
            let attempts = shared.replicas.attempts();
            Reading { next: read.from, read, schema: None, attempts, sender }.run(&shared).await
        })
    }

    /// Starts the task that hands batches over, and then ends or fails; cancelled, it stops where it is, without a word.
    pub(crate) fn start<F>(cancel: CancellationToken, reading: impl FnOnce(mpsc::Sender<Event>) -> F) -> Result<Self>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let (sender, events) = mpsc::channel(READY_BATCHES);
        let reading = AssertUnwindSafe(reading(sender.clone())).catch_unwind();
        let cancelled = cancel.clone();
        let task = runtime()?.spawn(async move {
            let event = match cancelled.run_until_cancelled(reading).await {
                None => return,
                Some(Ok(Ok(()))) => Event::End,
                Some(Ok(Err(error))) => Event::Failed(error),
                Some(Err(panic)) => Event::Failed(Error::Internal(format!("the reading panicked: {}", said(&*panic)))),
            };
            // A reader that was dropped no longer wants to know.
            let _ = sender.send(event).await;
        });
        Ok(Self { events, cancel, task: task.abort_handle(), ended: None })
    }

    /// The next rows with the offset of the first, or `None` once every row was read. Blocks. After the end or an error
    /// it gives the same again.
    ///
    /// # Errors
    /// What the server said; [`Error::Unavailable`] if no replica could be reached for as long as the client's patience;
    /// [`Error::DataLoss`] if rows are missing or doubled; [`Error::Cancelled`] once the client is (see
    /// [`Client::until`](crate::Client::until)).
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<(u64, RecordBatch)>> {
        if !self.is_over() {
            let event = self.events.blocking_recv();
            if let Some(batch) = self.take(event) {
                return Ok(Some(batch));
            }
        }
        self.end().map(|()| None)
    }

    /// As [`next`](Self::next), but waits no longer than `timeout`; then, too, it is `None`, and the reading goes on.
    ///
    /// # Errors
    /// As there.
    pub fn next_within(&mut self, timeout: Duration) -> Result<Option<(u64, RecordBatch)>> {
        if !self.is_over() {
            let waited = runtime()?.block_on(async { tokio::time::timeout(timeout, self.events.recv()).await });
            let Ok(event) = waited else { return Ok(None) };
            if let Some(batch) = self.take(event) {
                return Ok(Some(batch));
            }
        }
        self.end().map(|()| None)
    }

    fn is_over(&self) -> bool {
        self.ended.is_some() || self.cancel.is_cancelled()
    }

    /// The batch in an event, or a note of how the reading ended.
    fn take(&mut self, event: Option<Event>) -> Option<(u64, RecordBatch)> {
        match event? {
            Event::Batch(first_offset, batch) => return Some((first_offset, batch)),
            Event::End => self.ended = Some(Ok(())),
            Event::Failed(error) => self.ended = Some(Err(error)),
        }
        None
    }

    /// How the reading ended.
    fn end(&mut self) -> Result<()> {
        let cancelled = self.cancel.is_cancelled();
        let ended = self.ended.get_or_insert_with(|| {
            Err(match cancelled {
                true => Error::cancelled(),
                false => Error::Internal("the reading task ended without a word".into()),
            })
        });
        ended.clone()
    }
}

impl Drop for BatchReader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where a reading stands.
struct Reading {
    read: Read,
    next: u64,
    schema: Option<SchemaRef>,
    attempts: Attempts,
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
            let replica = shared.replicas.current();
            let Err(error) = self.attempt(replica, &shared.world).await else { return Ok(()) };
            if self.schema.is_some() && self.read.until == Some(self.next) {
                // The connection broke between the last row and the end.
                return Ok(());
            }
            shared.replicas.turn(replica, &error);
            self.attempts.wait(error).await?;
        }
    }

    /// Reads from the next row on, over one connection.
    async fn attempt(&mut self, replica: &Replica, world: &str) -> Result<()> {
        let range = proto::ReadRange {
            stream: self.read.stream.clone(),
            partition: Some(self.read.partition),
            from: Some(self.next),
            until: self.read.until,
            // Where an end is known, another replica knew the rows: this one may be a little behind, and has them soon.
            follow: true,
            columns: self.read.columns.clone(),
            world: world.to_owned(),
        };
        let ticket = Ticket::new(proto::Ticket { range: Some(range) }.encode_to_vec());
        let mut decoder = replica.get(ticket).await?;
        while let Some(message) = self.message(replica, &mut decoder).await? {
            match message.payload {
                DecodedPayload::Schema(schema) => self.check_schema(schema)?,
                DecodedPayload::RecordBatch(batch) => {
                    let first = self.check_batch(replica.uri(), &message.inner.app_metadata, &batch)?;
                    self.attempts.restore();
                    if self.sender.send(Event::Batch(first, batch)).await.is_err() {
                        return Ok(());
                    }
                }
                DecodedPayload::None => {}
            }
        }
        match self.read.until {
            Some(until) if self.next != until => {
                Err(Error::DataLoss(format!("{self}: {} ended instead of going on to row {until}", replica.uri())))
            }
            _ => Ok(()),
        }
    }

    /// What comes next: soon, where rows exist; who follows waits for them.
    async fn message(&self, replica: &Replica, decoder: &mut FlightDataDecoder) -> Result<Option<DecodedFlightData>> {
        let next = match self.read.until {
            Some(_) => replica.within(decoder.next()).await?,
            None => decoder.next().await,
        };
        next.transpose().map_err(|error| unreadable(&format!("{self}: {}", replica.uri()), error))
    }

    /// A resumed reading must go on with the columns it began with.
    fn check_schema(&mut self, schema: SchemaRef) -> Result<()> {
        let differs = format!("{self}: the replicas disagree on the schema");
        keep_schema(&mut self.schema, schema, &differs)
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

/// Keeps the first schema of a reading. That another one `differs` is an error, for who reads has planned with the first.
pub(crate) fn keep_schema(kept: &mut Option<SchemaRef>, schema: SchemaRef, differs: &str) -> Result<()> {
    match kept {
        Some(first) if *first != schema => Err(Error::DataLoss(format!("{differs}: {first} and {schema}"))),
        _ => {
            *kept = Some(schema);
            Ok(())
        }
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

/// What went wrong with a message of `whom`.
pub(crate) fn unreadable(whom: &str, error: FlightError) -> Error {
    match error {
        FlightError::Tonic(status) => Error::from_status(whom, &status),
        other => Error::DataLoss(format!("{whom} sent what cannot be read: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_panics_says_so() {
        let mut reader = BatchReader::start(CancellationToken::new(), async |_| panic!("of all things")).unwrap();
        let error = reader.next().unwrap_err();
        assert_eq!(error, Error::Internal("the reading panicked: of all things".into()));
        assert_eq!(reader.next(), Err(error), "for good");
    }
}
