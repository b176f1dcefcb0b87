//! What a reader may rely on, with a real server and client over loopback and a log in memory behind them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // The lints know tests by their attribute, not their helpers.

mod discover;
mod follow;
mod operate;
mod query;
mod read;
mod refuse;
mod resume;
mod secure;
mod stop;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;

use arrow::{array::RecordBatch, compute::concat_batches};
use arrow_flight::FlightClient;
use downbeat_flight::{BatchReader, Client, Read, Result};
use support::{MemoryLog, Running};
use tonic::transport::Endpoint;

/// Enough for several batches and an odd rest.
const ROWS: u64 = 5 * 8192 + 123;

fn serve(rows: u64) -> (Arc<MemoryLog>, Running, Client) {
    let log = Arc::new(MemoryLog::new("w1", 2, rows));
    let server = Running::new(Arc::clone(&log));
    let client = Client::connect(&server.uri(), None).unwrap();
    (log, server, client)
}

fn events(from: u64, until: impl Into<Option<u64>>) -> Read {
    Read { stream: "events".into(), partition: 0, from, until: until.into(), columns: Vec::new() }
}

/// Reads to the end, as one batch.
fn all(reader: &mut BatchReader) -> Result<RecordBatch> {
    let mut batches = Vec::new();
    while let Some((_, batch)) = reader.next()? {
        batches.push(batch);
    }
    Ok(concat_batches(&batches.first().expect("at least one batch").schema(), &batches).unwrap())
}

/// Runs what a stranger's client would do, without ours.
fn with_stranger<T>(server: &Running, work: impl AsyncFnOnce(FlightClient) -> T) -> T {
    let uri = format!("http://{}", server.address);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let channel = Endpoint::from_shared(uri).unwrap().connect().await.unwrap();
        work(FlightClient::new(channel)).await
    })
}
