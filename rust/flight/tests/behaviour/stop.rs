//! Stopping: readers with an end get to it, the others are told to go elsewhere.

use std::{
    thread::spawn,
    time::{Duration, Instant},
};

use arrow_flight::Ticket;
use downbeat_flight::{Error, proto};
use futures::TryStreamExt;
use prost::Message;
use tonic::Code;

use super::*;

#[test]
fn a_reader_with_an_end_gets_to_it_while_the_server_stops() {
    let (log, mut server, client) = serve(64 * 8192);
    let mut reader = client.read(events(0, 64 * 8192)).unwrap();
    let first = reader.next().unwrap().unwrap().1;
    let address = server.address;
    let stopping = spawn(move || server.stop());
    let refused = Instant::now() + Duration::from_secs(5);
    while Client::connect(&format!("grpc://{address}"), None).is_ok() {
        assert!(Instant::now() < refused, "a stopping server took a new connection");
    }
    assert_eq!(all(&mut reader).unwrap(), log.rows(0, first.num_rows() as u64..64 * 8192));
    stopping.join().unwrap();
}

#[test]
fn a_follower_is_sent_away_at_once() {
    let (_log, mut server, _client) = serve(10);
    let range = proto::ReadRange { stream: "events".into(), partition: Some(0), follow: true, ..Default::default() };
    let ticket = Ticket::new(proto::Ticket { range: Some(range) }.encode_to_vec());
    let started = Instant::now();
    let status = with_stranger_and(&mut server, ticket);
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("another replica"), "{status}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

/// Follows with a stranger's client, stops the server after the first batch, and returns how the following ended.
fn with_stranger_and(server: &mut Running, ticket: Ticket) -> tonic::Status {
    let uri = format!("http://{}", server.address);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut client = FlightClient::new(Endpoint::from_shared(uri).unwrap().connect().await.unwrap());
        let mut stream = client.do_get(ticket).await.unwrap();
        stream.try_next().await.unwrap().expect("a first batch");
        let (ended, ()) = tokio::join!(stream.try_next(), async {
            tokio::task::block_in_place(|| server.stop());
        });
        match ended {
            Err(arrow_flight::error::FlightError::Tonic(status)) => *status,
            other => panic!("a follower ended with {other:?}"),
        }
    })
}

#[test]
fn a_reader_that_will_not_end_cannot_keep_the_server_from_stopping() {
    let (_log, mut server, client) = serve(64 * 8192);
    let mut reader = client.read(events(0, 64 * 8192)).unwrap();
    reader.next().unwrap();
    let started = Instant::now();
    server.stop();
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    // The reader hears of it, sooner or later, and does not take it for the end.
    assert!(matches!(all(&mut reader), Err(Error::Unavailable(_))));
}
