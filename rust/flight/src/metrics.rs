//! What a server counts while it serves, for whoever operates it: `docs/serving.md` lists every metric, and a test holds
//! the list to this file.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};
use tokio::sync::OwnedSemaphorePermit;

use crate::{Error, Log, Result, request::log_failed};

/// One partition of a stream. Only partitions that exist get a label, so there are never more than those.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Partition {
    stream: String,
    partition: u32,
}

/// The counters of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    reads: Counter,
    reads_refused: Counter,
    reads_open: Gauge,
    client_wait: Counter<f64, AtomicU64>,
    sent_rows: Family<Partition, Counter>,
    sent: Family<Partition, Counter>,
    latest_offset: Family<Partition, Gauge>,
    world_time: Gauge<f64, AtomicU64>,
}

impl Metrics {
    pub(crate) fn new(log: &dyn Log, max_reads: usize) -> Self {
        let mut registry = Registry::with_prefix("downbeat");
        let build = vec![("version", env!("CARGO_PKG_VERSION").to_owned()), ("world", log.world().to_owned())];
        registry.register("build", "The version of this server and the fingerprint of its world", Info::new(build));
        let limit: Gauge = Gauge::default();
        limit.set(i64::try_from(max_reads).unwrap_or(i64::MAX));
        registry.register("reads_limit", "Reads that may be open at once", limit);
        let metrics = Self {
            registry: Registry::default(),
            reads: Counter::default(),
            reads_refused: Counter::default(),
            reads_open: Gauge::default(),
            client_wait: Counter::default(),
            sent_rows: Family::default(),
            sent: Family::default(),
            latest_offset: Family::default(),
            world_time: Gauge::default(),
        };
        registry.register("reads", "Reads begun", metrics.reads.clone());
        registry.register(
            "reads_refused",
            "Reads refused because the limit was reached",
            metrics.reads_refused.clone(),
        );
        registry.register("reads_open", "Reads under way", metrics.reads_open.clone());
        registry.register_with_unit(
            "client_wait",
            "Time in which rows were ready and no client took them, summed over reads",
            Unit::Seconds,
            metrics.client_wait.clone(),
        );
        registry.register("sent_rows", "Rows handed to clients", metrics.sent_rows.clone());
        registry.register_with_unit("sent", "Encoded rows handed to clients", Unit::Bytes, metrics.sent.clone());
        registry.register(
            "latest_offset",
            "Offset after the last row held; the rows of a partition, as none expire",
            metrics.latest_offset.clone(),
        );
        registry.register_with_unit(
            "world_time",
            "World time since 1970 UTC",
            Unit::Seconds,
            metrics.world_time.clone(),
        );
        Self { registry, ..metrics }
    }

    /// Counts a read that has begun; it is under way until what is returned is dropped.
    pub(crate) fn open(self: &Arc<Self>, stream: &str, partition: u32, permit: OwnedSemaphorePermit) -> OpenRead {
        let label = Partition { stream: stream.to_owned(), partition };
        self.reads.inc();
        self.reads_open.inc();
        OpenRead {
            rows: self.sent_rows.get_or_create_owned(&label),
            bytes: self.sent.get_or_create_owned(&label),
            metrics: Arc::clone(self),
            _permit: permit,
        }
    }

    /// Counts a read that was not begun.
    pub(crate) fn refused(&self) {
        self.reads_refused.inc();
    }

    /// Everything in Prometheus' text format, with the log as it stands now. Asks the log, so it may block.
    pub(crate) fn text(&self, log: &dyn Log) -> Result<String> {
        for stream in log.streams() {
            for partition in 0..stream.partitions {
                let held =
                    log.held(&stream.name, partition).map_err(|cause| log_failed(&stream.name, partition, &cause))?;
                let label = Partition { stream: stream.name.clone(), partition };
                self.latest_offset.get_or_create(&label).set(i64::try_from(held.latest).unwrap_or(i64::MAX));
            }
        }
        self.world_time.set(log.now_us() as f64 / 1e6);
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry)
            .map_err(|fmt::Error| Error::Internal("cannot write the metrics down".into()))?;
        Ok(text)
    }
}

/// A read under way: its place among those allowed, and what it counts.
#[derive(Debug)]
pub(crate) struct OpenRead {
    metrics: Arc<Metrics>,
    rows: Counter,
    bytes: Counter,
    _permit: OwnedSemaphorePermit,
}

impl OpenRead {
    /// Counts a message that a client took after it had been ready for `waited`.
    pub(crate) fn sent(&self, rows: u64, bytes: u64, waited: Duration) {
        self.rows.inc_by(rows);
        self.bytes.inc_by(bytes);
        self.metrics.client_wait.inc_by(waited.as_secs_f64());
    }
}

impl Drop for OpenRead {
    fn drop(&mut self) {
        self.metrics.reads_open.dec();
    }
}
