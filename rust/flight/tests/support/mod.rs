//! A log in memory, and a server for it on a free port: what the tests and the bench read from.
#![allow(dead_code, missing_docs, missing_debug_implementations, unreachable_pub, clippy::panic, clippy::unwrap_used)]

use std::{
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use arrow::{
    array::{ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::DataType,
};
use downbeat_flight::{Batches, Held, Log, LogError, LogStream, Server, ServerOptions};
use downbeat_model::Stream;
use tokio::sync::oneshot;

/// Row `n` arrives this long after row `n - 1`.
pub const ROW_US: i64 = 1000;

pub struct MemoryLog {
    world: String,
    streams: Vec<LogStream>,
    /// Rows of `events`, one batch a partition.
    events: Vec<RecordBatch>,
    /// Rows before this one are gone.
    pub earliest: AtomicU64,
    /// Rows from this one on have not arrived yet.
    pub latest: AtomicU64,
    pub ended: AtomicBool,
    /// Rows handed to the service, in all.
    pub made: AtomicU64,
    /// When to fail in the middle of a reading, and how.
    pub broken_from: Option<(u64, Break)>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Break {
    Error,
    Panic,
    EndEarly,
}

impl MemoryLog {
    /// `rows` events a partition, all of them arrived, and three rows in the table `tracks`.
    pub fn new(world: &str, partitions: u32, rows: u64) -> Self {
        let stream = |stream: Stream, partitions| LogStream {
            name: stream.text().into(),
            schema: stream.schema(),
            partitions,
            is_log: stream.is_log(),
        };
        Self {
            world: world.into(),
            streams: vec![stream(Stream::Events, partitions), stream(Stream::Tracks, 1)],
            events: (0..partitions).map(|partition| events(partition, rows)).collect(),
            earliest: AtomicU64::new(0),
            latest: AtomicU64::new(rows),
            ended: AtomicBool::new(false),
            made: AtomicU64::new(0),
            broken_from: None,
        }
    }

    /// The rows a reader must get.
    pub fn rows(&self, partition: u32, range: Range<u64>) -> RecordBatch {
        self.events[partition as usize].slice(range.start as usize, (range.end - range.start) as usize)
    }
}

/// Events-shaped rows: every text names its column and row, so that no two rows are alike.
fn events(partition: u32, rows: u64) -> RecordBatch {
    let offsets = || 0..rows as i64;
    let schema = Stream::Events.schema();
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.data_type() {
            DataType::Int32 => Arc::new(Int32Array::from_iter_values(offsets().map(|_| partition as i32))),
            DataType::Int64 => Arc::new(Int64Array::from_iter_values(offsets())),
            DataType::Timestamp(_, zone) => Arc::new(
                TimestampMicrosecondArray::from_iter_values(offsets().map(|n| n * ROW_US))
                    .with_timezone_opt(zone.clone()),
            ),
            DataType::Boolean => Arc::new(offsets().map(|n| Some(n % 3 == 0)).collect::<BooleanArray>()),
            DataType::Utf8 => Arc::new(
                offsets()
                    .map(|n| (n % 7 != 0).then(|| format!("{}-{partition}-{n}", field.name())))
                    .collect::<StringArray>(),
            ),
            other => panic!("no events column is a {other}"),
        }
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
}

impl Log for MemoryLog {
    fn world(&self) -> &str {
        &self.world
    }

    fn config_json(&self) -> &str {
        r#"{"seed":7}"#
    }

    fn streams(&self) -> &[LogStream] {
        &self.streams
    }

    fn now_us(&self) -> i64 {
        self.latest.load(Ordering::Acquire) as i64 * ROW_US
    }

    fn held(&self, stream: &str, _: u32) -> Result<Held, LogError> {
        Ok(match stream {
            "events" => Held {
                earliest: self.earliest.load(Ordering::Acquire),
                latest: self.latest.load(Ordering::Acquire),
                ended: self.ended.load(Ordering::Acquire),
            },
            _ => Held { earliest: 0, latest: 0, ended: true },
        })
    }

    fn offset_at(&self, _: &str, _: u32, at_us: i64) -> Result<u64, LogError> {
        Ok((at_us + ROW_US - 1).max(0) as u64 / ROW_US as u64)
    }

    fn arrived_at(&self, _: &str, _: u32, offset: u64) -> Result<i64, LogError> {
        Ok(offset as i64 * ROW_US)
    }

    fn read(
        &self,
        _: &str,
        partition: u32,
        range: Range<u64>,
        columns: &[usize],
        batch_rows: usize,
    ) -> Result<Batches<'_>, LogError> {
        let rows = self.rows(partition, range.clone()).project(columns)?;
        Ok(Box::new((0..rows.num_rows()).step_by(batch_rows).map_while(move |start| {
            let batch = rows.slice(start, batch_rows.min(rows.num_rows() - start));
            if let Some((_, how)) = self.broken_from.filter(|(row, _)| range.start + start as u64 >= *row) {
                match how {
                    Break::Error => return Some(Err("the disk is on fire".into())),
                    Break::Panic => panic!("the log fell over"),
                    Break::EndEarly => return None,
                }
            }
            self.made.fetch_add(batch.num_rows() as u64, Ordering::AcqRel);
            Some(Ok(batch))
        })))
    }
}

/// A server on a thread of its own; stops when dropped.
pub struct Running {
    pub address: SocketAddr,
    /// Where it tells its health and metrics.
    pub metrics: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn new(log: Arc<MemoryLog>) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), log)
    }

    pub fn at(listen: SocketAddr, log: Arc<MemoryLog>) -> Self {
        Self::with(listen, log, ServerOptions::default())
    }

    pub fn with(listen: SocketAddr, log: Arc<MemoryLog>, options: ServerOptions) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let server = Server::bind(log, listen, options).unwrap();
                bound.send((server.address(), server.metrics_address())).unwrap();
                let stop = async {
                    let _ = stopped.await;
                };
                server.serve(stop).await.unwrap();
            });
            runtime.shutdown_background();
        });
        let (address, metrics) = address.recv().unwrap();
        Self { address, metrics, stop: Some(stop), thread: Some(thread) }
    }

    pub fn uri(&self) -> String {
        format!("grpc://{}", self.address)
    }

    /// Asks the server to stop, and waits until it has.
    pub fn stop(&mut self) {
        if let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) {
            let _ = stop.send(());
            thread.join().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
