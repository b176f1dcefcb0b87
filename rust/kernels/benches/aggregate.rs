//! Partial aggregates over batches of 8,192 rows with nulls, at few and at many groups.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench that fails must panic, and Criterion's items have no docs"
)]

#[path = "../tests/kernels/building.rs"]
mod building;

use std::{hint::black_box, sync::Arc};

use arrow::array::{ArrayRef, Int64Array, StringArray, StructArray};
use building::{column, mixed};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use downbeat_kernels::{
    Aggregator,
    proto::{
        Field, Type,
        aggregate::{Aggregate, Key, Kind, Measure},
    },
};
use prost::Message;

const ROWS: u64 = 8192;

/// Keys and measures over `country: STRING, track: BIGINT, ms: BIGINT`.
fn aggregate(keys: &[(u32, Type)]) -> Aggregate {
    let field = |name: &str, of: Type| Field { name: name.to_owned(), r#type: of.into() };
    let measure = |kind: Kind, argument| Measure { kind: kind.into(), argument, precision: 0 };
    Aggregate {
        input: vec![field("country", Type::String), field("track", Type::Bigint), field("ms", Type::Bigint)],
        keys: keys.iter().map(|&(index, of)| Key { value: Some(column(of, index)), bucket_us: 0 }).collect(),
        measures: vec![
            measure(Kind::Count, None),
            measure(Kind::Sum, Some(column(Type::Bigint, 2))),
            measure(Kind::Max, Some(column(Type::Bigint, 2))),
        ],
        ..Aggregate::default()
    }
}

fn batch(first: u64, tracks: u64) -> StructArray {
    let rows = || first..first + ROWS;
    let countries: ArrayRef =
        Arc::new(StringArray::from_iter_values(rows().map(|row| format!("C{}", mixed(row) % 60))));
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(rows().map(|row| (mixed(!row) % tracks) as i64)));
    let ms: ArrayRef = Arc::new(
        rows().map(|row| (!mixed(row).is_multiple_of(10)).then_some((row % 300_000) as i64)).collect::<Int64Array>(),
    );
    StructArray::try_from(vec![("country", countries), ("track", ids), ("ms", ms)]).unwrap()
}

fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("aggregate");
    group.throughput(Throughput::Elements(ROWS));
    let keys = [(0, Type::String), (1, Type::Bigint)];
    for (name, keys, tracks) in [
        ("no_key", &keys[..0], 1),
        ("country_60_groups", &keys[..1], 1),
        ("track_1000_groups", &keys[1..], 1_000),
        ("country_track_600000_groups", &keys[..], 10_000),
    ] {
        let batches: Vec<StructArray> = (0..64).map(|n| batch(n * ROWS, tracks)).collect();
        let mut aggregator = Aggregator::new(&aggregate(keys).encode_to_vec()).unwrap();
        let mut next = batches.iter().cycle();
        group.bench_function(format!("{name}/8192"), |b| {
            b.iter(|| aggregator.update(black_box(next.next().unwrap())).unwrap());
        });
        assert!(aggregator.groups() <= 600_000);
    }
    group.finish();
}

criterion_group!(aggregate_benches, benches);
criterion_main!(aggregate_benches);
