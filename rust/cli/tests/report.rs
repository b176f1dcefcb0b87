//! `downbeat report` as people and scripts meet it: one world, measured itself and as files, must give the same figures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // The lints know tests by their attribute, not their helpers.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use arrow::array::{Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use serde_json::Value;

/// A folder of its own for a test, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("downbeat-report-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn downbeat(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_downbeat")).args(arguments).output().unwrap()
}

const WORLD: [&str; 12] = [
    "--seed",
    "5",
    "--listeners",
    "300",
    "--tracks",
    "20000",
    "--partitions",
    "3",
    "--start",
    "2026-10-01",
    "--until",
    "2026-10-08",
];

fn report(arguments: &[&str]) -> Value {
    let output = downbeat(&[&["report", "--json"], arguments].concat());
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)));
    // Figures of so small a world may miss; the exit code says so.
    let misses = report["misses"].as_u64().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(misses > 0)));
    report
}

fn export(scratch: &Scratch, stream: &str, faults: &str) -> String {
    let out = scratch.path(&format!("{stream}-{faults}"));
    let flags = ["export", "--out", &out, "--stream", stream, "--faults", faults];
    assert!(downbeat(&[&flags, &WORLD[..]].concat()).status.success());
    out
}

/// What a report says without how it came to it.
fn figures(report: &Value, but: &[&str]) -> Vec<Value> {
    ["targets", "further", "between_listeners"]
        .iter()
        .flat_map(|part| report[part].as_array().unwrap().clone())
        .filter(|figure| !but.iter().any(|what| figure["what"].as_str().unwrap().contains(what)))
        .collect()
}

#[test]
fn a_world_and_its_truth_as_files_give_the_same_figures() {
    let scratch = Scratch::new();
    let world = report(&WORLD);
    let (truth, tracks) = (export(&scratch, "truth", "default"), export(&scratch, "tracks", "default"));
    let listeners = export(&scratch, "listeners", "default");
    let files = report(&["--events", &truth, "--tracks-dim", &tracks, "--listeners-dim", &listeners]);
    assert_eq!(figures(&world, &[]), figures(&files, &[]));
    for count in ["plays", "listeners", "rows", "duplicates", "quarantined", "bots", "days"] {
        assert_eq!(world[count], files[count], "{count}");
    }
    assert!(world["duplicates"].as_u64().unwrap() > 0 && world["plays"].as_u64().unwrap() > 10_000);
}

#[test]
fn raw_events_give_the_same_figures_as_the_world_they_came_from() {
    let scratch = Scratch::new();
    let world = report(&[&["--faults", "none"], &WORLD[..]].concat());
    let (events, tracks) = (export(&scratch, "events", "none"), export(&scratch, "tracks", "none"));
    let listeners = export(&scratch, "listeners", "none");
    let raw = report(&["--events", &events, "--tracks-dim", &tracks, "--listeners-dim", &listeners]);
    // Who is a bot is written in the truth alone.
    let but = ["bots", "of those"];
    assert_eq!(figures(&world, &but), figures(&raw, &but));

    // Without the tracks nothing is known of how much of a track was played, and nothing passes.
    let alone = report(&["--events", &events]);
    let skips: Vec<&Value> =
        alone["targets"].as_array().unwrap().iter().filter(|part| part["target"] == "T1").collect();
    assert_eq!(skips.len(), 4);
    for skip in skips {
        assert_eq!((skip["verdict"].as_str(), skip["measured"].is_null()), (Some("not measured"), true));
        assert!(skip["reason"].as_str().unwrap().contains("plays with a duration"), "{skip}");
    }
    let notes = alone["notes"].to_string();
    assert!(notes.contains("the zone most people") && notes.contains("give --tracks-dim"), "{notes}");
}

#[test]
fn the_page_is_whole_and_fetches_nothing() {
    let scratch = Scratch::new();
    let file = scratch.path("report.html");
    let output = downbeat(&[&["report", "--html", &file], &WORLD[..]].concat());
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("T16") && table.contains("not measured") && table.contains("BETWEEN LISTENERS"), "{table}");
    let page = fs::read_to_string(file).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>"));
    assert_eq!(page.matches("<svg").count(), 9);
    assert!(page.contains("prefers-color-scheme:dark"));
    for foreign in ["http://", "https://", "src=", "@import", "NaN"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn what_cannot_be_measured_is_refused_with_one_message() {
    let scratch = Scratch::new();
    let write = |folder: &str, columns: Vec<(&str, arrow::array::ArrayRef)>| {
        let folder = scratch.path(folder);
        fs::create_dir(&folder).unwrap();
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = fs::File::create(format!("{folder}/part-0.parquet")).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        folder
    };
    let number = || Arc::new(Int64Array::from(vec![1])) as arrow::array::ArrayRef;
    let text = || Arc::new(StringArray::from(vec!["x"])) as arrow::array::ArrayRef;
    let foreign = write("foreign", vec![("song", text())]);
    let partial = write("partial", vec![("event_time", number()), ("event_type", text()), ("user_id", number())]);
    let unreadable = write(
        "unreadable",
        vec![
            ("ts", text()),
            ("event_type", text()),
            ("user_id", text()),
            ("session_id", text()),
            ("ms_played", number()),
        ],
    );
    let broken = scratch.path("broken");
    fs::create_dir(&broken).unwrap();
    fs::write(format!("{broken}/a.parquet"), "no").unwrap();
    let empty = scratch.path("empty");
    fs::create_dir(&empty).unwrap();
    for (arguments, code, said) in [
        (vec!["--events", "/nowhere"], 2, "cannot read the folder /nowhere: No such file"),
        (vec!["--events", &empty], 2, "there is no .parquet file below"),
        (
            vec!["--events", &foreign],
            2,
            "neither a column 'event_time' (clean events) nor 'ts' (raw events); its columns are song",
        ),
        (vec!["--events", &partial], 2, "missing: session_id, ms_played"),
        (vec!["--events", &unreadable], 2, "none of them is an event that can be read"),
        (vec!["--events", &broken], 1, "a.parquet"),
        (vec!["--events", &empty, "--seed", "3"], 2, "cannot be used with"),
        (vec!["--tracks-dim", &empty], 2, "--events"),
        (vec!["--listeners", "10", "--tracks", "10"], 2, "with --until"),
    ] {
        let output = downbeat(&[&["report"], arguments.as_slice()].concat());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with("error: ") && text.contains(said), "{arguments:?}: {text}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(output.stdout.is_empty());
    }
}
