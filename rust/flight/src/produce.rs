//! One DoGet: rows made and encoded on a blocking thread, no faster than the client takes them.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use arrow::{array::RecordBatch, datatypes::Schema};
use futures::{Stream, stream};
use prost::Message as _;
use tokio::sync::{mpsc, watch};
use tonic::Status;

use crate::{
    Error, Held, Log, Result,
    http::Watched,
    metrics::OpenRead,
    proto,
    request::{Slice, beyond, expired, log_failed},
    send::{BatchEncoder, Message},
    server::Phase,
};

/// Rows in a batch: columns of it fit the caches of a core, and a message stays near 2 MB.
const BATCH_ROWS: usize = 8192;

/// What a message has beside the batch's header and body: their lengths, and the offset of the first row.
const ENVELOPE_BYTES: usize = 64;

/// Messages ready for the client: one being sent, one being made; a third only adds memory.
const READY_MESSAGES: usize = 2;

/// How soon a following reader looks for more rows after some came; each look in vain doubles it. So many rows as arrive
/// in it share a message.
const FIRST_POLL: Duration = Duration::from_millis(1);

/// The longest it is: well under what a person or a micro-batch notices, and cheap for a log that is silent.
const LONGEST_POLL: Duration = Duration::from_millis(50);

pub(crate) type Reply = Result<Message, Status>;

/// Starts to read `slice`; the stream yields the schema first, and ends the reading when it is dropped.
pub(crate) fn produce(
    watched: &Watched,
    slice: Slice,
    open: OpenRead,
    max_message_bytes: usize,
) -> impl Stream<Item = Reply> + Send + use<> {
    let (sender, mut receiver) = mpsc::channel(READY_MESSAGES);
    let Watched { log, phase, .. } = watched.clone();
    tokio::spawn(async move {
        let producer = Producer { log, slice: Arc::new(slice), phase, sender, open: Arc::new(open), max_message_bytes };
        if let Err(error) = producer.run().await {
            // The client may have gone, and then nobody wants to know.
            let _ = producer.sender.send(Err(error.into())).await;
        }
    });
    stream::poll_fn(move |context| receiver.poll_recv(context))
}

struct Producer {
    log: Arc<dyn Log>,
    slice: Arc<Slice>,
    phase: watch::Receiver<Phase>,
    sender: mpsc::Sender<Reply>,
    open: Arc<OpenRead>,
    max_message_bytes: usize,
}

impl Producer {
    async fn run(&self) -> Result<()> {
        let Slice { stream, partition, from, until, schema, .. } = self.slice.as_ref();
        if self.sender.send(Ok(Message::of_schema(schema)?)).await.is_err() {
            return Ok(());
        }
        let mut encoder = Encoder::new(schema, self.max_message_bytes)?;
        let mut next = *from;
        let mut poll = FIRST_POLL;
        loop {
            if self.sender.is_closed() || until.is_some_and(|until| next >= until) {
                return Ok(());
            }
            let held = self.held().await?;
            if next < held.earliest {
                return Err(expired(stream, *partition, next, held.earliest));
            }
            let reachable = until.map_or(held.latest, |until| until.min(held.latest));
            if next < reachable {
                encoder = self.emit(next..reachable, encoder).await?;
                next = reachable;
                poll = FIRST_POLL;
            } else if held.ended {
                return until.map_or(Ok(()), |until| Err(beyond(stream, *partition, next, until, held)));
            } else {
                poll = (poll * 2).min(LONGEST_POLL);
            }
            // Also after rows: they come one by one, and a message for each would cost both sides more than it carries.
            if until.is_none_or(|until| next < until) && !self.wait(poll).await? {
                return Ok(());
            }
        }
    }

    async fn held(&self) -> Result<Held> {
        let (log, slice) = (Arc::clone(&self.log), Arc::clone(&self.slice));
        blocking(move || {
            log.held(&slice.stream, slice.partition).map_err(|cause| log_failed(&slice.stream, slice.partition, &cause))
        })
        .await
    }

    /// Makes, encodes and sends the rows `range`; stops early when the client has gone. Returns the encoder, for the next.
    async fn emit(&self, range: Range<u64>, mut encoder: Encoder) -> Result<Encoder> {
        let (log, slice) = (Arc::clone(&self.log), Arc::clone(&self.slice));
        let outlet = Outlet { phase: self.phase.clone(), sender: self.sender.clone(), open: Arc::clone(&self.open) };
        blocking(move || emit(log.as_ref(), &slice, range, &mut encoder, &outlet).map(|()| encoder)).await
    }

    /// Waits for the next look at the log; false when the client has gone.
    async fn wait(&self, poll: Duration) -> Result<bool> {
        let mut phase = self.phase.clone();
        tokio::select! {
            () = tokio::time::sleep(poll) => Ok(true),
            () = self.sender.closed() => Ok(false),
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => Err(stopping()),
        }
    }
}

/// Where messages go, and what is known of the way.
struct Outlet {
    phase: watch::Receiver<Phase>,
    sender: mpsc::Sender<Reply>,
    open: Arc<OpenRead>,
}

impl Outlet {
    /// Hands a message over as soon as the client has room for it; false when the client has gone.
    fn send(&self, message: Message, rows: u64) -> bool {
        let bytes = message.bytes as u64;
        let ready = Instant::now();
        let taken = self.sender.blocking_send(Ok(message)).is_ok();
        if taken {
            self.open.sent(rows, bytes, ready.elapsed());
        }
        taken
    }
}

fn emit(log: &dyn Log, slice: &Slice, range: Range<u64>, encoder: &mut Encoder, outlet: &Outlet) -> Result<()> {
    let Slice { stream, partition, columns, .. } = slice;
    let failed = |cause| log_failed(stream, *partition, &cause);
    let mut next = range.start;
    for batch in log.read(stream, *partition, range.clone(), columns, BATCH_ROWS).map_err(failed)? {
        let batch = batch.map_err(failed)?;
        let first = next;
        next += batch.num_rows() as u64;
        if next > range.end || batch.schema_ref() != &slice.schema {
            return Err(Error::Internal(format!("{stream}/{partition}: the log made other rows than {range:?} asked")));
        }
        for (message, rows) in encoder.encode(&batch, first)? {
            match *outlet.phase.borrow() {
                Phase::Serving => {}
                // A reader without an end would never be done, however long it may go on.
                Phase::Draining if slice.until.is_some() => {}
                Phase::Draining | Phase::Stopped => return Err(stopping()),
            }
            if !outlet.send(message, rows) {
                return Ok(());
            }
        }
    }
    if next != range.end {
        return Err(Error::DataLoss(format!(
            "{stream}/{partition}: the log ended at row {next} instead of {}",
            range.end
        )));
    }
    Ok(())
}

fn stopping() -> Error {
    Error::Unavailable("this server is stopping; go on from the next row at another replica, or when it is back".into())
}

/// Runs what may take long beside the threads that serve sockets.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| {
        tracing::error!("a request panicked: {panic}");
        Err(Error::Internal(format!("a fault in the server, please report it: {panic}")))
    })
}

/// Turns batches into messages that say where their first row stands.
struct Encoder {
    batches: BatchEncoder,
    max_message_bytes: usize,
}

impl Encoder {
    fn new(schema: &Schema, max_message_bytes: usize) -> Result<Self> {
        Ok(Self { batches: BatchEncoder::new(schema)?, max_message_bytes })
    }

    /// One message with its number of rows, or several where one would be too large for clients.
    fn encode(&mut self, batch: &RecordBatch, first_offset: u64) -> Result<Vec<(Message, u64)>> {
        let metadata = proto::BatchMetadata { first_offset: Some(first_offset) }.encode_to_vec();
        let message = self.batches.encode(batch, &metadata)?;
        if message.bytes + ENVELOPE_BYTES > self.max_message_bytes && batch.num_rows() > 1 {
            let half = batch.num_rows() / 2;
            let mut messages = self.encode(&batch.slice(0, half), first_offset)?;
            messages.extend(self.encode(&batch.slice(half, batch.num_rows() - half), first_offset + half as u64)?);
            return Ok(messages);
        }
        Ok(vec![(message, batch.num_rows() as u64)])
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::StringArray;

    use super::*;
    use crate::send::tests::decoded;

    fn encoded(
        batch: &RecordBatch,
        max_message_bytes: usize,
        first_offset: u64,
    ) -> Vec<(arrow_flight::FlightData, u64)> {
        let mut encoder = Encoder::new(&batch.schema(), max_message_bytes).unwrap();
        let messages = encoder.encode(batch, first_offset).unwrap();
        messages.into_iter().map(|(message, rows)| (decoded(&message), rows)).collect()
    }

    #[test]
    fn a_large_batch_is_split_below_the_limit() {
        let text = StringArray::from_iter_values((0..1000).map(|_| "x".repeat(10_000)));
        let batch = RecordBatch::try_from_iter([("text", Arc::new(text) as _)]).unwrap();
        let messages = encoded(&batch, 4_000_000, 7);
        assert!(messages.iter().all(|(message, _)| message.encoded_len() <= 4_000_000));
        assert_eq!(messages.iter().map(|(_, rows)| rows).sum::<u64>(), 1000);
        let offsets: Vec<u64> = messages
            .iter()
            .map(|(message, _)| proto::BatchMetadata::decode(message.app_metadata.as_ref()).unwrap().first_offset())
            .collect();
        assert_eq!(offsets, [7, 257, 507, 757]);
    }

    #[test]
    fn the_offset_0_is_written_out() {
        let batch = RecordBatch::new_empty(Arc::new(Schema::empty()));
        assert!(!encoded(&batch, 0, 0)[0].0.app_metadata.is_empty());
    }

    #[test]
    fn a_batch_without_rows_is_one_message() {
        let batch = RecordBatch::new_empty(Arc::new(Schema::empty()));
        assert_eq!(encoded(&batch, 0, 0).len(), 1);
    }
}
