//! Rows a second from a log in memory through DoGet over loopback to a decoded batch: what the transport alone costs.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{hint::black_box, sync::Arc};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use downbeat_flight::{Client, Read};
use support::{MemoryLog, Running};

const ROWS: u64 = 32 * 8192;

fn loopback(criterion: &mut Criterion) {
    let log = Arc::new(MemoryLog::new("bench", 1, ROWS));
    let server = Running::new(Arc::clone(&log));
    let client = Client::connect(&server.uri(), None).unwrap();
    let mut group = criterion.benchmark_group("flight/do_get");
    for (name, columns) in [("events", vec![]), ("events_2_columns", vec!["event_id".to_owned(), "ts".to_owned()])] {
        group.throughput(Throughput::Elements(ROWS));
        group.bench_with_input(BenchmarkId::new(name, ROWS), &columns, |bencher, columns| {
            bencher.iter(|| {
                let read = Read {
                    stream: "events".into(),
                    partition: 0,
                    from: 0,
                    until: Some(ROWS),
                    columns: columns.clone(),
                };
                let mut reader = client.read(read).unwrap();
                let mut rows = 0;
                while let Some((_, batch)) = reader.next().unwrap() {
                    rows += black_box(batch).num_rows() as u64;
                }
                assert_eq!(rows, ROWS);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, loopback);
criterion_main!(benches);
