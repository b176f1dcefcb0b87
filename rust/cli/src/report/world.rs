//! Events of a world: its `truth`, read on all cores.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use arrow::array::RecordBatch;
use chrono::DateTime;
use chrono_tz::Tz;
use downbeat_model::Stream;
use downbeat_simulator::{World, WorldConfig};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    columns::{Collected, TYPED, integers, strings},
    events::{NO_ID, Observed},
    zones::Zones,
};
use crate::failure::{Failure, Result};

/// Rows made at a time: small enough for the caches of a core.
const BATCH_ROWS: usize = 8192;

/// Rows a thread takes at a time: enough that taking costs nothing, few enough that all finish together.
const PIECE_ROWS: u64 = 256 * 1024;

/// Reads a whole world, which must have an end.
pub(crate) fn gather(config: WorldConfig) -> Result<Observed> {
    let Some(until_us) = config.until_us() else {
        return Err(Failure::usage(
            "a world goes on for ever; say up to when to measure it with --until, e.g. --until 2026-10-29",
        ));
    };
    let world = World::new(config).map_err(|error| Failure::usage(error.to_string()))?;
    let config = world.config();
    let zones = zones(&world)?;
    let pieces = pieces(&world, until_us)?;
    let rows = pieces.iter().map(|(_, rows)| rows.end - rows.start).sum();
    let collected = read(&world, &pieces, &zones, rows)?;

    let mut observed = Observed {
        source: format!(
            "world {}: seed {}, {} listeners, {} tracks, {} to {}",
            world.fingerprint(),
            config.seed,
            config.listeners,
            config.tracks,
            config.start,
            DateTime::from_timestamp_micros(until_us).unwrap_or_default().format("%Y-%m-%dT%H:%MZ"),
        ),
        notes: vec!["local time: the time zone of each listener".to_owned()],
        from_us: config.start_us(),
        until_us,
        ..Observed::default()
    };
    observed.events.reserve_exact(collected.iter().map(|part| part.events.len()).sum());
    for part in collected {
        observed.events.extend_from_slice(&part.events);
        observed.edits.extend_from_slice(&part.edits);
        observed.read.add(part.read);
    }
    observed.sort();
    observed.released = released(&world, &observed)?;
    Ok(observed)
}

fn failed(what: &str, cause: impl std::fmt::Display) -> Failure {
    Failure::work(format!("cannot read {what} of the world: {cause}"))
}

/// The log in parts of a few rows each.
fn pieces(world: &World, until_us: i64) -> Result<Vec<(u32, Range<u64>)>> {
    let mut pieces = Vec::new();
    for partition in 0..world.partitions() {
        let rows = world.offset_at(partition, until_us).map_err(|cause| failed("the length", cause))?;
        let starts = (0..rows).step_by(PIECE_ROWS as usize);
        pieces.extend(starts.map(|from| (partition, from..rows.min(from + PIECE_ROWS))));
    }
    Ok(pieces)
}

/// Reads every piece, a thread a core; the first failure ends them all.
fn read(world: &World, pieces: &[(u32, Range<u64>)], zones: &Zones, rows: u64) -> Result<Vec<Collected>> {
    let schema = Stream::Truth.schema();
    let columns: Vec<usize> = TYPED.iter().filter_map(|name| schema.index_of(name).ok()).collect();
    let bar = ProgressBar::new(rows);
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {percent:>3}%  {human_pos} of {human_len} rows  {per_sec}  {eta} left")
    {
        bar.set_style(style);
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Ok(Vec::new()));
    let one = |(partition, rows): &(u32, Range<u64>)| -> Result<Collected> {
        let mut collected = Collected::default();
        let batches = world
            .read(Stream::Truth, *partition, rows.clone(), &columns, BATCH_ROWS)
            .map_err(|cause| failed("the truth", cause))?;
        for batch in batches {
            let batch = batch.map_err(|cause| failed("the truth", cause))?;
            collected.typed(&batch, zones).map_err(|cause| failed("the truth", cause))?;
            bar.inc(batch.num_rows() as u64);
        }
        Ok(collected)
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores.min(pieces.len()) {
            scope.spawn(|| {
                while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let collected = one(piece);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    match (done.as_mut(), collected) {
                        (Ok(parts), Ok(collected)) => parts.push(collected),
                        (Ok(_), Err(failure)) => {
                            next.store(pieces.len(), Ordering::Relaxed);
                            *done = Err(failure);
                        }
                        (Err(_), _) => {}
                    }
                }
            });
        }
    });
    bar.finish_and_clear();
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The time zone of every listener.
fn zones(world: &World) -> Result<Zones> {
    let mut zones = HashMap::new();
    for batch in dimension(world, Stream::Listeners, &["user_id", "time_zone"])? {
        zones.extend(zones_of(&batch?).map_err(|cause| failed("the listeners", cause))?);
    }
    Ok(Zones::Listeners(zones))
}

/// The time zones in a batch of the `listeners` dimension.
pub(crate) fn zones_of(batch: &RecordBatch) -> Result<Vec<(i64, Tz)>, String> {
    let (Some(users), Some(zones)) = (integers(batch, "user_id")?, strings(batch, "time_zone")?) else {
        return Err("the columns 'user_id' and 'time_zone' are needed".to_owned());
    };
    users
        .iter()
        .zip(&zones)
        .filter_map(|(user, zone)| Some((user?, zone?)))
        .map(|(user, zone)| match zone.parse() {
            Ok(zone) => Ok((user, zone)),
            Err(_) => Err(format!("listener {user} has the time zone '{zone}', which is not known")),
        })
        .collect()
}

/// When the tracks that were played were released.
fn released(world: &World, observed: &Observed) -> Result<HashMap<i64, i32>> {
    let mut released: HashMap<i64, i32> = HashMap::new();
    let played: HashSet<i64> =
        observed.events.iter().map(|event| event.track).filter(|&track| track != NO_ID).collect();
    for batch in dimension(world, Stream::Tracks, &["track_id", "release_date"])? {
        released.extend(
            released_of(&batch?)
                .map_err(|cause| failed("the tracks", cause))?
                .into_iter()
                .filter(|(track, _)| played.contains(track)),
        );
    }
    Ok(released)
}

/// The release days in a batch of the `tracks` dimension.
pub(crate) fn released_of(batch: &RecordBatch) -> Result<Vec<(i64, i32)>, String> {
    use arrow::{
        array::AsArray,
        compute::cast,
        datatypes::{DataType, Date32Type},
    };
    let (Some(tracks), Some(dates)) = (integers(batch, "track_id")?, batch.column_by_name("release_date")) else {
        return Err("the columns 'track_id' and 'release_date' are needed".to_owned());
    };
    let dates = cast(dates, &DataType::Date32).map_err(|cause| format!("column 'release_date': {cause}"))?;
    Ok(tracks
        .iter()
        .zip(dates.as_primitive::<Date32Type>())
        .filter_map(|(track, date)| Some((track?, date?)))
        .collect())
}

fn dimension(
    world: &World,
    stream: Stream,
    names: &[&str],
) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
    let schema = stream.schema();
    let columns: Vec<usize> = names.iter().filter_map(|name| schema.index_of(name).ok()).collect();
    let batches = world
        .dimension(stream, 0..world.dimension_rows(stream), &columns, BATCH_ROWS)
        .map_err(|cause| failed(stream.text(), cause))?;
    Ok(batches.map(move |batch| batch.map_err(|cause| failed(stream.text(), cause))))
}
