//! Rows a second that one thread makes into Arrow batches: sessions played, sorted and written, reading on and on.
//!
//! Ids say what is made: stream, columns, rows a batch. The index is warm, and so is the cursor: what opening a place costs is
//! measured by `benchmarks/generator`.

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use downbeat_model::Stream;
use downbeat_simulator::{World, WorldConfig};

/// As the command has it: columns of megabytes are given back and taken again with each batch.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH_ROWS: usize = 8192;

fn generate(criterion: &mut Criterion) {
    let config = WorldConfig { listeners: 50_000, tracks: 1_000_000, partitions: 1, ..WorldConfig::default() };
    let world = World::new(config).unwrap();
    let at = |day: i64| world.offset_at(0, world.config().start_us() + day * 86_400_000_000).unwrap();
    // The first day is quiet; the end is far enough that reading rarely begins anew.
    let rows = at(2)..at(32);
    let mut group = criterion.benchmark_group("generate");
    group.sample_size(20).throughput(Throughput::Elements(BATCH_ROWS as u64));
    let all = |stream: Stream| (0..stream.schema().fields().len()).collect::<Vec<_>>();
    let cases = [
        (Stream::Events, "all", all(Stream::Events)),
        (Stream::Truth, "all", all(Stream::Truth)),
        (Stream::Events, "event_id,ts,user_id", vec![3, 5, 6]),
        // Nothing is written: what playing and sorting cost.
        (Stream::Events, "offset", vec![1]),
    ];
    for (stream, name, columns) in cases {
        let read = || world.read(stream, 0, rows.clone(), &columns, BATCH_ROWS).unwrap();
        let mut batches = read();
        // Until the cursor is warm.
        batches.next();
        group.bench_function(format!("{stream}/{name}/{BATCH_ROWS}"), |bencher| {
            bencher.iter(|| match batches.next() {
                Some(batch) => drop(black_box(batch.unwrap())),
                None => batches = read(),
            });
        });
    }
    group.finish();
}

criterion_group!(benches, generate);
criterion_main!(benches);
