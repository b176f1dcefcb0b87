//! The command as people and scripts meet it: what it prints, what it leaves behind, and its exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // The lints know tests by their attribute, not their helpers.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use arrow::{array::RecordBatch, compute::concat_batches};
use downbeat_model::Stream;
use downbeat_simulator::{World, WorldConfig};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// A folder of its own for a test, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("downbeat-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn names(&self) -> Vec<String> {
        names(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn downbeat(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_downbeat")).args(arguments).output().unwrap()
}

/// Runs what must fail, and gives its exit code and the one message it printed.
fn failure(arguments: &[&str]) -> (i32, String) {
    let output = downbeat(arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.stdout.is_empty(), "{arguments:?} printed {:?}", String::from_utf8_lossy(&output.stdout));
    assert!(text.starts_with("error: ") && !text.contains("panicked"), "{text}");
    (output.status.code().unwrap(), text)
}

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

fn export(out: &str, more: &[&str]) -> Output {
    let mut arguments = vec!["export", "--out", out];
    arguments.extend(WORLD);
    arguments.extend(more);
    downbeat(&arguments)
}

fn rows(file: &str) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(file).unwrap()).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    concat_batches(&batches[0].schema(), &batches).unwrap()
}

#[test]
fn an_export_holds_every_row_of_the_world_by_day_and_partition() {
    let scratch = Scratch::new();
    let out = scratch.path("new/events");
    let output = export(&out, &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        names(Path::new(&out)),
        ["2020-01-01-p0", "2020-01-01-p1", "2020-01-02-p0", "2020-01-02-p1"]
            .map(|name| format!("events-{name}.parquet"))
    );
    let world = world();
    let midnight = 1_577_923_200_000_000;
    let mut total = 0;
    for partition in 0..2 {
        let split = world.offset_at(partition, midnight).unwrap();
        let end = world.offset_at(partition, i64::MAX).unwrap();
        assert!(0 < split && split < end, "{split} {end}");
        total += end;
        for (day, range) in [("2020-01-01", 0..split), ("2020-01-02", split..end)] {
            let all: Vec<usize> = (0..Stream::Events.schema().fields().len()).collect();
            let batches: Vec<RecordBatch> =
                world.read(Stream::Events, partition, range, &all, 1000).unwrap().map(Result::unwrap).collect();
            let wanted = concat_batches(&Stream::Events.schema(), &batches).unwrap();
            assert_eq!(rows(&format!("{out}/events-{day}-p{partition}.parquet")), wanted, "{day} {partition}");
        }
    }
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, format!("exported {total} rows of events in 4 files to {out} world={}\n", world.fingerprint()));
}

#[test]
fn an_export_writes_the_columns_of_a_table_in_the_order_asked_for() {
    let scratch = Scratch::new();
    let out = scratch.path("tracks");
    let output = export(&out, &["--stream", "tracks", "--columns", "genre,track_id"]);
    assert!(output.status.success(), "{output:?}");
    let rows = rows(&format!("{out}/tracks.parquet"));
    let columns: Vec<String> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(columns, ["genre", "track_id"]);
    assert_eq!(rows.num_rows(), 2000);
}

#[test]
fn an_export_may_fill_an_empty_folder_but_never_one_in_use() {
    let scratch = Scratch::new();
    let out = scratch.path("out");
    fs::create_dir(&out).unwrap();
    assert!(export(&out, &["--stream", "artists"]).status.success());
    let again = export(&out, &["--stream", "artists"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8(again.stderr).unwrap().contains("it is not empty"));

    fs::create_dir(scratch.path("other.partial")).unwrap();
    let beside = export(&scratch.path("other"), &[]);
    assert_eq!(beside.status.code(), Some(2));
    assert!(String::from_utf8(beside.stderr).unwrap().contains("other.partial is there already"));
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
            vec!["--out", &out, "--until", "2026-10-02", "--columns", "nope"],
            "has no column 'nope'; its columns are partition",
        ),
        (vec!["--out", &out, "--until", "2026-10-02", "--stream", "event"], "no stream is called 'event'"),
        (vec!["--out", &out, "--until", "2026-10-02", "--format", "csv"], "[possible values: parquet]"),
        (vec!["--out", &out, "--until", "2026-10-02", "--faults", "some"], "known: default, none"),
        (
            vec!["--out", &out, "--config", &config],
            "world.yaml: line 2: no setting is called 'listner'; did you mean 'listeners'?",
        ),
        (vec!["--out", &out, "--config", "/nowhere.yaml"], "cannot read /nowhere.yaml: No such file"),
        (vec!["--out", "s3://bucket/x", "--until", "2026-10-02"], "only local folders so far"),
        (vec!["--out", &file, "--until", "2026-10-02"], "Not a directory"),
        (vec!["--out", "/proc/nothing/here", "--until", "2026-10-02"], "cannot write /proc/nothing/here"),
    ] {
        let (code, said) = failure(&[&["export"], arguments.as_slice()].concat());
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.contains(text), "{arguments:?}: {said}");
    }
    assert_eq!(scratch.names(), ["file", "world.yaml"]);
}

#[test]
fn an_interrupted_export_leaves_nothing() {
    let scratch = Scratch::new();
    let out = scratch.path("out");
    let mut child = Command::new(env!("CARGO_BIN_EXE_downbeat"))
        .args(["export", "--out", &out, "--listeners", "20000", "--start", "2020-01-01", "--until", "2020-03-01"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while fs::read_dir(scratch.0.join("out.partial")).map_or(0, Iterator::count) == 0 {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "no file was begun");
        sleep(Duration::from_millis(10));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(scratch.names(), [] as [&str; 0]);
}

#[test]
fn serve_refuses_what_it_cannot_do_with_one_message() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, text) in [
        (vec!["--listen", &taken], "another program listens there"),
        (vec!["--listen", "0.0.0.0:0"], "no tokens and no TLS"),
        (vec!["--listen", "nowhere"], "invalid value 'nowhere'"),
        (vec!["--start", "soon"], "write a date like 2026-10-01"),
        (vec!["--anchor", "soon"], "write a date like 2026-10-01"),
        (vec!["--speed", "0"], "a number above 0"),
        (vec!["--partitions", "0"], "partitions = 0 is not possible"),
        (vec!["--speed", "2", "--rate", "5"], "cannot be used with"),
        (vec!["--speed", "1000001"], "speed = 1000001 is not possible"),
        (vec!["--artists", "11"], "artists = 11 and tracks = 10 contradict each other"),
        (vec!["--until", "2026-09-01"], "and start = 2026-10-01 contradict each other"),
        (vec!["--metrics", "0.0.0.0:0"], "no tokens and no TLS"),
        (vec!["--metrics", &taken], "another program listens there"),
        (vec!["--max-reads", "0"], "max_reads = 0 is not possible; it must be from 1 to 10000"),
        (vec!["--max-message-bytes", "5"], "max_message_bytes = 5 is not possible"),
        (vec!["--replicas", "a:1"], "'a:1' is not the address of a Flight server"),
    ] {
        let (code, said) = failure(&[&["serve", "--listeners", "10", "--tracks", "10"], arguments.as_slice()].concat());
        assert_eq!(code, 2, "{arguments:?}: {said}");
        assert!(said.contains(text), "{arguments:?}: {said}");
    }
}

#[test]
fn read_says_when_nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, said) = failure(&["read", &format!("grpc://{free}")]);
    assert_eq!(code, 1);
    assert!(said.contains(&format!("grpc://{free} cannot be reached")) && said.contains("`downbeat serve`"), "{said}");
    let (code, said) = failure(&["read", "localhost"]);
    assert_eq!(code, 2);
    assert!(said.contains("write grpc://host:port"), "{said}");
}

#[test]
fn the_doctor_names_what_is_missing_and_what_to_do() {
    let output = Command::new(env!("CARGO_BIN_EXE_downbeat"))
        .arg("doctor")
        .env("PATH", "/nowhere")
        .env_remove("JAVA_HOME")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with(&format!("ok      downbeat {} for linux", env!("CARGO_PKG_VERSION"))), "{said}");
    assert!(said.contains("MISSING Java: cannot run java: No such file"), "{said}");
    for word in ["processor: ", "native library: ", "Spark connector: ", "port 8815", "port 8501", "port 8080"] {
        assert!(said.contains(word), "{word} is not in {said}");
    }
    for line in said.lines() {
        assert!(["ok      ", "note    ", "MISSING "].iter().any(|head| line.starts_with(head)), "{line}");
    }
}
