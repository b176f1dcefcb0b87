//! Record batches on their way into Parquet files, one for each partition.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StructArray, new_null_array},
    compute::{BatchCoalescer, cast, take_record_batch},
    datatypes::{DataType, Int64Type, Schema, SchemaRef},
    ipc::writer::StreamWriter,
    row::{RowConverter, SortField},
};
use delta_kernel::{
    FileMeta, KernelResult,
    engine::{arrow_conversion::TryIntoArrow, arrow_data::EngineDataArrowExt},
    expressions::Scalar,
    schema::{DataType as KernelType, StructType},
    transaction::{BoundWriteContext, WriteState},
};
use delta_kernel_default_engine::{build_add_file_metadata, parquet::DataFileMetadata, stats::FileStatsAccumulator};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parquet::{
    arrow::AsyncArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};
use url::Url;
use uuid::Uuid;

use crate::{
    Error, Result,
    partitions::{self, Key, Partitions},
    proto::{File, WritePlan, Written},
    store::{self, runtime},
    upload::{Held, Upload},
};

/// Rows that are encoded at a time. Fewer wait for more of their partition.
const ROWS: usize = 8192;

/// Bytes that a writer holds at most before it encodes and sends what it has most of.
const MOST_BYTES: usize = 128 << 20;

/// A file that has so many bytes is closed, and another begun.
const FILE_BYTES: usize = 256 << 20;

/// What is sent to a store at a time.
const PART_BYTES: usize = 8 << 20;

/// One writer of a table: give it batches, then take what it has written. Dropped before, it leaves nothing that anybody reads.
pub struct TableWriter {
    root: Url,
    output: Output,
    state: Arc<WriteState>,
    /// For each of the table's columns that files hold, which of those that come it is.
    columns: Vec<Option<usize>>,
    /// Those that come which the table is partitioned by, with the names they have there.
    partitioned_by: Vec<(String, usize)>,
    schema: SchemaRef,
    splitter: Partitions,
    parts: HashMap<Key, Part>,
    written: Vec<File>,
}

impl fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableWriter").field("uri", &self.output.uri).finish_non_exhaustive()
    }
}

/// The rows of one partition.
struct Part {
    context: BoundWriteContext,
    waiting: BatchCoalescer,
    /// Bytes of the rows that wait.
    waiting_bytes: usize,
    file: Option<OpenFile>,
}

struct OpenFile {
    url: Url,
    writer: AsyncArrowWriter<Upload>,
    /// Bytes on their way.
    upload: Held,
    stats: FileStatsAccumulator,
    rows: u64,
}

impl TableWriter {
    /// A writer by the plan of a table's append.
    ///
    /// # Errors
    /// [`Error::Location`]; [`Error::Message`] if the plan is not of this version.
    pub fn new(uri: &str, plan: &WritePlan) -> Result<Self> {
        let (_, store) = store::open(uri)?;
        let state = WriteState::decode(&plan.state).map_err(Error::log(uri))?;
        let place = |name: &str| plan.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        let (mut partitioned_by, mut types, mut nulls) = (Vec::new(), Vec::new(), HashMap::new());
        for column in &plan.partition_columns {
            let at = place(&column.name)
                .ok_or_else(|| Error::Message(format!("a plan without its column '{}'", column.name)))?;
            let (of, kept) = match column.is_date {
                true => (DataType::Date32, KernelType::DATE),
                false => (DataType::Utf8, KernelType::STRING),
            };
            partitioned_by.push((column.name.clone(), at));
            types.push(of);
            nulls.insert(column.name.clone(), Scalar::Null(kept));
        }
        // Files of all partitions have the same columns.
        let any = context(&state, nulls).map_err(Error::log(uri))?;
        let (logical, physical) = (any.logical_data_schema(), Arc::clone(any.physical_data_schema()));
        if logical.num_fields() != physical.num_fields() {
            return Err(Error::Schema {
                table: uri.to_owned(),
                reason: "its files hold other columns than it shows; write it with Spark's own Delta writer".to_owned(),
            });
        }
        let columns = logical.fields().map(|field| place(field.name())).collect();
        let schema: Schema = physical.as_ref().try_into_arrow()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_write_batch_size(ROWS)
            .set_created_by(concat!("Downbeat ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        Ok(Self {
            root: any.table_root_dir().clone(),
            output: Output { uri: uri.to_owned(), store, physical, properties },
            state,
            columns,
            partitioned_by,
            schema: Arc::new(schema),
            splitter: Partitions::new(types)?,
            parts: HashMap::new(),
            written: Vec::new(),
        })
    }

    /// Takes rows, whose columns are those of the plan, by position.
    ///
    /// # Errors
    /// [`Error::Store`] if a file cannot be written; [`Error::Schema`] if columns are null where the table has no nulls;
    /// [`Error::Arrow`] if they are of other types than planned.
    pub fn write(&mut self, rows: &StructArray) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let batch = self.physical(rows)?;
        let by = self
            .partitioned_by
            .iter()
            .zip(self.splitter.types())
            .map(|((_, at), of)| Ok(cast(rows.column(*at), of)?))
            .collect::<Result<Vec<ArrayRef>>>()?;
        for (key, first, places) in self.splitter.split(&by, batch.num_rows())? {
            let part = match self.parts.entry(key) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let mut values = HashMap::new();
                    for ((name, _), column) in self.partitioned_by.iter().zip(&by) {
                        values.insert(name.clone(), partitions::value(column, first)?);
                    }
                    let context = context(&self.state, values).map_err(Error::log(&self.output.uri))?;
                    let waiting = BatchCoalescer::new(Arc::clone(&self.schema), ROWS)
                        .with_biggest_coalesce_batch_size(Some(ROWS / 2));
                    new.insert(Part { context, waiting, waiting_bytes: 0, file: None })
                }
            };
            let taken = match places {
                None => batch.clone(),
                Some(places) => take_record_batch(&batch, &places)?,
            };
            part.waiting_bytes += slice_bytes(&taken)?;
            if taken.num_rows() > ROWS / 2 {
                // Those few that wait go first, for they cost less by themselves than copying these to them.
                part.waiting.finish_buffered_batch()?;
            }
            part.waiting.push_batch(taken)?;
            part.encode_completed(&self.output, &mut self.written)?;
        }
        self.make_room()
    }

    /// Bytes that it holds: rows that wait, and what is encoded and not sent.
    pub fn memory_bytes(&self) -> usize {
        self.parts.values().map(Part::memory_bytes).sum()
    }

    /// Ends all files, and says what was written.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn finish(mut self) -> Result<Written> {
        for part in self.parts.values_mut() {
            part.encode_all(&self.output, &mut self.written)?;
            self.written.extend(part.close(&self.output)?);
        }
        Ok(Written { files: std::mem::take(&mut self.written), ..Written::default() })
    }

    /// The columns that files hold, in their types.
    fn physical(&self, rows: &StructArray) -> Result<RecordBatch> {
        let columns = self
            .columns
            .iter()
            .zip(self.schema.fields())
            .map(|(at, field)| {
                let column = match at {
                    None => new_null_array(field.data_type(), rows.len()),
                    Some(at) if rows.column(*at).data_type() == field.data_type() => Arc::clone(rows.column(*at)),
                    // Words of a dictionary, a zone by another name, items of a list by another name.
                    Some(at) => cast(rows.column(*at), field.data_type())?,
                };
                match field.is_nullable() || column.null_count() == 0 {
                    true => Ok(column),
                    false => Err(Error::Schema {
                        table: self.output.uri.clone(),
                        reason: format!(
                            "its column '{}' is never null, and some of theirs are; drop those",
                            field.name()
                        ),
                    }),
                }
            })
            .collect::<Result<_>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// Sends what there is most of while too much is held.
    fn make_room(&mut self) -> Result<()> {
        while self.memory_bytes() > MOST_BYTES {
            let Some(largest) = self.parts.values_mut().max_by_key(|part| part.memory_bytes()) else { break };
            let before = largest.memory_bytes();
            largest.encode_all(&self.output, &mut self.written)?;
            largest.send()?;
            if largest.memory_bytes() >= before {
                break;
            }
        }
        Ok(())
    }
}

impl Drop for TableWriter {
    fn drop(&mut self) {
        // What is whole and was not handed on is nobody's; what cannot be removed now is left to VACUUM.
        for file in &self.written {
            if let Ok(url) = self.root.join(&file.path)
                && let Ok(path) = Path::from_url_path(url.path())
            {
                let _ = runtime().block_on(self.output.store.delete(&path));
            }
        }
        for part in self.parts.values_mut() {
            if let Some(file) = part.file.take() {
                let mut target = file.writer.into_inner();
                let _ = runtime().block_on(target.abort());
            }
        }
    }
}

impl Part {
    fn memory_bytes(&self) -> usize {
        self.waiting_bytes + self.file.as_ref().map_or(0, |file| file.writer.memory_size() + file.upload.bytes())
    }

    /// Encodes the rows that wait, as far as there are enough of them; files that are large enough are `written`.
    fn encode_completed(&mut self, output: &Output, written: &mut Vec<File>) -> Result<()> {
        while let Some(batch) = self.waiting.next_completed_batch() {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(slice_bytes(&batch)?);
            written.extend(self.encode(output, &batch)?);
        }
        Ok(())
    }

    /// Encodes all rows that wait.
    fn encode_all(&mut self, output: &Output, written: &mut Vec<File>) -> Result<()> {
        self.waiting.finish_buffered_batch()?;
        self.encode_completed(output, written)?;
        self.waiting_bytes = 0;
        Ok(())
    }

    /// Adds rows to the file, which is handed on when it is large enough.
    fn encode(&mut self, output: &Output, batch: &RecordBatch) -> Result<Option<File>> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(output.create(&self.context, batch)?),
        };
        file.stats.merge(batch).map_err(Error::log(&output.uri))?;
        runtime().block_on(file.writer.write(batch)).map_err(Error::file("write", file.url.as_str()))?;
        file.rows += batch.num_rows() as u64;
        match file.writer.bytes_written() + file.writer.in_progress_size() >= FILE_BYTES {
            true => self.close(output),
            false => Ok(None),
        }
    }

    /// Ends a group of rows, and sends what is encoded.
    fn send(&mut self) -> Result<()> {
        match &mut self.file {
            Some(file) => runtime().block_on(file.writer.flush()).map_err(Error::file("write", file.url.as_str())),
            // It has just become large enough to be closed.
            None => Ok(()),
        }
    }

    fn close(&mut self, output: &Output) -> Result<Option<File>> {
        let Some(mut file) = self.file.take() else { return Ok(None) };
        let place = file.url.as_str().to_owned();
        let finished = runtime().block_on(file.writer.finish());
        if let Err(cause) = finished {
            let mut target = file.writer.into_inner();
            // The first failure is the one to tell.
            let _ = runtime().block_on(target.abort());
            return Err(Error::file("write", place)(cause));
        }
        let bytes = file.writer.bytes_written() as u64;
        let stats = file.stats.finish().map_err(Error::log(&output.uri))?;
        let stats = stats.ok_or_else(|| Error::Message(format!("{place} has no rows")))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        let path = self.context.resolve_file_path(&file.url).map_err(Error::log(&output.uri))?;
        let meta = FileMeta::new(file.url, now, bytes);
        let add = build_add_file_metadata(DataFileMetadata::new(meta, stats), &self.context)
            .and_then(EngineDataArrowExt::try_into_record_batch)
            .map_err(Error::log(&output.uri))?;
        let mut stream = StreamWriter::try_new(Vec::new(), add.schema_ref())?;
        stream.write(&add)?;
        Ok(Some(File { path, rows: file.rows, bytes, add: stream.into_inner()? }))
    }
}

/// What all files of a writer have in common.
struct Output {
    uri: String,
    store: Arc<dyn ObjectStore>,
    /// The columns that files hold, as the log calls their types.
    physical: Arc<StructType>,
    properties: WriterProperties,
}

impl Output {
    /// A file that begins with these rows.
    fn create(&self, context: &BoundWriteContext, first: &RecordBatch) -> Result<OpenFile> {
        let name = format!("{}.zstd.parquet", Uuid::new_v4());
        let located = |cause: &dyn fmt::Display| Error::Location { uri: self.uri.clone(), reason: cause.to_string() };
        let url = context.write_dir().join(&name).map_err(|cause| located(&cause))?;
        let path = Path::from_url_path(url.path()).map_err(|cause| located(&cause))?;
        let target = Upload::new(Arc::clone(&self.store), path, PART_BYTES);
        let upload = target.held();
        // Where the log has no statistics of a column, nobody prunes by those of its pages.
        let mut properties = self.properties.clone().into_builder().set_statistics_enabled(EnabledStatistics::None);
        for column in context.stats_columns() {
            properties =
                properties.set_column_statistics_enabled(ColumnPath::new(column.to_vec()), EnabledStatistics::Page);
        }
        for (column, field) in first.columns().iter().zip(first.schema_ref().fields()) {
            if let Some(encoding) = encoding(&column.slice(0, column.len().min(SAMPLE)))? {
                let path = ColumnPath::from(vec![field.name().clone()]);
                properties =
                    properties.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding);
            }
        }
        let writer = AsyncArrowWriter::try_new(target, first.schema(), Some(properties.build()))
            .map_err(Error::file("write", url.as_str()))?;
        let stats = FileStatsAccumulator::new(context.stats_columns(), &self.physical);
        Ok(OpenFile { url, writer, upload, stats, rows: 0 })
    }
}

fn context(state: &Arc<WriteState>, values: HashMap<String, Scalar>) -> KernelResult<BoundWriteContext> {
    let builder = state.write_context_builder();
    match values.is_empty() {
        true => builder,
        false => builder.with_partition_values(values),
    }
    .build()
}

/// Rows by which the columns of a file are judged.
const SAMPLE: usize = 1000;

/// How the values of a column are written that begins so; nothing: as words of a dictionary, which is best where they repeat. Where
/// most do not in so few rows, looking each up is a fifth of the work, and in vain for texts; numbers are worth it as long as some do.
/// `benchmarks/results/files.txt` has what each costs.
fn encoding(sample: &ArrayRef) -> Result<Option<Encoding>> {
    let of = sample.data_type();
    if sample.len() < SAMPLE || of.is_nested() {
        return Ok(None);
    }
    let converter = RowConverter::new(vec![SortField::new(of.clone())])?;
    let values = converter.convert_columns(&[Arc::clone(sample)])?;
    let distinct = values.iter().collect::<HashSet<_>>().len();
    Ok(match of {
        _ if distinct <= SAMPLE / 2 => None,
        DataType::Utf8 | DataType::Binary => Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        _ if is_near(sample)? => Some(Encoding::DELTA_BINARY_PACKED),
        _ if distinct <= SAMPLE * 9 / 10 => None,
        _ => Some(Encoding::PLAIN),
    })
}

/// Whether most values of a column are numbers or times near those before, which are small as differences and leave less to compress.
fn is_near(sample: &ArrayRef) -> Result<bool> {
    if !sample.data_type().is_integer() && !sample.data_type().is_temporal() {
        return Ok(false);
    }
    let values = cast(sample, &DataType::Int64)?;
    let values: Vec<i64> = values.as_primitive::<Int64Type>().iter().flatten().collect();
    let near = values.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) <= u32::MAX.into()).count();
    Ok(near > values.len() * 9 / 10)
}

/// Bytes of a batch's own rows, though its buffers may be parts of larger ones.
fn slice_bytes(batch: &RecordBatch) -> Result<usize> {
    Ok(batch.columns().iter().map(|column| column.to_data().get_slice_memory_size()).sum::<Result<_, _>>()?)
}
