//! Servers that answer alike: which one is asked next, and how long failures are borne.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use arrow::datatypes::Schema;
use arrow_flight::{
    FlightDescriptor, Ticket, decode::FlightDataDecoder, error::FlightError, flight_service_client::FlightServiceClient,
};
use futures::TryStreamExt;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;
use tonic::{
    Status,
    service::interceptor::InterceptedService,
    transport::{self, Endpoint},
};

use crate::{Credentials, Error, Result, error::innermost, receive, security::Bearer};

/// A connection that shows who asks.
pub(crate) type Channel = InterceptedService<transport::Channel, Bearer>;

/// What a server may have under way to one reader: a few batches, so that both sides are at work at the same time, and a slow reader
/// holds it back soon.
const WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// What a server cuts messages into: by default 16 KB, each of which costs both sides a call of the system.
const FRAME_BYTES: u32 = 256 * 1024;

const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The one runtime of the process, whatever the number of clients: it only moves bytes, so two threads do.
pub(crate) fn runtime() -> Result<&'static Handle> {
    static RUNTIME: OnceLock<Result<Runtime>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("downbeat-flight")
                .enable_all()
                .build()
                .map_err(|cause| Error::Internal(format!("cannot start the threads of the Flight client: {cause}")))
        })
        .as_ref()
        .map(Runtime::handle)
        .map_err(Error::clone)
}

/// How long a client waits, and how often it tries again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The longest a server may take to answer, or to send the next batch of what it has.
    pub timeout: Duration,
    /// Attempts after one that failed and may pass, at whichever replica, before giving up. What works starts the count anew.
    pub retries: u32,
    /// Between the first two attempts; each pause is twice the one before, up to four seconds.
    pub pause: Duration,
}

impl Default for Patience {
    /// Two minutes, and about 15 seconds of attempts: enough for a server to restart.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(120), retries: 8, pause: Duration::from_millis(100) }
    }
}

/// Counts failures since the last success, and pauses longer after each.
#[derive(Debug)]
pub(crate) struct Attempts {
    patience: Patience,
    failures: u32,
}

impl Attempts {
    pub(crate) const fn new(patience: Patience) -> Self {
        Self { patience, failures: 0 }
    }

    /// Waits before the next attempt, or gives `error` back when it will not pass or has not passed for long.
    pub(crate) async fn wait(&mut self, error: Error) -> Result<()> {
        if !error.is_transient() || self.failures >= self.patience.retries {
            return Err(error);
        }
        let pause = self.patience.pause.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        self.failures += 1;
        tracing::warn!("{error}; trying again in {pause:?}");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Something worked.
    pub(crate) const fn restore(&mut self) {
        self.failures = 0;
    }
}

/// One or more servers that hold the same.
#[derive(Debug)]
pub(crate) struct Replicas {
    servers: Vec<Replica>,
    /// The one that answered last.
    current: AtomicUsize,
    patience: Patience,
}

/// One server.
#[derive(Debug)]
pub(crate) struct Replica {
    uri: String,
    channel: Channel,
    message_bytes: usize,
    timeout: Duration,
}

impl Replicas {
    /// Takes note of `uris`, separated by commas, and connects to each when it is asked first.
    ///
    /// `message_bytes` is the largest message taken.
    pub(crate) fn new(uris: &str, credentials: &Credentials, patience: Patience, message_bytes: usize) -> Result<Self> {
        // Channels start a task each.
        let _entered = runtime()?.enter();
        let servers: Vec<Replica> = uris
            .split(',')
            .map(str::trim)
            .filter(|uri| !uri.is_empty())
            .map(|uri| Replica::new(uri, credentials, patience, message_bytes))
            .collect::<Result<_>>()?;
        if servers.is_empty() {
            return Err(Error::InvalidArgument("no address to connect to; give one like grpc://127.0.0.1:8815".into()));
        }
        Ok(Self { servers, current: AtomicUsize::new(0), patience })
    }

    pub(crate) fn servers(&self) -> &[Replica] {
        &self.servers
    }

    /// Asks `index` first from now on.
    pub(crate) fn prefer(&self, index: usize) {
        self.current.store(index, Ordering::Relaxed);
    }

    /// Turns from a replica that failed to the next one, unless another reader has done so already, or no replica is to blame.
    pub(crate) fn turn(&self, failed: &Replica, error: &Error) {
        let position = self.servers.iter().position(|server| std::ptr::eq(server, failed));
        if let Some(at) = position.filter(|_| error.is_transient()) {
            let next = (at + 1) % self.servers.len();
            // Whoever comes late finds the turn done.
            let _ = self.current.compare_exchange(at, next, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// A count of failures, for one piece of work.
    pub(crate) const fn attempts(&self) -> Attempts {
        Attempts::new(self.patience)
    }

    /// The one to ask next.
    pub(crate) fn current(&self) -> &Replica {
        &self.servers[self.current.load(Ordering::Relaxed)]
    }

    /// Asks one replica after the other until one answers, it has taken too long, or is cancelled. Blocks.
    pub(crate) fn call<T>(&self, cancel: &CancellationToken, call: impl AsyncFn(&Replica) -> Result<T>) -> Result<T> {
        let answer = async {
            let mut attempts = self.attempts();
            loop {
                let replica = self.current();
                match call(replica).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => {
                        self.turn(replica, &error);
                        attempts.wait(error).await?;
                    }
                }
            }
        };
        runtime()?.block_on(cancel.run_until_cancelled(answer)).unwrap_or_else(|| Err(Error::cancelled()))
    }
}

impl Replica {
    fn new(uri: &str, credentials: &Credentials, patience: Patience, message_bytes: usize) -> Result<Self> {
        let (tls, authority) = parts_of(uri)?;
        let scheme = if tls { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{authority}"))
            .map_err(|_| malformed(uri))?
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .max_frame_size(FRAME_BYTES)
            .initial_stream_window_size(WINDOW_BYTES)
            // Bounds all readers together, and the slow ones would take it from the others: the window of each is enough.
            .initial_connection_window_size(u32::MAX >> 1)
            // A peer that vanished without a word is noticed within 20 seconds, also while a reader follows in silence.
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(10));
        if tls {
            endpoint = endpoint.tls_config(credentials.tls_config()?).map_err(|cause| {
                Error::InvalidArgument(format!("{uri}: TLS cannot be set up: {}", innermost(&cause)))
            })?;
        } else {
            credentials.check(uri, authority)?;
        }
        Ok(Self {
            uri: uri.to_owned(),
            channel: InterceptedService::new(endpoint.connect_lazy(), credentials.bearer()),
            message_bytes,
            timeout: patience.timeout,
        })
    }

    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }

    pub(crate) fn client(&self) -> FlightServiceClient<Channel> {
        FlightServiceClient::new(self.channel.clone()).max_decoding_message_size(self.message_bytes)
    }

    /// Waits for an answer, not for ever.
    pub(crate) async fn answer<T>(&self, call: impl Future<Output = Result<T, Status>>) -> Result<T> {
        self.within(call).await?.map_err(|status| Error::from_status(&self.uri, &status))
    }

    /// Waits for what it is to send, not for ever.
    pub(crate) async fn within<T>(&self, sent: impl Future<Output = T>) -> Result<T> {
        tokio::time::timeout(self.timeout, sent)
            .await
            .map_err(|_| Error::Unavailable(format!("{} gave no answer within {:?}", self.uri, self.timeout)))
    }

    /// Starts to read what a ticket stands for.
    pub(crate) async fn get(&self, ticket: Ticket) -> Result<FlightDataDecoder> {
        let messages = self.answer(receive::get(self.channel.clone(), &ticket, self.message_bytes)).await?;
        Ok(FlightDataDecoder::new(messages.map_err(FlightError::from)))
    }

    /// The schema of what a descriptor stands for.
    pub(crate) async fn schema(&self, descriptor: FlightDescriptor) -> Result<Schema> {
        let mut client = self.client();
        let reply = self.answer(async { Ok(client.get_schema(descriptor).await?.into_inner()) }).await?;
        Schema::try_from(reply)
            .map_err(|cause| Error::Internal(format!("{}: the schema cannot be read: {cause}", self.uri)))
    }
}

/// Whether a server's address asks for TLS, and its host and port.
pub(crate) fn parts_of(uri: &str) -> Result<(bool, &str)> {
    let (scheme, authority) = uri.split_once("://").ok_or_else(|| malformed(uri))?;
    let tls = match scheme {
        "grpc" | "grpc+tcp" => false,
        "grpc+tls" => true,
        _ => return Err(malformed(uri)),
    };
    match authority.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok((tls, authority)),
        _ => Err(malformed(uri)),
    }
}

fn malformed(uri: &str) -> Error {
    Error::InvalidArgument(format!(
        "'{uri}' is not the address of a Flight server; write grpc://host:port or grpc+tls://host:port"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_that_fail_together_turn_once_and_only_from_a_replica_that_is_to_blame() {
        let replicas = Replicas::new("grpc://a:1,grpc://b:1", &Credentials::default(), Patience::default(), 0).unwrap();
        let gone = Error::Unavailable("gone".into());
        let failed = replicas.current();
        replicas.turn(failed, &Error::OutOfRange("no such row".into()));
        assert_eq!(replicas.current().uri(), "grpc://a:1");
        for _ in 0..2 {
            replicas.turn(failed, &gone);
            assert_eq!(replicas.current().uri(), "grpc://b:1");
        }
        replicas.turn(replicas.current(), &gone);
        assert_eq!(replicas.current().uri(), "grpc://a:1");
    }

    #[test]
    fn an_address_needs_a_scheme_a_host_and_a_port() {
        for bad in
            ["127.0.0.1:8815", "http://127.0.0.1:8815", "grpc://", "grpc://host", "grpc://host:x", "grpc://:1", ""]
        {
            let refused = Replicas::new(bad, &Credentials::default(), Patience::default(), 0);
            assert!(matches!(refused, Err(Error::InvalidArgument(_))), "{bad}");
        }
    }
}
