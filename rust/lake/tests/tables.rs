//! Appends to tables in folders: what is written can be read by another reader of logs and files, once, whatever goes wrong between.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that fails must panic")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use arrow::{
    array::{
        ArrayRef, AsArray, Date32Array, DictionaryArray, Float64Array, Int64Array, ListArray, StructArray,
        TimestampMicrosecondArray,
    },
    datatypes::{Int32Type, Int64Type},
    ipc::reader::StreamReader,
};
use downbeat_kernels::proto::{
    Expr, Field, Type,
    aggregate::{Aggregate, Key, Kind, Measure},
    expr,
    query::{Output, Query, output},
};
use downbeat_lake::{
    Error, Table, TableWriter, TaskWriter,
    proto::{Append, Commit, Destination, Groups, Lookup, TableWrite, TaskPlan, WritePlan, Written},
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use prost::Message;
use serde_json::{Value, json};
use tempfile::TempDir;

fn field(name: &str, of: impl Into<Value>) -> Value {
    json!({"name": name, "type": of.into(), "nullable": true, "metadata": {}})
}

fn columns(fields: &[Value]) -> String {
    json!({"type": "struct", "fields": fields}).to_string()
}

fn numbers() -> Append {
    Append {
        columns: columns(&[field("day", "date"), field("n", "long"), field("word", "string")]),
        partition_columns: vec!["day".to_owned()],
        ..Append::default()
    }
}

/// Rows of a number each; every third is of the second day, every fifth of none.
fn rows(from: i64, until: i64) -> StructArray {
    let day = |n: i64| (n % 5 != 0).then_some(if n % 3 == 0 { 20_001 } else { 20_000 });
    let days: Date32Array = (from..until).map(day).collect();
    let words: DictionaryArray<Int32Type> =
        (from..until).map(|n| if n % 7 == 0 { None } else { Some(["é", "b"][n as usize % 2]) }).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("day", Arc::new(days)),
        ("n", Arc::new(Int64Array::from_iter_values(from..until))),
        ("word", Arc::new(words)),
    ];
    StructArray::try_from(columns.to_vec()).unwrap()
}

fn folder() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let uri = folder.path().join("a table").to_str().unwrap().to_owned();
    (folder, uri)
}

fn write(uri: &str, plan: &WritePlan, batches: &[StructArray]) -> Written {
    let mut writer = TableWriter::new(uri, plan).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap()
}

fn commit(plan: &WritePlan, written: &[Written], version: i64) -> Commit {
    Commit {
        written: written.iter().map(Message::encode_to_vec).collect(),
        plan: Some(plan.clone()),
        application: "test".to_owned(),
        version,
        streaming: true,
        note: "a note".to_owned(),
        always: false,
    }
}

/// The actions of a version, by their names.
fn actions(uri: &str, version: u64) -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(Path::new(uri).join(format!("_delta_log/{version:020}.json"))).unwrap();
    text.lines()
        .map(|line| {
            let action: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
            action.into_iter().next().unwrap()
        })
        .collect()
}

fn adds(uri: &str, version: u64) -> Vec<Value> {
    actions(uri, version).into_iter().filter(|(name, _)| name == "add").map(|(_, add)| add).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "parquet"));
    found
}

/// The numbers in a file.
fn read(path: &Path) -> Vec<i64> {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader
        .flat_map(|batch| batch.unwrap().column_by_name("n").unwrap().as_primitive::<Int64Type>().values().to_vec())
        .collect()
}

#[test]
fn rows_become_a_file_of_each_partition_with_its_statistics() {
    let (_folder, uri) = folder();
    let mut table = Table::open(&uri).unwrap();
    assert_eq!(table.columns().unwrap(), None);
    let plan = table.plan(&numbers()).unwrap();
    let written = write(&uri, &plan, &[rows(0, 1000), rows(1000, 1001), rows(1001, 30_000)]);
    assert_eq!(table.commit(&commit(&plan, &[written], 0)).unwrap(), Some(1));

    let protocol = actions(&uri, 0).into_iter().find(|(name, _)| name == "protocol").unwrap().1;
    assert_eq!(protocol, json!({"minReaderVersion": 1, "minWriterVersion": 2}));
    let made: BTreeMap<_, _> = actions(&uri, 1).into_iter().filter(|(name, _)| name != "add").collect();
    assert_eq!((&made["txn"]["appId"], &made["txn"]["version"]), (&json!("test"), &json!(0)));
    assert_eq!(
        (&made["commitInfo"]["operation"], &made["commitInfo"]["userMetadata"]),
        (&json!("STREAMING UPDATE"), &json!("a note"))
    );

    let mut found = Vec::new();
    for add in adds(&uri, 1) {
        let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
        let path = Path::new(&uri).join(add["path"].as_str().unwrap());
        assert_eq!(add["size"].as_u64().unwrap(), path.metadata().unwrap().len());
        let numbers = read(&path);
        assert_eq!(stats["numRecords"], numbers.len());
        assert_eq!(stats["minValues"]["n"], *numbers.iter().min().unwrap());
        assert_eq!(stats["maxValues"], json!({"n": numbers.iter().max().unwrap(), "word": "é"}));
        assert_eq!(stats["nullCount"], json!({"n": 0, "word": numbers.iter().filter(|n| *n % 7 == 0).count()}));
        found.push((add["partitionValues"]["day"].clone(), numbers));
    }
    found.sort_by_key(|(day, _)| day.to_string());
    let expected = |of: fn(i64) -> bool| (0..30_000).filter(|n| of(*n)).collect::<Vec<_>>();
    assert_eq!(
        found,
        [
            (json!("2024-10-04"), expected(|n| n % 5 != 0 && n % 3 != 0)),
            (json!("2024-10-05"), expected(|n| n % 5 != 0 && n % 3 == 0)),
            (Value::Null, expected(|n| n % 5 == 0)),
        ]
    );
}

#[test]
fn a_commit_that_the_table_has_changes_nothing() {
    let (_folder, uri) = folder();
    let mut table = Table::open(&uri).unwrap();
    let plan = table.plan(&numbers()).unwrap();
    let first = write(&uri, &plan, &[rows(0, 10)]);
    assert_eq!(table.commit(&commit(&plan, std::slice::from_ref(&first), 3)).unwrap(), Some(1));
    // Another process, which has to look for itself.
    let mut other = Table::open(&uri).unwrap();
    let again = write(&uri, &plan, &[rows(0, 10)]);
    for version in [2, 3] {
        assert_eq!(other.commit(&commit(&plan, std::slice::from_ref(&again), version)).unwrap(), None);
    }
    assert_eq!(other.commit(&commit(&plan, &[again], 4)).unwrap(), Some(2));
    assert_eq!(other.commit(&commit(&plan, &[], 5)).unwrap(), None, "there is nothing to commit");
}

#[test]
fn writers_that_commit_at_once_lose_nothing() {
    const WRITERS: i64 = 4;
    const COMMITS: i64 = 15;
    let (_folder, uri) = folder();
    Table::open(&uri).unwrap().plan(&numbers()).unwrap();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let uri = &uri;
            scope.spawn(move || {
                let mut table = Table::open(uri).unwrap();
                for number in 0..COMMITS {
                    let plan = table.plan(&numbers()).unwrap();
                    let from = (writer * COMMITS + number) * 10;
                    let written = write(uri, &plan, &[rows(from, from + 10)]);
                    let application = format!("writer {writer}");
                    let commit = Commit { application, ..commit(&plan, &[written], number) };
                    assert!(table.commit(&commit).unwrap().is_some());
                }
            });
        }
    });
    let mut committed: Vec<i64> = (1..=(WRITERS * COMMITS) as u64)
        .flat_map(|version| adds(&uri, version))
        .flat_map(|add| read(&Path::new(&uri).join(add["path"].as_str().unwrap())))
        .collect();
    committed.sort_unstable();
    assert_eq!(committed, (0..WRITERS * COMMITS * 10).collect::<Vec<_>>());
    let checkpoints = files(&Path::new(&uri).join("_delta_log"));
    assert!(checkpoints.len() >= 5, "{checkpoints:?}");
}

#[test]
fn a_writer_that_is_given_up_leaves_no_file() {
    let (_folder, uri) = folder();
    let plan = Table::open(&uri).unwrap().plan(&numbers()).unwrap();
    let mut writer = TableWriter::new(&uri, &plan).unwrap();
    writer.write(&rows(0, 50_000)).unwrap();
    assert!(writer.memory_bytes() > 0);
    drop(writer);
    assert_eq!(files(Path::new(&uri)), Vec::<PathBuf>::new());
}

#[test]
fn columns_of_any_kind_keep_their_values() {
    let (_folder, uri) = folder();
    let mut table = Table::open(&uri).unwrap();
    let list = json!({"type": "array", "elementType": "long", "containsNull": true});
    let append = Append {
        columns: columns(&[field("n", "long"), field("x", "double"), field("at", "timestamp"), field("list", list)]),
        ..Append::default()
    };
    let plan = table.plan(&append).unwrap();
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
    let columns: [(&str, ArrayRef); 4] = [
        ("n", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("x", Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(-0.5), None]))),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1_123_456), None, Some(-1)]).with_timezone("+00:00")),
        ),
        ("list", Arc::new(lists)),
    ];
    let written = write(&uri, &plan, &[StructArray::try_from(columns.to_vec()).unwrap()]);
    assert_eq!(written.files.len(), 1);
    assert_eq!(table.commit(&commit(&plan, &[written], 0)).unwrap(), Some(1));
    let stats: Value = serde_json::from_str(adds(&uri, 1)[0]["stats"].as_str().unwrap()).unwrap();
    assert_eq!(stats["nullCount"]["x"], 1);
    assert_eq!(stats["minValues"]["at"], "1969-12-31T23:59:59.999Z");
    // A reader that looks for what is greater than 5 must not pass the NaN by, which is greater than any number.
    assert!(stats["maxValues"]["x"].is_null(), "{stats}");
}

#[test]
fn nulls_are_refused_where_a_table_has_none() {
    let (_folder, uri) = folder();
    let mut table = Table::open(&uri).unwrap();
    let strict = json!({"name": "n", "type": "long", "nullable": false, "metadata": {}});
    let plan = table.plan(&Append { columns: columns(&[strict]), ..Append::default() }).unwrap();
    let mut writer = TableWriter::new(&uri, &plan).unwrap();
    let with_null: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let refused = writer.write(&StructArray::try_from(vec![("n", with_null)]).unwrap()).unwrap_err();
    assert!(refused.to_string().contains("its column 'n' is never null"), "{refused}");
}

#[test]
fn what_does_not_fit_is_refused_with_the_way_out() {
    let (_folder, uri) = folder();
    let mut table = Table::open(&uri).unwrap();
    table.plan(&numbers()).unwrap();
    let with = |fields: &[Value]| Append { columns: columns(fields), ..Append::default() };
    let mut refused = |append: Append| match table.plan(&append) {
        Err(Error::Schema { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let (day, n, word) = (field("day", "date"), field("n", "long"), field("word", "string"));
    for (append, said) in [
        (with(&[day.clone(), n.clone(), word.clone(), field("more", "long")]), "no column 'more'"),
        (with(&[day.clone(), field("N", "integer")]), "its column 'n' is long, the rows have integer; cast it"),
        (with(std::slice::from_ref(&n)), "they lack 'day', which it is partitioned by"),
        (
            Append { partition_columns: vec!["word".to_owned()], ..with(&[day, n, word]) },
            "partitioned by (day), not by (word)",
        ),
    ] {
        let reason = refused(append);
        assert!(reason.contains(said), "{reason}");
    }
    let (_other, uri) = folder();
    let mut fresh = Table::open(&uri).unwrap();
    let by = |name: &str, append: Append| Append { partition_columns: vec![name.to_owned()], ..append };
    let properties = BTreeMap::from([("delta.enableChangeDataFeed".to_owned(), "true".to_owned())]);
    for (append, said) in [
        (by("n", numbers()), "cannot be partitioned by 'n', which is long"),
        (by("x", numbers()), "no column 'x'"),
        (by("n", with(&[field("n", "string")])), "a column must be left"),
        (with(&[field("a b", "long")]), "a column is named 'a b'"),
        (with(&[field("t", "timestamp_ntz")]), "cast it to timestamp"),
        (Append { properties, ..numbers() }, "cannot have the property delta.enableChangeDataFeed"),
    ] {
        let reason = fresh.plan(&append).unwrap_err().to_string();
        assert!(reason.contains(said), "{reason}");
    }
    assert!(!Path::new(&uri).exists(), "nothing was made");
}

/// `n % 3` by day beside all rows, with a word for each `n` from another table.
fn two_tables(all: &TableWrite, groups: &TableWrite, names: (&str, u64)) -> TaskPlan {
    let of = |column, of: Type| Expr { r#type: of.into(), node: Some(expr::Node::Column(column)) };
    let query = Query {
        outputs: [("day", 0), ("n", 1), ("word", 3)]
            .map(|(name, place)| Output { name: name.to_owned(), value: Some(output::Value::Column(place)) })
            .to_vec(),
        ..Query::default()
    };
    let field = |name: &str, of: Type| Field { name: name.to_owned(), r#type: of.into() };
    let aggregate = Aggregate {
        input: vec![field("n", Type::Bigint), field("day", Type::Date)],
        keys: vec![Key { value: Some(of(1, Type::Date)), bucket_us: 0 }],
        measures: vec![Measure { kind: Kind::Sum.into(), argument: Some(of(0, Type::Bigint)), precision: 0 }],
        ansi: true,
        ..Aggregate::default()
    };
    let shape = Groups { aggregate: Some(aggregate), reads: vec![1, 0] };
    TaskPlan {
        lookups: vec![Lookup {
            uri: names.0.to_owned(),
            version: names.1,
            version_time: 0,
            key: "n".to_owned(),
            columns: vec!["word".to_owned()],
            input: 1,
        }],
        destinations: vec![
            Destination { table: Some(all.clone()), groups: None, query: Some(query) },
            Destination { table: Some(groups.clone()), groups: Some(shape.clone()), query: None },
            Destination { table: None, groups: Some(shape), query: None },
        ],
    }
}

/// The tables of such a task, empty, and how each is to be written.
fn all_sums_names(base: &str) -> [(String, TableWrite); 3] {
    let sums = Append { columns: columns(&[field("day", "date"), field("n", "long")]), ..Append::default() };
    [("all", numbers()), ("sums", sums), ("names", numbers())].map(|(name, append)| {
        let uri = format!("{base}/{name}");
        let plan = Table::open(&uri).unwrap().plan(&append).unwrap();
        (uri.clone(), TableWrite { uri, plan: Some(plan) })
    })
}

#[test]
fn a_task_feeds_several_tables_and_the_driver_in_one_pass() {
    let (_folder, base) = folder();
    let [(all, to_all), (sums, to_sums), (names, to_names)] = all_sums_names(&base);

    let named = write(&names, to_names.plan.as_ref().unwrap(), &[rows(0, 500)]);
    let mut table = Table::open(&names).unwrap();
    let version = table.commit(&commit(to_names.plan.as_ref().unwrap(), &[named], 0)).unwrap().unwrap();
    assert_eq!(table.version().unwrap().map(|found| found.0), Some(version));

    let mut writer = TaskWriter::new(two_tables(&to_all, &to_sums, (&names, version))).unwrap();
    for batch in [rows(0, 300), rows(300, 1000)] {
        writer.write(&batch).unwrap();
    }
    assert!(writer.memory_bytes() > 0);
    let written = writer.finish().unwrap();
    assert!(written.lookup_bytes > 0);

    let mut found: Vec<i64> = files(Path::new(&all)).iter().flat_map(|path| read(path)).collect();
    found.sort_unstable();
    assert_eq!(found, (0..1000).collect::<Vec<_>>());
    assert_eq!(written.destinations[0].files.iter().map(|file| file.rows).sum::<u64>(), 1000);
    let days = |n: i64| if n % 5 == 0 { 0 } else { 1 + i64::from(n % 3 == 0) };
    let mut expected: Vec<i64> = (0..3).map(|day| (0..1000).filter(|&n| days(n) == day).sum()).collect();
    expected.sort_unstable();
    let mut sums: Vec<i64> = files(Path::new(&sums)).iter().flat_map(|path| read(path)).collect();
    sums.sort_unstable();
    assert_eq!(sums, expected);
    let stream = StreamReader::try_new(written.destinations[2].rows.as_slice(), None).unwrap();
    let mut handed: Vec<i64> =
        stream.flat_map(|batch| batch.unwrap().column(1).as_primitive::<Int64Type>().values().to_vec()).collect();
    handed.sort_unstable();
    assert_eq!(handed, expected);
}

#[test]
fn a_task_that_fails_leaves_no_file_in_any_table() {
    let (_folder, base) = folder();
    let [(_, to_all), (_, to_sums), (names, _)] = all_sums_names(&base);
    let mut writer = TaskWriter::new(two_tables(&to_all, &to_sums, (&names, 0))).unwrap();
    writer.write(&rows(0, 20_000)).unwrap();
    let day: ArrayRef = Arc::new(Date32Array::from(vec![1, 1]));
    let too_much: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, i64::MAX]));
    let overflows = StructArray::try_from(vec![("day", day), ("n", too_much)]).unwrap();
    assert!(matches!(writer.write(&overflows), Err(Error::Kernel(_))));
    drop(writer);
    assert_eq!(files(Path::new(&base)), Vec::<PathBuf>::new());
}

#[test]
fn a_batch_without_files_is_known_where_that_is_wanted() {
    let (_folder, uri) = folder();
    let mut table = Table::open(&uri).unwrap();
    let plan = table.plan(&numbers()).unwrap();
    assert_eq!(table.commit(&commit(&plan, &[], 3)).unwrap(), None);
    let always = Commit { always: true, ..commit(&plan, &[], 3) };
    assert_eq!(table.commit(&always).unwrap(), Some(1));
    assert_eq!(table.commit(&always).unwrap(), None, "the table has it");
    assert!(actions(&uri, 1).iter().any(|(name, value)| name == "txn" && value["version"] == 3));
}
