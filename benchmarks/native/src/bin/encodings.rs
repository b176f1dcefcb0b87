//! What the columns of Parquet files cost, by encoding, compression and size of a row group: nanoseconds and bytes a row.
//!
//! ```text
//! target/release/encodings lake/events/event_date=2026-10-02/*.parquet
//! ```

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program to look at, which may end at the first mistake"
)]

use std::{env, fs::File, sync::Arc, time::Instant};

use arrow::{
    array::RecordBatch,
    compute::concat_batches,
    datatypes::{DataType, Schema},
};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::{Compression, Encoding, ZstdLevel},
    file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
};

/// Rows that are encoded at a time, as the writer of tables does.
const ROWS: usize = 8192;

fn main() {
    for path in env::args().skip(1) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        let schema = Arc::clone(reader.schema());
        let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
        let all = concat_batches(&schema, &batches).unwrap();
        println!("{} rows", all.num_rows());
        println!("{:36}{:>20}{:>20}{:>20}{:>20}", "ns, bytes a row", "dictionary", "plain", "differences", "lengths");
        for column in 0..all.num_columns() {
            one(&all.project(&[column]).unwrap());
        }
        whole(&all);
    }
}

/// One column, in every encoding that it may have, without and with compression.
fn one(column: &RecordBatch) {
    let schema = column.schema();
    let of = schema.field(0).data_type();
    let delta: &[Encoding] = match of {
        DataType::Utf8 | DataType::Binary => &[Encoding::DELTA_BYTE_ARRAY, Encoding::DELTA_LENGTH_BYTE_ARRAY],
        of if of.is_integer() || of.is_temporal() => &[Encoding::DELTA_BINARY_PACKED],
        _ => &[],
    };
    for (name, compression) in [("none", Compression::UNCOMPRESSED), ("zstd 1", zstd(1))] {
        print!("{:22}{name:>14}", schema.field(0).name());
        for (dictionary, encoding) in
            [(true, None), (false, None)].into_iter().chain(delta.iter().map(|encoding| (false, Some(*encoding))))
        {
            let mut properties = base(compression).set_dictionary_enabled(dictionary);
            if let Some(encoding) = encoding {
                properties = properties.set_encoding(encoding);
            }
            let (nanos, bytes) = cost(column, properties.build());
            print!("{:>20}", format!("{nanos:.1}  {bytes:.2}"));
        }
        println!();
    }
}

/// All columns, by level and by rows in a group.
fn whole(all: &RecordBatch) {
    for level in [1, 2, 3, 6, 9] {
        let (nanos, bytes) = cost(all, base(zstd(level)).build());
        println!("zstd {level:2}{:>30}", format!("{nanos:.0}  {bytes:.1}"));
    }
    let (nanos, bytes) = cost(all, base(Compression::UNCOMPRESSED).build());
    println!("none{:>33}", format!("{nanos:.0}  {bytes:.1}"));
    for rows in [16_384, 65_536, 262_144, 1_048_576] {
        let (nanos, bytes) = cost(all, base(zstd(1)).set_max_row_group_row_count(Some(rows)).build());
        println!("groups of {rows:9}{:>18}", format!("{nanos:.0}  {bytes:.1}"));
    }
}

fn zstd(level: i32) -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(level).unwrap())
}

fn base(compression: Compression) -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(compression)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_write_batch_size(ROWS)
}

/// Nanoseconds and bytes a row; the best of three.
fn cost(rows: &RecordBatch, properties: WriterProperties) -> (f64, f64) {
    let count = rows.num_rows() as f64;
    let mut best = (f64::INFINITY, 0.0);
    for _ in 0..3 {
        let begun = Instant::now();
        let schema: Arc<Schema> = rows.schema();
        let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties.clone())).unwrap();
        for first in (0..rows.num_rows()).step_by(ROWS) {
            writer.write(&rows.slice(first, ROWS.min(rows.num_rows() - first))).unwrap();
        }
        let bytes = writer.into_inner().unwrap().len() as f64 / count;
        let nanos = begun.elapsed().as_nanos() as f64 / count;
        if nanos < best.0 {
            best = (nanos, bytes);
        }
    }
    best
}
