//! One task's rows on their way into Spark: read, and on the way, where that is asked for, told apart from their duplicates,
//! filtered, and cleansed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StructArray},
    compute::filter_record_batch,
    datatypes::{Field, FieldRef, Fields, Schema, TimestampMicrosecondType},
};
use downbeat_flight::{
    BatchReader, CancellationToken, Client, Read,
    proto::{self, Connection, Reading, reading::Source},
};
use downbeat_kernels::{Cleanser, dedupe::Deduper};

use crate::{
    batch::slice_bytes,
    client,
    error::{Error, Result},
    handles::Handles,
    spark_types::{nullable, spark_columns, struct_json},
    windows::{self, Window},
};

/// Every reader the JVM has not closed yet.
pub(crate) static READERS: Handles<SharedReader> = Handles::new("reader");

/// The log's own column that windows are measured by.
const ARRIVED_AT: &str = "arrived_at";

/// A reader as the JVM shares it: one thread reads, any other may cancel.
#[derive(Debug)]
pub(crate) struct SharedReader {
    to: Connection,
    reading: Reading,
    cancel: CancellationToken,
    /// Opened by whoever asks for rows first, so that this, too, can be cancelled.
    reader: Mutex<Option<Reader>>,
}

/// Rows that are handed on.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) batch: StructArray,
    /// The row after the last one read for them.
    pub(crate) next: u64,
    /// Arrow bytes of the batch they came in.
    pub(crate) bytes: usize,
}

#[derive(Debug)]
struct Reader {
    rows: BatchReader,
    /// What is read, for messages.
    name: String,
    /// The schema planned, as Spark's JSON, until the first batch has been compared with it.
    planned: Option<String>,
    /// Whether the server's word on nulls is not taken.
    foreign: bool,
    /// How many of the columns read were planned; the others are there for telling duplicates.
    columns: usize,
    dedupe: Option<Dedupe>,
    filter: Option<Contract>,
    cleanse: Option<Contract>,
    output: Vec<usize>,
}

#[derive(Debug)]
struct Dedupe {
    window: Window,
    deduper: Deduper,
    /// Row after the last one to be read, if there is one.
    until: Option<u64>,
    /// Whether the window before the range was held, all of it.
    whole: bool,
    /// Positions of the key and of the arrival among the columns read.
    key: usize,
    arrived_at: usize,
}

/// A contract over some of the columns at hand.
#[derive(Debug)]
struct Contract {
    cleanser: Cleanser,
    columns: Vec<usize>,
}

impl SharedReader {
    /// Takes note of what to read; nothing happens before [`Self::next`].
    pub(crate) fn new(to: Connection, reading: Reading) -> Self {
        Self { to, reading, cancel: CancellationToken::new(), reader: Mutex::new(None) }
    }

    /// The next rows, or `None` after the last, or after `timeout`, which the time for opening adds to.
    pub(crate) fn next(&self, timeout: Option<Duration>) -> Result<Option<Rows>> {
        let mut opened = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = match &mut *opened {
            Some(reader) => reader,
            none => none.insert(Reader::open(self.to.clone(), self.reading.clone(), &self.cancel)?),
        };
        reader.next(timeout)
    }

    /// Ends the reading from another thread.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }
}

impl Reader {
    /// Starts to read. With dedupe, first reads the window before the range again unless its state is at hand.
    fn open(to: Connection, reading: Reading, cancel: &CancellationToken) -> Result<Self> {
        let Reading { source, schema, dedupe, filter, cleanse, output } = reading;
        let (rows, name, foreign, columns, dedupe) = match source {
            None => return Err(Error::Call("a reader needs rows or an endpoint".into())),
            Some(Source::Endpoint(endpoint)) => (
                client::server(to)?.until(cancel.clone()).read(endpoint)?,
                "the result".to_owned(),
                true,
                usize::MAX,
                None,
            ),
            Some(Source::Rows(range)) => {
                let (name, columns) = (range.stream.clone(), range.columns.len());
                let (rows, dedupe) =
                    open_range(&client::client(to, &range.world)?.until(cancel.clone()), range, dedupe)?;
                (rows, name, false, columns, dedupe)
            }
        };
        Ok(Self {
            rows,
            name,
            planned: Some(schema),
            foreign,
            columns,
            dedupe,
            filter: filter.map(Contract::new).transpose()?,
            cleanse: cleanse.map(Contract::new).transpose()?,
            output: output.into_iter().map(|position| position as usize).collect(),
        })
    }

    /// The next rows that pass the filter: batches of which none does are not handed on.
    fn next(&mut self, timeout: Option<Duration>) -> Result<Option<Rows>> {
        loop {
            let read = match timeout {
                Some(timeout) => self.rows.next_within(timeout)?,
                None => self.rows.next()?,
            };
            let Some((first, batch)) = read else {
                // Who waits for a while has no end, and so no state to keep for the next range.
                if timeout.is_none()
                    && let Some(Dedupe { window, deduper, until: Some(until), whole: true, .. }) = self.dedupe.take()
                {
                    windows::put(window, until, deduper);
                }
                return Ok(None);
            };
            if let Some(planned) = self.planned.take() {
                self.check_schema(&planned, &batch)?;
            }
            let next = first + batch.num_rows() as u64;
            let bytes = slice_bytes(batch.columns())?;
            let batch = self.finish(batch)?;
            if batch.len() > 0 {
                return Ok(Some(Rows { batch, next, bytes }));
            }
        }
    }

    /// What is handed on of a batch that was read.
    fn finish(&mut self, read: RecordBatch) -> Result<StructArray> {
        let mut batch = read;
        if let Some(dedupe) = &mut self.dedupe {
            let duplicate = dedupe.deduper.mark(batch.column(dedupe.key), batch.column(dedupe.arrived_at))?;
            let planned: Vec<usize> = (0..self.columns).collect();
            batch = with_column(batch.project(&planned)?, "duplicate", Arc::new(duplicate))?;
        }
        if let Some(filter) = &self.filter {
            let wanted = filter.cleanser.valid(&filter.input(&batch)?)?;
            batch = match wanted.true_count() {
                count if count == batch.num_rows() => batch,
                0 => batch.slice(0, 0),
                _ => filter_record_batch(&batch, &wanted)?,
            };
        }
        if let Some(cleanse) = &self.cleanse {
            let cleansed = cleanse.cleanser.run(&cleanse.input(&batch)?)?;
            batch = with_column(batch, "cleansed", Arc::new(cleansed))?;
        }
        let (schema, rows) = (batch.schema(), batch.num_rows());
        let output = |position: &usize| match batch.columns().get(*position) {
            Some(column) => Ok(Arc::clone(column)),
            None => Err(Error::Call(format!("column {position} of {} is to be handed on", batch.num_columns()))),
        };
        let columns = spark_columns(self.output.iter().map(output).collect::<Result<_>>()?)?;
        let fields: Fields = self
            .output
            .iter()
            .zip(&columns)
            .map(|(&position, column)| {
                let field = schema.field(position);
                // Nothing is promised of a stranger's nulls, so nothing is said of them.
                Field::new(field.name(), column.data_type().clone(), field.is_nullable() || self.foreign)
            })
            .collect();
        Ok(StructArray::try_new_with_length(fields, columns, None, rows)?)
    }

    /// The JVM reads memory by the types it planned with, so they must be the ones that come.
    fn check_schema(&self, planned: &str, batch: &RecordBatch) -> Result<()> {
        let fields = batch.schema().fields().clone();
        let sent = match self.foreign {
            true => struct_json(&nullable(&fields))?,
            false => struct_json(&fields[..self.columns].to_vec().into())?,
        };
        if serde_json::from_str::<serde_json::Value>(planned).is_ok_and(|planned| planned == sent) {
            return Ok(());
        }
        Err(Error::SchemaChanged { stream: self.name.clone(), planned: planned.to_owned(), sent: sent.to_string() })
    }
}
/// The rows of a range, and what tells their duplicates if that is wanted.
fn open_range(
    client: &Client,
    range: proto::ReadRange,
    dedupe: Option<proto::Dedupe>,
) -> Result<(BatchReader, Option<Dedupe>)> {
    let (Some(partition), Some(from)) = (range.partition, range.from) else {
        return Err(Error::Call("a reader needs a partition and a first row".into()));
    };
    let until = range.until;
    if until.is_none() && !range.follow {
        return Err(Error::Call("a reader needs an end of its range, or follows".into()));
    }
    let mut columns = range.columns;
    let dedupe = dedupe
        .map(|plan| {
            let key = position(&mut columns, &plan.key);
            let arrived_at = position(&mut columns, ARRIVED_AT);
            let window = Window {
                world: client.fingerprint().to_owned(),
                stream: range.stream.clone(),
                partition,
                key: plan.key,
                window_us: plan.window_us,
            };
            let (deduper, whole) = match windows::take(&window, from) {
                Some(deduper) => (deduper, true),
                None => rebuild(client, &window, from, until, plan.fail_on_data_loss)?,
            };
            Ok::<_, Error>(Dedupe { window, deduper, until, whole, key, arrived_at })
        })
        .transpose()?;
    let rows = client.read(Read { stream: range.stream, partition, from, until, columns })?;
    Ok((rows, dedupe))
}

impl Contract {
    fn new(contract: proto::Contract) -> Result<Self> {
        let columns = contract.columns.into_iter().map(|position| position as usize).collect();
        Ok(Self { cleanser: Cleanser::new(&contract.contract)?, columns })
    }

    /// The columns it reads, as one struct.
    fn input(&self, batch: &RecordBatch) -> Result<StructArray> {
        Ok(StructArray::from(batch.project(&self.columns)?))
    }
}

/// The batch with one column more, which has no nulls.
fn with_column(batch: RecordBatch, name: &str, column: ArrayRef) -> Result<RecordBatch> {
    let field: FieldRef = Arc::new(Field::new(name, column.data_type().clone(), false));
    let fields: Fields = batch.schema().fields().iter().cloned().chain([field]).collect();
    let columns = batch.columns().iter().cloned().chain([column]).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// Where a column is among those to read; it joins them if need be.
fn position(columns: &mut Vec<String>, name: &str) -> usize {
    columns.iter().position(|column| column == name).unwrap_or_else(|| {
        columns.push(name.to_owned());
        columns.len() - 1
    })
}

/// The state in front of row `from`: every key that arrived within one window before it; and whether all of those are held.
fn rebuild(
    client: &Client,
    window: &Window,
    from: u64,
    until: Option<u64>,
    fail_on_data_loss: bool,
) -> Result<(Deduper, bool)> {
    let mut deduper = Deduper::new(window.window_us)?;
    if from == 0 || until == Some(from) {
        return Ok((deduper, true));
    }
    // Who follows may begin at a row that is yet to come; the one before it arrived no later.
    let row = if until.is_some() { from } else { from - 1 };
    let Some((_, row)) = read(client, window, row..row + 1, &[ARRIVED_AT])?.next()? else {
        return Err(Error::Call(format!("row {row} came back empty")));
    };
    let arrived_at = row.column(0).as_primitive::<TimestampMicrosecondType>().value(0);
    let since = arrived_at.saturating_sub(window.window_us);
    let held = client.offsets(&window.stream, Some(since))?;
    let held = held.iter().find(|held| held.partition == window.partition).ok_or_else(|| {
        downbeat_flight::Error::NotFound(format!("{} has no partition {}", window.stream, window.partition))
    })?;
    let first = held.at.unwrap_or(from).max(held.earliest);
    // Where the first row held lies in the window, rows in front of it may have as well.
    let whole = held.earliest == 0 || first > held.earliest;
    if fail_on_data_loss && !whole {
        return Err(Error::WindowExpired {
            stream: window.stream.clone(),
            partition: window.partition,
            from,
            earliest: held.earliest,
        });
    }
    if first < from {
        let columns: &[&str] = match window.key == ARRIVED_AT {
            true => &[ARRIVED_AT],
            false => &[&window.key, ARRIVED_AT],
        };
        let mut rows = read(client, window, first..from, columns)?;
        while let Some((_, batch)) = rows.next()? {
            deduper.mark(batch.column(0), batch.column(columns.len() - 1))?;
        }
    }
    Ok((deduper, whole))
}

fn read(client: &Client, window: &Window, rows: std::ops::Range<u64>, columns: &[&str]) -> Result<BatchReader> {
    Ok(client.read(Read {
        stream: window.stream.clone(),
        partition: window.partition,
        from: rows.start,
        until: Some(rows.end),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
    })?)
}
