//! Requests from anybody: whatever bytes arrive as a ticket, descriptor or action, the server answers with the right code,
//! goes on serving, and takes no more memory than a request has. A binary of its own, so that it can count its memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // The lints know tests by their attribute, not their helpers.

#[path = "support/mod.rs"]
mod support;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use arrow_flight::{
    Action, FlightDescriptor, Ticket, flight_descriptor::DescriptorType, flight_service_client::FlightServiceClient,
};
use downbeat_flight::proto;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use prost::Message;
use support::{MemoryLog, Running};
use tonic::{Code, Status, transport::Channel};

/// The largest allocation of the process so far: a length in a request that is believed would show here.
struct Largest(AtomicUsize);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Largest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc`, which is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static LARGEST: Largest = Largest(AtomicUsize::new(0));

/// No request needs an allocation near this one; a batch of the small log is far below it too.
const ENOUGH_BYTES: usize = 4 * 1024 * 1024;

/// Requests of each kind: about a second's worth.
const CASES: u32 = 1500;

/// Sends what a strategy makes, and checks the code of each answer.
fn send<S: Strategy>(
    requests: &S,
    allowed: &[Code],
    ask: impl AsyncFn(FlightServiceClient<Channel>, S::Value) -> Result<(), Status>,
) where
    S::Value: Clone,
{
    let mut log = MemoryLog::new("w1", 2, 300);
    log.ended.store(true, Ordering::Release);
    log.broken_from = None;
    let server = Running::new(Arc::new(log));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let channel =
        runtime.block_on(Channel::from_shared(format!("http://{}", server.address)).unwrap().connect()).unwrap();
    LARGEST.0.store(0, Ordering::Relaxed);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let client = FlightServiceClient::new(channel);
    TestRunner::new(config)
        .run(requests, |request| {
            if let Err(status) = runtime.block_on(ask(client.clone(), request)) {
                prop_assert!(allowed.contains(&status.code()), "{status:?}");
                prop_assert!(!status.message().is_empty() && status.message().len() < 2000, "{status:?}");
            }
            Ok(())
        })
        .unwrap();
    let largest = LARGEST.0.load(Ordering::Relaxed);
    assert!(largest < ENOUGH_BYTES, "{largest} bytes at once");
    // It is well.
    let world = Action::new("world", "");
    runtime.block_on(client.clone().do_action(world)).unwrap().into_inner();
}

/// Ranges that may make sense, and those that nearly do.
fn range() -> impl Strategy<Value = proto::ReadRange> + Clone {
    let row = prop_oneof![0..310_u64, Just(u64::MAX), Just(i64::MAX as u64), any::<u64>()];
    (
        prop_oneof![Just("events".to_owned()), Just("tracks".to_owned()), "\\PC{0,12}", "e{0,9000}"],
        proptest::option::of(prop_oneof![0..3_u32, any::<u32>()]),
        proptest::option::of(row.clone()),
        proptest::option::of(row),
        any::<bool>(),
        prop::collection::vec(prop_oneof![Just("ts".to_owned()), Just("offset".to_owned()), "[a-z]{0,9}"], 0..4),
        prop_oneof![Just(String::new()), Just("w1".to_owned()), "[a-z0-9]{0,40}"],
    )
        .prop_map(|(stream, partition, from, until, follow, columns, world)| proto::ReadRange {
            stream,
            partition,
            from,
            until,
            follow,
            columns,
            world,
        })
        .boxed()
}

/// A valid message with bytes replaced, cut or added, or any bytes at all.
fn torn<M: Message + Clone>(valid: impl Strategy<Value = M>) -> impl Strategy<Value = Vec<u8>> {
    let bytes = valid.prop_map(|message| message.encode_to_vec());
    let torn = (bytes, any::<prop::sample::Index>(), 0..4_usize, prop::collection::vec(any::<u8>(), 0..4)).prop_map(
        |(mut bytes, at, remove, add)| {
            let from = at.index(bytes.len() + 1);
            let until = (from + remove).min(bytes.len());
            bytes.splice(from..until, add);
            bytes
        },
    );
    prop_oneof![4 => torn, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

/// What a request that makes no sense, or none for this log, is answered.
const REFUSALS: [Code; 4] = [Code::InvalidArgument, Code::NotFound, Code::OutOfRange, Code::FailedPrecondition];

async fn read(mut client: FlightServiceClient<Channel>, ticket: Vec<u8>) -> Result<(), Status> {
    let mut messages = client.do_get(Ticket::new(ticket)).await?.into_inner();
    while messages.message().await?.is_some() {}
    Ok(())
}

#[test]
fn any_ticket_is_read_or_refused() {
    send(&torn(range().prop_map(|range| proto::Ticket { range: Some(range) })), &REFUSALS, read);
}

#[test]
fn any_range_is_read_or_refused() {
    let tickets = range().prop_map(|range| proto::Ticket { range: Some(range) }.encode_to_vec());
    send(&tickets, &REFUSALS, read);
}

#[test]
fn any_descriptor_is_described_or_refused() {
    let command = torn(range()).prop_map(FlightDescriptor::new_cmd);
    let path = prop::collection::vec(prop_oneof![Just("events".to_owned()), "[0-9]{1,12}", "\\PC{0,20}"], 0..4)
        .prop_map(FlightDescriptor::new_path);
    let neither = (any::<i32>(), range()).prop_map(|(r#type, range)| FlightDescriptor {
        r#type,
        cmd: range.encode_to_vec().into(),
        path: Vec::new(),
    });
    let whole = range().prop_map(|range| FlightDescriptor::new_cmd(range.encode_to_vec()));
    let descriptors = prop_oneof![command, path, neither, whole];
    send(&descriptors, &REFUSALS, async |mut client, descriptor| {
        let known = DescriptorType::try_from(descriptor.r#type).is_ok();
        let info = client.get_flight_info(descriptor.clone()).await.map(drop);
        let schema = client.get_schema(descriptor).await.map(drop);
        assert!(known || info.is_err());
        info.and(schema)
    });
}

#[test]
fn any_action_is_answered_or_refused() {
    let at_us = proptest::option::of(prop_oneof![0..400_000_i64, any::<i64>()]);
    let rows = proptest::collection::vec(prop_oneof![0..400_u64, any::<u64>()], 0..4);
    let request = (range(), at_us, rows).prop_map(|(proto::ReadRange { stream, world, .. }, at_us, rows)| {
        proto::OffsetsRequest {
            stream,
            // The log in memory adds to it; ours does not.
            at_us: at_us.map(|at_us| at_us.min(i64::MAX / 2)),
            world,
            rows: (0..4).zip(rows).collect(),
        }
    });
    let name = prop_oneof![4 => Just("offsets".to_owned()), 1 => Just("world".to_owned()), 1 => "\\PC{0,200}"];
    let allowed = [&REFUSALS[..], &[Code::Unimplemented]].concat();
    send(&(name, torn(request)), &allowed, async |mut client, (name, body)| {
        let mut results = client.do_action(Action::new(name, body)).await?.into_inner();
        while results.message().await?.is_some() {}
        Ok(())
    });
}
