//! The ingest without Spark: each partition on a thread of its own is read, told apart from its duplicates, cleansed, and written to
//! all tables, which are then committed. What tasks of Spark would do is read from files: `benchmarks/ingest.py` makes them.
//!
//! ```text
//! bare_ingest URI FOLDER [stages]
//! ```
//!
//! The folder holds `plan` (a `TaskPlan`), `reading-<n>` (a `Reading` each) and `inputs`, a line a column: its place among those
//! that are handed on, and those of the fields within. Printed are the seconds in all, or with `stages` nanoseconds a row by stage: for
//! that, what is written in one pass is written in three, so that each can be timed.

#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program to measure with, which may end at the first mistake"
)]

use std::{
    env, fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, StructArray},
    datatypes::{Field, Fields},
};
use downbeat_flight::{Client, Read, proto::Reading};
use downbeat_kernels::{Cleanser, dedupe::Deduper};
use downbeat_lake::{
    Table, TaskWriter,
    proto::{Commit, Destination, TaskPlan, TaskWritten},
};
use prost::Message;

/// Stages, in the order in which a batch passes them.
const STAGES: [&str; 7] = [
    "receive, decode",
    "tell duplicates",
    "cleanse",
    "look up",
    "group, and write tiles",
    "filter, and write rows",
    "finish files",
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (uri, folder, by_stage) = match arguments.as_slice() {
        [uri, folder] => (uri, folder, false),
        [uri, folder, stages] if stages == "stages" => (uri, folder, true),
        _ => panic!("bare_ingest URI FOLDER [stages]"),
    };
    let folder = Path::new(folder);
    let plan = TaskPlan::decode(fs::read(folder.join("plan")).unwrap().as_slice()).unwrap();
    let inputs: Vec<Vec<usize>> = fs::read_to_string(folder.join("inputs"))
        .unwrap()
        .lines()
        .map(|line| line.split_whitespace().map(|step| step.parse().unwrap()).collect())
        .collect();
    let readings: Vec<Reading> = (0..)
        .map_while(|number| fs::read(folder.join(format!("reading-{number}"))).ok())
        .map(|bytes| Reading::decode(bytes.as_slice()).unwrap())
        .collect();
    let plans = if by_stage { apart(&plan) } else { vec![plan] };

    let begun = Instant::now();
    let done: Vec<Done> = thread::scope(|scope| {
        let tasks: Vec<_> =
            readings.iter().map(|reading| scope.spawn(|| task(uri, reading, &inputs, &plans))).collect();
        tasks.into_iter().map(|task| task.join().unwrap()).collect()
    });
    let written = begun.elapsed();
    commit(&plans, &done);
    let rows: u64 = done.iter().map(|done| done.rows).sum();
    println!("rows: {rows}");
    println!("seconds: {:.3}", begun.elapsed().as_secs_f64());
    if by_stage {
        let mut spent = STAGES.map(|_| Duration::ZERO);
        for done in &done {
            spent.iter_mut().zip(done.spent).for_each(|(all, one)| *all += one);
        }
        // The two others look up as well.
        let look_up = spent[3];
        spent[4] = spent[4].saturating_sub(look_up);
        spent[5] = spent[5].saturating_sub(look_up);
        for (stage, spent) in STAGES.iter().zip(spent) {
            println!("{stage}: {:.0}", spent.as_nanos() as f64 / rows as f64);
        }
        println!("commit: {:.0}", (begun.elapsed() - written).as_nanos() as f64 / rows as f64);
    }
}

/// What is looked up alone, what becomes groups, and what stays rows.
fn apart(plan: &TaskPlan) -> Vec<TaskPlan> {
    let only = |wanted: fn(&Destination) -> bool| TaskPlan {
        lookups: plan.lookups.clone(),
        destinations: plan.destinations.iter().filter(|destination| wanted(destination)).cloned().collect(),
    };
    vec![
        only(|_| false),
        only(|destination| destination.groups.is_some()),
        only(|destination| destination.groups.is_none()),
    ]
}

struct Done {
    rows: u64,
    spent: [Duration; STAGES.len()],
    /// By each plan.
    written: Vec<TaskWritten>,
}

fn task(uri: &str, reading: &Reading, inputs: &[Vec<usize>], plans: &[TaskPlan]) -> Done {
    let Some(downbeat_flight::proto::reading::Source::Rows(range)) = &reading.source else { panic!("no range") };
    let client = Client::connect(uri, Some(&range.world)).unwrap();
    let read = Read {
        stream: range.stream.clone(),
        partition: range.partition.unwrap(),
        from: range.from.unwrap(),
        until: range.until,
        columns: range.columns.clone(),
    };
    let at = |name: &str| range.columns.iter().position(|column| column == name).unwrap();
    let dedupe = reading.dedupe.as_ref().unwrap();
    let (key, arrived_at) = (at(&dedupe.key), at("arrived_at"));
    let contract = reading.cleanse.as_ref().unwrap();
    let cleanser = Cleanser::new(&contract.contract).unwrap();
    let cleansed: Vec<usize> = contract.columns.iter().map(|column| *column as usize).collect();
    let mut deduper = Deduper::new(dedupe.window_us).unwrap();
    let mut writers: Vec<_> = plans.iter().map(|plan| TaskWriter::new(plan.clone()).unwrap()).collect();
    let mut rows = client.read(read).unwrap();
    let mut clock = Clock { spent: [Duration::ZERO; STAGES.len()], last: Instant::now() };
    let mut count = 0;
    while let Some((_, batch)) = rows.next().unwrap() {
        clock.passed(0);
        let duplicate = deduper.mark(batch.column(key), batch.column(arrived_at)).unwrap();
        clock.passed(1);
        let clean = cleanser.run(&StructArray::from(batch.project(&cleansed).unwrap())).unwrap();
        clock.passed(2);
        let mut all = batch.columns().to_vec();
        all.extend([Arc::new(duplicate) as ArrayRef, Arc::new(clean)]);
        let output: Vec<_> = reading.output.iter().map(|&column| Arc::clone(&all[column as usize])).collect();
        let rows = picked(&batch, &output, inputs);
        for (number, writer) in writers.iter_mut().enumerate() {
            writer.write(&rows).unwrap();
            clock.passed(3 + number);
        }
        count += batch.num_rows() as u64;
    }
    clock.passed(0);
    let written = writers.into_iter().map(|writer| writer.finish().unwrap()).collect();
    clock.passed(6);
    Done { rows: count, spent: clock.spent, written }
}

/// The columns that the plan reads.
fn picked(batch: &RecordBatch, columns: &[ArrayRef], inputs: &[Vec<usize>]) -> StructArray {
    let arrays: Vec<ArrayRef> = inputs
        .iter()
        .map(|steps| {
            let (first, rest) = steps.split_first().unwrap();
            // No row lacks what the cleanser makes, so that fields have all nulls there are.
            rest.iter().fold(Arc::clone(&columns[*first]), |column, step| Arc::clone(column.as_struct().column(*step)))
        })
        .collect();
    let fields: Fields = arrays
        .iter()
        .enumerate()
        .map(|(number, array)| Field::new(number.to_string(), array.data_type().clone(), true))
        .collect();
    StructArray::try_new_with_length(fields, arrays, None, batch.num_rows()).unwrap()
}

struct Clock {
    spent: [Duration; STAGES.len()],
    last: Instant,
}

impl Clock {
    fn passed(&mut self, stage: usize) {
        let now = Instant::now();
        self.spent[stage] += now - self.last;
        self.last = now;
    }
}

/// The files of all tasks, table by table at once.
fn commit(plans: &[TaskPlan], done: &[Done]) {
    thread::scope(|scope| {
        for (number, plan) in plans.iter().enumerate() {
            for (place, table) in plan.destinations.iter().enumerate() {
                let Some(table) = &table.table else { continue };
                let files = |done: &Done| done.written[number].destinations[place].encode_to_vec();
                let commit = Commit {
                    written: done.iter().map(files).collect(),
                    plan: table.plan.clone(),
                    application: "bare".to_owned(),
                    always: true,
                    ..Commit::default()
                };
                scope.spawn(move || Table::open(&table.uri).unwrap().commit(&commit).unwrap());
            }
        }
    });
}
