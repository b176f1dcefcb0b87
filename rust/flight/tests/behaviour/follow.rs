//! Following: rows as they arrive, until the log ends or the reader does.

use std::{
    sync::atomic::Ordering,
    thread::{sleep, spawn},
    time::{Duration, Instant},
};

use arrow_flight::Ticket;
use downbeat_flight::{CancellationToken, Error, proto};
use futures::TryStreamExt;
use prost::Message;

use super::*;

#[test]
fn a_follower_gets_rows_as_they_arrive_and_ends_with_the_log() {
    let (log, _server, client) = serve(ROWS);
    log.latest.store(5, Ordering::Release);
    let mut reader = client.read(events(3, None)).unwrap();
    assert_eq!(reader.next(), Ok(Some((3, log.rows(0, 3..5)))));
    log.latest.store(9, Ordering::Release);
    assert_eq!(reader.next(), Ok(Some((5, log.rows(0, 5..9)))));
    log.latest.store(ROWS, Ordering::Release);
    log.ended.store(true, Ordering::Release);
    assert_eq!(all(&mut reader), Ok(log.rows(0, 9..ROWS)));
}

#[test]
fn a_follower_waits_for_rows_that_are_still_to_come() {
    let (log, _server, client) = serve(100);
    log.latest.store(0, Ordering::Release);
    let mut reader = client.read(events(50, None)).unwrap();
    sleep(Duration::from_millis(200));
    log.latest.store(60, Ordering::Release);
    assert_eq!(reader.next(), Ok(Some((50, log.rows(0, 50..60)))));
}

#[test]
fn a_follower_with_an_end_waits_for_it_or_hears_that_it_will_never_come() {
    let range = proto::ReadRange {
        stream: "events".into(),
        partition: Some(0),
        from: Some(5),
        until: Some(20),
        follow: true,
        ..Default::default()
    };
    let ticket = Ticket::new(proto::Ticket { range: Some(range) }.encode_to_vec());
    for ends_at in [30, 15] {
        let (log, server, _client) = serve(100);
        log.latest.store(10, Ordering::Release);
        let rest = with_stranger(&server, async |mut client| {
            let mut stream = client.do_get(ticket.clone()).await.unwrap();
            assert_eq!(stream.try_next().await.unwrap(), Some(log.rows(0, 5..10)));
            log.latest.store(ends_at, Ordering::Release);
            log.ended.store(true, Ordering::Release);
            stream.try_collect::<Vec<_>>().await
        });
        match ends_at {
            30 => assert_eq!(rest.unwrap(), [log.rows(0, 10..20)]),
            _ => assert!(rest.unwrap_err().to_string().contains("rows end at 15 and no more will come")),
        }
    }
}

#[test]
fn another_thread_cancels_a_reader_that_waits() {
    let (_log, _server, client) = serve(10);
    let cancel = CancellationToken::new();
    let mut reader = client.until(cancel.clone()).read(events(10, None)).unwrap();
    let started = Instant::now();
    let cancelling = spawn(move || {
        sleep(Duration::from_millis(200));
        cancel.cancel();
    });
    assert!(matches!(reader.next(), Err(Error::Cancelled(_))));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(matches!(reader.next(), Err(Error::Cancelled(_))), "cancelled is for good");
    cancelling.join().unwrap();
}
