//! What becomes of the rows of a task: they go to several tables, as themselves or as groups, in one pass.

use std::{
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use arrow::{
    array::{Array, RecordBatch, StructArray},
    datatypes::Field,
    ipc::writer::StreamWriter,
};
use downbeat_kernels::{Aggregator, Lookup, Query};
use prost::Message;

use crate::{
    Error, Result, Table, TableWriter,
    proto::{self, Destination, TaskPlan, TaskWritten, Written},
};

/// Bytes of groups that are held at most: more do not fit caches, and are no faster than being added up when they are read.
const MOST_GROUP_BYTES: usize = 64 << 20;

/// Bytes of a table that may be looked up in.
const MOST_LOOKUP_BYTES: usize = 2 << 30;

/// One task's way from batches to the files of tables. Dropped before it is finished, it leaves nothing that anybody reads.
pub struct TaskWriter {
    lookups: Vec<(usize, Arc<Lookup>)>,
    destinations: Vec<Way>,
}

impl fmt::Debug for TaskWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskWriter").field("destinations", &self.destinations.len()).finish_non_exhaustive()
    }
}

/// The way to one destination.
struct Way {
    groups: Option<Groups>,
    query: Option<Query>,
    target: Target,
}

struct Groups {
    reads: Vec<usize>,
    aggregator: Aggregator,
}

enum Target {
    Files(Box<TableWriter>),
    Rows(Vec<StructArray>),
}

impl TaskWriter {
    /// A writer by a plan. Tables that are looked up in are read first, unless a task of this process has.
    ///
    /// # Errors
    /// [`Error::Location`]; [`Error::Kernel`] if the plan holds what cannot be run, or a key is twice in a table that is looked up in;
    /// [`Error::Schema`] if such a table is too large; [`Error::Message`] if the plan is not of this version.
    pub fn new(plan: TaskPlan) -> Result<Self> {
        let lookups =
            plan.lookups.iter().map(|lookup| Ok((lookup.input as usize, shared(lookup)?))).collect::<Result<_>>()?;
        let destinations = plan.destinations.into_iter().map(Way::new).collect::<Result<_>>()?;
        Ok(Self { lookups, destinations })
    }

    /// Takes rows, whose columns are those of the plan, by position.
    ///
    /// # Errors
    /// [`Error::Store`] if a file cannot be written; [`Error::Schema`] if columns are null where a table has no nulls;
    /// [`Error::Kernel`] and [`Error::Arrow`] if they are of other types than planned, or have no result.
    pub fn write(&mut self, rows: &StructArray) -> Result<()> {
        let rows = self.with_lookups(rows)?;
        self.destinations.iter_mut().try_for_each(|way| way.write(&rows))
    }

    /// Bytes that it holds: rows that wait, groups, and what is encoded and not sent.
    pub fn memory_bytes(&self) -> usize {
        self.destinations.iter().map(Way::memory_bytes).sum()
    }

    /// Ends all files, and says what was written.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn finish(self) -> Result<TaskWritten> {
        let lookup_bytes = self.lookups.iter().map(|(_, lookup)| lookup.memory_bytes() as u64).sum();
        let destinations = self.destinations.into_iter().map(Way::finish).collect::<Result<_>>()?;
        Ok(TaskWritten { destinations, lookup_bytes })
    }

    fn with_lookups(&self, rows: &StructArray) -> Result<StructArray> {
        let (mut fields, mut columns) = (rows.fields().to_vec(), rows.columns().to_vec());
        for (input, lookup) in &self.lookups {
            let keys = columns.get(*input).ok_or_else(|| lacking(*input))?;
            for column in lookup.find(keys)? {
                fields.push(Arc::new(Field::new(fields.len().to_string(), column.data_type().clone(), true)));
                columns.push(column);
            }
        }
        Ok(StructArray::try_new_with_length(fields.into(), columns, rows.nulls().cloned(), rows.len())?)
    }
}

impl Way {
    fn new(destination: Destination) -> Result<Self> {
        let groups = destination.groups.map(|groups| {
            let aggregate = groups.aggregate.ok_or_else(|| Error::Message("groups without an aggregate".to_owned()))?;
            let reads = groups.reads.into_iter().map(|column| column as usize).collect();
            Ok::<_, Error>(Groups { reads, aggregator: Aggregator::new(&aggregate.encode_to_vec())? })
        });
        let target = match destination.table {
            None => Target::Rows(Vec::new()),
            Some(table) => {
                let plan = table.plan.ok_or_else(|| Error::Message("a table without its plan".to_owned()))?;
                Target::Files(Box::new(TableWriter::new(&table.uri, &plan)?))
            }
        };
        Ok(Self { groups: groups.transpose()?, query: destination.query.map(Query::new).transpose()?, target })
    }

    fn write(&mut self, rows: &StructArray) -> Result<()> {
        let Some(groups) = &mut self.groups else { return self.put(rows) };
        groups.aggregator.update(&picked(rows, &groups.reads)?)?;
        match groups.aggregator.memory_bytes() > MOST_GROUP_BYTES {
            true => self.put_groups(),
            false => Ok(()),
        }
    }

    fn put_groups(&mut self) -> Result<()> {
        match &mut self.groups {
            Some(groups) => {
                let groups = groups.aggregator.drain()?;
                self.put(&groups)
            }
            None => Ok(()),
        }
    }

    fn put(&mut self, rows: &StructArray) -> Result<()> {
        let made = self.query.as_ref().map(|query| query.run(rows)).transpose()?;
        let rows = made.as_ref().unwrap_or(rows);
        match &mut self.target {
            Target::Files(writer) => writer.write(rows),
            Target::Rows(all) => {
                all.push(rows.clone());
                Ok(())
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        let target = match &self.target {
            Target::Files(writer) => writer.memory_bytes(),
            Target::Rows(all) => all.iter().map(Array::get_array_memory_size).sum(),
        };
        target + self.groups.as_ref().map_or(0, |groups| groups.aggregator.memory_bytes())
    }

    fn finish(mut self) -> Result<Written> {
        self.put_groups()?;
        match self.target {
            Target::Files(writer) => writer.finish(),
            Target::Rows(all) => Ok(Written { files: Vec::new(), rows: stream(&all)? }),
        }
    }
}

fn picked(rows: &StructArray, columns: &[usize]) -> Result<StructArray> {
    let mut fields = Vec::with_capacity(columns.len());
    let mut arrays = Vec::with_capacity(columns.len());
    for &column in columns {
        fields.push(Arc::clone(rows.fields().get(column).ok_or_else(|| lacking(column))?));
        arrays.push(Arc::clone(rows.column(column)));
    }
    Ok(StructArray::try_new_with_length(fields.into(), arrays, None, rows.len())?)
}

fn lacking(column: usize) -> Error {
    Error::Message(format!("a plan that reads column {column}, which does not come"))
}

/// Rows as one Arrow stream; nothing if there are none.
fn stream(all: &[StructArray]) -> Result<Vec<u8>> {
    let Some(first) = all.first() else { return Ok(Vec::new()) };
    let mut stream = StreamWriter::try_new(Vec::new(), RecordBatch::from(first).schema_ref())?;
    for rows in all {
        stream.write(&RecordBatch::from(rows))?;
    }
    Ok(stream.into_inner()?)
}

/// Tables that are looked up in, and what they were asked for by.
type Lookups = Vec<(proto::Lookup, Arc<Lookup>)>;

/// Those that the tasks of this process need now.
static LOOKUPS: LazyLock<Mutex<Lookups>> = LazyLock::new(Mutex::default);

/// A table to look up in, read once for all tasks; those that come while it is read wait for it.
fn shared(wanted: &proto::Lookup) -> Result<Arc<Lookup>> {
    let mut lookups = LOOKUPS.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = proto::Lookup { input: 0, ..wanted.clone() };
    if let Some((_, lookup)) = lookups.iter().find(|(known, _)| *known == wanted) {
        return Ok(Arc::clone(lookup));
    }
    // What the table was before is not asked for again.
    let version = |of: &proto::Lookup| (of.version, of.version_time);
    lookups.retain(|(known, _)| known.uri != wanted.uri || version(known) == version(&wanted));
    let columns: Vec<&str> = [&wanted.key].into_iter().chain(&wanted.columns).map(String::as_str).collect();
    let rows = Table::open(&wanted.uri)?.read(wanted.version, &columns, MOST_LOOKUP_BYTES)?;
    let (key, values) =
        rows.columns().split_first().ok_or_else(|| Error::Message("a lookup without a key".to_owned()))?;
    let lookup = Arc::new(Lookup::new(key, values.to_vec())?);
    lookups.push((wanted, Arc::clone(&lookup)));
    Ok(lookup)
}
