//! `downbeat export`: a bounded world as files, whole or not at all.

use std::{
    fs::{self, File},
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use arrow::datatypes::SchemaRef;
use chrono::DateTime;
use clap::{Args, ValueEnum};
use downbeat_flight::Log;
use downbeat_model::Stream;
use indicatif::{ProgressBar, ProgressStyle};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::{metadata::KeyValue, properties::WriterProperties},
};

use crate::{
    failure::{Failure, Result},
    live::{Clock, WorldLog},
    serve::{runtime, stop_signal},
    world::{DAY_US, WorldFlags},
};

/// Rows made at a time: small enough for the caches of a core.
const BATCH_ROWS: usize = 8192;

/// Rows in a Parquet row group: about 50 MB of events, so that a reader can skip and a writer need not hold more.
const ROW_GROUP_ROWS: usize = 256 * 1024;

/// Write one stream of a world to files: one file a partition and day of arrival, or one for a table.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  downbeat export --listeners 1000 --tracks 10000 --start 2026-10-01 --until 2026-10-08 --out events
  downbeat export --config world.yaml --until 2026-10-08 --stream truth --columns offset,faults --out truth")]
pub(crate) struct Export {
    #[command(flatten)]
    world: WorldFlags,
    /// Folder to write; must be empty or not exist yet
    #[arg(long, value_name = "DIR")]
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
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Parquet, compressed by zstd
    Parquet,
}

/// One file to write.
struct Piece {
    file: String,
    partition: u32,
    rows: Range<u64>,
}

impl Export {
    pub(crate) fn run(self) -> Result<()> {
        let config = self.world.config()?;
        let until_us = match config.until_us() {
            None if self.stream.is_log() => {
                return Err(Failure::usage(format!(
                    "'{}' goes on for ever; say where to end with --until, e.g. --until 2026-10-08",
                    self.stream
                )));
            }
            until_us => until_us.unwrap_or_default(),
        };
        let (columns, schema) = columns_of(self.stream, &self.columns)?;
        let interrupted = on_signal()?;
        let folder = Folder::new(&self.out)?;
        let log = WorldLog::new(config, Clock::end_of_time())?;
        let pieces = pieces(&log, self.stream, until_us, &interrupted)?;
        let total = pieces.iter().map(|piece| piece.rows.end - piece.rows.start).sum();
        let job = Job {
            log: &log,
            stream: self.stream,
            columns,
            schema,
            properties: self.format.properties(log.world())?,
            folder: &folder.partial,
            pieces: &pieces,
            progress: Progress::new(total, pieces.len()),
            interrupted: &interrupted,
        };
        job.run()?;
        folder.keep()?;
        println!(
            "exported {total} rows of {} in {} files to {} world={}",
            self.stream,
            pieces.len(),
            self.out.display(),
            log.world()
        );
        Ok(())
    }
}

impl Format {
    fn properties(self, world: &str) -> Result<WriterProperties> {
        match self {
            Self::Parquet => Ok(WriterProperties::builder()
                .set_compression(Compression::ZSTD(
                    ZstdLevel::try_new(3).map_err(|cause| Failure::work(cause.to_string()))?,
                ))
                .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                .set_key_value_metadata(Some(vec![KeyValue::new("downbeat.world".to_owned(), world.to_owned())]))
                .build()),
        }
    }
}

/// The positions of the named columns, and their schema; no name means all.
fn columns_of(stream: Stream, names: &[String]) -> Result<(Vec<usize>, SchemaRef)> {
    let schema = stream.schema();
    if names.is_empty() {
        return Ok(((0..schema.fields().len()).collect(), schema));
    }
    let known = || schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ");
    let columns: Vec<usize> = names
        .iter()
        .map(|name| {
            schema.index_of(name).map_err(|_| {
                Failure::usage(format!("stream '{stream}' has no column '{name}'; its columns are {}", known()))
            })
        })
        .collect::<Result<_>>()?;
    let schema = schema.project(&columns).map_err(|cause| Failure::work(cause.to_string()))?;
    Ok((columns, Arc::new(schema)))
}

/// The files of an export: by day of arrival and partition, or one for a table. Counts the rows of a log, which takes a
/// while for a large world.
fn pieces(log: &WorldLog, stream: Stream, until_us: i64, interrupted: &AtomicBool) -> Result<Vec<Piece>> {
    if !stream.is_log() {
        let rows = 0..log.rows(stream);
        return Ok(vec![Piece { file: format!("{stream}.parquet"), partition: 0, rows }]);
    }
    let mut pieces = Vec::new();
    for day_us in (log.start_us()..until_us).step_by(DAY_US as usize) {
        for partition in 0..log.partitions() {
            check(interrupted)?;
            let at = |time: i64| {
                log.offset_at(stream.text(), partition, time)
                    .map_err(|cause| Failure::work(format!("cannot find the rows of a day: {cause}")))
            };
            let rows = at(day_us)?..at((day_us + DAY_US).min(until_us))?;
            let date = DateTime::from_timestamp_micros(day_us).unwrap_or_default().date_naive();
            pieces.push(Piece { file: format!("{stream}-{date}-p{partition}.parquet"), partition, rows });
        }
    }
    Ok(pieces)
}

/// What the writing threads share.
struct Job<'a> {
    log: &'a WorldLog,
    stream: Stream,
    columns: Vec<usize>,
    schema: SchemaRef,
    properties: WriterProperties,
    folder: &'a Path,
    pieces: &'a [Piece],
    progress: Progress,
    interrupted: &'a AtomicBool,
}

impl Job<'_> {
    /// Writes every piece, a thread a core; the first failure ends them all.
    fn run(&self) -> Result<()> {
        let next = AtomicUsize::new(0);
        let failure = Mutex::new(None);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..cores.min(self.pieces.len()) {
                scope.spawn(|| {
                    while let Some(piece) = self.pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if let Err(first) = self.write(piece) {
                            next.store(self.pieces.len(), Ordering::Relaxed);
                            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(first);
                        }
                    }
                });
            }
        });
        self.progress.bar.finish_and_clear();
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn write(&self, piece: &Piece) -> Result<()> {
        let path = self.folder.join(&piece.file);
        let failed = |cause: &dyn std::fmt::Display| {
            Failure::work(format!("cannot write {}: {cause}; nothing was left behind", path.display()))
        };
        let file = File::create(&path).map_err(|cause| failed(&cause))?;
        let mut writer = ArrowWriter::try_new(file, Arc::clone(&self.schema), Some(self.properties.clone()))
            .map_err(|cause| failed(&cause))?;
        let mut missing = piece.rows.end - piece.rows.start;
        if missing > 0 {
            let batches = self
                .log
                .read(self.stream.text(), piece.partition, piece.rows.clone(), &self.columns, BATCH_ROWS)
                .map_err(|cause| failed(&cause))?;
            for batch in batches {
                check(self.interrupted)?;
                let batch = batch.map_err(|cause| failed(&cause))?;
                writer.write(&batch).map_err(|cause| failed(&cause))?;
                self.progress.bar.inc(batch.num_rows() as u64);
                missing = missing.wrapping_sub(batch.num_rows() as u64);
            }
        }
        if missing != 0 {
            return Err(failed(&"the world made other rows than it has; this is a fault, please report it"));
        }
        let file = writer.into_inner().map_err(|cause| failed(&cause))?;
        file.sync_all().map_err(|cause| failed(&cause))?;
        self.progress.wrote(piece);
        Ok(())
    }
}

/// A bar on a terminal, a line a file elsewhere.
struct Progress {
    bar: ProgressBar,
    files: usize,
    written: AtomicUsize,
}

impl Progress {
    fn new(rows: u64, files: usize) -> Self {
        let bar = ProgressBar::new(rows);
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:30} {percent:>3}%  {human_pos} of {human_len} rows  {per_sec}  {eta} left",
        ) {
            bar.set_style(style);
        }
        Self { bar, files, written: AtomicUsize::new(0) }
    }

    fn wrote(&self, piece: &Piece) {
        let written = self.written.fetch_add(1, Ordering::Relaxed) + 1;
        if self.bar.is_hidden() {
            let rows = piece.rows.end - piece.rows.start;
            eprintln!("{}: {rows} rows, file {written} of {}", piece.file, self.files);
        }
    }
}

/// The folder to write: everything goes to `<out>.partial`, which takes its name when it is whole.
struct Folder {
    out: PathBuf,
    partial: PathBuf,
}

impl Folder {
    fn new(out: &Path) -> Result<Self> {
        let shown = out.display();
        if out.to_str().is_some_and(|out| out.contains("://")) {
            return Err(Failure::usage(format!(
                "cannot write {shown}: only local folders so far; export there and copy"
            )));
        }
        let Some(name) = out.file_name() else {
            return Err(Failure::usage(format!("cannot write {shown}: give the folder a name, e.g. --out events")));
        };
        match fs::read_dir(out).map(|mut entries| entries.next().is_some()) {
            Ok(true) => {
                return Err(Failure::usage(format!(
                    "cannot write {shown}: it is not empty; choose another folder, or remove it"
                )));
            }
            Ok(false) => {}
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(cannot_write(out, &cause)),
        }
        let mut partial = name.to_owned();
        partial.push(".partial");
        let partial = out.with_file_name(partial);
        if let Some(parent) = out.parent() {
            fs::create_dir_all(parent).map_err(|cause| cannot_write(out, &cause))?;
        }
        match fs::create_dir(&partial) {
            Ok(()) => Ok(Self { out: out.to_owned(), partial }),
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(Failure::usage(format!(
                "{} is there already: another export is writing it, or one was killed; remove it if none is running",
                partial.display()
            ))),
            Err(cause) => Err(cannot_write(out, &cause)),
        }
    }

    /// Gives the folder its name.
    fn keep(&self) -> Result<()> {
        fs::rename(&self.partial, &self.out).map_err(|cause| cannot_write(&self.out, &cause))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Gone already when it was kept.
        let _ = fs::remove_dir_all(&self.partial);
    }
}

fn cannot_write(out: &Path, cause: &io::Error) -> Failure {
    Failure::usage(format!("cannot write {}: {cause}; choose a folder you may write to", out.display()))
}

/// Fails once the command was told to end.
fn check(interrupted: &AtomicBool) -> Result<()> {
    match interrupted.load(Ordering::Relaxed) {
        true => Err(Failure::work("interrupted; nothing was left behind")),
        false => Ok(()),
    }
}

/// Becomes true at Ctrl-C or SIGTERM.
fn on_signal() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&interrupted);
    let runtime = runtime()?;
    let entered = runtime.enter();
    let stop = stop_signal()?;
    drop(entered);
    thread::spawn(move || {
        runtime.block_on(stop);
        seen.store(true, Ordering::Relaxed);
    });
    Ok(interrupted)
}
