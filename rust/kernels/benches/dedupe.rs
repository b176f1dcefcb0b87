//! Duplicates in one partition at its steady state: a window full of live keys, new ones coming, old ones going.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails must panic, and Criterion's items have no docs"
)]

#[path = "../tests/kernels/building.rs"]
mod building;

use std::hint::black_box;

use arrow::array::{FixedSizeBinaryArray, StringArray, TimestampMicrosecondArray};
use building::mixed;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use downbeat_kernels::dedupe::Deduper;
use downbeat_model::ids::uuid_text;

const ROWS: u64 = 8192;
const WINDOW_US: i64 = 600_000_000;

fn key(row: u64) -> [u8; 16] {
    // Every fiftieth row is one of the 10,000 before it again.
    let n = if row.is_multiple_of(50) { row.saturating_sub(mixed(row) % 10_000) } else { row };
    (u128::from(mixed(n)) << 64 | u128::from(mixed(!n))).to_be_bytes()
}

/// `live` keys within one window, in each of the two types a key may have.
fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("dedupe");
    group.throughput(Throughput::Elements(ROWS));
    for live in [100_000u64, 5_000_000] {
        let times = |first: u64| {
            let at = |row| (row as i64) * (WINDOW_US / live as i64);
            TimestampMicrosecondArray::from_iter_values((first..first + ROWS).map(at))
        };
        let ids = |first: u64| (first..first + ROWS).map(key);
        let mut deduper = Deduper::new(WINDOW_US).unwrap();
        let mut row = 0;
        while row < 2 * live {
            let keys = FixedSizeBinaryArray::try_from_iter(ids(row)).unwrap();
            deduper.mark(&keys, &times(row)).unwrap();
            row += ROWS;
        }
        let per_key = deduper.memory_bytes() as f64 / live as f64;
        println!("dedupe: {live} live keys a window, {} held, {per_key:.1} bytes a live key", deduper.keys());
        group.bench_function(format!("uuid_text/live_{live}/8192"), |b| {
            b.iter_batched(
                || {
                    let first = row;
                    row += ROWS;
                    let texts = ids(first).map(|id| String::from_utf8(uuid_text(&id).to_vec()).unwrap());
                    (StringArray::from_iter_values(texts), times(first))
                },
                |(keys, times)| {
                    let marks = deduper.mark(black_box(&keys), &times).unwrap();
                    assert!(marks.true_count() > 100);
                    marks
                },
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(dedupe_benches, benches);
criterion_main!(dedupe_benches);
