//! Operating: what a server tells about itself, what it takes on at most, and that its like can stand in for it.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::atomic::Ordering,
    thread::{sleep, spawn},
    time::{Duration, Instant},
};

use arrow_flight::{Action, FlightDescriptor, Ticket, flight_service_client::FlightServiceClient};
use downbeat_flight::{Error, ServerOptions, proto};
use futures::{StreamExt, TryStreamExt};
use prost::Message;
use tonic::Code;

use super::*;

const ANY: &str = "127.0.0.1:0";

/// A server that tells its metrics.
fn watched(rows: u64, options: ServerOptions) -> (Arc<MemoryLog>, Running, Client) {
    let log = Arc::new(MemoryLog::new("w1", 2, rows));
    let options = ServerOptions { metrics: Some(ANY.parse().unwrap()), ..options };
    let server = Running::with(ANY.parse().unwrap(), Arc::clone(&log), options);
    let client = Client::connect(&server.uri(), None).unwrap();
    (log, server, client)
}

/// The status, head and body of an answer.
fn get(address: SocketAddr, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
}

/// Every sample by its name and labels.
fn samples(address: SocketAddr) -> BTreeMap<String, f64> {
    let (status, _, body) = get(address, "/metrics");
    assert_eq!(status, 200, "{body}");
    let samples = body.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.into(), value.parse().unwrap()))
        .collect()
}

/// Waits until a sample has a value.
fn becomes(address: SocketAddr, sample: &str, value: f64) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while samples(address).get(sample) != Some(&value) {
        assert!(Instant::now() < deadline, "{sample} is {:?}, not {value}", samples(address).get(sample));
        sleep(Duration::from_millis(20));
    }
}

fn ticket(range: proto::ReadRange) -> Ticket {
    let range = proto::ReadRange { stream: "events".into(), partition: Some(0), ..range };
    Ticket::new(proto::Ticket { range: Some(range) }.encode_to_vec())
}

#[test]
fn metrics_tell_what_was_read_and_where_the_log_stands() {
    let (log, server, client) = watched(ROWS, ServerOptions::default());
    let metrics = server.metrics.unwrap();
    let rows = all(&mut client.read(events(100, ROWS)).unwrap()).unwrap();
    log.latest.store(ROWS - 7, Ordering::Release);
    becomes(metrics, "downbeat_reads_open", 0.0);
    let samples = samples(metrics);
    let one = |name: &str| samples[&format!(r#"{name}{{stream="events",partition="0"}}"#)];
    assert_eq!(one("downbeat_sent_rows_total"), rows.num_rows() as f64);
    assert!(one("downbeat_sent_bytes_total") > 100.0 * rows.num_rows() as f64, "{samples:?}");
    assert_eq!(one("downbeat_latest_offset"), (ROWS - 7) as f64);
    assert_eq!(samples[r#"downbeat_latest_offset{stream="tracks",partition="0"}"#], 0.0);
    assert_eq!(samples["downbeat_world_time_seconds"], (ROWS - 7) as f64 / 1000.0);
    assert_eq!(samples["downbeat_reads_total"], 1.0);
    assert_eq!(samples["downbeat_reads_limit"], 256.0);
    let build = format!(r#"downbeat_build_info{{version="{}",world="w1"}}"#, env!("CARGO_PKG_VERSION"));
    assert_eq!(samples[&build], 1.0);
}

#[test]
fn the_page_on_serving_lists_every_metric_and_no_other() {
    let (_log, server, client) = watched(ROWS, ServerOptions::default());
    all(&mut client.read(events(0, 10)).unwrap()).unwrap();
    let (_, head, body) = get(server.metrics.unwrap(), "/metrics");
    assert!(head.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{head}");
    let mut told: Vec<String> = body
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| line.replace(' ', " | ").replacen(" |", "` |", 1))
        .collect();
    let page = include_str!("../../../../docs/serving.md");
    let mut listed: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `downbeat_"))
        .map(|line| format!("downbeat_{}", line.split(" | ").take(2).collect::<Vec<_>>().join(" | ")))
        .collect();
    told.sort();
    listed.sort();
    assert_eq!(listed, told);
}

#[test]
fn a_client_that_takes_nothing_is_waited_for_and_costs_a_few_batches() {
    let (log, server, _client) = watched(64 * 8192, ServerOptions::default());
    let metrics = server.metrics.unwrap();
    let waits = || samples(metrics)["downbeat_client_wait_seconds_total"];
    let uri = format!("http://{}", server.address);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut readers = Vec::new();
        for _ in 0..4 {
            // A connection each: readers that share one also share what may be on its way.
            let channel = Endpoint::from_shared(uri.clone()).unwrap().connect().await.unwrap();
            let mut reader = FlightClient::new(channel).do_get(ticket(proto::ReadRange::default())).await.unwrap();
            reader.try_next().await.unwrap().unwrap();
            readers.push(reader);
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
        let made = log.made.load(Ordering::Acquire);
        // Each reader took one; two are ready, one is made, and the rest is what sockets hold.
        assert!(made <= 4 * 12 * 8192, "{} batches made for 4 that were taken", made / 8192);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(log.made.load(Ordering::Acquire), made, "the server went on");
        // What was waited for is known once it was taken.
        for reader in &mut readers {
            for _ in 0..8 {
                reader.try_next().await.unwrap().unwrap();
            }
        }
        assert!(waits() > 2.0, "{} s", waits());
    });
}

#[test]
fn a_reader_that_goes_stops_the_work_for_it() {
    let (log, server, _client) = watched(64 * 8192, ServerOptions::default());
    let metrics = server.metrics.unwrap();
    with_stranger(&server, async |mut client| {
        let mut reader = client.do_get(ticket(proto::ReadRange::default())).await.unwrap();
        reader.try_next().await.unwrap().unwrap();
        assert_eq!(samples(metrics)["downbeat_reads_open"], 1.0);
    });
    becomes(metrics, "downbeat_reads_open", 0.0);
    assert!(log.made.load(Ordering::Acquire) <= 16 * 8192, "the work went on for nobody");
}

#[test]
fn a_reader_past_the_limit_is_told_so_and_a_dropped_one_frees_its_place() {
    let (_log, server, _client) = watched(10, ServerOptions { max_reads: 3, ..ServerOptions::default() });
    let metrics = server.metrics.unwrap();
    let follow = ticket(proto::ReadRange { follow: true, ..Default::default() });
    with_stranger(&server, async |mut client| {
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(client.do_get(follow.clone()).await.unwrap());
        }
        let refused = client.do_get(follow.clone()).await.unwrap_err();
        let arrow_flight::error::FlightError::Tonic(status) = refused else { panic!("{refused:?}") };
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(
            status.message().contains("3 reads are under way") && status.message().contains("--max-reads"),
            "{status}"
        );
        assert_eq!(samples(metrics)["downbeat_reads_refused_total"], 1.0);
        assert_eq!(samples(metrics)["downbeat_reads_open"], 3.0);
        held.pop();
        let deadline = Instant::now() + Duration::from_secs(10);
        while client.do_get(follow.clone()).await.is_err() {
            assert!(Instant::now() < deadline, "the place of a dropped reader is not free");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn one_connection_may_carry_every_read_there_may_be() {
    let (_log, server, _client) = watched(10, ServerOptions::default());
    let follow = ticket(proto::ReadRange { follow: true, ..Default::default() });
    with_stranger(&server, async |mut client| {
        let mut held = Vec::new();
        for _ in 0..256 {
            held.push(client.do_get(follow.clone()).await.unwrap());
        }
        assert!(client.do_get(follow.clone()).await.unwrap_err().to_string().contains("256 reads are under way"));
    });
}

#[test]
fn a_request_too_large_to_be_one_is_refused_unread() {
    let (_log, server, _client) = watched(10, ServerOptions::default());
    let huge = vec![0_u8; 8 * 1024 * 1024];
    let codes = with_stranger(&server, async |mut client| {
        let code = |error: arrow_flight::error::FlightError| match error {
            arrow_flight::error::FlightError::Tonic(status) => status.code(),
            other => panic!("{other:?}"),
        };
        [
            code(client.do_get(Ticket::new(huge.clone())).await.map(drop).unwrap_err()),
            code(client.do_action(Action::new("offsets", huge.clone())).await.map(drop).unwrap_err()),
            code(client.get_flight_info(FlightDescriptor::new_cmd(huge)).await.map(drop).unwrap_err()),
        ]
    });
    assert_eq!(codes, [Code::OutOfRange; 3]);
}

#[test]
fn no_message_is_larger_than_allowed() {
    let limit = 100_000;
    let (log, server, client) = watched(20_000, ServerOptions { max_message_bytes: limit, ..ServerOptions::default() });
    let channel_uri = format!("http://{}", server.address);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let channel = Endpoint::from_shared(channel_uri).unwrap().connect().await.unwrap();
        // A client that takes no more than that.
        let mut client = FlightServiceClient::new(channel).max_decoding_message_size(limit);
        let messages = client.do_get(ticket(proto::ReadRange::default())).await.unwrap().into_inner();
        let sizes: Vec<usize> = messages.map(|message| message.unwrap().encoded_len()).collect().await;
        assert!(sizes.len() > 20, "{sizes:?}");
    });
    assert_eq!(all(&mut client.read(events(0, 20_000)).unwrap()).unwrap(), log.rows(0, 0..20_000));
}

#[test]
fn replicas_name_each_other_and_a_reading_goes_on_at_another() {
    // Addresses that are free now: each server has to know the other's.
    let free = [0, 1].map(|_| TcpListener::bind(ANY).unwrap());
    let addresses = free.map(|listener| listener.local_addr().unwrap());
    let replicas: Vec<String> = addresses.iter().map(|address| format!("grpc://{address}")).collect();
    let log = Arc::new(MemoryLog::new("w1", 2, 64 * 8192));
    let [mut first, second] = addresses.map(|address| {
        let options = ServerOptions { replicas: replicas.clone(), drain: Duration::ZERO, ..ServerOptions::default() };
        Running::with(address, Arc::clone(&log), options)
    });
    let path = || FlightDescriptor::new_path(vec!["events".into()]);
    let (info, same) = (
        with_stranger(&first, async |mut client| client.get_flight_info(path()).await.unwrap()),
        with_stranger(&second, async |mut client| client.get_flight_info(path()).await.unwrap()),
    );
    assert_eq!(info, same);
    for endpoint in &info.endpoint {
        assert_eq!(endpoint.location.iter().map(|location| location.uri.as_str()).collect::<Vec<_>>(), replicas);
    }
    let client = Client::connect(&replicas.join(","), Some("w1")).unwrap();
    let mut reader = client.read(events(5, 64 * 8192)).unwrap();
    let begun = reader.next().unwrap().unwrap().1;
    first.stop();
    assert_eq!(all(&mut reader).unwrap(), log.rows(0, 5 + begun.num_rows() as u64..64 * 8192));
}

#[test]
fn a_draining_server_says_so_until_its_readers_are_done() {
    let options = ServerOptions { drain: Duration::from_secs(90), ..ServerOptions::default() };
    let (log, mut server, client) = watched(64 * 8192, options);
    let metrics = server.metrics.unwrap();
    assert_eq!((get(metrics, "/healthz").0, get(metrics, "/healthz").2), (200, "serving\n".into()));
    assert_eq!(get(metrics, "/nothing").0, 404);
    let mut bounded = client.read(events(0, 64 * 8192)).unwrap();
    let begun = bounded.next().unwrap().unwrap().1;
    let started = Instant::now();
    let stopping = spawn(move || server.stop());
    sleep(Duration::from_millis(300));
    assert_eq!((get(metrics, "/healthz").0, get(metrics, "/healthz").2), (503, "draining\n".into()));
    assert_eq!(all(&mut bounded).unwrap(), log.rows(0, begun.num_rows() as u64..64 * 8192));
    stopping.join().unwrap();
    // It did not wait until the time for draining was over.
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn a_follower_with_far_to_go_is_sent_away_at_once_and_goes_on_elsewhere() {
    let options = ServerOptions { drain: Duration::from_secs(90), ..ServerOptions::default() };
    let (log, mut server, _client) = watched(64 * 8192, options);
    let elsewhere = Running::new(Arc::clone(&log));
    let client = Client::connect(&format!("{},{}", server.uri(), elsewhere.uri()), None).unwrap();
    let mut follower = client.read(events(0, None)).unwrap();
    let begun = follower.next().unwrap().unwrap().1;
    let started = Instant::now();
    let stopping = spawn(move || server.stop());
    log.ended.store(true, Ordering::Release);
    assert_eq!(all(&mut follower).unwrap(), log.rows(0, begun.num_rows() as u64..64 * 8192));
    stopping.join().unwrap();
    // It did not wait until the time for draining was over.
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[tokio::test]
async fn options_out_of_bounds_are_refused() {
    let log = Arc::new(MemoryLog::new("w1", 1, 1));
    let default = ServerOptions::default;
    for options in [
        ServerOptions { max_reads: 0, ..default() },
        ServerOptions { max_reads: usize::MAX, ..default() },
        ServerOptions { max_message_bytes: 1000, ..default() },
        ServerOptions { replicas: vec!["localhost".into()], ..default() },
    ] {
        let refused = downbeat_flight::Server::bind(Arc::clone(&log) as _, ANY.parse().unwrap(), options);
        assert!(matches!(refused, Err(Error::InvalidArgument(_))), "{refused:?}");
    }
}
