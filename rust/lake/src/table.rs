//! A table's log: what an append is planned by, and what makes its files part of the table.

use std::{fmt, sync::Arc, thread, time::Duration};

use arrow::{
    array::{RecordBatch, StringArray},
    compute::concat_batches,
    datatypes::{DataType as ArrowType, Field, Schema},
    ipc::reader::StreamReader,
};
use delta_kernel::{
    Engine, Snapshot, SnapshotRef,
    committer::FileSystemCommitter,
    engine::{
        arrow_conversion::TryIntoArrow,
        arrow_data::{ArrowEngineData, EngineDataArrowExt},
    },
    schema::{DataType, StructField, StructType},
    transaction::{CommitResult, Transaction, UpdateTableOperation},
};
use delta_kernel_default_engine::{DefaultEngine, executor::tokio::TokioMultiThreadExecutor};
use futures::TryStreamExt;
use object_store::{ObjectStore, path::Path};
use prost::Message;
use url::Url;

use crate::{
    Error, Result,
    create::{ENGINE, create, same},
    proto::{Append, Commit, PartitionColumn, WritePlan, Written},
    store::{self, runtime},
};

/// Commits that are tried while others are quicker.
const ATTEMPTS: usize = 100;

/// How long after a failure of the store the same commit is tried again, times the number of failures.
const PAUSE: Duration = Duration::from_millis(200);

/// Failures of the store that one commit survives.
const FAILURES: usize = 5;

/// A checkpoint is written after so many commits unless the table says otherwise.
const CHECKPOINT_INTERVAL: u64 = 10;

/// A Delta table, whether it is there already or not.
///
/// ```
/// use downbeat_lake::{Table, TableWriter, proto::{Append, Commit}};
/// use arrow::{array::{ArrayRef, Int64Array, StructArray}};
/// use std::sync::Arc;
///
/// let folder = tempfile::tempdir()?;
/// let mut table = Table::open(folder.path().to_str().unwrap())?;
/// let columns = r#"{"type":"struct","fields":[{"name":"n","type":"long","nullable":true,"metadata":{}}]}"#;
/// let plan = table.plan(&Append { columns: columns.to_owned(), ..Append::default() })?;
///
/// let mut writer = TableWriter::new(table.uri(), &plan)?;
/// writer.write(&StructArray::try_from(vec![("n", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)])?)?;
/// let written = writer.finish()?;
///
/// let commit = Commit {
///     written: vec![prost::Message::encode_to_vec(&written)],
///     plan: Some(plan),
///     application: "example".to_owned(),
///     version: 7,
///     ..Commit::default()
/// };
/// assert_eq!(table.commit(&commit)?, Some(1));
/// assert_eq!(table.commit(&commit)?, None, "the table has it");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Table {
    uri: String,
    url: Url,
    store: Arc<dyn ObjectStore>,
    engine: Arc<DefaultEngine<TokioMultiThreadExecutor>>,
    latest: Option<SnapshotRef>,
    last: Option<Last>,
}

/// The last commit that was made here: as long as the table is at its version, it is known without reading the log.
struct Last {
    version: u64,
    application: String,
    number: i64,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl Table {
    /// The table in a folder, or under `s3://bucket/prefix`, `s3a://…` or `gs://…`. Nothing is read yet.
    ///
    /// # Errors
    /// [`Error::Location`].
    pub fn open(uri: &str) -> Result<Self> {
        let (url, store) = store::open(uri)?;
        let executor = Arc::new(TokioMultiThreadExecutor::new(runtime().handle().clone()));
        let engine = Arc::new(DefaultEngine::builder(Arc::clone(&store)).with_task_executor(executor).build());
        Ok(Self { uri: uri.to_owned(), url, store, engine, latest: None, last: None })
    }

    /// As it was opened.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Its columns as Spark's JSON, if it is there.
    ///
    /// # Errors
    /// [`Error::Store`] and [`Error::Log`].
    pub fn columns(&mut self) -> Result<Option<String>> {
        match self.snapshot()? {
            Some(snapshot) => {
                let columns = serde_json::to_string(snapshot.schema().as_ref());
                Ok(Some(columns.map_err(|cause| Error::Message(cause.to_string()))?))
            }
            None => Ok(None),
        }
    }

    /// Its newest version and when that was committed, in milliseconds since 1970, if it is there.
    ///
    /// # Errors
    /// [`Error::Store`] and [`Error::Log`].
    pub fn version(&mut self) -> Result<Option<(u64, i64)>> {
        let Some(snapshot) = self.snapshot()? else { return Ok(None) };
        let time = snapshot.get_timestamp(self.engine.as_ref()).map_err(Error::log(&self.uri))?;
        Ok(Some((snapshot.version(), time)))
    }

    /// All rows that it had at a version, as these of its columns, if they take no more than so many bytes.
    ///
    /// # Errors
    /// [`Error::Schema`] if it lacks a column, or has more bytes; [`Error::Store`] and [`Error::Log`].
    pub fn read(&self, version: u64, columns: &[&str], most_bytes: usize) -> Result<RecordBatch> {
        let wrong = Error::log(&self.uri);
        let snapshot = Snapshot::builder_for(self.url.as_str()).at_version(version).build(self.engine.as_ref());
        let snapshot = snapshot.map_err(&wrong)?;
        let known = snapshot.schema();
        let fields = columns.iter().map(|name| {
            known
                .field(name)
                .cloned()
                .ok_or_else(|| Error::Schema { table: self.uri.clone(), reason: format!("it has no column '{name}'") })
        });
        let fields: Vec<StructField> = fields.collect::<Result<_>>()?;
        let columns = Arc::new(StructType::try_new(fields).map_err(&wrong)?);
        let schema: Schema = columns.as_ref().try_into_arrow()?;
        let scan = snapshot.scan_builder().with_schema(columns).build().map_err(&wrong)?;
        let batches = scan.execute(Arc::clone(&self.engine) as Arc<dyn Engine>).map_err(&wrong)?;
        let (mut all, mut bytes) = (Vec::new(), 0);
        for batch in batches {
            let batch = batch.and_then(EngineDataArrowExt::try_into_record_batch).map_err(&wrong)?;
            bytes += batch.get_array_memory_size();
            if bytes > most_bytes {
                return Err(Error::Schema {
                    table: self.uri.clone(),
                    reason: format!(
                        "more than {most_bytes} bytes are too many to look up in; join it in the query before"
                    ),
                });
            }
            all.push(batch);
        }
        Ok(concat_batches(&Arc::new(schema), &all)?)
    }

    /// How rows are to be written so that they can be part of the table, which is made if it is not there.
    ///
    /// # Errors
    /// [`Error::Schema`] if the columns do not fit the table, or cannot be one's; [`Error::Store`] and [`Error::Log`].
    pub fn plan(&mut self, append: &Append) -> Result<WritePlan> {
        let columns: StructType = serde_json::from_str(&append.columns).map_err(|cause| Error::Schema {
            table: self.uri.clone(),
            reason: format!("they cannot be columns of a table: {cause}"),
        })?;
        let snapshot = match self.snapshot()? {
            Some(snapshot) => snapshot,
            None => {
                let log = self.log()?;
                runtime().block_on(create(self.store.as_ref(), &log, &self.uri, &columns, append))?;
                self.snapshot()?.ok_or_else(|| Error::Store {
                    tried: "find the table just made",
                    place: self.uri.clone(),
                    cause: "its log is empty".to_owned(),
                })?
            }
        };
        let transaction = self.transaction(&snapshot, UpdateTableOperation::Write, true)?;
        let layout = transaction.logical_partition_columns();
        self.fits(&columns, &snapshot, layout, append)?;
        let schema = snapshot.schema();
        let partition_columns = layout
            .iter()
            .map(|name| match schema.field(name).map(StructField::data_type) {
                Some(of) if same(of, &DataType::DATE) => Ok(PartitionColumn { name: name.clone(), is_date: true }),
                Some(of) if same(of, &DataType::STRING) => Ok(PartitionColumn { name: name.clone(), is_date: false }),
                _ => Err(Error::Schema {
                    table: self.uri.clone(),
                    reason: format!(
                        "it is partitioned by '{name}', which is neither a date nor a string; write it with Spark's own Delta writer"
                    ),
                }),
            })
            .collect::<Result<_>>()?;
        let state = self.state(&transaction)?;
        let columns = columns.fields().map(|field| field.name().clone()).collect();
        Ok(WritePlan { state, columns, partition_columns })
    }

    /// Makes the files of an append part of the table, in its next version, which is returned. None if there are none (unless it is
    /// to be committed always), or if the table has the application's commit of this number, or a later one, already: the files are
    /// left to `VACUUM` then.
    ///
    /// # Errors
    /// [`Error::Changed`] if the table is no longer the one that was planned for; [`Error::Contention`]; [`Error::Store`] and
    /// [`Error::Log`]. After any error the commit may be tried again: it happens once.
    pub fn commit(&mut self, commit: &Commit) -> Result<Option<u64>> {
        let plan = commit.plan.as_ref().ok_or_else(|| Error::Message("a commit without its plan".to_owned()))?;
        let adds = adds(commit)?;
        if adds.is_empty() && !commit.always {
            return Ok(None);
        }
        let operation = match commit.streaming {
            true => UpdateTableOperation::StreamingUpdate,
            false => UpdateTableOperation::Write,
        };
        let planned = parsed(&plan.state)?;
        let mut failures = 0;
        for _ in 0..ATTEMPTS {
            let snapshot = self
                .snapshot()?
                .ok_or_else(|| Error::Changed { table: self.uri.clone(), change: "it is gone".to_owned() })?;
            let known = self.last_of(&commit.application, &snapshot)?;
            if known.is_some_and(|known| known >= commit.version) {
                return Ok(None);
            }
            let mut transaction = self.transaction(&snapshot, operation.clone(), !adds.is_empty())?;
            if parsed(&self.state(&transaction)?)? != planned {
                let change = "its columns, partitions or properties are others now".to_owned();
                return Err(Error::Changed { table: self.uri.clone(), change });
            }
            transaction = transaction.with_transaction_id(commit.application.clone(), commit.version);
            if !commit.note.is_empty() {
                let (note, schema) = note(&commit.note)?;
                transaction = transaction.with_commit_info(Box::new(ArrowEngineData::new(note)), schema);
            }
            for add in &adds {
                transaction.add_files(Box::new(ArrowEngineData::new(add.clone())));
            }
            match transaction.commit(self.engine.as_ref()).map_err(Error::log(&self.uri))? {
                CommitResult::Committed(committed) => {
                    let version = committed.commit_version();
                    self.latest = committed.post_commit_snapshot().cloned();
                    self.last = Some(Last { version, application: commit.application.clone(), number: commit.version });
                    self.checkpoint();
                    return Ok(Some(version));
                }
                CommitResult::Conflicted(_) => {}
                // It may have been written all the same: the next look at the log tells.
                CommitResult::Retryable(failed) => {
                    failures += 1;
                    if failures == FAILURES {
                        return Err(Error::log(&self.uri)(failed.error));
                    }
                    thread::sleep(PAUSE * failures as u32);
                }
            }
        }
        Err(Error::Contention { table: self.uri.clone(), attempts: ATTEMPTS })
    }

    /// The number of an application's last commit, if there is one.
    fn last_of(&self, application: &str, snapshot: &SnapshotRef) -> Result<Option<i64>> {
        match &self.last {
            Some(last) if last.version == snapshot.version() && last.application == application => {
                Ok(Some(last.number))
            }
            _ => snapshot.get_app_id_version(application, self.engine.as_ref()).map_err(Error::log(&self.uri)),
        }
    }

    /// Sums the log up every few commits, so that readers need not read all of it. That it fails changes no answer.
    fn checkpoint(&mut self) {
        let Some(snapshot) = self.latest.take() else { return };
        let interval = snapshot.table_properties().checkpoint_interval.map_or(CHECKPOINT_INTERVAL, Into::into);
        self.latest = match snapshot.version() % interval {
            0 => snapshot.checkpoint(self.engine.as_ref(), None).ok().map(|(_, with)| with),
            _ => Some(snapshot),
        };
    }

    /// The table as it is now.
    fn snapshot(&mut self) -> Result<Option<SnapshotRef>> {
        let built = match self.latest.take() {
            Some(known) => Snapshot::builder_from(known).build(self.engine.as_ref()),
            None if self.is_there()? => Snapshot::builder_for(self.url.as_str()).build(self.engine.as_ref()),
            None => return Ok(None),
        };
        let snapshot = built.map_err(Error::log(&self.uri))?;
        self.latest = Some(Arc::clone(&snapshot));
        Ok(Some(snapshot))
    }

    fn is_there(&self) -> Result<bool> {
        let log = self.log()?;
        let first = runtime().block_on(async { self.store.list(Some(&log)).try_next().await });
        Ok(first.map_err(Error::store("read the log of", &self.uri))?.is_some())
    }

    fn log(&self) -> Result<Path> {
        let path = Path::from_url_path(self.url.path())
            .map_err(|cause| Error::Location { uri: self.uri.clone(), reason: cause.to_string() })?;
        Ok(path.join("_delta_log"))
    }

    /// `adds`: whether it brings files; without, `delta_kernel` calls it no append.
    fn transaction(&self, snapshot: &SnapshotRef, operation: UpdateTableOperation, adds: bool) -> Result<Transaction> {
        let builder = Arc::clone(snapshot).update_table(operation, ENGINE, true);
        let builder = if adds { builder.with_blind_append() } else { builder };
        builder.build(self.engine.as_ref(), Box::new(FileSystemCommitter::new())).map_err(Error::log(&self.uri))
    }

    fn state(&self, transaction: &Transaction) -> Result<Vec<u8>> {
        transaction.write_state().and_then(|state| state.encode()).map_err(Error::log(&self.uri))
    }

    /// Whether rows of these columns can be appended.
    fn fits(&self, columns: &StructType, table: &Snapshot, layout: &[String], append: &Append) -> Result<()> {
        let refused = |reason: String| Err(Error::Schema { table: self.uri.clone(), reason });
        let schema = table.schema();
        for field in columns.fields() {
            let Some(known) = find(&schema, field.name()) else {
                return refused(format!(
                    "it has no column '{}'; drop it from the rows, or add it first: ALTER TABLE … ADD COLUMNS",
                    field.name()
                ));
            };
            if !same(known.data_type(), field.data_type()) {
                return refused(format!(
                    "its column '{}' is {}, the rows have {}; cast it",
                    known.name(),
                    known.data_type(),
                    field.data_type()
                ));
            }
        }
        if let Some(missing) =
            schema.fields().find(|field| !field.is_nullable() && find(columns, field.name()).is_none())
        {
            return refused(format!("they lack '{}', which is never null in it; add it to them", missing.name()));
        }
        if let Some(missing) = layout.iter().find(|name| find(columns, name).is_none()) {
            return refused(format!("they lack '{missing}', which it is partitioned by; add it to them"));
        }
        let wanted = &append.partition_columns;
        if !wanted.is_empty() && wanted != layout {
            return refused(format!(
                "it is partitioned by ({}), not by ({}); leave partitionColumns out",
                layout.join(", "),
                wanted.join(", ")
            ));
        }
        Ok(())
    }
}

/// A column by its name, whose case does not count, as in Spark.
fn find<'a>(columns: &'a StructType, name: &str) -> Option<&'a StructField> {
    columns.fields().find(|field| field.name().eq_ignore_ascii_case(name))
}

/// The same state may be encoded in several orders.
fn parsed(state: &[u8]) -> Result<serde_json::Value> {
    serde_json::from_slice(state).map_err(|cause| Error::Message(cause.to_string()))
}

/// The log's rows of all files.
fn adds(commit: &Commit) -> Result<Vec<RecordBatch>> {
    let mut adds = Vec::new();
    for written in &commit.written {
        let written = Written::decode(written.as_slice()).map_err(|cause| Error::Message(cause.to_string()))?;
        for file in written.files {
            for add in StreamReader::try_new(file.add.as_slice(), None)? {
                adds.push(add?);
            }
        }
    }
    Ok(adds)
}

/// What Spark calls user metadata, and shows in a table's history.
fn note(text: &str) -> Result<(RecordBatch, Arc<StructType>)> {
    const NAME: &str = "userMetadata";
    let schema = Schema::new(vec![Field::new(NAME, ArrowType::Utf8, true)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(StringArray::from(vec![text]))])?;
    let columns = StructType::try_new([StructField::nullable(NAME, DataType::STRING)])
        .map_err(|cause| Error::Message(cause.to_string()))?;
    Ok((batch, Arc::new(columns)))
}
