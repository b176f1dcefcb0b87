//! Truth explains every difference between a raw row and what happened: each fault shows exactly as its label says, and nothing
//! without a label differs.

// What the helpers unwrap can only fail with the test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{HashMap, HashSet};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::concat_batches,
    datatypes::{Date32Type, Int32Type, Int64Type, TimestampMicrosecondType},
};
use chrono::{DateTime, NaiveDateTime};
use downbeat_model::{
    EventType, Fault, LATE_AFTER_US, MAX_AHEAD_US, MAX_BEHIND_US, MAX_MS_PLAYED, Outcome, ReasonEnd, Stream, ids,
};
use downbeat_simulator::{FaultRates, World, WorldConfig};
use proptest::prelude::*;

const WINDOW_US: i64 = 10 * 60 * 1_000_000;

/// Every fault often enough that a small world has all of them, and several at once.
fn frequent() -> FaultRates {
    FaultRates {
        duplicate: 0.05,
        late: 0.1,
        ts_format: 0.1,
        missing_field: 0.05,
        dirty_text: 0.1,
        country_alias: 0.1,
        platform_alias: 0.1,
        bad_duration: 0.03,
        unknown_type: 0.03,
        clock_skew: 0.03,
        bad_id: 0.03,
        garbage: 0.03,
        orphan_track: 0.03,
    }
}

fn world(seed: u64, faults: FaultRates) -> World {
    World::new(WorldConfig { seed, listeners: 240, tracks: 3_000, partitions: 2, faults, ..WorldConfig::default() })
        .unwrap()
}

/// The first `days` days of a partition.
fn read(world: &World, stream: Stream, partition: u32, days: i64) -> Table {
    let rows = world.offset_at(partition, world.config().start_us() + days * 86_400_000_000).unwrap();
    let columns: Vec<usize> = (0..stream.schema().fields().len()).collect();
    let batches: Vec<RecordBatch> =
        world.read(stream, partition, 0..rows, &columns, 4096).unwrap().map(Result::unwrap).collect();
    Table(concat_batches(&stream.schema(), &batches).unwrap())
}

fn dimension(world: &World, stream: Stream) -> Table {
    let columns: Vec<usize> = (0..stream.schema().fields().len()).collect();
    let batches: Vec<RecordBatch> =
        world.dimension(stream, 0..world.dimension_rows(stream), &columns, 700).unwrap().map(Result::unwrap).collect();
    Table(concat_batches(&stream.schema(), &batches).unwrap())
}

struct Table(RecordBatch);

impl Table {
    fn rows(&self) -> usize {
        self.0.num_rows()
    }

    fn text(&self, column: &str, row: usize) -> Option<&str> {
        let array = self.0[column].as_string::<i32>();
        array.is_valid(row).then(|| array.value(row))
    }

    fn number(&self, column: &str, row: usize) -> Option<i64> {
        let array = self.0[column].as_primitive::<Int64Type>();
        array.is_valid(row).then(|| array.value(row))
    }

    fn flag(&self, column: &str, row: usize) -> Option<bool> {
        let array = self.0[column].as_boolean();
        array.is_valid(row).then(|| array.value(row))
    }

    fn time_us(&self, column: &str, row: usize) -> i64 {
        self.0[column].as_primitive::<TimestampMicrosecondType>().value(row)
    }

    fn faults(&self, row: usize) -> Vec<Fault> {
        let names = self.0["faults"].as_list::<i32>().value(row);
        names.as_string::<i32>().iter().map(|name| name.unwrap().parse().unwrap()).collect()
    }
}

/// The canonical raw texts of a true row, by column; what truth does not hold (the client's own name for its platform) is left out.
fn canonical(truth: &Table, row: usize) -> HashMap<&'static str, Option<String>> {
    let text = |column| truth.text(column, row).map(str::to_owned);
    let id: [u8; 16] = truth.0["event_id"].as_binary::<i32>().value(row).try_into().unwrap();
    let ts = DateTime::from_timestamp_micros(truth.time_us("event_time", row)).unwrap();
    HashMap::from([
        ("event_id", Some(String::from_utf8(ids::uuid_text(&id).to_vec()).unwrap())),
        ("event_type", text("event_type")),
        ("ts", Some(ts.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())),
        ("user_id", truth.number("user_id", row).map(|id| id.to_string())),
        ("session_id", truth.number("session_id", row).map(|id| format!("{id:016x}"))),
        ("track_uri", truth.number("track_id", row).map(|id| ids::track_uri(id as u64))),
        ("playlist_uri", truth.number("playlist_id", row).map(|id| ids::playlist_uri(id as u64))),
        ("playlist_name", text("playlist_name")),
        ("context", text("context")),
        ("reason_start", text("reason_start")),
        ("reason_end", text("reason_end")),
        ("app_version", text("app_version")),
        ("conn_country", text("country")),
    ])
}

/// Whether a client names itself as it should: the beginning and the end of its name are those of its platform, in their case.
fn is_canonical_platform(text: &str, platform: &str) -> bool {
    let forms: &[(&str, &str)] = match platform {
        "ios" => &[("iOS ", ")")],
        "android" => &[("Android OS ", ")")],
        "desktop" => &[
            ("Windows 10 (10.0.", "; x64)"),
            ("Windows 11 (10.0.", "; x64)"),
            ("OS X ", " [arm 2]"),
            ("OS X ", " [x86 8]"),
            ("Linux [x86-64", " 0]"),
        ],
        "web" => &[("web_player ", ";desktop")],
        "tv" => &[("Partner ", ";Tizen"), ("Partner ", ";webOS"), ("Partner ", ";AndroidTV")],
        "speaker" => &[("Partner ", ";Speaker")],
        "car" => &[("Partner ", ";AndroidAuto"), ("Partner ", ";CarPlay")],
        "console" => &[("Partner ", ";Console")],
        "wearable" => &[("watchOS ", ")"), ("WearOS ", ")")],
        "other" => &[("Partner other ", ";Other")],
        _ => panic!("no platform is called {platform}"),
    };
    forms.iter().any(|(start, end)| text.starts_with(start) && text.ends_with(end))
}

/// Microseconds since 1970 of a time in one of the notations clients use besides the canonical one.
fn other_time(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return match text.len() {
            13 => Some(number * 1000),
            16 => Some(number),
            _ => None,
        };
    }
    if let Some((seconds, millis)) = text.split_once('.').filter(|parts| parts.0.len() == 10 && parts.1.len() == 3) {
        return Some(seconds.parse::<i64>().ok()? * 1_000_000 + millis.parse::<i64>().ok()? * 1000);
    }
    if let Ok(time) = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.3f") {
        return Some(time.and_utc().timestamp_micros());
    }
    let zoned = DateTime::parse_from_rfc3339(text).ok()?;
    (!text.ends_with('Z')).then(|| zoned.timestamp_micros())
}

/// A text as a repair would leave it.
fn without_noise(text: &str) -> String {
    let kept: String = text
        .chars()
        .filter(|&c| !c.is_control() && !matches!(c, '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}'))
        .collect();
    kept.trim().to_owned()
}

/// Whether a text is an id as clients write it.
fn is_id(column: &str, text: &str) -> bool {
    match column {
        "event_id" => {
            text.len() == 36
                && text.bytes().enumerate().all(|(at, byte)| match at {
                    8 | 13 | 18 | 23 => byte == b'-',
                    _ => byte.is_ascii_hexdigit(),
                })
        }
        "user_id" => text.parse::<u64>().is_ok(),
        "session_id" => text.len() == 16 && u64::from_str_radix(text, 16).is_ok(),
        "track_uri" => ids::parse_track_uri(text).is_some(),
        _ => ids::parse_playlist_uri(text).is_some(),
    }
}

/// Holds one raw row against its truth and its labels.
fn explain(raw: &Table, truth: &Table, row: usize) {
    let faults = truth.faults(row);
    let has = |fault| faults.contains(&fault);
    let event_type: EventType = truth.text("event_type", row).unwrap().parse().unwrap();
    let playback = matches!(event_type, EventType::Play | EventType::Skip);
    let arrived_us = truth.time_us("arrived_at", row);
    let time_us = truth.time_us("event_time", row);

    assert!(faults.is_sorted(), "{faults:?}");
    assert_eq!(raw.time_us("arrived_at", row), arrived_us);
    assert_eq!(raw.number("offset", row), truth.number("offset", row));
    assert_eq!(time_us % 1000, 0, "event times are whole milliseconds");
    assert_eq!(has(Fault::Late), arrived_us - time_us > LATE_AFTER_US);
    assert!(arrived_us >= time_us && arrived_us - time_us <= MAX_BEHIND_US);
    assert_eq!(has(Fault::Duplicate), truth.number("duplicate_of", row).is_some());
    assert!(faults.iter().filter(|fault| fault.outcome() == Outcome::Quarantine).count() <= 1, "{faults:?}");
    // What the catalogue does not have.
    assert_eq!(
        has(Fault::OrphanTrack),
        truth.number("track_id", row).is_some() && truth.number("artist_id", row).is_none()
    );

    // Texts: whatever differs must be one of the labelled faults, each of which shows once.
    let mut unexplained: HashSet<Fault> = faults.iter().copied().collect();
    unexplained.remove(&Fault::Late);
    unexplained.remove(&Fault::Duplicate);
    unexplained.remove(&Fault::OrphanTrack);
    let mut torn = Vec::new();
    for (column, expected) in canonical(truth, row) {
        let found = raw.text(column, row);
        if found == expected.as_deref() {
            continue;
        }
        if has(Fault::Garbage) {
            assert!(found.is_some_and(|found| !found.is_empty()));
            torn.push(column);
            continue;
        }
        let fault = match (column, found) {
            ("event_id" | "user_id" | "session_id" | "track_uri" | "playlist_uri", Some(found))
                if has(Fault::BadId) =>
            {
                assert!(!is_id(column, found), "{found}");
                Fault::BadId
            }
            ("ts", Some(found)) if has(Fault::ClockSkew) => {
                let said_us = DateTime::parse_from_rfc3339(found).unwrap().timestamp_micros();
                assert!(
                    found.ends_with('Z')
                        && !(arrived_us - MAX_BEHIND_US..=arrived_us + MAX_AHEAD_US).contains(&said_us)
                );
                Fault::ClockSkew
            }
            (_, None | Some("" | " ")) => Fault::MissingField,
            ("event_type", Some(found)) => {
                assert!(found.parse::<EventType>().is_err());
                Fault::UnknownType
            }
            ("ts", Some(found)) => {
                assert_eq!(other_time(found), Some(time_us), "{found}");
                Fault::TsFormat
            }
            ("conn_country", Some(found)) => {
                assert_ne!(found, expected.unwrap());
                Fault::CountryAlias
            }
            ("playlist_name" | "context" | "reason_start" | "reason_end" | "app_version", Some(found)) => {
                assert_eq!(Some(without_noise(found)), expected, "{found:?}");
                Fault::DirtyText
            }
            _ => panic!("row {row}: {column} is {found:?}, was {expected:?}, labels {faults:?}"),
        };
        assert!(
            unexplained.remove(&fault),
            "row {row}: {column} is {found:?}: {fault} once more than labelled {faults:?}"
        );
    }

    let platform = truth.text("platform", row).unwrap();
    match raw.text("platform", row) {
        Some(text) if is_canonical_platform(text, platform) => {}
        None | Some("" | " ") => assert!(unexplained.remove(&Fault::MissingField)),
        Some(text) => assert!(unexplained.remove(&Fault::PlatformAlias), "{text} for {platform}, {faults:?}"),
    }

    match (raw.number("ms_played", row), truth.number("ms_played", row)) {
        (found, was) if found == was => {}
        (None, Some(_)) => assert!(unexplained.remove(&Fault::MissingField)),
        (Some(found), Some(_)) => {
            assert!(!(0..=MAX_MS_PLAYED).contains(&found), "{found}");
            assert!(unexplained.remove(&Fault::BadDuration));
        }
        (found, was) => panic!("ms_played {found:?}, was {was:?}"),
    }
    if unexplained.remove(&Fault::Garbage) {
        // Several, one of which at least no rule overlooks.
        assert!(
            torn.len() >= 2
                && torn.iter().any(|column| matches!(*column, "event_type" | "ts" | "user_id" | "session_id"))
        );
    }
    assert!(unexplained.is_empty(), "row {row}: labelled {faults:?}, but nothing shows {unexplained:?}");

    for column in ["shuffle", "offline", "incognito_mode", "premium"] {
        assert_eq!(raw.flag(column, row), truth.flag(column, row));
    }
    // What belongs to a type of event, and nothing else.
    assert_eq!(truth.number("ms_played", row).is_some(), playback);
    assert_eq!(truth.flag("is_stream", row), truth.number("ms_played", row).map(|ms| ms >= 30_000));
    assert_eq!(truth.text("context", row).is_some(), playback);
    assert_eq!(truth.number("track_id", row).is_some(), event_type != EventType::PlaylistCreate);
    assert_eq!(truth.text("playlist_name", row).is_some(), event_type == EventType::PlaylistCreate);
    if playback {
        let played = truth.number("ms_played", row).unwrap();
        let reason: ReasonEnd = truth.text("reason_end", row).unwrap().parse().unwrap();
        let by_will = !matches!(reason, ReasonEnd::TrackDone | ReasonEnd::TrackError);
        if let Some(length) = truth.number("track_duration_ms", row) {
            assert_eq!(event_type == EventType::Skip, by_will && played < length, "{reason} at {played} of {length}");
        }
    }
    let date = truth.0["event_date"].as_primitive::<Date32Type>().value(row);
    assert_eq!(i64::from(date), time_us.div_euclid(86_400_000_000));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn truth_explains_every_raw_row(seed: u64, often: bool) {
        let world = world(seed, if often { frequent() } else { FaultRates::default() });
        for partition in 0..2 {
            let (raw, truth) = (read(&world, Stream::Events, partition, 3), read(&world, Stream::Truth, partition, 3));
            prop_assert_eq!(raw.rows(), truth.rows());
            prop_assert!(raw.rows() > 100);
            for row in 0..raw.rows() {
                explain(&raw, &truth, row);
            }
        }
    }

    #[test]
    fn a_duplicate_is_an_earlier_row_again_byte_for_byte_and_ids_are_used_once_otherwise(seed: u64) {
        let world = world(seed, frequent());
        let mut seen = HashSet::new();
        let mut duplicates = 0;
        for partition in 0..2 {
            let (raw, truth) = (read(&world, Stream::Events, partition, 3), read(&world, Stream::Truth, partition, 3));
            for row in 0..raw.rows() {
                let id = truth.0["event_id"].as_binary::<i32>().value(row).to_vec();
                let Some(original) = truth.number("duplicate_of", row) else {
                    prop_assert!(seen.insert(id));
                    continue;
                };
                duplicates += 1;
                let original = original as usize;
                prop_assert!(original < row);
                let after_us = raw.time_us("arrived_at", row) - raw.time_us("arrived_at", original);
                prop_assert!((0..=WINDOW_US).contains(&after_us), "{} us later", after_us);
                prop_assert!(raw.text("event_id", row).is_some_and(|id| id.len() == 36));
                for column in 3..raw.0.num_columns() {
                    prop_assert_eq!(&raw.0.column(column).slice(row, 1), &raw.0.column(column).slice(original, 1));
                }
                // All labels but those that follow from its own arrival.
                let own = |row| {
                    let mut faults = truth.faults(row);
                    faults.retain(|&fault| fault != Fault::Late && fault != Fault::Duplicate);
                    faults
                };
                prop_assert_eq!(own(row), own(original));
                prop_assert!(!truth.faults(original).contains(&Fault::Duplicate));
            }
        }
        prop_assert!(duplicates > 50);
    }

    #[test]
    fn without_faults_every_row_is_canonical_and_some_are_late(seed: u64) {
        let world = world(seed, FaultRates::none());
        let (raw, truth) = (read(&world, Stream::Events, 0, 3), read(&world, Stream::Truth, 0, 3));
        let mut late = 0;
        for row in 0..raw.rows() {
            explain(&raw, &truth, row);
            match truth.faults(row).as_slice() {
                [] => {}
                [Fault::Late] => late += 1,
                others => prop_assert!(false, "{:?}", others),
            }
        }
        prop_assert!(late > 0);
    }

    #[test]
    fn truth_agrees_with_the_dimensions_and_a_listener_stays_in_one_partition(seed: u64) {
        let world = world(seed, FaultRates::default());
        let (tracks, artists) = (dimension(&world, Stream::Tracks), dimension(&world, Stream::Artists));
        let listeners = dimension(&world, Stream::Listeners);
        let number = |table: &Table, column: &str, row| table.number(column, row).unwrap();
        let track_rows: HashMap<i64, usize> = (0..tracks.rows()).map(|row| (number(&tracks, "track_id", row), row)).collect();
        let artist_rows: HashMap<i64, usize> = (0..artists.rows()).map(|row| (number(&artists, "artist_id", row), row)).collect();
        let listener_rows: HashMap<i64, usize> = (0..listeners.rows()).map(|row| (number(&listeners, "user_id", row), row)).collect();
        prop_assert_eq!((track_rows.len(), artist_rows.len(), listener_rows.len()), (3_000, 300, 240));
        for row in 0..tracks.rows() {
            let artist = artist_rows[&number(&tracks, "artist_id", row)];
            prop_assert_eq!(tracks.text("genre", row), artists.text("genre", artist));
            let uri = ids::track_uri(number(&tracks, "track_id", row) as u64);
            prop_assert_eq!(tracks.text("track_uri", row), Some(uri.as_str()));
            prop_assert!(!tracks.text("track_name", row).unwrap().trim().is_empty());
        }
        for row in 0..listeners.rows() {
            prop_assert!(listeners.text("time_zone", row).unwrap().parse::<chrono_tz::Tz>().is_ok());
            prop_assert!((1930..=2016).contains(&listeners.0["birth_year"].as_primitive::<Int32Type>().value(row)));
        }
        let mut partition_of = HashMap::new();
        let (mut premium_as_at_first, mut rows) = (0, 0);
        for partition in 0..2 {
            let truth = read(&world, Stream::Truth, partition, 2);
            for row in 0..truth.rows() {
                let user = number(&truth, "user_id", row);
                prop_assert_eq!(*partition_of.entry(user).or_insert(partition), partition);
                let listener = listener_rows[&user];
                premium_as_at_first += usize::from(truth.flag("premium", row) == listeners.flag("premium", listener));
                rows += 1;
                let track = truth.number("track_id", row);
                prop_assert_eq!(track.is_some_and(|id| !track_rows.contains_key(&id)), truth.faults(row).contains(&Fault::OrphanTrack));
                if let Some(track) = track.and_then(|id| track_rows.get(&id).copied()) {
                    prop_assert_eq!(truth.number("artist_id", row), tracks.number("artist_id", track));
                    prop_assert_eq!(truth.text("genre", row), tracks.text("genre", track));
                    prop_assert_eq!(truth.number("track_duration_ms", row), tracks.number("duration_ms", track));
                } else {
                    prop_assert!(truth.number("artist_id", row).is_none() && truth.text("genre", row).is_none());
                }
            }
        }
        // The dimension tells the tier at the world's start, which few have left in two days.
        prop_assert!(premium_as_at_first * 100 >= rows * 95);
    }

    #[test]
    fn a_playback_starts_for_the_reason_the_one_before_ended(seed: u64) {
        let world = world(seed, FaultRates::none());
        let truth = read(&world, Stream::Truth, 0, 3);
        let mut sessions: HashMap<i64, Vec<(i64, usize)>> = HashMap::new();
        for row in (0..truth.rows()).filter(|&row| truth.text("reason_end", row).is_some()) {
            sessions.entry(truth.number("session_id", row).unwrap()).or_default().push((truth.time_us("event_time", row), row));
        }
        // Rows of a session that was still going on at the end may be missing between others: the slowest take 8 minutes.
        let end_us = world.config().start_us() + 3 * 86_400_000_000 - 15 * 60_000_000;
        sessions.retain(|_, playbacks| playbacks.iter().all(|&(_, row)| truth.time_us("arrived_at", row) < end_us));
        prop_assert!(sessions.len() > 20);
        for playbacks in sessions.values_mut() {
            playbacks.sort_unstable();
            // Two that ended within a millisecond of each other have no order.
            for pair in playbacks.windows(2).filter(|pair| pair[1].0 - pair[0].0 > 0) {
                let (end, start) = (truth.text("reason_end", pair[0].1).unwrap(), truth.text("reason_start", pair[1].1).unwrap());
                for button in ["trackdone", "fwdbtn", "backbtn"] {
                    if (end == button) != (start == button) {
                        let ties = playbacks.iter().filter(|other| other.0 == pair[0].0 || other.0 == pair[1].0).count();
                        prop_assert!(ties > 2, "{} then {}", end, start);
                    }
                }
            }
        }
    }
}

#[test]
fn the_default_faults_are_as_frequent_as_they_say() {
    let config = WorldConfig { listeners: 3_000, tracks: 20_000, partitions: 1, ..WorldConfig::default() };
    let world = World::new(config).unwrap();
    let truth = read(&world, Stream::Truth, 0, 8);
    let mut counts: HashMap<Fault, f64> = HashMap::new();
    for row in 0..truth.rows() {
        for fault in truth.faults(row) {
            *counts.entry(fault).or_default() += 1.0;
        }
    }
    let rates = FaultRates::default();
    for (fault, rate) in [
        (Fault::Duplicate, rates.duplicate),
        (Fault::TsFormat, rates.ts_format),
        (Fault::MissingField, rates.missing_field),
        (Fault::DirtyText, rates.dirty_text),
        (Fault::CountryAlias, rates.country_alias),
        (Fault::PlatformAlias, rates.platform_alias),
        (Fault::UnknownType, rates.unknown_type),
        (Fault::BadId, rates.bad_id),
        (Fault::OrphanTrack, rates.orphan_track),
    ] {
        let share = counts[&fault] / truth.rows() as f64;
        // A sixth of it, and four deviations of what is counted.
        let slack = rate / 6.0 + 4.0 * (rate / truth.rows() as f64).sqrt();
        assert!((share - rate).abs() < slack, "{fault}: {share}, rate {rate}");
    }
    let late = counts[&Fault::Late] / truth.rows() as f64;
    assert!((0.01..0.06).contains(&late), "late: {late}");
}
