//! From Arrow batches with our column names to the compact events of a report.
//!
//! Typed columns are those of the clean `events` table and of the `truth` stream, whose labels (`faults`, `duplicate_of`,
//! `is_bot`) are heeded where they are present.

use std::str::FromStr;

use arrow::{
    array::{Array, AsArray, BooleanArray, Int64Array, ListArray, RecordBatch, StringArray, TimestampMicrosecondArray},
    compute::cast,
    datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType},
};
use downbeat_model::{EventType, Fault, MAX_MS_PLAYED, Outcome, UnknownWord};

use super::{
    events::{Edit, Event, Flags, NO_ID, NO_ZONE, Read},
    zones::Zones,
};

/// How many of the first columns of a list a report cannot do without.
pub(crate) const NEEDED: usize = 5;

/// Columns of a typed batch that a report can use.
pub(crate) const TYPED: [&str; 20] = [
    "event_type",
    "event_time",
    "user_id",
    "session_id",
    "ms_played",
    "offset",
    "track_id",
    "artist_id",
    "track_duration_ms",
    "playlist_id",
    "context",
    "reason_start",
    "reason_end",
    "shuffle",
    "premium",
    "platform",
    "country",
    "faults",
    "duplicate_of",
    "is_bot",
];

/// Events on their way into a report.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) events: Vec<Event>,
    pub(crate) edits: Vec<Edit>,
    pub(crate) read: Read,
}

impl Collected {
    /// Keeps an event, and the change of a playlist it may be.
    pub(crate) fn keep(&mut self, event: Event, playlist: Option<i64>) {
        use EventType::{PlaylistAdd, PlaylistCreate, PlaylistRemove};
        if let (PlaylistCreate | PlaylistAdd | PlaylistRemove, Some(playlist)) = (event.kind, playlist) {
            self.edits.push(Edit { playlist, time_us: event.time_us, kind: event.kind });
        }
        self.events.push(event);
    }

    /// Adds a batch of typed columns. Rows that repeat another, or that a right pipeline would put aside, are counted only.
    ///
    /// # Errors
    /// What is wrong with a column, in words.
    pub(crate) fn typed(&mut self, batch: &RecordBatch, zones: &Zones) -> Result<(), String> {
        let kinds = needed(strings(batch, "event_type")?, "event_type")?;
        let times = needed(times(batch, "event_time")?, "event_time")?;
        let users = needed(integers(batch, "user_id")?, "user_id")?;
        let sessions = needed(integers(batch, "session_id")?, "session_id")?;
        let played = needed(integers(batch, "ms_played")?, "ms_played")?;
        let offsets = integers(batch, "offset")?;
        let tracks = integers(batch, "track_id")?;
        let artists = integers(batch, "artist_id")?;
        let durations = integers(batch, "track_duration_ms")?;
        let playlists = integers(batch, "playlist_id")?;
        let contexts = strings(batch, "context")?;
        let starts = strings(batch, "reason_start")?;
        let ends = strings(batch, "reason_end")?;
        let shuffles = booleans(batch, "shuffle")?;
        let premiums = booleans(batch, "premium")?;
        let platforms = strings(batch, "platform")?;
        let countries = strings(batch, "country")?;
        let faults = batch.column_by_name("faults").map(|column| lists(column.as_ref())).transpose()?;
        let duplicates = integers(batch, "duplicate_of")?;
        let bots = booleans(batch, "is_bot")?;

        self.read.duplicates_known |= duplicates.is_some();
        self.read.clocks_known |= faults.is_some();
        self.events.reserve(batch.num_rows());
        for row in 0..batch.num_rows() {
            self.read.rows += 1;
            if integer(duplicates.as_ref(), row).is_some() {
                self.read.duplicates += 1;
                continue;
            }
            if let Some(fault) = faults.as_ref().and_then(|faults| quarantining(faults, row)) {
                self.read.quarantined += 1;
                self.read.wild_clocks += u64::from(fault == Fault::ClockSkew);
                continue;
            }
            let kind = word::<EventType>(Some(&kinds), row);
            let (Some(kind), false) = (kind, times.is_null(row) || users.is_null(row) || sessions.is_null(row)) else {
                self.read.quarantined += 1;
                continue;
            };
            let ms_played = integer(Some(&played), row).unwrap_or(0);
            if !(0..=MAX_MS_PLAYED).contains(&ms_played) {
                self.read.quarantined += 1;
                continue;
            }
            let user = users.value(row);
            let time_us = times.value(row);
            let country = country(text(countries.as_ref(), row));
            let event = Event {
                user,
                time_us,
                session: sessions.value(row),
                track: integer(tracks.as_ref(), row).unwrap_or(NO_ID),
                artist: integer(artists.as_ref(), row).unwrap_or(NO_ID),
                // Checked above.
                ms_played: ms_played as i32,
                duration_ms: duration(integer(durations.as_ref(), row)),
                order: integer(offsets.as_ref(), row).unwrap_or(row as i64) as u32,
                zone_minutes: zones.minutes(user, country, time_us).unwrap_or(NO_ZONE),
                kind,
                context: word(contexts.as_ref(), row),
                reason_start: word(starts.as_ref(), row),
                reason_end: word(ends.as_ref(), row),
                platform: word(platforms.as_ref(), row),
                country,
                flags: Flags::new(
                    boolean(shuffles.as_ref(), row),
                    boolean(premiums.as_ref(), row),
                    boolean(bots.as_ref(), row),
                ),
            };
            self.keep(event, integer(playlists.as_ref(), row));
        }
        Ok(())
    }
}

/// A duration in milliseconds, or 0 for what is none.
pub(crate) fn duration(ms: Option<i64>) -> i32 {
    ms.and_then(|ms| i32::try_from(ms).ok()).filter(|&ms| ms > 0).unwrap_or(0)
}

/// The two letters of a country, or zeros.
pub(crate) fn country(text: Option<&str>) -> [u8; 2] {
    text.and_then(|text| text.as_bytes().try_into().ok()).unwrap_or_default()
}

/// The first fault of a row that a right pipeline puts aside.
fn quarantining(faults: &ListArray, row: usize) -> Option<Fault> {
    let offsets = faults.value_offsets();
    let (from, until) = (offsets[row] as usize, offsets[row + 1] as usize);
    if faults.is_null(row) || from == until {
        return None;
    }
    let names = faults.values().as_string_opt::<i32>()?;
    (from..until)
        .filter_map(|at| names.value(at).parse::<Fault>().ok())
        .find(|fault| fault.outcome() == Outcome::Quarantine)
}

fn needed<T>(column: Option<T>, name: &str) -> Result<T, String> {
    column.ok_or_else(|| format!("there is no column '{name}'"))
}

/// A column cast to a type, if it is there.
fn column(batch: &RecordBatch, name: &str, wanted: &DataType) -> Result<Option<arrow::array::ArrayRef>, String> {
    let Some(column) = batch.column_by_name(name) else { return Ok(None) };
    cast(column, wanted)
        .map(Some)
        .map_err(|cause| format!("column '{name}' is {}, not {wanted}: {cause}", column.data_type()))
}

pub(crate) fn strings(batch: &RecordBatch, name: &str) -> Result<Option<StringArray>, String> {
    Ok(column(batch, name, &DataType::Utf8)?.map(|column| column.as_string::<i32>().clone()))
}

pub(crate) fn integers(batch: &RecordBatch, name: &str) -> Result<Option<Int64Array>, String> {
    Ok(column(batch, name, &DataType::Int64)?.map(|column| column.as_primitive::<Int64Type>().clone()))
}

pub(crate) fn booleans(batch: &RecordBatch, name: &str) -> Result<Option<BooleanArray>, String> {
    Ok(column(batch, name, &DataType::Boolean)?.map(|column| column.as_boolean().clone()))
}

/// The type of our times.
pub(crate) fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

pub(crate) fn times(batch: &RecordBatch, name: &str) -> Result<Option<TimestampMicrosecondArray>, String> {
    Ok(column(batch, name, &utc())?.map(|column| column.as_primitive::<TimestampMicrosecondType>().clone()))
}

fn lists(column: &dyn Array) -> Result<ListArray, String> {
    let lists = column.as_list_opt::<i32>().filter(|lists| lists.values().as_string_opt::<i32>().is_some());
    lists.cloned().ok_or_else(|| format!("column 'faults' is {}, not a list of texts", column.data_type()))
}

pub(crate) fn integer(column: Option<&Int64Array>, row: usize) -> Option<i64> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

pub(crate) fn boolean(column: Option<&BooleanArray>, row: usize) -> Option<bool> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

pub(crate) fn text(column: Option<&StringArray>, row: usize) -> Option<&str> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

/// A word of one of our lists; nothing for null and for what is not on it.
pub(crate) fn word<T: FromStr<Err = UnknownWord>>(column: Option<&StringArray>, row: usize) -> Option<T> {
    text(column, row)?.parse().ok()
}
