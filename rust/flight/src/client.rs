//! The client: blocking to its caller, asynchronous inside, tied to one world and to none of its replicas.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::{Action, FlightDescriptor, flight_service_client::FlightServiceClient};
use futures::TryStreamExt;
use prost::Message;
use tokio::runtime::{Builder, Handle, Runtime};
use tonic::{
    Status,
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint},
};

use crate::{
    BatchReader, Credentials, Error, OFFSETS_ACTION, PartitionOffsets, Read, Result, WORLD_ACTION, WorldReply,
    error::innermost, proto, security::Bearer,
};

/// A connection that shows who asks.
pub(crate) type Connection = FlightServiceClient<InterceptedService<Channel, Bearer>>;

/// The largest message taken: far above what our server sends, for servers that batch otherwise.
const MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// What a server may have under way to one reader: about one batch, so that a slow reader holds it back soon.
const WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// The longest a server may take to answer anything but a batch.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Attempts after a failure before giving up: with the pauses below about 15 seconds, enough for a server to restart.
const RETRIES: u32 = 8;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
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

/// Counts failures since the last success, and pauses longer after each.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    failures: u32,
}

impl Patience {
    /// Waits before the next attempt, or gives `error` back when it will not pass or has not passed for long.
    pub(crate) async fn wait(&mut self, error: Error) -> Result<()> {
        if !error.is_transient() || self.failures == RETRIES {
            return Err(error);
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures).min(LONGEST_PAUSE);
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

/// A connection to one world, by way of any of its replicas. Cheap to clone; calls block and may come from any thread
/// that does not run asynchronous code.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

/// What clients and the readers they opened have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    replicas: Vec<Replica>,
    /// The replica that answered last.
    current: AtomicUsize,
    world: String,
}

#[derive(Debug)]
struct Replica {
    uri: String,
    channel: Channel,
    bearer: Bearer,
}

impl Client {
    /// Connects without credentials; see [`connect_with`](Self::connect_with).
    ///
    /// # Errors
    /// As there.
    pub fn connect(uris: &str, world: Option<&str>) -> Result<Self> {
        Self::connect_with(uris, world, &Credentials::default())
    }

    /// Connects to the first of `uris` (`grpc://host:port` or `grpc+tls://host:port`, several separated by commas) that
    /// answers, and ties the client to its world, which must be `world` if one is given.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a malformed address or a file of `credentials` that cannot be read,
    /// [`Error::Unavailable`] at once if no replica answers, [`Error::Unauthenticated`] if one does not know the token,
    /// [`Error::FailedPrecondition`] if they serve another world.
    pub fn connect_with(uris: &str, world: Option<&str>, credentials: &Credentials) -> Result<Self> {
        let runtime = runtime()?;
        // Channels start a task each.
        let _entered = runtime.enter();
        let replicas: Vec<Replica> = uris
            .split(',')
            .map(str::trim)
            .filter(|uri| !uri.is_empty())
            .map(|uri| Replica::new(uri, credentials))
            .collect::<Result<_>>()?;
        let mut failures = Vec::new();
        for (index, replica) in replicas.iter().enumerate() {
            match runtime.block_on(replica.world()) {
                Ok(reply) => {
                    if let Some(wanted) = world.filter(|&wanted| wanted != reply.world) {
                        return Err(Error::FailedPrecondition(format!(
                            "world {wanted} is wanted, {} serves world {}; use a server with the seed and configuration \
                             of {wanted}, or begin anew with a fresh checkpoint and lake",
                            replica.uri, reply.world
                        )));
                    }
                    let shared = Shared { replicas, current: AtomicUsize::new(index), world: reply.world };
                    return Ok(Self { shared: Arc::new(shared) });
                }
                Err(error) if error.is_transient() => failures.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        if failures.is_empty() {
            return Err(Error::InvalidArgument("no address to connect to; give one like grpc://127.0.0.1:8815".into()));
        }
        Err(Error::Unavailable(format!(
            "{}; is the address right, and is `downbeat serve` running there?",
            failures.join("; ")
        )))
    }

    /// The fingerprint of the world the client is tied to.
    pub fn fingerprint(&self) -> &str {
        &self.shared.world
    }

    /// The world: its fingerprint, configuration, streams, and time.
    ///
    /// # Errors
    /// Those of the server, and [`Error::Unavailable`] if none can be reached for about 15 seconds.
    pub fn world(&self) -> Result<WorldReply> {
        let reply = self.call(Replica::world)?;
        match reply.world == self.shared.world {
            true => Ok(reply),
            false => Err(Error::FailedPrecondition(format!(
                "the server changed from world {} to world {}; use a server with the old seed and configuration, or \
                 connect anew",
                self.shared.world, reply.world
            ))),
        }
    }

    /// The first and last rows held of each partition of a stream, and the first that arrived at or after `at_us`
    /// (microseconds since 1970 UTC).
    ///
    /// # Errors
    /// As [`Self::world`]; [`Error::InvalidArgument`] for a stream that does not exist.
    pub fn offsets(&self, stream: &str, at_us: Option<i64>) -> Result<Vec<PartitionOffsets>> {
        let request = proto::OffsetsRequest { stream: stream.to_owned(), at_us, world: self.shared.world.clone() };
        let body = request.encode_to_vec();
        let reply: proto::OffsetsReply =
            self.call(async |replica| replica.action(OFFSETS_ACTION, body.clone()).await)?;
        Ok(reply.partitions)
    }

    /// The schema of a stream, or of some of its columns in the given order.
    ///
    /// # Errors
    /// As [`Self::world`]; [`Error::InvalidArgument`] for a stream or column that does not exist.
    pub fn schema(&self, stream: &str, columns: &[String]) -> Result<SchemaRef> {
        let range = proto::ReadRange {
            stream: stream.to_owned(),
            columns: columns.to_vec(),
            world: self.shared.world.clone(),
            ..Default::default()
        };
        let descriptor = FlightDescriptor::new_cmd(range.encode_to_vec());
        self.call(async |replica| replica.schema(descriptor.clone()).await).map(Arc::new)
    }

    /// Starts to read rows in the background, two batches ahead at most.
    ///
    /// # Errors
    /// [`Error::Internal`] if no thread can be started; all others come from [`BatchReader::next`].
    pub fn read(&self, read: Read) -> Result<BatchReader> {
        BatchReader::start(Arc::clone(&self.shared), read)
    }

    fn call<T>(&self, call: impl AsyncFn(&Replica) -> Result<T>) -> Result<T> {
        runtime()?.block_on(async {
            let mut patience = Patience::default();
            loop {
                match call(self.shared.replica()).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => {
                        self.shared.turn();
                        patience.wait(error).await?;
                    }
                }
            }
        })
    }
}

impl Shared {
    /// The fingerprint of the world.
    pub(crate) fn world(&self) -> &str {
        &self.world
    }

    /// The replica to ask next.
    fn replica(&self) -> &Replica {
        &self.replicas[self.current.load(Ordering::Relaxed) % self.replicas.len()]
    }

    /// Turns to the next replica, after the current one failed.
    pub(crate) fn turn(&self) {
        self.current.fetch_add(1, Ordering::Relaxed);
    }

    /// The address and connection to ask next.
    pub(crate) fn connection(&self) -> (String, Connection) {
        let replica = self.replica();
        (replica.uri.clone(), replica.client())
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

impl Replica {
    fn new(uri: &str, credentials: &Credentials) -> Result<Self> {
        let (tls, authority) = parts_of(uri)?;
        let scheme = if tls { "https" } else { "http" };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{authority}"))
            .map_err(|_| malformed(uri))?
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(4 * WINDOW_BYTES)
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
        Ok(Self { uri: uri.to_owned(), channel: endpoint.connect_lazy(), bearer: credentials.bearer() })
    }

    fn client(&self) -> Connection {
        FlightServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
            .max_decoding_message_size(MESSAGE_BYTES)
    }

    async fn world(&self) -> Result<WorldReply> {
        self.action(WORLD_ACTION, Vec::new()).await
    }

    async fn action<T: Message + Default>(&self, name: &str, body: Vec<u8>) -> Result<T> {
        let mut client = self.client();
        let results: Vec<_> = answer(&self.uri, async {
            client.do_action(Action::new(name, body)).await?.into_inner().try_collect().await
        })
        .await?;
        let [result] = results.as_slice() else {
            return Err(Error::Internal(format!(
                "{}: action {name} gave {} results instead of one",
                self.uri,
                results.len()
            )));
        };
        T::decode(result.body.as_ref()).map_err(|cause| {
            Error::Internal(format!("{}: the result of action {name} cannot be read: {cause}", self.uri))
        })
    }

    async fn schema(&self, descriptor: FlightDescriptor) -> Result<Schema> {
        let mut client = self.client();
        let reply = answer(&self.uri, async { Ok(client.get_schema(descriptor).await?.into_inner()) }).await?;
        Schema::try_from(reply)
            .map_err(|cause| Error::Internal(format!("{}: the schema cannot be read: {cause}", self.uri)))
    }
}

/// Waits for an answer of `uri`, not for ever.
pub(crate) async fn answer<T>(uri: &str, call: impl Future<Output = Result<T, Status>>) -> Result<T> {
    match tokio::time::timeout(ANSWER_WITHIN, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(status)) => Err(Error::from_status(uri, &status)),
        Err(_) => Err(Error::Unavailable(format!("{uri} gave no answer within {ANSWER_WITHIN:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_a_scheme_a_host_and_a_port() {
        for bad in
            ["127.0.0.1:8815", "http://127.0.0.1:8815", "grpc://", "grpc://host", "grpc://host:x", "grpc://:1", ""]
        {
            assert!(matches!(Client::connect(bad, None), Err(Error::InvalidArgument(_))), "{bad}");
        }
    }
}
