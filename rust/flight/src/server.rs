//! The socket in front of the service: where it may listen, how much it takes on, and how it stops.

use std::{fmt, future::Future, io, net::SocketAddr, ops::RangeInclusive, sync::Arc, time::Duration};

use futures::TryStreamExt;
use tokio::sync::watch;
use tonic::{service::interceptor::InterceptedService, transport::server::TcpIncoming};

use crate::{
    Error, Log, Result, Security,
    error::innermost,
    http::{Http, Watched},
    linger::Lingering,
    metrics::Metrics,
    replicas::parts_of,
    security::Guard,
    send::Flight,
    service::Service,
};

/// How long connections get to close once every read was told to end.
const CLOSE: Duration = Duration::from_secs(1);

/// The largest request taken. A ticket with every column of a stream has under 1 KiB, and a request is decoded in memory.
pub(crate) const REQUEST_BYTES: usize = 64 * 1024;

/// How often a silent connection is asked whether anybody is there, so that a reader that vanished frees its place.
const ALIVE: Duration = Duration::from_secs(30);

/// What a server takes on. The default suits a machine of its own.
///
/// ```
/// use downbeat_flight::ServerOptions;
///
/// let options = ServerOptions { max_reads: 16, ..ServerOptions::default() };
/// assert_eq!(options.max_message_bytes, 4 * 1024 * 1024);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// Who may read, and how.
    pub security: Security,
    /// Where clients reach each replica of this log, as `grpc://host:port` or `grpc+tls://host:port`: every endpoint of a
    /// `FlightInfo` names them all. This server's own address is to be among them; empty: it is the only one.
    pub replicas: Vec<String>,
    /// Reads under way at once, in [`Self::MAX_READS`]; one more is refused with [`Error::ResourceExhausted`]. Each holds
    /// a blocking thread of the runtime while its rows are made, and four batches at most.
    pub max_reads: usize,
    /// The largest message sent, in [`Self::MAX_MESSAGE_BYTES`]; the default is what gRPC clients take unless told
    /// otherwise. Only a single row that is larger makes a larger message.
    pub max_message_bytes: usize,
    /// How long reads that have an end may go on after the signal to stop.
    pub drain: Duration,
    /// Where to answer `/healthz` and `/metrics` over HTTP; port 0 is any free one. Absent: nowhere.
    pub metrics: Option<SocketAddr>,
}

impl ServerOptions {
    /// What [`Self::max_reads`] may be.
    pub const MAX_READS: RangeInclusive<usize> = 1..=10_000;

    /// What [`Self::max_message_bytes`] may be: from a few rows to what our client takes.
    pub const MAX_MESSAGE_BYTES: RangeInclusive<usize> = 64 * 1024..=64 * 1024 * 1024;

    fn check(&self) -> Result<()> {
        within("max_reads", self.max_reads, Self::MAX_READS)?;
        within("max_message_bytes", self.max_message_bytes, Self::MAX_MESSAGE_BYTES)?;
        self.replicas.iter().try_for_each(|uri| parts_of(uri).map(drop))
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            security: Security::default(),
            replicas: Vec::new(),
            max_reads: 256,
            max_message_bytes: 4 * 1024 * 1024,
            drain: Duration::from_secs(10),
            metrics: None,
        }
    }
}

fn within<T: PartialOrd + fmt::Display>(name: &str, value: T, bounds: RangeInclusive<T>) -> Result<()> {
    match bounds.contains(&value) {
        true => Ok(()),
        false => Err(Error::InvalidArgument(format!(
            "{name} = {value} is not possible; it must be from {} to {}",
            bounds.start(),
            bounds.end()
        ))),
    }
}

/// What reads may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Everything.
    Serving,
    /// Go on to their end, if they have one.
    Draining,
    /// Nothing.
    Stopped,
}

/// A log on a socket, bound and ready to serve.
#[derive(Debug)]
pub struct Server {
    incoming: TcpIncoming,
    address: SocketAddr,
    uri: String,
    builder: tonic::transport::Server,
    guard: Guard,
    http: Option<Http>,
    watched: Watched,
    phase: watch::Sender<Phase>,
    service: Service,
    max_reads: usize,
    drain: Duration,
}

impl Server {
    /// Takes the address; port 0 is any free one. Must be called within a tokio runtime that has more blocking threads
    /// than [`ServerOptions::max_reads`].
    ///
    /// # Errors
    /// [`Error::FailedPrecondition`] for an address other machines could reach where anybody could read,
    /// [`Error::Unavailable`] where the address cannot be taken, [`Error::InvalidArgument`] for an option out of bounds and a
    /// file that cannot be used.
    pub fn bind(log: Arc<dyn Log>, listen: SocketAddr, options: ServerOptions) -> Result<Self> {
        options.check()?;
        let security = &options.security;
        security.check(listen)?;
        if let Some(metrics) = options.metrics {
            security.check_metrics(metrics)?;
        }
        let (guard, tls) = (security.guard()?, security.tls_config()?);
        let incoming =
            TcpIncoming::bind(listen).map_err(|cause| cannot_listen(listen, &cause))?.with_nodelay(Some(true));
        let address = incoming.local_addr().map_err(|cause| cannot_listen(listen, &cause))?;
        let http = match options.metrics {
            Some(listen) => Some(Http::bind(listen).map_err(|cause| cannot_listen(listen, &cause))?),
            None => None,
        };
        let mut builder = tonic::transport::Server::builder();
        if let Some(tls) = tls {
            builder = builder.tls_config(tls).map_err(|cause| {
                Error::InvalidArgument(format!("the certificate or its key cannot be used: {}", innermost(&cause)))
            })?;
        }
        let uri = format!("{}://{address}", security.scheme());
        let ServerOptions { mut replicas, max_reads, max_message_bytes, drain, .. } = options;
        // An address that stands for all of this machine's says nothing to a client: without a location, it asks here again.
        if replicas.is_empty() && !address.ip().is_unspecified() {
            replicas.push(uri.clone());
        }
        let (phase, seen) = watch::channel(Phase::Serving);
        let metrics = Arc::new(Metrics::new(log.as_ref(), max_reads));
        let watched = Watched { log, metrics, phase: seen };
        let service = Service::new(watched.clone(), replicas, max_reads, max_message_bytes);
        Ok(Self { incoming, address, uri, builder, guard, http, watched, phase, service, max_reads, drain })
    }

    /// The address taken, with its port.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as clients write it.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The address of `/healthz` and `/metrics`, with its port.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(Http::address)
    }

    /// Serves until `stop` is ready. Then takes no new connection, ends the readers that follow, and gives the others
    /// [`ServerOptions::drain`] to finish.
    ///
    /// # Errors
    /// [`Error::Internal`] if a socket fails.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send) -> Result<()> {
        let Self { incoming, address, builder, guard, http, watched, phase, service, max_reads, drain, .. } = self;
        let mut stopping = phase.subscribe();
        // One connection may carry every read there may be, and some questions: a client that opens more is to be told,
        // not left waiting.
        let streams = u32::try_from(max_reads).unwrap_or(u32::MAX).saturating_add(64);
        let serving = builder
            .max_concurrent_streams(streams)
            .http2_keepalive_interval(Some(ALIVE))
            .http2_keepalive_timeout(Some(ALIVE))
            .add_service(InterceptedService::new(Flight::new(service), guard))
            .serve_with_incoming_shutdown(incoming.map_ok(Lingering::new), async move {
                // An error means the sender is gone, which is a stop as well.
                let _ = stopping.wait_for(|phase| *phase != Phase::Serving).await;
            });
        let telling = async {
            match http {
                Some(http) => http.serve(watched).await,
                None => std::future::pending().await,
            }
        };
        let clock = async {
            stop.await;
            tracing::info!("stopping: no new connections, readers have {drain:?} to finish");
            phase.send_replace(Phase::Draining);
            tokio::time::sleep(drain).await;
            tracing::warn!("readers are still at work after {drain:?}; they can resume where they are");
            phase.send_replace(Phase::Stopped);
            tokio::time::sleep(CLOSE).await;
        };
        tokio::select! {
            served = serving => served.map_err(|cause| Error::Internal(format!("serving on {address} failed: {cause}"))),
            told = telling => told.map_err(|cause| Error::Internal(format!("serving health and metrics failed: {cause}"))),
            () = clock => Ok(()),
        }
    }
}

fn cannot_listen(listen: SocketAddr, cause: &io::Error) -> Error {
    let advice = match cause.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there; stop it, or choose another port (0 is any free one)"
        }
        io::ErrorKind::PermissionDenied => "choose a port above 1023",
        _ => "choose another address",
    };
    Error::Unavailable(format!("cannot listen on {listen}: {cause}; {advice}"))
}
