//! What there is to read: listings, infos, schemas and actions, as any Flight client sees them.

use std::sync::atomic::Ordering;

use arrow_flight::{FlightDescriptor, FlightInfo};
use downbeat_flight::{PartitionOffsets, proto};
use futures::TryStreamExt;
use prost::Message;

use super::*;
use crate::support::ROW_US;

fn command(range: proto::ReadRange) -> FlightDescriptor {
    FlightDescriptor::new_cmd(range.encode_to_vec())
}

/// Redeems every ticket of an info and glues the answers together.
async fn redeem(client: &mut FlightClient, info: FlightInfo) -> RecordBatch {
    let schema = Arc::new(info.clone().try_decode_schema().unwrap());
    let mut batches = Vec::new();
    for endpoint in info.endpoint {
        let stream = client.do_get(endpoint.ticket.unwrap()).await.unwrap();
        batches.extend(stream.try_collect::<Vec<_>>().await.unwrap());
    }
    concat_batches(&schema, &batches).unwrap()
}

#[test]
fn every_stream_is_listed_with_its_rows() {
    let (_log, server, _client) = serve(ROWS);
    let infos = with_stranger(&server, async |mut client| {
        client.list_flights("").await.unwrap().try_collect::<Vec<_>>().await.unwrap()
    });
    let listed: Vec<_> = infos
        .iter()
        .map(|info| {
            let path = info.flight_descriptor.as_ref().unwrap().path.join("/");
            (path, info.endpoint.len(), info.total_records)
        })
        .collect();
    assert_eq!(listed, [("events".into(), 2, 2 * ROWS as i64), ("tracks".into(), 1, 0)]);
}

#[test]
fn an_info_has_a_ticket_a_partition_that_any_replica_redeems() {
    let (log, server, _client) = serve(ROWS);
    let elsewhere = Running::new(Arc::clone(&log));
    let info = with_stranger(&server, async |mut client| {
        client.get_flight_info(FlightDescriptor::new_path(vec!["events".into()])).await.unwrap()
    });
    assert_eq!(info.endpoint.len(), 2);
    for endpoint in &info.endpoint {
        assert_eq!(endpoint.location[0].uri, format!("grpc://{}", server.address));
    }
    // Rows that arrive after the info was asked for are not part of it.
    log.latest.store(ROWS - 1, Ordering::Release);
    let shorter = with_stranger(&server, async |mut client| {
        client.get_flight_info(FlightDescriptor::new_path(vec!["events".into(), "1".into()])).await.unwrap()
    });
    log.latest.store(ROWS, Ordering::Release);
    let (both, one) = with_stranger(&elsewhere, async |mut client| {
        (redeem(&mut client, info).await, redeem(&mut client, shorter).await)
    });
    let (first, second) = (log.rows(0, 0..ROWS), log.rows(1, 0..ROWS));
    assert_eq!(both, concat_batches(&first.schema(), [&first, &second]).unwrap());
    assert_eq!(one, log.rows(1, 0..ROWS - 1));
}

#[test]
fn a_command_chooses_rows_and_columns() {
    let (log, server, _client) = serve(ROWS);
    let range = proto::ReadRange {
        stream: "events".into(),
        partition: Some(1),
        from: Some(100),
        until: Some(20_000),
        columns: vec!["offset".into()],
        ..Default::default()
    };
    let (info, schema, rows) = with_stranger(&server, async |mut client| {
        let info = client.get_flight_info(command(range.clone())).await.unwrap();
        let schema = client.get_schema(command(range)).await.unwrap();
        let rows = redeem(&mut client, info.clone()).await;
        (info, schema, rows)
    });
    assert_eq!(info.total_records, 19_900);
    assert_eq!(schema, *rows.schema());
    assert_eq!(rows, log.rows(1, 100..20_000).project(&[1]).unwrap());
}

#[test]
fn the_world_tells_its_streams_and_time() {
    let (_log, _server, client) = serve(100);
    let world = client.world().unwrap();
    assert_eq!((world.world.as_str(), world.config_json.as_str()), ("w1", r#"{"seed":7}"#));
    assert_eq!(world.now_us, 100 * ROW_US);
    let streams: Vec<_> = world.streams.iter().map(|stream| (&*stream.name, stream.partitions, stream.log)).collect();
    assert_eq!(streams, [("events", 2, true), ("tracks", 1, false)]);
    assert_eq!(client.fingerprint(), "w1");
}

#[test]
fn offsets_tell_what_is_held_and_where_a_time_begins() {
    let (log, _server, client) = serve(100);
    log.earliest.store(10, Ordering::Release);
    let held = |partition, at| PartitionOffsets {
        partition,
        earliest: 10,
        latest: 100,
        at,
        latest_arrived_us: Some(99 * ROW_US),
        row_arrived_us: None,
        ended: false,
    };
    assert_eq!(client.offsets("events", None).unwrap(), [held(0, None), held(1, None)]);
    for (at_us, at) in [
        (50 * ROW_US, Some(50)),
        (50 * ROW_US - 1, Some(50)),
        (50 * ROW_US + 1, Some(51)),
        (0, Some(10)),
        (i64::MIN / 2, Some(10)),
        (99 * ROW_US, Some(99)),
        (99 * ROW_US + 1, None),
        (i64::MAX / 2, None),
    ] {
        assert_eq!(client.offsets("events", Some(at_us)).unwrap()[1], held(1, at), "{at_us}");
    }
    for (row, arrived_us) in [(50, Some(50 * ROW_US)), (9, None), (10, Some(10 * ROW_US)), (100, None)] {
        let request = proto::OffsetsRequest { stream: "events".into(), rows: [(1, row)].into(), ..Default::default() };
        let told = client.offsets_of(request).unwrap();
        assert_eq!((told[0].row_arrived_us, told[1].row_arrived_us), (None, arrived_us), "{row}");
    }
    let empty = PartitionOffsets {
        partition: 0,
        earliest: 0,
        latest: 0,
        at: None,
        latest_arrived_us: None,
        row_arrived_us: None,
        ended: true,
    };
    assert_eq!(client.offsets("tracks", None).unwrap(), [empty]);
}

#[test]
fn the_actions_are_listed() {
    let (_log, server, _client) = serve(1);
    let actions = with_stranger(&server, async |mut client| {
        client.list_actions().await.unwrap().try_collect::<Vec<_>>().await.unwrap()
    });
    let names: Vec<_> = actions.iter().map(|action| action.r#type.as_str()).collect();
    assert_eq!(names, ["offsets", "world"]);
}
