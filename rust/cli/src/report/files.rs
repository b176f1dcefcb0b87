//! Events of Parquet files: clean ones as in our tables, or raw ones as clients sent them.
//!
//! Every `.parquet` file below a folder is read, whoever wrote it, as long as the columns have our names. A file with a
//! column `event_time` is taken for clean, one with `ts` for raw. Raw rows are read by the same parsers as in the pipeline;
//! what they cannot read, and what repeats an earlier `event_id`, is counted and left out.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
    compute::{cast, nullif},
    datatypes::{DataType, Int64Type, TimestampMicrosecondType},
};
use chrono::DateTime;
use chrono_tz::Tz;
use downbeat_kernels::{
    normalise::Normaliser,
    proto::{self, normaliser::Kind},
};
use downbeat_model::{Context, EventType, MAX_AHEAD_US, MAX_BEHIND_US, ReasonEnd, ReasonStart, ids};
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};

use super::{
    columns::{Collected, NEEDED, TYPED, integers, strings, times},
    events::{DAY_US, NO_ZONE, Observed},
    world::{released_of, zones_of},
    zones::Zones,
};
use crate::failure::{Failure, Result};

/// Rows read at a time.
const BATCH_ROWS: usize = 8192;

/// Columns of a raw batch that a report can use; those it cannot do without come first.
const RAW: [&str; 18] = [
    "event_type",
    "ts",
    "user_id",
    "session_id",
    "ms_played",
    "partition",
    "offset",
    "arrived_at",
    "event_id",
    "track_uri",
    "playlist_uri",
    "context",
    "reason_start",
    "reason_end",
    "shuffle",
    "premium",
    "platform",
    "conn_country",
];

/// The folders to read.
#[derive(Debug)]
pub(crate) struct Folders<'a> {
    pub(crate) events: &'a Path,
    pub(crate) tracks: Option<&'a Path>,
    pub(crate) listeners: Option<&'a Path>,
}

/// What is known of a track.
#[derive(Debug, Clone, Copy)]
struct Track {
    artist: i64,
    duration_ms: i64,
}

/// Reads every file of the folders.
pub(crate) fn gather(folders: &Folders<'_>) -> Result<Observed> {
    let mut released: HashMap<i64, i32> = HashMap::new();
    let mut tracks: HashMap<i64, Track> = HashMap::new();
    if let Some(folder) = folders.tracks {
        for_each(folder, &["track_id", "artist_id", "duration_ms", "release_date"], |batch| {
            released.extend(released_of(batch)?);
            tracks.extend(tracks_of(batch)?);
            Ok(())
        })?;
    }
    let zones = match folders.listeners {
        Some(folder) => {
            let mut zones: HashMap<i64, Tz> = HashMap::new();
            for_each(folder, &["user_id", "time_zone"], |batch| {
                zones.extend(zones_of(batch)?);
                Ok(())
            })?;
            Zones::Listeners(zones)
        }
        None => Zones::Countries,
    };
    let files = files(folders.events)?;
    let raw = Raw { tracks, seen: Mutex::new(HashSet::new()) };
    let collected = read(&files, &raw, &zones)?;
    observe(folders, &files, collected, released, &zones)
}

/// Puts together what was read of all files.
fn observe(
    folders: &Folders<'_>,
    files: &[PathBuf],
    collected: Vec<Collected>,
    released: HashMap<i64, i32>,
    zones: &Zones,
) -> Result<Observed> {
    let mut observed = Observed { released, ..Observed::default() };
    observed.events.reserve_exact(collected.iter().map(|part| part.events.len()).sum());
    for part in collected {
        observed.events.extend_from_slice(&part.events);
        observed.edits.extend_from_slice(&part.edits);
        observed.read.add(part.read);
    }
    observed.sort();
    let times = || observed.events.iter().map(|event| event.time_us);
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return Err(Failure::usage(format!(
            "nothing to measure below {}: {} rows in {} files, and none of them is an event that can be read",
            folders.events.display(),
            observed.read.rows,
            files.len()
        )));
    };
    // Whole days, so that a quiet night at the edge still counts.
    observed.from_us = first.div_euclid(DAY_US) * DAY_US;
    observed.until_us = (last.div_euclid(DAY_US) + 1) * DAY_US;
    let date = |time_us| DateTime::from_timestamp_micros(time_us).unwrap_or_default().date_naive();
    observed.source = format!(
        "{} files below {}: events from {} to {}",
        files.len(),
        folders.events.display(),
        date(observed.from_us),
        date(observed.until_us),
    );
    observed.notes.push(
        match zones {
            Zones::Listeners(_) => "local time: the time zone of each listener",
            Zones::Countries => {
                "local time: the zone most people of the listener's country live in; give --listeners-dim for each \
                 listener's own"
            }
        }
        .to_owned(),
    );
    let unknown = observed.events.iter().filter(|event| event.zone_minutes == NO_ZONE).count();
    if unknown > 0 {
        observed.notes.push(format!("{unknown} events have no known time zone; their days are those of UTC"));
    }
    let playbacks = || observed.events.iter().filter(|event| event.is_playback());
    if playbacks().all(|event| event.duration_ms == 0) {
        observed.notes.push(
            "no track durations: what rests on them is not measured; give --tracks-dim, or a column track_duration_ms"
                .to_owned(),
        );
    }
    if folders.events.join("_delta_log").is_dir() {
        observed.notes.push(
            "this is a Delta table: files that it no longer holds are read as well, until a vacuum removes them"
                .to_owned(),
        );
    }
    Ok(observed)
}

/// Every `.parquet` file below a folder, in order; folders of other programs (`_delta_log`, `.cache`) are left alone.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let cannot = |cause| Failure::usage(format!("cannot read the folder {}: {cause}", folder.display()));
        for entry in fs::read_dir(&folder).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(['_', '.']) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".parquet") {
                files.push(path);
            }
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(Failure::usage(format!("there is no .parquet file below {}", folder.display()))),
        false => Ok(files),
    }
}

fn failed(file: &Path, cause: impl std::fmt::Display) -> Failure {
    Failure::work(format!("cannot read {}: {cause}", file.display()))
}

/// Gives each batch of a dimension's files to `take`; only the named columns are read.
fn for_each(
    folder: &Path,
    columns: &[&'static str],
    mut take: impl FnMut(&RecordBatch) -> Result<(), String>,
) -> Result<()> {
    for file in files(folder)? {
        for batch in batches(&file, |_| Ok(columns.to_vec()))?.1 {
            take(&batch?).map_err(|cause| failed(&file, cause))?;
        }
    }
    Ok(())
}

/// The batches of a file, of those columns that `choose` names when it sees which there are.
fn batches(
    file: &Path,
    choose: impl FnOnce(&[&str]) -> Result<Vec<&'static str>, String>,
) -> Result<(Vec<&'static str>, impl Iterator<Item = Result<RecordBatch>>)> {
    let builder = File::open(file)
        .map_err(|cause| failed(file, cause))
        .and_then(|open| ParquetRecordBatchReaderBuilder::try_new(open).map_err(|cause| failed(file, cause)))?;
    let schema = Arc::clone(builder.schema());
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let wanted = choose(&names).map_err(|cause| Failure::usage(format!("cannot use {}: {cause}", file.display())))?;
    let roots: Vec<usize> = wanted.iter().filter_map(|name| schema.index_of(name).ok()).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let reader =
        builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(|cause| failed(file, cause))?;
    Ok((wanted, reader.map(move |batch| batch.map_err(|cause| failed(file, cause)))))
}

/// Reads every file, a thread a core; the first failure ends them all.
fn read(files: &[PathBuf], raw: &Raw, zones: &Zones) -> Result<Vec<Collected>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Ok(Vec::new()));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores.min(files.len()) {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let collected = read_one(file, raw, zones);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    match (done.as_mut(), collected) {
                        (Ok(parts), Ok(collected)) => parts.push(collected),
                        (Ok(_), Err(failure)) => {
                            next.store(files.len(), Ordering::Relaxed);
                            *done = Err(failure);
                        }
                        (Err(_), _) => {}
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn read_one(file: &Path, raw: &Raw, zones: &Zones) -> Result<Collected> {
    let mut collected = Collected::default();
    let (columns, batches) = batches(file, choose)?;
    let is_raw = columns == RAW;
    for batch in batches {
        let batch = batch?;
        let added = if is_raw { raw.add(&batch, zones, &mut collected) } else { collected.typed(&batch, zones) };
        added.map_err(|cause| failed(file, cause))?;
    }
    Ok(collected)
}

/// Whether a file is clean or raw, by its columns: the columns to ask for.
fn choose(names: &[&str]) -> Result<Vec<&'static str>, String> {
    let (columns, kind): (&[&str], _) = match (names.contains(&"event_time"), names.contains(&"ts")) {
        (true, _) => (&TYPED, "clean"),
        (false, true) => (&RAW, "raw"),
        (false, false) => {
            return Err(format!(
                "it has neither a column 'event_time' (clean events) nor 'ts' (raw events); its columns are {}",
                names.join(", ")
            ));
        }
    };
    let missing: Vec<&str> = columns[..NEEDED].iter().copied().filter(|name| !names.contains(name)).collect();
    match missing.is_empty() {
        true => Ok(columns.to_vec()),
        false => Err(format!(
            "{kind} events need the columns {}; missing: {}",
            columns[..NEEDED].join(", "),
            missing.join(", ")
        )),
    }
}

/// Artist and duration in a batch of the `tracks` dimension.
fn tracks_of(batch: &RecordBatch) -> Result<Vec<(i64, Track)>, String> {
    let (Some(tracks), Some(artists), Some(durations)) =
        (integers(batch, "track_id")?, integers(batch, "artist_id")?, integers(batch, "duration_ms")?)
    else {
        return Err("the columns 'track_id', 'artist_id' and 'duration_ms' are needed".to_owned());
    };
    let rows = tracks.iter().zip(&artists).zip(&durations);
    Ok(rows
        .filter_map(|((track, artist), duration_ms)| {
            Some((track?, Track { artist: artist?, duration_ms: duration_ms? }))
        })
        .collect())
}

/// What reading raw rows needs beside them.
struct Raw {
    tracks: HashMap<i64, Track>,
    /// Event ids so far, of all files.
    seen: Mutex<HashSet<u128>>,
}

impl Raw {
    /// Reads a raw batch as the pipeline would, and adds it.
    fn add(&self, batch: &RecordBatch, zones: &Zones, collected: &mut Collected) -> Result<(), String> {
        let times = self.times(batch, collected)?;
        let (ids, duplicates) = self.duplicates(batch)?;
        let kinds = parsed(batch, "event_type", words(EventType::ALL.iter().map(|word| word.text())))?;
        // Without its id a row is refused, as is one without a type.
        let kinds = match (kinds, ids) {
            (Some(kinds), Some(bad)) => Some(nullif(&kinds, &bad).map_err(|cause| cause.to_string())?),
            (kinds, _) => kinds,
        };
        let uri = |prefix: &str| Kind::UriId(proto::UriId { prefix: prefix.to_owned() });
        let tracks = parsed(batch, "track_uri", uri(ids::TRACK_PREFIX))?;
        let (artists, durations) = self.looked_up(tracks.as_ref());
        let empty = proto::Empty {};
        let columns = [
            ("event_type", kinds),
            ("event_time", times),
            ("user_id", parsed(batch, "user_id", Kind::DecimalInteger(empty))?),
            ("session_id", parsed(batch, "session_id", Kind::HexId(empty))?),
            ("ms_played", batch.column_by_name("ms_played").cloned()),
            ("offset", batch.column_by_name("offset").cloned()),
            ("track_id", tracks),
            ("artist_id", artists),
            ("track_duration_ms", durations),
            ("playlist_id", parsed(batch, "playlist_uri", uri(ids::PLAYLIST_PREFIX))?),
            ("context", parsed(batch, "context", words(Context::ALL.iter().map(|word| word.text())))?),
            ("reason_start", parsed(batch, "reason_start", words(ReasonStart::ALL.iter().map(|word| word.text())))?),
            ("reason_end", parsed(batch, "reason_end", words(ReasonEnd::ALL.iter().map(|word| word.text())))?),
            ("shuffle", batch.column_by_name("shuffle").cloned()),
            ("premium", batch.column_by_name("premium").cloned()),
            ("platform", parsed(batch, "platform", Kind::Platform(empty))?),
            ("country", parsed(batch, "conn_country", Kind::Country(empty))?),
            ("duplicate_of", duplicates),
        ];
        let there = columns.into_iter().filter_map(|(name, column)| Some((name, column?, true)));
        let typed = RecordBatch::try_from_iter_with_nullable(there).map_err(|cause| cause.to_string())?;
        collected.typed(&typed, zones)
    }

    /// Event times; null where the client's clock cannot be, if the arrival tells.
    fn times(&self, batch: &RecordBatch, collected: &mut Collected) -> Result<Option<ArrayRef>, String> {
        let parsed = parsed(batch, "ts", Kind::Timestamp(proto::Timestamp::default()))?;
        let (Some(parsed), Some(arrived)) = (&parsed, times(batch, "arrived_at")?) else { return Ok(parsed) };
        collected.read.clocks_known = true;
        let event = parsed.as_primitive::<TimestampMicrosecondType>();
        let sane: TimestampMicrosecondArray = event
            .iter()
            .zip(&arrived)
            .map(|pair| match pair {
                (Some(at), Some(arrived)) if !(arrived - MAX_BEHIND_US..=arrived + MAX_AHEAD_US).contains(&at) => {
                    collected.read.wild_clocks += 1;
                    None
                }
                (at, _) => at,
            })
            .collect();
        Ok(Some(Arc::new(sane.with_timezone("UTC"))))
    }

    /// Which rows have no valid id, and which have one that was there before (their `duplicate_of` is not null).
    fn duplicates(&self, batch: &RecordBatch) -> Result<(Option<BooleanArray>, Option<ArrayRef>), String> {
        let Some(ids) = parsed(batch, "event_id", Kind::Uuid(proto::Empty {}))? else { return Ok((None, None)) };
        let ids = ids.as_binary::<i32>();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let duplicates: Int64Array = ids
            .iter()
            .map(|id| {
                let id = u128::from_be_bytes(id?.try_into().ok()?);
                (!seen.insert(id)).then_some(0)
            })
            .collect();
        let bad: BooleanArray = ids.iter().map(|id| Some(id.is_none())).collect();
        Ok((Some(bad), Some(Arc::new(duplicates))))
    }

    /// Artists and durations of tracks, from the dimension if there is one.
    fn looked_up(&self, tracks: Option<&ArrayRef>) -> (Option<ArrayRef>, Option<ArrayRef>) {
        let Some(tracks) = tracks.filter(|_| !self.tracks.is_empty()) else { return (None, None) };
        let tracks = tracks.as_primitive::<Int64Type>();
        let known = || tracks.iter().map(|track| self.tracks.get(&track?));
        let artists: Int64Array = known().map(|track| track.map(|track| track.artist)).collect();
        let durations: Int64Array = known().map(|track| track.map(|track| track.duration_ms)).collect();
        (Some(Arc::new(artists)), Some(Arc::new(durations)))
    }
}

fn words<'a>(values: impl Iterator<Item = &'a str>) -> Kind {
    Kind::OneOf(proto::OneOf { values: values.map(str::to_owned).collect(), ..proto::OneOf::default() })
}

/// A column of texts through one of the pipeline's parsers, if it is there.
fn parsed(batch: &RecordBatch, name: &str, kind: Kind) -> Result<Option<ArrayRef>, String> {
    let Some(texts): Option<StringArray> = strings(batch, name)? else { return Ok(None) };
    let parser = Normaliser::new(&proto::Normaliser { kind: Some(kind) }).map_err(|cause| cause.to_string())?;
    let values = parser.run(&texts).values;
    // The parsers' times have the zone of Spark's, which is how they are written, not what they mean.
    match values.data_type() {
        DataType::Timestamp(..) => cast(&values, &super::columns::utc()).map(Some).map_err(|cause| cause.to_string()),
        _ => Ok(Some(values)),
    }
}
