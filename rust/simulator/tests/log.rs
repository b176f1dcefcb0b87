//! The log is a function of its configuration: whoever asks, in whatever pieces, gets the same rows, in order of arrival.

// What the helpers unwrap can only fail with the test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{ops::Range, thread};

use arrow::{
    array::{Array, ArrayData, AsArray, RecordBatch},
    compute::concat_batches,
    datatypes::{Int64Type, TimestampMicrosecondType},
};
use downbeat_model::Stream;
use downbeat_simulator::{Error, FaultRates, World, WorldConfig};
use proptest::prelude::*;

const HOUR_US: i64 = 3_600_000_000;

fn config(seed: u64) -> WorldConfig {
    WorldConfig { seed, listeners: 300, tracks: 5_000, partitions: 3, ..WorldConfig::default() }
}

fn world(seed: u64) -> World {
    World::new(config(seed)).unwrap()
}

fn all_columns(stream: Stream) -> Vec<usize> {
    (0..stream.schema().fields().len()).collect()
}

fn read(world: &World, stream: Stream, partition: u32, rows: Range<u64>, batch_rows: usize) -> RecordBatch {
    let batches: Vec<RecordBatch> =
        world.read(stream, partition, rows, &all_columns(stream), batch_rows).unwrap().map(Result::unwrap).collect();
    // Texts are written without a check: it is made up for here.
    batches.iter().flat_map(RecordBatch::columns).for_each(|column| column.to_data().validate_full().unwrap());
    concat_batches(&stream.schema(), &batches).unwrap()
}

fn rows_by_day(world: &World, partition: u32, days: i64) -> u64 {
    world.offset_at(partition, world.config().start_us() + days * 24 * HOUR_US).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_same_rows_come_whatever_the_batch_size_and_the_starting_point(
        seed: u64, batch_rows in 1usize..3000, from in 0.0..1.0f64, until in 0.0..1.0f64, truth: bool, harsh: bool,
    ) {
        let stream = if truth { Stream::Truth } else { Stream::Events };
        let faults = if harsh { FaultRates::harsh() } else { FaultRates::default() };
        let world = |seed| World::new(WorldConfig { faults, ..config(seed) }).unwrap();
        let scanned = world(seed);
        let total = rows_by_day(&scanned, 1, 5);
        let all = read(&scanned, stream, 1, 0..total, 1000);
        let (from, until) = ((from * total as f64) as u64, (until * total as f64) as u64);
        let (from, until) = (from.min(until), from.max(until));
        // A world that has never been asked for anything else.
        let sought = read(&world(seed), stream, 1, from..until, batch_rows);
        prop_assert_eq!(sought, all.slice(from as usize, (until - from) as usize));
    }

    #[test]
    fn offsets_are_dense_and_arrivals_never_decrease_and_never_precede_the_start(seed: u64) {
        let world = world(seed);
        for partition in 0..3 {
            let rows = rows_by_day(&world, partition, 4);
            let batch = read(&world, Stream::Events, partition, 0..rows, 777);
            let offsets = batch["offset"].as_primitive::<Int64Type>().values().to_vec();
            prop_assert_eq!(offsets, (0..rows as i64).collect::<Vec<_>>());
            let arrivals = batch["arrived_at"].as_primitive::<TimestampMicrosecondType>().values().to_vec();
            prop_assert!(arrivals.is_sorted());
            prop_assert!(arrivals[0] >= world.config().start_us());
            // An index that never made a row says the same of them.
            let counted = self::world(seed);
            for row in (0..rows as usize).step_by(97) {
                prop_assert_eq!(counted.arrived_at(partition, row as u64).unwrap(), arrivals[row]);
                let first = arrivals.partition_point(|&arrived_us| arrived_us < arrivals[row]) as u64;
                prop_assert_eq!(counted.offset_at(partition, arrivals[row]).unwrap(), first);
            }
        }
    }

    #[test]
    fn a_time_finds_the_first_row_that_arrived_at_it_or_later(seed: u64, after_s in -3600i64..4 * 86_400) {
        let world = world(seed);
        let time_us = world.config().start_us() + after_s * 1_000_000 + 17;
        let offset = world.offset_at(2, time_us).unwrap();
        prop_assert!(world.arrived_at(2, offset).unwrap() >= time_us);
        if offset > 0 {
            prop_assert!(world.arrived_at(2, offset - 1).unwrap() < time_us);
        }
        let arrived_us = world.arrived_at(2, offset).unwrap();
        prop_assert!(world.offset_at(2, arrived_us).unwrap() <= offset);
        prop_assert!(world.offset_at(2, arrived_us + 1).unwrap() > offset);
    }

    #[test]
    fn a_bounded_log_is_a_prefix_of_the_longer_one(seed: u64, hours in 1i64..96, minutes in 0i64..60) {
        let longer = world(seed);
        let until_us = longer.config().start_us() + hours * HOUR_US + minutes * 60_000_000;
        let bounded = World::new(WorldConfig { until: Some(until_us), ..config(seed) }).unwrap();
        prop_assert_eq!(bounded.fingerprint(), longer.fingerprint());
        let rows = bounded.offset_at(0, i64::MAX).unwrap();
        prop_assert_eq!(rows, longer.offset_at(0, until_us).unwrap());
        prop_assert_eq!(read(&bounded, Stream::Events, 0, 0..rows, 500), read(&longer, Stream::Events, 0, 0..rows, 8192));
        if rows > 0 {
            prop_assert!(bounded.arrived_at(0, rows - 1).unwrap() < until_us);
        }
        prop_assert!(longer.arrived_at(0, rows).unwrap() >= until_us);
        let past_end = |result: Result<(), Error>| matches!(result, Err(Error::PastEnd { .. }));
        prop_assert!(past_end(bounded.arrived_at(0, rows).map(|_| ())));
        prop_assert!(past_end(bounded.read(Stream::Events, 0, 0..rows + 1, &[1], 10).map(|_| ())));
    }
}

#[test]
fn the_same_rows_come_from_many_threads_at_once() {
    let alone = world(4);
    let rows: Vec<u64> = (0..3).map(|partition| rows_by_day(&alone, partition, 4)).collect();
    let expected: Vec<RecordBatch> =
        (0..3).map(|partition| read(&alone, Stream::Truth, partition, 0..rows[partition as usize], 1000)).collect();
    let shared = world(4);
    thread::scope(|scope| {
        for reader in 0..8u32 {
            let (shared, rows, expected) = (&shared, &rows, &expected);
            scope.spawn(move || {
                let partition = reader % 3;
                let (end, from) = (rows[partition as usize], u64::from(reader) * 100);
                let batch = read(shared, Stream::Truth, partition, from..end, 300 + reader as usize);
                assert_eq!(batch, expected[partition as usize].slice(from as usize, (end - from) as usize));
            });
        }
    });
}

#[test]
fn a_projection_holds_the_columns_asked_for_in_the_order_asked_for() {
    let world = world(9);
    let whole = read(&world, Stream::Truth, 0, 100..200, 64);
    let columns = [28, 3, 1, 27];
    let batches: Vec<RecordBatch> =
        world.read(Stream::Truth, 0, 100..200, &columns, 64).unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.len(), 2);
    let projected = concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(projected, whole.project(&columns).unwrap());
    // Without any column, rows are still counted.
    let counted: usize = world.read(Stream::Events, 0, 0..150, &[], 64).unwrap().map(|b| b.unwrap().num_rows()).sum();
    assert_eq!(counted, 150);
}

#[test]
fn seed_configuration_and_faults_change_the_fingerprint_and_until_does_not() {
    let fingerprint = |config: WorldConfig| World::new(config).unwrap().fingerprint().to_owned();
    let base = fingerprint(config(1));
    assert_eq!(base.len(), 32);
    assert_eq!(base, fingerprint(config(1)));
    let until = Some(config(1).start_us() + HOUR_US);
    assert_eq!(base, fingerprint(WorldConfig { until, ..config(1) }));
    assert_eq!(base, fingerprint(WorldConfig { artists: Some(500), ..config(1) }));
    let others = [
        config(2),
        WorldConfig { listeners: 301, ..config(1) },
        WorldConfig { tracks: 5_001, ..config(1) },
        WorldConfig { artists: Some(501), ..config(1) },
        WorldConfig { partitions: 4, ..config(1) },
        WorldConfig { start: "2026-10-02".parse().unwrap(), ..config(1) },
        WorldConfig { faults: FaultRates::none(), ..config(1) },
        WorldConfig { faults: FaultRates { ts_format: 0.011, ..FaultRates::default() }, ..config(1) },
    ];
    let mut all: Vec<String> = others.into_iter().map(fingerprint).collect();
    all.push(base);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 9);
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    let world = world(1);
    let refused = |result: Result<(), Error>| result.unwrap_err().to_string();
    let read = |stream, partition, rows, columns: &[usize], batch| {
        refused(world.read(stream, partition, rows, columns, batch).map(|_| ()))
    };
    assert_eq!(read(Stream::Events, 3, 0..1, &[0], 1), "partition 3 does not exist; this world has partitions 0 to 2");
    assert!(read(Stream::Events, 0, 0..1, &[22], 1).contains("no column 22"));
    assert!(read(Stream::Tracks, 0, 0..1, &[0], 1).contains("not a log"));
    assert!(read(Stream::Events, 0, 0..1, &[0], 0).contains("at least 1"));
    #[allow(clippy::reversed_empty_ranges)]
    let backward = 5..1;
    assert!(read(Stream::Events, 0, backward, &[0], 1).contains("5..1"));
    let past = refused(world.dimension(Stream::Tracks, 0..5_001, &[0], 10).map(|_| ()));
    assert_eq!(past, "tracks: row 5000 was asked for, but there are only 5000 rows; ask for an end up to 5000");
}

#[test]
fn a_configuration_out_of_bounds_is_refused_with_its_bound() {
    let refused = |config: WorldConfig| World::new(config).unwrap_err().to_string();
    let zero = refused(WorldConfig { listeners: 0, ..config(1) });
    assert_eq!(zero, "listeners = 0 is not possible; it must be from 1 to 1000000000");
    assert!(refused(WorldConfig { partitions: 301, ..config(1) }).starts_with("partitions = 301"));
    assert!(refused(WorldConfig { artists: Some(5_001), ..config(1) }).ends_with("from 1 to 5000"));
    let rate = FaultRates { duplicate: -0.1, ..FaultRates::default() };
    assert!(refused(WorldConfig { faults: rate, ..config(1) }).starts_with("faults.duplicate = -0.1"));
    assert!(refused(WorldConfig { faults: FaultRates { late: f64::NAN, ..rate }, ..config(1) }).starts_with("faults."));
    assert!(refused(WorldConfig { until: Some(0), ..config(1) }).starts_with("until = 1970-01-01T00:00:00Z"));
}

#[test]
fn a_configuration_survives_its_text() {
    let config = WorldConfig { until: Some(config(1).start_us() + 1_500_000), artists: Some(77), ..config(8) };
    let text = serde_json::to_string(&config).unwrap();
    assert!(text.contains(r#""until":"2026-10-01T00:00:01.500Z""#), "{text}");
    assert_eq!(serde_json::from_str::<WorldConfig>(&text).unwrap(), config);
    let read = |text: &str| serde_json::from_str::<WorldConfig>(text);
    assert_eq!(read(r#"{"faults": "none", "until": "2026-10-02"}"#).unwrap().faults, FaultRates::none());
    assert_eq!(read(r#"{"faults": {"late": 0}}"#).unwrap().faults, FaultRates { late: 0.0, ..FaultRates::default() });
    let error = |text: &str| read(text).unwrap_err().to_string();
    assert!(error(r#"{"listners": 1}"#).contains("unknown field `listners`"));
    assert!(error(r#"{"faults": "lots"}"#).contains("no fault preset is called 'lots'; known: default, none, harsh"));
    assert!(error(r#"{"faults": {"dust": 0.1}}"#).contains("unknown field `dust`"));
    assert!(error(r#"{"until": "tomorrow"}"#).contains("write 2026-10-08"));
}

#[test]
fn what_was_counted_is_told_and_the_same_as_what_is_found() {
    let counted = world(5);
    let day_us = |days: i64| counted.config().start_us() + days * 24 * HOUR_US;
    let shares = std::sync::Mutex::new(Vec::new());
    counted.count(day_us(30), &|share| shares.lock().unwrap().push(share));
    assert_eq!(shares.into_inner().unwrap().into_iter().fold(0.0, f64::max), 1.0);
    assert_eq!(rows_by_day(&counted, 2, 30), rows_by_day(&world(5), 2, 30));
    let restored = world(5);
    restored.restore_index(&counted.index()).unwrap();
    assert_eq!(rows_by_day(&restored, 2, 33), rows_by_day(&counted, 2, 33));
    assert_eq!(restored.index(), counted.index());
    let foreign = world(6).restore_index(&counted.index()).unwrap_err().to_string();
    assert_eq!(foreign, "the index cannot be used: it is of another world");
}

#[test]
fn a_large_world_cut_into_small_pieces_is_read_as_a_small_one_is() {
    // So many listeners that sessions are played in pieces of seconds, and planned an hour at a time.
    let config = WorldConfig { listeners: 3_000_000, tracks: 50_000, partitions: 1, ..WorldConfig::default() };
    let (scanned, sought) = (World::new(config.clone()).unwrap(), World::new(config).unwrap());
    let until = scanned.offset_at(0, scanned.config().start_us() + 7 * 60_000_000).unwrap();
    let all = read(&scanned, Stream::Truth, 0, 0..until, 8192);
    assert!(until > 2_000, "{until}");
    let from = until - 1_500;
    assert_eq!(read(&sought, Stream::Truth, 0, from..until, 700), all.slice(from as usize, 1_500));
    let arrivals = all["arrived_at"].as_primitive::<TimestampMicrosecondType>().values();
    assert!(arrivals.is_sorted());
}

#[test]
fn no_more_is_counted_for_a_row_than_twice_what_lies_before_it() {
    let day_10 = |world: &World| world.config().start_us() + 10 * 86_400_000_000;
    let (counted, asked) = (world(5), world(5));
    let offset = counted.offset_at(0, day_10(&counted)).unwrap();
    read(&asked, Stream::Events, 0, offset..offset + 1, 1);
    // Nearly all of an index is a byte or two a bucket.
    assert!(asked.index().len() < 5 * counted.index().len() / 2, "{} {}", asked.index().len(), counted.index().len());
}

/// FNV-1a over everything an array holds.
fn hash(data: &ArrayData, hash: &mut u64) {
    let mut add = |bytes: &[u8]| {
        *hash = bytes.iter().fold(*hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    };
    data.buffers().iter().for_each(|buffer| add(buffer));
    let valid: Vec<u8> = (0..data.len()).map(|row| u8::from(data.is_valid(row))).collect();
    add(&valid);
    data.child_data().iter().for_each(|child| self::hash(child, hash));
}

/// Bytes change only with [`downbeat_simulator::GENERATOR_VERSION`]: when these have to change, that has to change.
#[test]
fn the_bytes_of_generator_version_5_are_these() {
    let world = world(7);
    let hashes = [Stream::Events, Stream::Truth].map(|stream| {
        let mut sum = 0xcbf2_9ce4_8422_2325;
        // A multiple of 8: flags are packed, and the bits after the last are not data.
        read(&world, stream, 0, 0..2_000, 500).columns().iter().for_each(|column| hash(&column.to_data(), &mut sum));
        format!("{sum:016x}")
    });
    assert_eq!(downbeat_simulator::GENERATOR_VERSION, 5);
    assert_eq!(hashes, ["55bd2eec37e34e46", "c6244fc5f7d79038"]);
}
