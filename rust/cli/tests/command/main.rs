//! The command as people and scripts meet it: what it prints, what it leaves behind, and its exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // The lints know tests by their attribute, not their helpers.

mod export;
mod s3;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

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

#[test]
fn serve_refuses_what_it_cannot_do_with_one_message() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, text) in [
        (vec!["--listen", &taken], "another program listens there"),
        (vec!["--listen", "0.0.0.0:0"], "give --token-file and TLS"),
        (vec!["--tls-cert", "cert.pem"], "tls_cert and tls_key belong together"),
        (vec!["--token-file", "/nowhere/tokens"], "/nowhere/tokens"),
        (vec!["--listen", "nowhere"], "invalid value 'nowhere'"),
        (vec!["--start", "soon"], "write a date like 2026-10-01"),
        (vec!["--anchor", "soon"], "write a date like 2026-10-01"),
        (vec!["--speed", "0"], "a number above 0"),
        (vec!["--partitions", "0"], "partitions = 0 is not possible"),
        (vec!["--speed", "2", "--rate", "5"], "cannot be used with"),
        (vec!["--speed", "1000001"], "speed = 1000001 is not possible"),
        (vec!["--artists", "11"], "artists = 11 and tracks = 10 contradict each other"),
        (vec!["--until", "2026-09-01"], "and start = 2026-10-01 contradict each other"),
        (vec!["--metrics", "0.0.0.0:0"], "they ask nobody for a token"),
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
