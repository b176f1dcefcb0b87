//! `downbeat serve` as an operator meets it: what it prints, what it tells over HTTP, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // The lints know tests by their attribute, not their helpers.

use std::{
    io::{BufRead, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use downbeat_flight::{Client, Read};

/// A server of its own process, killed when dropped.
struct Serving {
    child: Child,
    /// What it printed at the start.
    lines: Vec<String>,
}

impl Serving {
    /// Starts a small world; `lines` is how many lines it prints.
    fn new(arguments: &[&str], lines: usize) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_downbeat"))
            .args(["serve", "--listen", "127.0.0.1:0", "--listeners", "300", "--tracks", "2000", "--partitions", "2"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let lines: Vec<String> = out.lines().take(lines).map(Result::unwrap).collect();
        Self { child, lines }
    }

    fn uri(&self) -> &str {
        self.lines[0].split(' ').nth(2).unwrap()
    }

    fn terminate(&self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status line and body of an answer.
fn get(address: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn events(from: u64, until: Option<u64>) -> Read {
    Read { stream: "events".into(), partition: 0, from, until, columns: Vec::new() }
}

#[test]
fn a_server_prints_where_it_listens_tells_its_metrics_and_ends_well_when_told_to() {
    let bounded = ["--start", "2020-01-01", "--until", "2020-01-05", "--metrics", "127.0.0.1:0"];
    let mut server = Serving::new(&bounded, 7);
    let [first, .., last] = server.lines.as_slice() else { panic!("{:?}", server.lines) };
    assert!(first.starts_with("listening on grpc://127.0.0.1:") && first.contains(" world="), "{first}");
    let metrics =
        last.strip_prefix("metrics on http://").and_then(|rest| rest.split_once("/metrics,")).unwrap().0.to_owned();
    let client = Client::connect(server.uri(), None).unwrap();
    let rows = client.offsets("events", None).unwrap()[0].latest;
    let mut reader = client.read(events(0, Some(rows))).unwrap();
    while reader.next().unwrap().is_some() {}
    let (status, body) = get(&metrics, "/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let sent = format!("downbeat_sent_rows_total{{stream=\"events\",partition=\"0\"}} {rows}\n");
    assert!(body.contains(&sent), "{sent} is not in {body}");
    let build = format!("version=\"{}\",world=\"{}\"", env!("CARGO_PKG_VERSION"), client.fingerprint());
    assert!(body.contains(&build), "{build} is not in {body}");
    assert_eq!(get(&metrics, "/healthz"), ("HTTP/1.1 200 OK".into(), "serving\n".into()));
    server.terminate();
    let deadline = Instant::now() + Duration::from_secs(5);
    while server.child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "a server without readers does not end");
        sleep(Duration::from_millis(20));
    }
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn two_servers_of_one_world_are_replicas() {
    let world =
        ["--start", "2020-01-01", "--until", "2020-01-05", "--replicas", "grpc://127.0.0.1:1,grpc://127.0.0.1:2"];
    let (first, second) = (Serving::new(&world, 6), Serving::new(&world, 6));
    let clients = [&first, &second].map(|server| Client::connect(server.uri(), None).unwrap());
    assert_eq!(clients[0].fingerprint(), clients[1].fingerprint());
    let rows = clients[0].offsets("events", None).unwrap()[0].latest;
    let [one, other] = clients.map(|client| {
        let mut reader = client.read(events(0, Some(rows))).unwrap();
        let mut batches = Vec::new();
        while let Some(batch) = reader.next().unwrap() {
            batches.push(batch);
        }
        batches
    });
    assert!(one == other && rows > 0, "two replicas gave different rows");
}

#[test]
fn at_a_rate_a_follower_gets_rows_steadily() {
    let server = Serving::new(&["--start", "2020-01-01", "--anchor", "2020-01-02", "--rate", "0.001"], 6);
    // Years after the anchor so few a second are some hundred thousand rows, and then hardly any.
    let client = Client::connect(server.uri(), None).unwrap();
    let before = client.offsets("events", None).unwrap();
    assert!(before.iter().all(|partition| partition.latest > 10_000), "{before:?}");
    drop(server);
    let server = Serving::new(&["--start", "2026-10-01", "--rate", "2000"], 6);
    let client = Client::connect(server.uri(), None).unwrap();
    let latest = || client.offsets("events", None).unwrap().iter().map(|partition| partition.latest).sum::<u64>();
    let (before, started) = (latest(), Instant::now());
    sleep(Duration::from_millis(1500));
    let (grown, seconds) = (latest() - before, started.elapsed().as_secs_f64());
    assert!((grown as f64 / seconds - 2000.0).abs() < 400.0, "{grown} rows in {seconds} s");
}
