//! `downbeat export`: the same rows in every format, whole files only, whatever happens meanwhile.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::concat_batches,
    datatypes::{DataType, Date32Type, Int32Type, Int64Type, TimestampMicrosecondType},
    ipc::reader::FileReader,
};
use chrono::{DateTime, SecondsFormat, TimeDelta};
use downbeat_model::Stream;
use downbeat_simulator::{World, WorldConfig};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::{Scratch, downbeat, failure, names, s3};

const WORLD: [&str; 12] = [
    "--seed",
    "3",
    "--listeners",
    "300",
    "--tracks",
    "2000",
    "--partitions",
    "2",
    "--start",
    "2020-01-01",
    "--until",
    "2020-01-02T12:00:00Z",
];

/// A world that takes a second or so to export, in eight files.
const LARGER: [&str; 10] =
    ["--listeners", "4000", "--tracks", "20000", "--partitions", "2", "--start", "2020-01-01", "--until", "2020-01-05"];

/// The world of [`WORLD`].
fn world() -> World {
    let config = WorldConfig {
        seed: 3,
        listeners: 300,
        tracks: 2000,
        partitions: 2,
        start: "2020-01-01".parse().unwrap(),
        until: Some(1_577_966_400_000_000),
        ..WorldConfig::default()
    };
    World::new(config).unwrap()
}

/// The rows that belong in each file of [`WORLD`]'s `stream`, by its name without the extension.
fn wanted(stream: Stream) -> BTreeMap<String, RecordBatch> {
    let (world, midnight) = (world(), 1_577_923_200_000_000);
    let all: Vec<usize> = (0..stream.schema().fields().len()).collect();
    let mut files = BTreeMap::new();
    for partition in 0..2 {
        let split = world.offset_at(partition, midnight).unwrap();
        let end = world.offset_at(partition, i64::MAX).unwrap();
        assert!(0 < split && split < end, "{split} {end}");
        for (day, range) in [("2020-01-01", 0..split), ("2020-01-02", split..end)] {
            let batches: Vec<RecordBatch> =
                world.read(stream, partition, range, &all, 1000).unwrap().map(Result::unwrap).collect();
            files.insert(
                format!("ingest_date={day}/{stream}-p000{partition}"),
                concat_batches(&stream.schema(), &batches).unwrap(),
            );
        }
    }
    files
}

fn export(out: &str, more: &[&str]) -> Output {
    let mut arguments = vec!["export", "--out", out];
    arguments.extend(WORLD);
    arguments.extend(more);
    downbeat(&arguments)
}

/// Runs what must succeed, and gives what it printed.
fn exported(out: &str, more: &[&str]) -> String {
    let output = export(out, more);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs what must be refused, and gives the reason.
fn refused(out: &str, more: &[&str]) -> String {
    let (code, said) = failure(&[&["export", "--out", out], WORLD.as_slice(), more].concat());
    assert_eq!(code, 2, "{said}");
    said
}

/// Every file that is not hidden, by its name in the folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for name in names(folder).into_iter().filter(|name| !name.starts_with('.')) {
        let path = folder.join(&name);
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else {
            found.insert(name, fs::read(path).unwrap());
        }
    }
    found
}

fn parquet(file: &str) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

/// A value as JSON lines show it, told by this test and not by the writer.
fn shown(array: &dyn Array, row: usize) -> Value {
    let time = |time: DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::Binary => {
            array.as_binary::<i32>().value(row).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
        }
        DataType::Timestamp(..) => {
            time(DateTime::from_timestamp_micros(array.as_primitive::<TimestampMicrosecondType>().value(row)).unwrap())
                .into()
        }
        DataType::Date32 => {
            let days = TimeDelta::days(array.as_primitive::<Date32Type>().value(row).into());
            (DateTime::UNIX_EPOCH + days).format("%Y-%m-%d").to_string().into()
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(row);
            (0..list.len()).map(|item| shown(&list, item)).collect()
        }
        other => panic!("this test knows no {other}"),
    }
}

/// Lines of CSV, by RFC 4180; nothing between two commas is null.
fn csv(text: &str) -> Vec<Vec<Option<String>>> {
    let (mut lines, mut line, mut at) = (Vec::new(), Vec::new(), text.chars().peekable());
    while at.peek().is_some() {
        let quoted = at.next_if_eq(&'"').is_some();
        let mut field = String::new();
        while let Some(&next) = at.peek() {
            match next {
                '"' if quoted => {
                    at.next();
                    if at.next_if_eq(&'"').is_none() {
                        break;
                    }
                }
                ',' | '\n' if !quoted => break,
                _ => _ = at.next(),
            }
            field.push(next);
        }
        line.push((quoted || !field.is_empty()).then_some(field));
        if at.next() == Some('\n') {
            lines.push(std::mem::take(&mut line));
        }
    }
    lines
}

#[test]
fn every_format_holds_every_row_by_day_and_partition() {
    let scratch = Scratch::new();
    let path = |name: &str| scratch.path(name);
    for stream in [Stream::Events, Stream::Truth] {
        let wanted = wanted(stream);
        let total: usize = wanted.values().map(RecordBatch::num_rows).sum();
        for format in ["parquet", "arrow", "jsonl", "csv"] {
            let out = path(&format!("new/{stream}-{format}"));
            let said = exported(&out, &["--stream", stream.text(), "--format", format]);
            let fingerprint = world().fingerprint().to_owned();
            assert_eq!(said, format!("exported {total} rows of {stream} in 4 files to {out} world={fingerprint}\n"));
            let found: Vec<String> = files(Path::new(&out)).into_keys().collect();
            let mut names = vec!["_SUCCESS".to_owned(), "_downbeat_export.json".to_owned()];
            names.extend(wanted.keys().map(|name| format!("{name}.{format}")));
            assert_eq!(found, names);
        }
        for (name, rows) in &wanted {
            let file = |format: &str| path(&format!("new/{stream}-{format}/{name}.{format}"));
            assert_eq!(parquet(&file("parquet")), *rows, "{name}");

            let arrow = FileReader::try_new(File::open(file("arrow")).unwrap(), None).unwrap();
            assert_eq!(arrow.custom_metadata()["downbeat.world"], world().fingerprint());
            let batches: Vec<RecordBatch> = arrow.map(Result::unwrap).collect();
            assert_eq!(concat_batches(&stream.schema(), &batches).unwrap(), *rows, "{name}");

            let fields: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
            let json = fs::read_to_string(file("jsonl")).unwrap();
            let csv = csv(&fs::read_to_string(file("csv")).unwrap());
            assert_eq!(csv[0].iter().flatten().collect::<Vec<_>>(), fields.iter().collect::<Vec<_>>());
            assert_eq!((json.lines().count(), csv.len()), (rows.num_rows(), rows.num_rows() + 1));
            for (row, (json, csv)) in json.lines().zip(&csv[1..]).enumerate() {
                let values: Vec<Value> = rows.columns().iter().map(|column| shown(column, row)).collect();
                let object: Value = fields.iter().cloned().zip(values.iter().cloned()).collect();
                assert_eq!(serde_json::from_str::<Value>(json).unwrap(), object, "{name} row {row}");
                let texts: Vec<Option<String>> = values
                    .into_iter()
                    .map(|value| match value {
                        Value::Null => None,
                        Value::String(text) => Some(text),
                        other => Some(other.to_string()),
                    })
                    .collect();
                assert_eq!(*csv, texts, "{name} row {row}");
            }
        }
    }
}

#[test]
fn the_columns_of_a_table_come_in_the_order_asked_for() {
    let scratch = Scratch::new();
    let out = scratch.path("tracks");
    exported(&out, &["--stream", "tracks", "--columns", "genre,track_id"]);
    let rows = parquet(&format!("{out}/tracks-0000.parquet"));
    let columns: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(columns, ["genre", "track_id"]);
    assert_eq!(rows.num_rows(), 2000);
}

#[test]
fn a_large_table_is_split_after_every_million_rows() {
    let scratch = Scratch::new();
    let out = scratch.path("listeners");
    let output =
        downbeat(&["export", "--out", &out, "--stream", "listeners", "--listeners", "1000001", "--columns", "user_id"]);
    assert!(output.status.success(), "{output:?}");
    let rows = |number: u32| parquet(&format!("{out}/listeners-000{number}.parquet")).num_rows();
    assert_eq!((rows(0), rows(1)), (1_000_000, 1));
}

#[test]
fn the_manifest_says_what_is_in_the_folder() {
    let scratch = Scratch::new();
    let out = scratch.path("out");
    exported(&out, &["--columns", "offset,ts", "--format", "csv"]);
    let manifest: Value = serde_json::from_slice(&fs::read(format!("{out}/_downbeat_export.json")).unwrap()).unwrap();
    let rows: usize = wanted(Stream::Events).values().map(RecordBatch::num_rows).sum();
    for (name, value) in [
        ("world", Value::from(world().fingerprint())),
        ("stream", "events".into()),
        ("format", "csv".into()),
        ("columns", vec!["offset", "ts"].into()),
        ("until", "2020-01-02T12:00:00Z".into()),
        ("rows", rows.into()),
        ("files", 4.into()),
    ] {
        assert_eq!(manifest[name], value, "{name}");
    }
    assert_eq!(manifest["config"]["seed"], 3);
}

#[test]
fn a_finished_export_has_nothing_to_do_until_a_file_is_missing() {
    let scratch = Scratch::new();
    let out = scratch.path("out");
    fs::create_dir(&out).unwrap();
    exported(&out, &["--stream", "artists"]);
    let whole = files(Path::new(&out));
    let again = exported(&out, &["--stream", "artists"]);
    assert!(again.starts_with(&format!("nothing to do: {out} holds all 200 rows of artists in 1 files")), "{again}");
    fs::remove_file(format!("{out}/artists-0000.parquet")).unwrap();
    exported(&out, &["--stream", "artists"]);
    assert_eq!(files(Path::new(&out)), whole);
}

#[test]
fn a_folder_with_anything_else_is_refused_and_both_are_named() {
    let scratch = Scratch::new();
    let out = scratch.path("out");
    exported(&out, &["--columns", "offset,ts"]);
    let whole = files(Path::new(&out));
    let there = world().fingerprint().to_owned();
    for (arguments, text) in [
        (["--columns", "offset,ts", "--seed", "4"].as_slice(), format!("another export: world is {there} there, and ")),
        (
            &["--stream", "truth"],
            "stream is events there, and truth was asked for; columns is offset,ts there".to_owned(),
        ),
        (&["--columns", "ts,offset"], "columns is offset,ts there, and ts,offset was asked for".to_owned()),
        (&["--columns", "offset,ts", "--format", "csv"], "format is parquet there, and csv was asked for".to_owned()),
        (
            &["--columns", "offset,ts", "--until", "2020-01-02"],
            "until is 2020-01-02T12:00:00Z there, and 2020-01-02T00:00:00Z was asked for".to_owned(),
        ),
    ] {
        // A flag may be given once, so the one in WORLD makes way.
        let world: Vec<&str> =
            WORLD.chunks(2).filter(|flag| !arguments.contains(&flag[0])).flatten().copied().collect();
        let (code, said) = failure(&[&["export", "--out", &out], world.as_slice(), arguments].concat());
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(&text), "{said}");
    }
    let other = scratch.path("other");
    fs::create_dir_all(format!("{other}/mine")).unwrap();
    let said = refused(&other, &[]);
    assert!(said.contains("it is not empty (there is mine) and no export of this command"), "{said}");
    fs::write(format!("{out}/_downbeat_export.json"), "{").unwrap();
    let said = refused(&out, &["--columns", "offset,ts"]);
    assert!(said.contains("its _downbeat_export.json cannot be read"), "{said}");
    fs::write(format!("{out}/_downbeat_export.json"), &whole["_downbeat_export.json"]).unwrap();
    assert_eq!(files(Path::new(&out)), whole);
}

#[test]
fn a_refused_export_says_why_and_leaves_nothing() {
    let scratch = Scratch::new();
    let out = scratch.path("out");
    let file = scratch.path("file");
    fs::write(&file, "").unwrap();
    let config = scratch.path("world.yaml");
    fs::write(&config, "seed: 3\nlistner: 5\n").unwrap();
    for (arguments, text) in [
        (vec!["--out", &out], "say where to end with --until"),
        (vec!["--out", &out, "--until", "2026-13-40"], "write a date like 2026-10-01"),
        (vec!["--out", &out, "--until", "1999-01-01"], "until = 1999-01-01"),
        (vec!["--out", &out, "--until", "2026-10-02", "--listeners", "0"], "listeners = 0 is not possible"),
        (
            vec!["--out", &out, "--until", "2026-10-02", "--columns", "xyz"],
            "has no column 'xyz'; its columns are partition",
        ),
        (
            vec!["--out", &out, "--until", "2026-10-02", "--columns", "ts,evnt_id"],
            "has no column 'evnt_id'; did you mean 'event_id'? its columns are partition",
        ),
        (vec!["--out", &out, "--until", "2026-10-02", "--columns", "ts,ts"], "names 'ts' twice"),
        (vec!["--out", &out, "--until", "2026-10-02", "--stream", "event"], "no stream is called 'event'"),
        (
            vec!["--out", &out, "--until", "2026-10-02", "--format", "xml"],
            "[possible values: parquet, arrow, jsonl, csv]",
        ),
        (vec!["--out", &out, "--until", "2026-10-02", "--faults", "some"], "known: default, none"),
        (
            vec!["--out", &out, "--config", &config],
            "world.yaml: line 2: no setting is called 'listner'; did you mean 'listeners'?",
        ),
        (vec!["--out", &out, "--config", "/nowhere.yaml"], "cannot read /nowhere.yaml: No such file"),
        (vec!["--out", "hdfs://host/x", "--until", "2026-10-02"], "hdfs:// is no place that can be written to"),
        (vec!["--out", "s3:///x", "--until", "2026-10-02"], "no bucket is named"),
        (vec!["--out", &file, "--until", "2026-10-02"], "File exists"),
        (vec!["--out", "/proc/nothing/here", "--until", "2026-10-02"], "cannot write /proc/nothing/here"),
    ] {
        let (code, said) = failure(&[&["export"], arguments.as_slice()].concat());
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.contains(text), "{arguments:?}: {said}");
    }
    assert_eq!(scratch.names(), ["file", "world.yaml"]);
}

fn start_larger(out: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_downbeat"))
        .args(["export", "--out", out])
        .args(LARGER)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for the first file with rows.
fn await_a_file(out: &str, child: &mut Child) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !Path::new(out).is_dir() || !files(Path::new(out)).keys().any(|name| name.ends_with(".parquet")) {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "no file was written");
        sleep(Duration::from_millis(2));
    }
}

fn signal(name: &str, child: &Child) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_killed_export_goes_on_where_it_was_and_ends_in_the_same_bytes() {
    let scratch = Scratch::new();
    let undisturbed = scratch.path("undisturbed");
    let begun = Instant::now();
    assert!(start_larger(&undisturbed).wait().unwrap().success());
    let took = begun.elapsed();
    let wanted = files(Path::new(&undisturbed));
    assert_eq!(wanted.len(), 10, "{:?}", wanted.keys());

    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let (out, mut chance) = (scratch.path("out"), seed);
    for round in 0..8 {
        let mut child = start_larger(&out);
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sleep(took.mul_f64((chance >> 33) as f64 / (1_u64 << 31) as f64));
        child.kill().unwrap();
        child.wait().unwrap();
        for (name, bytes) in if Path::new(&out).is_dir() { files(Path::new(&out)) } else { BTreeMap::new() } {
            assert_eq!(bytes, wanted[&name], "{name} after {round} kills");
        }
    }
    assert!(start_larger(&out).wait().unwrap().success());
    assert_eq!(files(Path::new(&out)), wanted);
    let hidden: Vec<String> = names(Path::new(&out)).into_iter().filter(|name| name.starts_with('.')).collect();
    assert_eq!(hidden, [] as [&str; 0]);
}

#[test]
fn a_file_never_changes_once_it_is_seen() {
    let scratch = Scratch::new();
    let out = scratch.path("out");
    let mut child = start_larger(&out);
    await_a_file(&out, &mut child);
    let mut seen = BTreeMap::new();
    while child.try_wait().unwrap().is_none() {
        for (name, bytes) in files(Path::new(&out)) {
            assert_eq!(seen.entry(name).or_insert_with(|| bytes.clone()), &bytes);
        }
    }
    let whole = files(Path::new(&out));
    assert!(seen.iter().all(|(name, bytes)| whole[name] == *bytes));
}

#[test]
fn an_interrupted_export_leaves_whole_files_and_says_how_to_go_on() {
    let scratch = Scratch::new();
    let out = scratch.path("out");
    let mut child = start_larger(&out);
    await_a_file(&out, &mut child);
    signal("-TERM", &child);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("error: interrupted; ") && said.contains("run the same command again"), "{said}");
    let left = files(Path::new(&out));
    assert!(!left.contains_key("_SUCCESS"), "{:?}", left.keys());

    let output = start_larger(&out).wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.starts_with("resuming: "), "{said}");
    let whole = files(Path::new(&out));
    assert_eq!(whole.len(), 10);
    assert!(left.iter().all(|(name, bytes)| whole[name] == *bytes));
}

#[test]
fn two_exports_do_not_write_one_folder_at_once() {
    let scratch = Scratch::new();
    let out = scratch.path("out");
    let mut child = start_larger(&out);
    await_a_file(&out, &mut child);
    signal("-STOP", &child);
    let (code, said) = failure(&[&["export", "--out", &out], LARGER.as_slice()].concat());
    assert_eq!(code, 2);
    assert!(said.contains("another export is writing there"), "{said}");
    signal("-CONT", &child);
    assert!(child.wait().unwrap().success());
}

/// An export to a bucket, with nothing in the environment but what is given.
fn to_bucket(environment: &[(&str, &str)], out: &str, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_downbeat"))
        .env_clear()
        .envs(environment.iter().copied())
        .args(["export", "--out", out])
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn an_export_to_a_bucket_holds_the_same_bytes_and_goes_on_after_a_failure() {
    let scratch = Scratch::new();
    let (endpoint, bucket) = s3::serve();
    let environment =
        [("S3_ENDPOINT", endpoint.as_str()), ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    // Large enough in JSON that each file takes more than one part of an upload.
    let more =
        [&["--format", "jsonl", "--listeners", "4000", "--partitions", "1"], &LARGER[2..4], &LARGER[6..]].concat();
    let out = scratch.path("out");
    let local = downbeat(&[&["export", "--out", &out], more.as_slice()].concat());
    assert!(local.status.success(), "{local:?}");

    bucket.lock().unwrap().refused_part = Some(2);
    let output = to_bucket(&environment, "s3://bucket/lake/raw", &more);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write ingest_date=") && said.contains("run the same command again"), "{said}");
    {
        let mut bucket = bucket.lock().unwrap();
        assert!(bucket.begun > 0 && bucket.uploads.is_empty(), "{} uploads left", bucket.uploads.len());
        assert!(!bucket.objects.contains_key("lake/raw/_SUCCESS"));
        bucket.refused_part = None;
    }
    let output = to_bucket(&environment, "s3://bucket/lake/raw", &more);
    assert!(output.status.success(), "{output:?}");
    let objects = bucket.lock().unwrap().objects.clone();
    let wanted = files(Path::new(&out)).into_iter().map(|(name, bytes)| (format!("lake/raw/{name}"), bytes));
    assert!(objects.into_iter().eq(wanted));

    let again = to_bucket(&environment, "s3://bucket/lake/raw", &more);
    assert!(String::from_utf8(again.stdout).unwrap().starts_with("nothing to do: s3://bucket/lake/raw holds all"));
    let above = to_bucket(&environment, "s3://bucket/lake", &more);
    let said = String::from_utf8(above.stderr).unwrap();
    assert!(said.contains("it is not empty (there is raw/"), "{said}");
}

#[test]
fn a_bucket_that_cannot_be_reached_says_what_to_set() {
    // A port where nobody listens, also in the place of the address where AWS tells its own machines who they are.
    let nobody = "http://127.0.0.1:9";
    let (key, secret) = (("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"));
    let more = [&["--stream", "tracks"], &LARGER[2..4]].concat();
    let cases = [
        (
            vec![("AWS_METADATA_ENDPOINT", nobody)],
            "s3://bucket/x",
            "put them in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (vec![key], "s3://bucket/x", "Missing SecretAccessKey"),
        (
            vec![key, secret, ("AWS_ENDPOINT_URL", nobody)],
            "s3://bucket/x",
            "looked at http://127.0.0.1:9 (from AWS_ENDPOINT_URL); check the bucket, the endpoint and the credentials",
        ),
        (
            vec![key, secret, ("S3_ENDPOINT", "nowhere")],
            "s3://bucket/x",
            "S3_ENDPOINT is 'nowhere'; write http://host:port",
        ),
        (vec![("GOOGLE_SERVICE_ACCOUNT", "/nowhere.json")], "gs://bucket/x", "/nowhere.json"),
    ];
    // At once, for each waits for an answer that does not come.
    thread::scope(|scope| {
        for (environment, out, text) in cases {
            let more = &more;
            scope.spawn(move || {
                let output = to_bucket(&environment, out, more);
                let said = String::from_utf8(output.stderr).unwrap();
                assert_eq!(output.status.code(), Some(2), "{said}");
                assert!(said.starts_with(&format!("error: cannot write {out}: ")) && said.contains(text), "{said}");
            });
        }
    });
}
