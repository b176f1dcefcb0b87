//! The whole listening contract over batches as the source reads them: Arrow to Arrow, one core.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails must panic, and Criterion's items have no docs"
)]

#[path = "../tests/kernels/building.rs"]
mod building;

use std::hint::black_box;

use arrow::array::AsArray;
use building::{Raw, cleanser, in_dictionaries, listening};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// What Spark's Arrow reader takes at a time.
const ROWS: usize = 8192;

fn benches(c: &mut Criterion) {
    let contract = cleanser(&listening());
    let mut group = c.benchmark_group("listening");
    group.throughput(Throughput::Elements(ROWS as u64));

    let clean = Raw::clean(ROWS).batch();
    assert_eq!(contract.run(&clean).unwrap().column(0).as_boolean().true_count(), ROWS);
    group.bench_function("clean/8192", |b| b.iter(|| contract.run(black_box(&clean)).unwrap()));

    // About as the default world is: one row in fifty in another notation, one in a hundred for quarantine.
    let mut raw = Raw::clean(ROWS);
    for row in (0..ROWS).step_by(100) {
        let time = (raw.arrived_at[row] / 1000).to_string();
        match row / 100 % 4 {
            0 => raw.set("ts", row, Some(&time)),
            1 => raw.set("conn_country", row, Some("usa")),
            2 => raw.set("platform", row, Some("iphone")),
            _ => raw.set("app_version", row, Some(" 8.9.42")),
        }
        match row / 100 % 3 {
            0 => raw.set("event_id", row + 50, None),
            1 => raw.set("event_type", row + 50, Some("stop")),
            _ => raw.ms_played[row + 50] = Some(-1),
        }
    }
    let faulty = raw.batch();
    let valid = contract.run(&faulty).unwrap().column(0).as_boolean().true_count();
    assert_eq!(valid, ROWS - ROWS.div_ceil(100));
    group.bench_function("faulty_2pct/8192", |b| b.iter(|| contract.run(black_box(&faulty)).unwrap()));
    // Words that come again and again, as words of dictionaries.
    let repeated = ["event_type", "context", "reason_start", "reason_end", "platform", "app_version", "conn_country"];
    let words = in_dictionaries(&faulty, |column| repeated.contains(&column));
    assert_eq!(contract.run(&words).unwrap(), contract.run(&faulty).unwrap());
    group.bench_function("dictionaries_faulty_2pct/8192", |b| b.iter(|| contract.run(black_box(&words)).unwrap()));
    group.bench_function("check_only_faulty_2pct/8192", |b| b.iter(|| contract.check(black_box(&faulty)).unwrap()));
    group.finish();
}

criterion_group!(listening_benches, benches);
criterion_main!(listening_benches);
