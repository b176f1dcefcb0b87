//! Resuming: connections that break in the middle cost no row and double none.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::atomic::Ordering,
    thread::spawn,
    time::{Duration, Instant},
};

use downbeat_flight::{CancellationToken, Credentials, Error, Patience};

use super::*;

/// A listener that passes bytes on to `target`, and cuts its nth connection after so many bytes of answer.
/// Connections past the list are left alone.
fn cutting_proxy(target: SocketAddr, cuts: &[usize]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("grpc://{}", listener.local_addr().unwrap());
    let mut cuts = Vec::from(cuts).into_iter();
    spawn(move || {
        for reader in listener.incoming() {
            let (reader, server) = (reader.unwrap(), TcpStream::connect(target).unwrap());
            let limit = cuts.next().unwrap_or(usize::MAX);
            let (from, to) = (reader.try_clone().unwrap(), server.try_clone().unwrap());
            spawn(move || pass(from, to, usize::MAX));
            spawn(move || pass(server, reader, limit));
        }
    });
    uri
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut limit: usize) {
    let mut bytes = [0; 8192];
    while limit > 0 {
        let Ok(read @ 1..) = from.read(&mut bytes) else { break };
        let part = read.min(limit);
        if to.write_all(&bytes[..part]).is_err() {
            break;
        }
        limit -= part;
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_cut_connection_costs_no_row_and_doubles_none() {
    let log = Arc::new(MemoryLog::new("w1", 1, ROWS));
    let server = Running::new(Arc::clone(&log));
    // In the middle of a batch, of a header, right at the start, several times over.
    for cuts in [&[3_000_000][..], &[600], &[10], &[1_000_000, 5_000_000, 300, 2_500_000]] {
        let proxy = cutting_proxy(server.address, cuts);
        let client = Client::connect(&proxy, Some("w1")).unwrap();
        assert_eq!(all(&mut client.read(events(7, ROWS)).unwrap()).unwrap(), log.rows(0, 7..ROWS), "{cuts:?}");
    }
}

#[test]
fn a_connection_cut_at_any_byte_near_the_end_never_shortens_the_answer() {
    let log = Arc::new(MemoryLog::new("w1", 1, 20));
    let server = Running::new(Arc::clone(&log));
    for cut in (0..9000).step_by(211) {
        let client = Client::connect(&cutting_proxy(server.address, &[cut]), Some("w1")).unwrap();
        assert_eq!(all(&mut client.read(events(0, 20)).unwrap()).unwrap(), log.rows(0, 0..20), "{cut}");
    }
}

#[test]
fn a_follower_goes_on_after_a_cut() {
    let log = Arc::new(MemoryLog::new("w1", 1, ROWS));
    let server = Running::new(Arc::clone(&log));
    let client = Client::connect(&cutting_proxy(server.address, &[4_000_000]), None).unwrap();
    let mut reader = client.read(events(0, None)).unwrap();
    let mut next = 0;
    while next < ROWS {
        let (first, batch) = reader.next().unwrap().expect("a log that goes on");
        assert_eq!((first, &batch), (next, &log.rows(0, next..next + batch.num_rows() as u64)));
        next += batch.num_rows() as u64;
    }
    log.ended.store(true, Ordering::Release);
    assert_eq!(reader.next(), Ok(None));
}

#[test]
fn a_reading_goes_on_at_another_replica() {
    let log = Arc::new(MemoryLog::new("w1", 1, ROWS));
    let (first, second) = (Running::new(Arc::clone(&log)), Running::new(Arc::clone(&log)));
    // The first replica is cut on its first connection, and gone after that.
    let proxy = cutting_proxy(first.address, &[3_000_000, 0, 0, 0, 0, 0, 0]);
    let client = Client::connect(&format!("{proxy}, {}", second.uri()), None).unwrap();
    assert_eq!(all(&mut client.read(events(0, ROWS)).unwrap()).unwrap(), log.rows(0, 0..ROWS));
}

#[test]
fn a_reading_and_a_question_outlast_a_restart_of_the_server() {
    let log = Arc::new(MemoryLog::new("w1", 1, ROWS));
    let mut server = Running::new(Arc::clone(&log));
    let client = Client::connect(&server.uri(), None).unwrap();
    let mut reader = client.read(events(0, None)).unwrap();
    let first = reader.next().unwrap().unwrap().1;
    let address = server.address;
    server.stop();
    let _server = Running::at(address, Arc::clone(&log));
    log.ended.store(true, Ordering::Release);
    assert_eq!(client.offsets("events", None).unwrap()[0].latest, ROWS);
    assert_eq!(all(&mut reader).unwrap(), log.rows(0, first.num_rows() as u64..ROWS));
}

#[test]
fn a_reading_does_not_go_on_in_another_world() {
    let log = Arc::new(MemoryLog::new("w1", 1, ROWS));
    let (here, elsewhere) = (Running::new(log), Running::new(Arc::new(MemoryLog::new("w2", 1, ROWS))));
    let proxy = cutting_proxy(here.address, &[3_000_000]);
    let client = Client::connect(&format!("{proxy},{}", elsewhere.uri()), None).unwrap();
    let error = all(&mut client.read(events(0, ROWS)).unwrap()).unwrap_err();
    assert!(matches!(error, Error::FailedPrecondition(_)), "{error:?}");
    assert!(error.to_string().contains("w1") && error.to_string().contains("w2"), "{error}");
}

#[test]
fn a_replica_that_is_a_little_behind_is_waited_for() {
    let log = Arc::new(MemoryLog::new("w1", 1, 20));
    log.latest.store(10, Ordering::Release);
    let server = Running::new(Arc::clone(&log));
    let client = Client::connect(&server.uri(), None).unwrap();
    let mut reader = client.read(events(0, 20)).unwrap();
    assert_eq!(reader.next().unwrap().unwrap(), (0, log.rows(0, 0..10)));
    assert_eq!(reader.next_within(Duration::from_millis(100)).unwrap(), None);
    log.latest.store(20, Ordering::Release);
    assert_eq!(all(&mut reader).unwrap(), log.rows(0, 10..20));
}

#[test]
fn whoever_knows_the_world_waits_for_its_server() {
    let log = Arc::new(MemoryLog::new("w1", 1, 20));
    let mut first = Running::new(Arc::clone(&log));
    let (address, uri) = (first.address, first.uri());
    first.stop();
    let patience = Patience { retries: 20, pause: Duration::from_millis(50), ..Patience::default() };
    let connect = |world| Client::connect_with(&uri, world, &Credentials::default(), patience);
    assert!(matches!(connect(None), Err(Error::Unavailable(_))), "whoever asks for the world does not wait");
    let client = connect(Some("w1")).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| all(&mut client.read(events(0, 20)).unwrap()));
        std::thread::sleep(Duration::from_millis(200));
        let _again = Running::at(address, Arc::clone(&log));
        assert_eq!(waiting.join().unwrap().unwrap(), log.rows(0, 0..20));
    });
}

#[test]
fn whoever_waits_for_a_server_can_be_cancelled() {
    let mut server = Running::new(Arc::new(MemoryLog::new("w1", 1, 20)));
    let uri = server.uri();
    server.stop();
    let client = Client::connect(&uri, Some("w1")).unwrap();
    for asks in [
        |client: &Client| client.offsets("events", None).map(drop),
        |client: &Client| client.schema("events", &[]).map(drop),
        |client: &Client| client.read(events(0, 20)).unwrap().next().map(drop),
    ] {
        let cancel = CancellationToken::new();
        let client = client.clone().until(cancel.clone());
        let asked = std::thread::spawn(move || asks(&client));
        std::thread::sleep(Duration::from_millis(200));
        assert!(!asked.is_finished(), "it waits for the server to be back");
        let cancelled = Instant::now();
        cancel.cancel();
        assert!(matches!(asked.join().unwrap(), Err(Error::Cancelled(_))));
        assert!(cancelled.elapsed() < Duration::from_secs(2));
    }
    // The others of the same connection go on.
    let _again = Running::at(server.address, Arc::new(MemoryLog::new("w1", 1, 20)));
    client.offsets("events", None).unwrap();
}
