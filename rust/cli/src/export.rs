//! `downbeat export`: a bounded world as files, each whole or not there.
//!
//! What is to be written follows from the command alone: the names of the files from the dates and partitions, their bytes
//! from the world. So a broken export needs no memory of its own but the files that are there: the same command writes the
//! ones that are missing.

mod csv;
mod destination;
mod format;
mod manifest;
mod progress;
mod stop;

use std::{
    num::NonZero,
    ops::Range,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use arrow::datatypes::SchemaRef;
use chrono::{DateTime, SecondsFormat};
use clap::Args;
use downbeat_flight::Log;
use downbeat_model::Stream;

use self::{
    destination::Destination,
    format::{Format, RowWriter},
    manifest::{Contents, Manifest},
    progress::Progress,
    stop::Stop,
};
use crate::{
    failure::{Failure, Result},
    live::{Clock, WorldLog},
    serve::runtime,
    world::{DAY_US, WorldFlags},
};

/// Rows made at a time: small enough for the caches of a core.
const BATCH_ROWS: usize = 8192;

/// Rows of a table in one file: enough that a file is worth opening, few enough that all cores have work.
const TABLE_FILE_ROWS: u64 = 1_000_000;

/// An empty file that stands beside the others once they are all there, under the name that Hadoop and Spark look for.
const FINISHED: &str = "_SUCCESS";

/// Write one stream of a world to files.
///
/// A log becomes one file a partition and day of arrival, in folders `ingest_date=YYYY-MM-DD`, its rows in order of
/// offset; a table becomes a file for each million rows. A file appears when it is whole. An export that was broken off
/// goes on where it was when the same command is run again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  downbeat export --listeners 1000 --tracks 10000 --start 2026-10-01 --until 2026-10-08 --out events
  downbeat export --config world.yaml --until 2026-10-08 --stream truth --columns offset,faults --out truth
  downbeat export --config world.yaml --stream tracks --format csv --out s3://bucket/tracks

Object stores take their credentials and endpoint from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_REGION and AWS_ENDPOINT_URL (or S3_ENDPOINT) for s3://, GOOGLE_APPLICATION_CREDENTIALS or
GOOGLE_SERVICE_ACCOUNT for gs://.")]
pub(crate) struct Export {
    /// Folder to write: a path, `s3://bucket/prefix` or `gs://bucket/prefix`; new, empty, or begun by this very command
    #[arg(long, value_name = "DIR|s3://…|gs://…")]
    out: PathBuf,
    /// How to write the rows
    #[arg(long, value_enum, default_value_t = Format::Parquet)]
    format: Format,
    /// events, truth, tracks, artists or listeners
    #[arg(long, default_value_t = Stream::Events)]
    stream: Stream,
    /// Columns to write, in this order [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    columns: Vec<String>,
    #[command(flatten)]
    world: WorldFlags,
}

/// Why a file could not be written.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// One file to write, and which rows are in it.
#[derive(Debug)]
struct Piece {
    /// Relative to the destination, with `/`.
    file: String,
    partition: u32,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    /// Of a log: those that arrived in a span of time, in microseconds since 1970 UTC.
    Arrived(Range<i64>),
    /// Of a table.
    Numbered(Range<u64>),
}

impl Export {
    pub(crate) fn run(self) -> Result<()> {
        let config = self.world.config()?;
        if self.stream.is_log() && config.until_us().is_none() {
            return Err(Failure::usage(format!(
                "'{}' goes on for ever; say where to end with --until, e.g. --until 2026-10-08",
                self.stream
            )));
        }
        let until_us = config.until_us().filter(|_| self.stream.is_log());
        let (columns, schema) = columns_of(self.stream, &self.columns)?;
        let log = WorldLog::new(config, Clock::end_of_time(), None)?;
        let contents = Contents {
            world: log.world().to_owned(),
            stream: self.stream.text().to_owned(),
            columns: schema.fields().iter().map(|field| field.name().clone()).collect(),
            format: self.format.extension().to_owned(),
            until: until_us.map(rfc3339),
        };
        let runtime = runtime()?;
        let stop = Stop::at_signal(&runtime)?;
        let mut destination = Destination::open(&self.out, runtime.handle().clone(), stop.clone())?;
        let begun = manifest::find(&destination, &contents)?;
        let pieces = pieces(&log, self.stream, until_us, self.format);
        let present = destination.names()?;
        let missing: Vec<&Piece> = pieces.iter().filter(|piece| !present.contains(&piece.file)).collect();
        if let Some(begun) = begun.as_ref().filter(|_| missing.is_empty() && present.contains(FINISHED)) {
            println!(
                "nothing to do: {destination} holds all {} rows of {} in {} files world={}",
                begun.rows, self.stream, begun.files, contents.world
            );
            return Ok(());
        }
        log.count_history(until_us.unwrap_or(i64::MIN));
        let counted = count(&log, self.stream, &pieces, &stop)?;
        let total = counted.iter().map(|rows| rows.end - rows.start).sum();
        if begun.is_none() {
            Manifest::new(contents, total, pieces.len(), log.config_json())?.write(&mut destination)?;
        }
        let missing: Vec<(&Piece, &Range<u64>)> =
            pieces.iter().zip(&counted).filter(|(piece, _)| !present.contains(&piece.file)).collect();
        let left = missing.iter().map(|(_, rows)| rows.end - rows.start).sum();
        let job = Job {
            log: &log,
            stream: self.stream,
            columns,
            schema,
            format: self.format,
            destination: &destination,
            missing: &missing,
            progress: Progress::new(total, left, pieces.len(), missing.len()),
            stop: &stop,
        };
        job.run()?;
        destination
            .create(FINISHED)
            .and_then(destination::Whole::finish)
            .map_err(|cause| Failure::work(format!("cannot write {FINISHED} to {destination}: {cause}")))?;
        println!(
            "exported {total} rows of {} in {} files to {destination} world={}",
            self.stream,
            pieces.len(),
            log.world()
        );
        Ok(())
    }
}

fn rfc3339(time_us: i64) -> String {
    DateTime::from_timestamp_micros(time_us).unwrap_or_default().to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The positions of the named columns, and their schema; no name means all.
fn columns_of(stream: Stream, names: &[String]) -> Result<(Vec<usize>, SchemaRef)> {
    let schema = stream.schema();
    if names.is_empty() {
        return Ok(((0..schema.fields().len()).collect(), schema));
    }
    let mut columns = Vec::with_capacity(names.len());
    for name in names {
        let column = schema.index_of(name).map_err(|_| unknown_column(stream, name))?;
        if columns.contains(&column) {
            return Err(Failure::usage(format!("--columns names '{name}' twice; a file can hold it once")));
        }
        columns.push(column);
    }
    let schema = schema.project(&columns).map_err(|cause| Failure::work(cause.to_string()))?;
    Ok((columns, Arc::new(schema)))
}

fn unknown_column(stream: Stream, name: &str) -> Failure {
    /// Jaro-Winkler similarity below which a suggestion is no help; clap draws the line there too.
    const SIMILAR: f64 = 0.7;
    let schema = stream.schema();
    let known: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let nearest = known
        .iter()
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(similarity, _)| *similarity > SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(String::new, |(_, known)| format!(" did you mean '{known}'?"));
    Failure::usage(format!("stream '{stream}' has no column '{name}';{nearest} its columns are {}", known.join(", ")))
}

/// The files of an export, which its command alone decides.
fn pieces(log: &WorldLog, stream: Stream, until_us: Option<i64>, format: Format) -> Vec<Piece> {
    let extension = format.extension();
    let Some(until_us) = until_us else {
        let rows = log.rows(stream);
        return (0..rows.div_ceil(TABLE_FILE_ROWS))
            .map(|number| Piece {
                file: format!("{stream}-{number:04}.{extension}"),
                partition: 0,
                rows: Rows::Numbered(number * TABLE_FILE_ROWS..rows.min((number + 1) * TABLE_FILE_ROWS)),
            })
            .collect();
    };
    let days = (log.start_us()..until_us).step_by(DAY_US as usize);
    days.flat_map(|day_us| {
        let date = DateTime::from_timestamp_micros(day_us).unwrap_or_default().date_naive();
        (0..log.partitions()).map(move |partition| Piece {
            file: format!("ingest_date={date}/{stream}-p{partition:04}.{extension}"),
            partition,
            rows: Rows::Arrived(day_us..until_us.min(day_us + DAY_US)),
        })
    })
    .collect()
}

/// The row numbers of each piece.
fn count(log: &WorldLog, stream: Stream, pieces: &[Piece], stop: &Stop) -> Result<Vec<Range<u64>>> {
    pieces
        .iter()
        .map(|piece| {
            stop.check()?;
            let at = |time_us| {
                log.offset_at(stream.text(), piece.partition, time_us)
                    .map_err(|cause| Failure::work(format!("cannot find the rows of {}: {cause}", piece.file)))
            };
            match &piece.rows {
                Rows::Arrived(time_us) => Ok(at(time_us.start)?..at(time_us.end)?),
                Rows::Numbered(rows) => Ok(rows.clone()),
            }
        })
        .collect()
}

/// What the writing threads share.
struct Job<'a> {
    log: &'a WorldLog,
    stream: Stream,
    columns: Vec<usize>,
    schema: SchemaRef,
    format: Format,
    destination: &'a Destination,
    missing: &'a [(&'a Piece, &'a Range<u64>)],
    progress: Progress,
    stop: &'a Stop,
}

impl Job<'_> {
    /// Writes every missing piece, a thread a core; the first failure ends them all.
    fn run(&self) -> Result<()> {
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            for _ in 0..cores.min(self.missing.len()) {
                scope.spawn(|| {
                    while let Some((piece, rows)) = self.missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if let Err(cause) = self.write(piece, rows) {
                            next.store(self.missing.len(), Ordering::Relaxed);
                            let cause = self.explained(piece, &*cause);
                            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(cause);
                        }
                    }
                });
            }
        });
        self.progress.finish();
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or(Ok(()), |cause: String| {
            Err(Failure::work(format!(
                "{cause}; {} are whole in {}; run the same command again to write the rest",
                self.progress.whole(),
                self.destination
            )))
        })
    }

    /// After a signal every thread fails in its own way; what matters is the signal.
    fn explained(&self, piece: &Piece, cause: &dyn std::error::Error) -> String {
        match self.stop.check() {
            Err(interrupted) => interrupted.to_string(),
            Ok(()) => format!("cannot write {}: {cause}", piece.file),
        }
    }

    fn write(&self, piece: &Piece, rows: &Range<u64>) -> Result<(), Cause> {
        let whole = self.destination.create(&piece.file)?;
        let mut writer = RowWriter::new(self.format, whole, &self.schema, self.log.world())?;
        let mut missing = rows.end - rows.start;
        if missing > 0 {
            let batches =
                self.log.read(self.stream.text(), piece.partition, rows.clone(), &self.columns, BATCH_ROWS)?;
            for batch in batches {
                let batch = batch?;
                if self.stop.is_set() {
                    return Err("interrupted".into());
                }
                writer.write(&batch)?;
                self.progress.wrote_rows(batch.num_rows() as u64);
                missing = missing.wrapping_sub(batch.num_rows() as u64);
            }
        }
        if missing != 0 {
            return Err("the world made other rows than it has; this is a fault, please report it".into());
        }
        writer.finish()?;
        self.progress.wrote_file();
        Ok(())
    }
}
