//! Refusals: the right code, what was asked, and what to do.

use std::{net::TcpListener, sync::atomic::Ordering};

use arrow_flight::{Action, FlightDescriptor, Ticket, error::FlightError};
use downbeat_flight::{Error, Server, ServerOptions, proto};
use prost::Message;
use tonic::Code;

use super::*;

/// Reads with our client; the first thing it says must be an error.
fn refusal(client: &Client, read: Read) -> Error {
    client.read(read).unwrap().next().expect_err("must be refused")
}

/// Asks for a ticket without our client; the answer must be an error.
fn refused_ticket(server: &Running, ticket: impl Into<bytes::Bytes>) -> (Code, String) {
    let ticket = Ticket::new(ticket);
    with_stranger(server, async |mut client| status(client.do_get(ticket).await.map(drop)))
}

fn status(result: Result<(), FlightError>) -> (Code, String) {
    match result {
        Err(FlightError::Tonic(status)) => (status.code(), status.message().to_owned()),
        other => panic!("a status was expected, not {other:?}"),
    }
}

#[test]
fn an_unknown_stream_or_column_is_answered_with_the_nearest() {
    let (_log, _server, client) = serve(10);
    let error = refusal(&client, Read { stream: "event".into(), ..events(0, 10) });
    assert_eq!(
        error,
        Error::InvalidArgument("no stream is called 'event'; did you mean 'events'? known: events, tracks".into())
    );
    let error = refusal(&client, Read { columns: vec!["ms_playd".into()], ..events(0, 10) });
    assert!(matches!(error, Error::InvalidArgument(_)), "{error:?}");
    assert!(
        error.to_string().starts_with(
            "no column is called 'ms_playd' in stream 'events'; did you mean 'ms_played'? known: partition, offset,"
        ),
        "{error}"
    );
    assert_eq!(client.schema("events", &["ms_playd".into()]), Err(error));
    let twice = Read { columns: vec!["ts".into(), "ts".into()], ..events(0, 10) };
    assert!(matches!(refusal(&client, twice), Error::InvalidArgument(_)));
    assert!(matches!(client.offsets("nope", None), Err(Error::InvalidArgument(_))));
    assert!(matches!(client.offsets("tracks", Some(0)), Err(Error::InvalidArgument(_))));
}

#[test]
fn a_partition_that_does_not_exist_is_not_found() {
    let (_log, _server, client) = serve(10);
    let error = refusal(&client, Read { partition: 2, ..events(0, 10) });
    assert_eq!(error, Error::NotFound("stream 'events' has no partition 2; its partitions are 0 to 1".into()));
}

#[test]
fn rows_that_are_gone_or_not_there_yet_are_out_of_range() {
    let (log, _server, client) = serve(100);
    log.earliest.store(10, Ordering::Release);
    let gone = refusal(&client, events(5, 20));
    assert_eq!(
        gone,
        Error::OutOfRange("row 5 of events/0 is held no more, the oldest is 10; start at 10 or later".into())
    );
    log.ended.store(true, Ordering::Release);
    assert!(matches!(refusal(&client, events(50, 101)), Error::OutOfRange(_)));
    assert!(matches!(refusal(&client, events(50, 40)), Error::InvalidArgument(_)));
}

#[test]
fn another_world_is_refused_with_both_named() {
    let (_log, server, _client) = serve(10);
    let error = refusal(&Client::connect(&server.uri(), Some("w0")).unwrap(), events(0, 10));
    assert!(matches!(error, Error::FailedPrecondition(_)), "{error:?}");
    assert!(error.to_string().contains("w0") && error.to_string().contains("w1"), "{error}");

    let range =
        proto::ReadRange { stream: "events".into(), partition: Some(0), world: "w0".into(), ..Default::default() };
    let (code, text) = refused_ticket(&server, proto::Ticket { range: Some(range) }.encode_to_vec());
    assert_eq!(code, Code::FailedPrecondition);
    assert!(text.contains("world w0") && text.contains("world w1"), "{text}");
}

#[test]
fn a_malformed_ticket_or_descriptor_is_an_invalid_argument() {
    let (_log, server, _client) = serve(10);
    let no_partition = proto::ReadRange { stream: "events".into(), ..Default::default() };
    for ticket in [&b"not a ticket"[..], &b""[..], &proto::Ticket { range: Some(no_partition) }.encode_to_vec()] {
        let (code, text) = refused_ticket(&server, ticket.to_vec());
        assert_eq!(code, Code::InvalidArgument, "{text}");
    }
    let (code, text) = with_stranger(&server, async |mut client| {
        status(client.get_flight_info(FlightDescriptor::new_cmd("select 1")).await.map(drop))
    });
    assert_eq!(code, Code::InvalidArgument, "{text}");
}

#[test]
fn what_the_server_does_not_do_is_unimplemented() {
    let (_log, server, _client) = serve(10);
    let (put, action) = with_stranger(&server, async |mut client| {
        let put = client.do_put(futures::stream::empty()).await.map(drop);
        let action = client.do_action(Action::new("drop_everything", "")).await.map(drop);
        (status(put), status(action))
    });
    assert_eq!(put.0, Code::Unimplemented);
    assert_eq!(action, (Code::Unimplemented, "no action is called 'drop_everything'; known: offsets, world".into()));
}

#[tokio::test]
async fn an_address_others_could_reach_or_that_is_taken_is_refused() {
    let log: Arc<MemoryLog> = Arc::new(MemoryLog::new("w1", 1, 1));
    let error =
        Server::bind(Arc::clone(&log) as _, "0.0.0.0:0".parse().unwrap(), ServerOptions::default()).unwrap_err();
    assert!(matches!(error, Error::FailedPrecondition(_)), "{error:?}");
    assert!(error.to_string().contains("give --token-file and TLS"), "{error}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let error = Server::bind(log, taken.local_addr().unwrap(), ServerOptions::default()).unwrap_err();
    assert!(error.to_string().contains("another program listens there"), "{error}");
}

#[test]
fn an_address_where_nobody_listens_fails_at_once_and_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Client::connect(&format!("grpc://{free}"), None).unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains(&format!("grpc://{free} cannot be reached: Connection refused")), "{error}");
    assert!(error.to_string().contains("`downbeat serve`"), "{error}");
}
