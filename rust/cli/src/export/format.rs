//! The formats of an export's files.

use std::sync::Arc;

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, SchemaRef},
    ipc::writer::FileWriter,
    json::{WriterBuilder, writer::LineDelimited},
};
use clap::ValueEnum;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    file::{metadata::KeyValue, properties::WriterProperties},
    schema::types::ColumnPath,
};

use super::{Cause, csv::CsvWriter, destination::Whole};

/// Rows in a Parquet row group: about 15 MB of events, so that a reader can skip and a writer need not hold more.
const ROW_GROUP_ROWS: usize = 256 * 1024;

/// Half of a file is event ids, which no level makes smaller: 3 gave the same size and 9 a file smaller by a hundredth, in
/// three times the time.
const ZSTD_LEVEL: i32 = 1;

/// The key of the world's fingerprint in the metadata of a file.
const WORLD: &str = "downbeat.world";

/// Columns with hardly a value twice in a row group: looking for repetitions only takes time.
const DISTINCT: [&str; 4] = ["event_id", "ts", "track_uri", "track_name"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Parquet, compressed by zstd
    Parquet,
    /// Arrow IPC files, not compressed, so that they can be mapped into memory
    Arrow,
    /// JSON lines: one object a row, every column in each
    Jsonl,
    /// CSV with a line of names; nulls are empty, empty texts are ""
    Csv,
}

impl Format {
    /// The end of a file's name.
    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }
}

/// Writes rows to a file.
pub(super) enum RowWriter {
    Parquet(Box<ArrowWriter<Whole>>),
    Arrow(Box<FileWriter<Whole>>),
    JsonLines(arrow::json::Writer<Whole, LineDelimited>),
    Csv(CsvWriter<Whole>),
}

impl RowWriter {
    pub(super) fn new(format: Format, whole: Whole, schema: &SchemaRef, world: &str) -> Result<Self, Cause> {
        Ok(match format {
            Format::Parquet => {
                let properties = properties(schema, world)?;
                Self::Parquet(Box::new(ArrowWriter::try_new(whole, Arc::clone(schema), Some(properties))?))
            }
            Format::Arrow => {
                let mut writer = FileWriter::try_new(whole, schema)?;
                writer.write_metadata(WORLD, world);
                Self::Arrow(Box::new(writer))
            }
            Format::Jsonl => Self::JsonLines(WriterBuilder::new().with_explicit_nulls(true).build(whole)),
            Format::Csv => Self::Csv(CsvWriter::new(whole, schema)?),
        })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), Cause> {
        match self {
            Self::Parquet(writer) => writer.write(batch)?,
            Self::Arrow(writer) => writer.write(batch)?,
            Self::JsonLines(writer) => writer.write(batch)?,
            Self::Csv(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// Completes the file, which appears now.
    pub(super) fn finish(self) -> Result<(), Cause> {
        let whole = match self {
            Self::Parquet(writer) => writer.into_inner()?,
            Self::Arrow(writer) => writer.into_inner()?,
            Self::JsonLines(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
            Self::Csv(writer) => writer.into_inner(),
        };
        Ok(whole.finish()?)
    }
}

/// Dictionaries but where they do not help; numbers and times that run upwards as differences.
fn properties(schema: &SchemaRef, world: &str) -> Result<WriterProperties, Cause> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_key_value_metadata(Some(vec![KeyValue::new(WORLD.to_owned(), world.to_owned())]));
    for field in schema.fields() {
        let column = || ColumnPath::from(field.name().as_str());
        let upwards = matches!(field.data_type(), DataType::Timestamp(..)) || field.name() == "offset";
        if upwards {
            properties = properties.set_column_encoding(column(), Encoding::DELTA_BINARY_PACKED);
        }
        if upwards || DISTINCT.contains(&field.name().as_str()) {
            properties = properties.set_column_dictionary_enabled(column(), false);
        }
    }
    Ok(properties.build())
}
