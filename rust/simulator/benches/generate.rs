//! Rows a second that one thread makes into Arrow batches: sessions played, sorted and written, with the index warm.
//!
//! Ids say what is made: stream, columns, rows a batch.

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
    let config = WorldConfig { listeners: 200_000, tracks: 1_000_000, partitions: 4, ..WorldConfig::default() };
    let world = World::new(config).unwrap();
    // The third day: the first is quiet.
    let at = |hour: i64| world.offset_at(0, world.config().start_us() + (48 + hour) * 3_600_000_000).unwrap();
    let rows = at(6)..at(18);
    let mut group = criterion.benchmark_group("generate");
    group.sample_size(10).throughput(Throughput::Elements(rows.end - rows.start));
    let all = |stream: Stream| (0..stream.schema().fields().len()).collect::<Vec<_>>();
    let cases = [
        (Stream::Events, "all", all(Stream::Events)),
        (Stream::Truth, "all", all(Stream::Truth)),
        (Stream::Events, "event_id,ts,user_id", vec![3, 5, 6]),
        // Nothing is written: what playing and sorting cost.
        (Stream::Events, "offset", vec![1]),
    ];
    for (stream, name, columns) in cases {
        group.bench_function(format!("{stream}/{name}/{BATCH_ROWS}"), |bencher| {
            bencher.iter(|| {
                let read: u64 = world
                    .read(stream, 0, rows.clone(), &columns, BATCH_ROWS)
                    .unwrap()
                    .map(|batch| black_box(batch.unwrap()).num_rows() as u64)
                    .sum();
                assert_eq!(read, rows.end - rows.start);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, generate);
criterion_main!(benches);
