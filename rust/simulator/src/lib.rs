//! The world of listeners and tracks, and the seekable event log they leave behind.
//!
//! A [`World`] is a function of its [`WorldConfig`]: the same seed and configuration give the same rows on every machine,
//! whoever asks, in whatever batches, from whatever offset. Nothing is stored; what a listener is, does on a day and plays
//! in a session are each a hash of ids, and an index of counts (a byte or two for each half second of a partition, or a hundred
//! rows) finds a row by offset or time.
//!
//! ```
//! use downbeat_model::Stream;
//! use downbeat_simulator::{World, WorldConfig};
//!
//! let config = WorldConfig { listeners: 200, tracks: 1_000, ..WorldConfig::default() };
//! let world = World::new(config)?;
//! let noon_us = world.config().start_us() + 12 * 3_600_000_000;
//! let rows = world.offset_at(0, noon_us)?;
//! let schema = Stream::Events.schema();
//! let columns = [schema.index_of("ts").unwrap(), schema.index_of("event_type").unwrap()];
//! let read: usize = world.read(Stream::Events, 0, 0..rows, &columns, 1000)?.map(|batch| batch.unwrap().num_rows()).sum();
//! assert_eq!(read as u64, rows);
//! # Ok::<(), downbeat_simulator::Error>(())
//! ```
//!
//! **The world begins at its start.** Nobody listened before: every session, and so every event time, is at or after
//! `start`, and no session is cut by it. The first hours are therefore quieter, and late rows of long-offline devices fill up
//! over the first week.
//!
//! **What a row depends on** is the configuration without `until`, the generator's version, and the time zone rules that
//! `chrono-tz` was built with (a newer release of them may move future local hours; such an update changes
//! [`GENERATOR_VERSION`]).

mod bucket;
mod catalogue;
mod chance;
mod columns;
mod config;
mod device;
mod dimension;
mod error;
mod fault;
mod index;
mod listener;
mod log;
mod names;
mod place;
mod plan;
mod playlist;
mod row;
mod session;
mod text;
mod tick;

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use downbeat_model::Stream;

pub use config::{FaultRates, GENERATOR_VERSION, WorldConfig};
pub use error::{Error, Result};

use crate::{
    bucket::Bucket,
    catalogue::Catalogue,
    chance::{Quantiles, Seed},
    columns::{Part, Rows},
    fault::FaultModel,
    listener::Listeners,
    log::PartitionLog,
    plan::Cut,
    playlist::Playlists,
    session::Tables,
};

/// What everything in a world is a function of.
#[derive(Debug)]
struct Model {
    config: WorldConfig,
    seed: Seed,
    /// Microseconds since 1970 UTC.
    start_us: i64,
    /// Days since 1970.
    start_day: i64,
    cut: Cut,
    catalogue: Catalogue,
    listeners: Listeners,
    tables: Tables,
    playlists: Playlists,
    offline_ms: Quantiles,
    faults: FaultModel,
}

/// A world: what is in it, and the log of what happens there. Cheap to clone; clones share what they have worked out.
#[derive(Debug, Clone)]
pub struct World {
    model: Arc<Model>,
    fingerprint: Arc<str>,
    logs: Arc<[PartitionLog]>,
}

impl World {
    /// Makes the world of a configuration. No row is generated yet.
    ///
    /// # Errors
    /// [`Error::Config`] for a value out of bounds.
    pub fn new(config: WorldConfig) -> Result<Self> {
        config.validate()?;
        let fingerprint = config.fingerprint().into();
        let seed = Seed::new(config.seed);
        let start_us = config.start_us();
        let start_day = start_us / 86_400_000_000;
        let model = Arc::new(Model {
            start_us,
            start_day,
            cut: Cut::new(config.listeners / u64::from(config.partitions)),
            catalogue: Catalogue::new(seed.clone(), config.tracks, config.artist_count(), start_day),
            listeners: Listeners::new(seed.clone(), start_day),
            tables: Tables::new(),
            playlists: Playlists::new(),
            offline_ms: plan::offline_ms(),
            faults: FaultModel::new(seed.clone(), &config.faults),
            seed,
            config,
        });
        let logs =
            (0..model.config.partitions).map(|partition| PartitionLog::new(Arc::clone(&model), partition)).collect();
        Ok(Self { model, fingerprint, logs })
    }

    /// The hash of all that decides the rows; see [`WorldConfig::fingerprint`].
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The configuration it was made of.
    pub fn config(&self) -> &WorldConfig {
        &self.model.config
    }

    /// Partitions of the log; they are numbered from 0. A listener's rows are all in one.
    pub fn partitions(&self) -> u32 {
        self.model.config.partitions
    }

    /// The first offset that arrived at or after `time_us` (microseconds since 1970 UTC): the number of rows before.
    ///
    /// The first call for a time far from the start counts all rows before it, on all cores; later ones look them up.
    /// A time after the end of a bounded world stands for its end.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`].
    pub fn offset_at(&self, partition: u32, time_us: i64) -> Result<u64> {
        let until_us = self.config().until_us().unwrap_or(i64::MAX);
        Ok(self.log(partition)?.offset_at(time_us.min(until_us)))
    }

    /// When a row arrived, in microseconds since 1970 UTC; it never decreases with the offset.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`]; [`Error::PastEnd`].
    pub fn arrived_at(&self, partition: u32, offset: u64) -> Result<i64> {
        let log = self.log(partition)?;
        if let Some(rows) = log.rows() {
            within(Stream::Events, &(offset..offset.saturating_add(1)), rows)?;
        }
        log.arrived_at(offset).map_err(|rows| Error::PastEnd { stream: Stream::Events, row: offset, rows })
    }

    /// Counts the rows of all partitions before `time_us` (microseconds since 1970 UTC), on all cores, as a first look at
    /// such a time would: a long history takes a while. `progress` is called now and then with the share done, from 0 to 1.
    pub fn count(&self, time_us: i64, progress: &(dyn Fn(f64) + Sync)) {
        let time_us = time_us.min(self.config().until_us().unwrap_or(i64::MAX));
        let total = (time_us.saturating_sub(self.model.start_us)).max(1) as f64 * f64::from(self.partitions());
        let done = AtomicI64::new(0);
        for log in self.logs.iter() {
            log.count(time_us, &|counted_us| {
                let done = done.fetch_add(counted_us, Ordering::Relaxed) + counted_us;
                progress((done as f64 / total).min(1.0));
            });
        }
    }

    /// What has been counted so far, to be kept for the next time: see [`restore_index`](Self::restore_index).
    pub fn index(&self) -> Vec<u8> {
        index::write(&self.fingerprint, self.logs.iter().map(PartitionLog::index))
    }

    /// Takes what [`index`](Self::index) returned, so that it need not be counted again.
    ///
    /// # Errors
    /// [`Error::Index`] if it is of another world, or not whole; nothing is taken then.
    pub fn restore_index(&self, index: &[u8]) -> Result<()> {
        let counts = index::read(&self.fingerprint, self.model.cut, self.logs.len(), index)?;
        self.logs.iter().zip(counts).for_each(|(log, index)| log.restore(index));
        Ok(())
    }

    /// Reads rows of `events` or `truth`.
    ///
    /// Columns are given by their position in the stream's schema and come in the order given; only they are made. Every
    /// batch has `batch_rows` rows, but the last may have fewer. Rows are made while iterating; an iterator ends after an error.
    ///
    /// # Errors
    /// [`Error::WrongStream`], [`Error::UnknownPartition`], [`Error::UnknownColumn`], [`Error::EmptyBatch`],
    /// [`Error::BackwardRange`]; [`Error::PastEnd`] if the world is bounded and the range is not within.
    pub fn read(
        &self,
        stream: Stream,
        partition: u32,
        rows: Range<u64>,
        columns: &[usize],
        batch_rows: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch>> + Send + use<>> {
        if !stream.is_log() {
            return Err(Error::WrongStream { stream, expected: "a log; read it as a dimension" });
        }
        let log = self.log(partition)?;
        let schema = checked(stream, &rows, columns, batch_rows)?;
        if let Some(end) = log.rows() {
            within(stream, &rows, end)?;
        }
        let reader = Reader {
            world: self.clone(),
            stream,
            partition,
            rows,
            columns: columns.to_vec(),
            schema,
            batch_rows,
            at: None,
        };
        Ok(reader.fuse())
    }

    /// Reads rows of `tracks`, `artists` or `listeners`, in the manner of [`read`](Self::read).
    ///
    /// # Errors
    /// [`Error::WrongStream`], [`Error::UnknownColumn`], [`Error::EmptyBatch`], [`Error::BackwardRange`], [`Error::PastEnd`].
    pub fn dimension(
        &self,
        stream: Stream,
        rows: Range<u64>,
        columns: &[usize],
        batch_rows: usize,
    ) -> Result<impl Iterator<Item = Result<RecordBatch>> + Send + use<>> {
        if stream.is_log() {
            return Err(Error::WrongStream { stream, expected: "a dimension; read it as a log" });
        }
        let schema = checked(stream, &rows, columns, batch_rows)?;
        within(stream, &rows, self.dimension_rows(stream))?;
        let (model, columns) = (Arc::clone(&self.model), columns.to_vec());
        let end = rows.end;
        Ok(rows.step_by(batch_rows).map(move |from| {
            let until = from.saturating_add(batch_rows as u64).min(end);
            dimension::batch(&model, stream, from..until, &schema, &columns)
        }))
    }

    /// How many rows `tracks`, `artists` or `listeners` has; 0 for a log, which is no dimension.
    pub fn dimension_rows(&self, stream: Stream) -> u64 {
        match stream {
            Stream::Tracks => self.config().tracks,
            Stream::Artists => self.config().artist_count(),
            Stream::Listeners => self.config().listeners,
            Stream::Events | Stream::Truth => 0,
        }
    }

    fn log(&self, partition: u32) -> Result<&PartitionLog> {
        let last = self.partitions() - 1;
        self.logs.get(partition as usize).ok_or(Error::UnknownPartition { partition, last })
    }
}

/// The schema of a read that makes sense.
fn checked(stream: Stream, rows: &Range<u64>, columns: &[usize], batch_rows: usize) -> Result<SchemaRef> {
    let schema = stream.schema();
    let fields = schema.fields().len();
    if let Some(&column) = columns.iter().find(|&&column| column >= fields) {
        return Err(Error::UnknownColumn { stream, column, columns: fields });
    }
    if batch_rows == 0 {
        return Err(Error::EmptyBatch);
    }
    if rows.start > rows.end {
        return Err(Error::BackwardRange { from: rows.start, until: rows.end });
    }
    Ok(Arc::new(schema.project(columns)?))
}

fn within(stream: Stream, wanted: &Range<u64>, rows: u64) -> Result<()> {
    match wanted.end <= rows {
        true => Ok(()),
        false => Err(Error::PastEnd { stream, row: wanted.start.max(rows), rows }),
    }
}

/// Rows of a log, batch by batch.
#[derive(Debug)]
struct Reader {
    world: World,
    stream: Stream,
    partition: u32,
    /// Still to come.
    rows: Range<u64>,
    columns: Vec<usize>,
    schema: SchemaRef,
    batch_rows: usize,
    /// The bucket the next row is in, if known, and the offset of its first row.
    at: Option<(Arc<Bucket>, u64)>,
}

impl Reader {
    fn batch(&mut self, until: u64) -> Result<RecordBatch> {
        let log = self.world.log(self.partition)?;
        let first = self.rows.start;
        let mut buckets = Vec::new();
        while self.rows.start < until {
            let (bucket, bucket_first) = match self.at.take() {
                Some(at) if self.rows.start < at.1 + at.0.rows.len() as u64 => at,
                _ => {
                    let place = log.locate(self.rows.start).map_err(|rows| Error::PastEnd {
                        stream: self.stream,
                        row: self.rows.start,
                        rows,
                    })?;
                    (log.bucket(place.bucket), place.first)
                }
            };
            let from = (self.rows.start - bucket_first) as usize;
            let end = bucket.rows.len().min((until - bucket_first) as usize);
            self.rows.start = bucket_first + end as u64;
            buckets.push((Arc::clone(&bucket), from..end));
            self.at = Some((bucket, bucket_first));
        }
        let parts = buckets.iter().map(|(bucket, rows)| Part::new(bucket, rows.clone())).collect();
        let rows = Rows { model: &self.world.model, log, partition: self.partition, first, parts };
        columns::batch(&rows, self.stream, &self.schema, &self.columns)
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rows.is_empty() {
            return None;
        }
        let until = self.rows.start.saturating_add(self.batch_rows as u64).min(self.rows.end);
        let batch = self.batch(until);
        if batch.is_err() {
            self.rows.start = self.rows.end;
        }
        Some(batch)
    }
}
