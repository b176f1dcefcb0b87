//! Ranges: exactly the rows asked for, or an error.

use std::{sync::atomic::Ordering, thread::sleep, time::Duration};

use arrow_flight::Ticket;
use downbeat_flight::{Credentials, Error, Patience, proto};
use futures::TryStreamExt;
use prost::Message;

use super::*;
use crate::support::Break;

#[test]
fn a_range_gives_exactly_its_rows() {
    let (log, _server, client) = serve(ROWS);
    for (partition, from, until) in
        [(0, 0, ROWS), (1, 0, ROWS), (0, 1, 2), (1, 8191, 8193), (0, 8192, 2 * 8192), (0, ROWS - 1, ROWS)]
    {
        let mut reader = client.read(Read { partition, ..events(from, until) }).unwrap();
        assert_eq!(all(&mut reader).unwrap(), log.rows(partition, from..until), "{partition}: {from}..{until}");
        assert_eq!(reader.next(), Ok(None), "the end stays the end");
    }
}

#[test]
fn columns_come_in_the_order_asked_for() {
    let (log, _server, client) = serve(100);
    let columns = vec!["ts".to_owned(), "offset".to_owned()];
    let schema = client.schema("events", &columns).unwrap();
    let batch = all(&mut client.read(Read { columns, ..events(10, 20) }).unwrap()).unwrap();
    assert_eq!(batch.schema(), schema);
    assert_eq!(batch, log.rows(0, 10..20).project(&[5, 1]).unwrap());
}

#[test]
fn an_empty_range_has_no_batch_and_no_error() {
    let (_log, _server, client) = serve(100);
    for at in [0, 50, 100, 1000] {
        assert_eq!(client.read(events(at, at)).unwrap().next(), Ok(None), "{at}");
    }
}

#[test]
fn a_ticket_beyond_the_latest_row_gives_the_schema_and_no_rows() {
    let (log, server, _client) = serve(100);
    let range =
        proto::ReadRange { stream: "events".into(), partition: Some(0), from: Some(5000), ..Default::default() };
    let ticket = Ticket::new(proto::Ticket { range: Some(range) }.encode_to_vec());
    let (schema, batches) = with_stranger(&server, async |mut client| {
        let mut stream = client.do_get(ticket).await.unwrap();
        let batches: Vec<RecordBatch> = (&mut stream).try_collect().await.unwrap();
        (stream.schema().cloned(), batches)
    });
    assert_eq!(schema, Some(log.rows(0, 0..0).schema()));
    assert_eq!(batches, []);
}

#[test]
fn a_log_that_fails_half_way_is_an_error_and_never_a_shorter_answer() {
    for (how, text) in [
        (Break::Error, "the disk is on fire"),
        (Break::Panic, "the log fell over"),
        (Break::EndEarly, "the log ended at row 16384"),
    ] {
        let mut log = MemoryLog::new("w1", 1, ROWS);
        log.broken_from = Some((2 * 8192, how));
        let server = Running::new(Arc::new(log));
        let mut reader = Client::connect(&server.uri(), None).unwrap().read(events(0, ROWS)).unwrap();
        let error = all(&mut reader).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert!(matches!(error, Error::Internal(_) | Error::DataLoss(_)), "{error:?}");
        assert_eq!(reader.next(), Err(error), "the error stays");
    }
}

#[test]
fn readers_that_are_slow_take_nothing_from_one_that_is_not() {
    let rows = 64 * 8192;
    let server = Running::new(Arc::new(MemoryLog::new("w1", 2, rows)));
    let patience = Patience { timeout: Duration::from_secs(20), retries: 0, ..Patience::default() };
    let client = Client::connect_with(&server.uri(), Some("w1"), &Credentials::default(), patience).unwrap();
    let mut slow: Vec<_> = (0..16).map(|_| client.read(events(0, rows)).unwrap()).collect();
    for reader in &mut slow {
        reader.next().unwrap();
    }
    // They have filled what they may by now, all over the same connection.
    sleep(Duration::from_millis(300));
    let mut read = 0;
    let mut fast = client.read(Read { partition: 1, ..events(0, rows) }).unwrap();
    while let Some((_, batch)) = fast.next().unwrap() {
        read += batch.num_rows() as u64;
    }
    assert_eq!(read, rows);
}

#[test]
fn a_slow_reader_holds_the_server_back() {
    let (log, _server, client) = serve(64 * 8192);
    let mut reader = client.read(events(0, 64 * 8192)).unwrap();
    reader.next().unwrap();
    sleep(Duration::from_millis(700));
    let made = log.made.load(Ordering::Acquire);
    // One being worked on, two decoded, about four on their way, two encoded, one being made, and what sockets hold.
    assert!(made <= 14 * 8192, "{} batches made for one that was read", made / 8192);
    sleep(Duration::from_millis(300));
    assert_eq!(log.made.load(Ordering::Acquire), made, "the server went on");
    assert_eq!(all(&mut reader).unwrap(), log.rows(0, 8192..64 * 8192));
}
