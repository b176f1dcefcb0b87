//! One partition's range of rows on its way into Spark, with its duplicates marked where that is asked for.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::{
    array::{ArrayRef, AsArray, RecordBatch, StructArray},
    datatypes::{DataType, Field, TimestampMicrosecondType},
};
use downbeat_flight::{BatchReader, Canceller, Client, Read};
use downbeat_kernels::dedupe::Deduper;

use crate::{
    error::{Error, Result},
    handles::Handles,
    spark_types::struct_json,
    windows::{self, Window},
};

/// Every reader the JVM has not closed yet.
pub(crate) static READERS: Handles<SharedReader> = Handles::new("reader");

/// The log's own column that windows are measured by.
const ARRIVED_AT: &str = "arrived_at";

/// What to read.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) read: Read,
    /// Row after the last one.
    pub(crate) until: u64,
    /// The Spark schema that was planned, as JSON; without the verdict on duplicates.
    pub(crate) schema: String,
    pub(crate) dedupe: Option<DedupePlan>,
}

/// How duplicates are told.
#[derive(Debug)]
pub(crate) struct DedupePlan {
    pub(crate) key: String,
    pub(crate) window_us: i64,
    /// Whether a window whose first rows have expired is an error.
    pub(crate) fail_on_data_loss: bool,
}

/// A reader as the JVM shares it: one thread reads, any other may cancel.
#[derive(Debug)]
pub(crate) struct SharedReader {
    reader: Mutex<Reader>,
    canceller: Canceller,
}

#[derive(Debug)]
struct Reader {
    rows: BatchReader,
    stream: String,
    until: u64,
    /// The schema planned, until the first batch has been compared with it.
    planned: Option<String>,
    /// How many of the columns read were asked for; the others are there for telling duplicates.
    wanted: usize,
    dedupe: Option<Dedupe>,
}

#[derive(Debug)]
struct Dedupe {
    window: Window,
    deduper: Deduper,
    /// Positions of the key and of the arrival among the columns read.
    key: usize,
    arrived_at: usize,
}

impl SharedReader {
    /// Starts to read. With dedupe, first reads the window before the range again unless its state is at hand.
    pub(crate) fn open(client: &Client, plan: Plan) -> Result<Self> {
        let Plan { mut read, until, schema, dedupe } = plan;
        let (stream, wanted) = (read.stream.clone(), read.columns.len());
        let dedupe = match dedupe {
            None => None,
            Some(plan) => {
                let key = position(&mut read.columns, &plan.key);
                let arrived_at = position(&mut read.columns, ARRIVED_AT);
                let window = Window {
                    world: client.fingerprint().to_owned(),
                    stream: stream.clone(),
                    partition: read.partition,
                    key: plan.key,
                    window_us: plan.window_us,
                };
                let deduper = match windows::take(&window, read.from) {
                    Some(deduper) => deduper,
                    None => rebuild(client, &window, read.from, until, plan.fail_on_data_loss)?,
                };
                Some(Dedupe { window, deduper, key, arrived_at })
            }
        };
        let rows = client.read(read)?;
        let canceller = rows.canceller();
        let reader = Reader { rows, stream, until, planned: Some(schema), wanted, dedupe };
        Ok(Self { reader: Mutex::new(reader), canceller })
    }

    /// The next rows, or `None` after the last.
    pub(crate) fn next(&self) -> Result<Option<StructArray>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    /// Ends the reading from another thread.
    pub(crate) fn cancel(&self) {
        self.canceller.cancel();
    }
}

impl Reader {
    fn next(&mut self) -> Result<Option<StructArray>> {
        let Some((_, batch)) = self.rows.next()? else {
            if let Some(Dedupe { window, deduper, .. }) = self.dedupe.take() {
                windows::put(window, self.until, deduper);
            }
            return Ok(None);
        };
        if let Some(planned) = self.planned.take() {
            self.check_schema(&planned, &batch)?;
        }
        let Some(dedupe) = &mut self.dedupe else { return Ok(Some(StructArray::from(batch))) };
        let duplicate = dedupe.deduper.mark(batch.column(dedupe.key), batch.column(dedupe.arrived_at))?;
        let mut fields = batch.schema().fields()[..self.wanted].to_vec();
        let mut columns: Vec<ArrayRef> = batch.columns()[..self.wanted].to_vec();
        fields.push(Arc::new(Field::new("duplicate", DataType::Boolean, false)));
        columns.push(Arc::new(duplicate));
        Ok(Some(StructArray::try_new_with_length(fields.into(), columns, None, batch.num_rows())?))
    }

    /// The JVM reads memory by the types it planned with, so they must be the ones that come.
    fn check_schema(&self, planned: &str, batch: &RecordBatch) -> Result<()> {
        let schema = batch.schema();
        let sent = struct_json(&schema.fields()[..self.wanted].to_vec().into())?;
        if serde_json::from_str::<serde_json::Value>(planned).is_ok_and(|planned| planned == sent) {
            return Ok(());
        }
        Err(Error::SchemaChanged { stream: self.stream.clone(), planned: planned.to_owned(), sent: sent.to_string() })
    }
}

/// Where a column is among those to read; it joins them if need be.
fn position(columns: &mut Vec<String>, name: &str) -> usize {
    columns.iter().position(|column| column == name).unwrap_or_else(|| {
        columns.push(name.to_owned());
        columns.len() - 1
    })
}

/// The state in front of row `from`: every key that arrived within one window before it.
fn rebuild(client: &Client, window: &Window, from: u64, until: u64, fail_on_data_loss: bool) -> Result<Deduper> {
    let mut deduper = Deduper::new(window.window_us)?;
    if from == 0 || from == until {
        return Ok(deduper);
    }
    let Some(row) = read(client, window, from..from + 1, &[ARRIVED_AT])?.next()? else {
        return Err(Error::Call(format!("row {from} came back empty")));
    };
    let arrived_at = row.1.column(0).as_primitive::<TimestampMicrosecondType>().value(0);
    let since = arrived_at.saturating_sub(window.window_us);
    let held = client.offsets(&window.stream, Some(since))?;
    let held = held.iter().find(|held| held.partition == window.partition).ok_or_else(|| {
        downbeat_flight::Error::NotFound(format!("{} has no partition {}", window.stream, window.partition))
    })?;
    let first = held.at.unwrap_or(from).max(held.earliest);
    // Where the first row held lies in the window, rows in front of it may have as well.
    if fail_on_data_loss && held.earliest > 0 && first == held.earliest {
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
    Ok(deduper)
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
