//! Each parser over one column of clean texts, a tenth of them null.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that fails must panic, and Criterion's items have no docs"
)]

#[path = "../tests/kernels/building.rs"]
mod building;

use std::hint::black_box;

use arrow::array::{Array, StringArray};
use building::{Raw, listening};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use downbeat_kernels::normalise::Normaliser;

const ROWS: usize = 8192;

fn benches(c: &mut Criterion) {
    let contract = listening();
    let mut raw = Raw::clean(ROWS);
    for row in 0..ROWS {
        raw.set("playlist_name", row, Some("Songs for a long walk"));
        raw.set("track_uri", row, Some("downbeat:track:0000000000g"));
        raw.set("context", row, Some("editorial_playlist"));
    }
    let mut group = c.benchmark_group("normalise");
    group.throughput(Throughput::Elements(ROWS as u64));
    for name in [
        "event_id",
        "event_type",
        "event_time",
        "user_id",
        "session_id",
        "track_id",
        "playlist_name",
        "context",
        "platform",
        "app_version",
        "country",
    ] {
        let column = contract.columns.iter().find(|column| column.name == name).unwrap();
        let input = &contract.input[column.input as usize].name;
        let texts = &raw.texts.iter().find(|column| column.0 == input).unwrap().1;
        let texts: StringArray =
            texts.iter().enumerate().map(|(row, text)| text.clone().filter(|_| row % 10 != 0)).collect();
        let parser = Normaliser::new(column.normaliser.as_ref().unwrap()).unwrap();
        assert_eq!(parser.run(&texts).values.null_count(), ROWS.div_ceil(10));
        group.bench_function(format!("{name}/utf8_nulls_10pct/8192"), |b| b.iter(|| parser.run(black_box(&texts))));
    }
    group.finish();
}

criterion_group!(normalise_benches, benches);
criterion_main!(normalise_benches);
