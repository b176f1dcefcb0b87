//! The socket in front of the service: where it may listen, and how it stops.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use arrow_flight::flight_service_server::FlightServiceServer;
use tokio::sync::watch;
use tonic::transport::server::TcpIncoming;

use crate::{Error, Log, Result, service::Service};

/// How long reads that have an end may go on after the signal to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// How long connections get to close once every read was told to end.
const CLOSE: Duration = Duration::from_secs(1);

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
    phase: watch::Sender<Phase>,
    service: Service,
}

impl Server {
    /// Takes the address; port 0 is any free one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::FailedPrecondition`] for an address other machines could reach, [`Error::Unavailable`] where the
    /// address cannot be taken.
    pub fn bind(log: Arc<dyn Log>, listen: SocketAddr) -> Result<Self> {
        if !listen.ip().is_loopback() {
            return Err(Error::FailedPrecondition(format!(
                "refusing to listen on {listen}: there are no tokens and no TLS yet, so anyone who reaches that address \
                 could read; listen on 127.0.0.1 or [::1]"
            )));
        }
        let incoming =
            TcpIncoming::bind(listen).map_err(|cause| cannot_listen(listen, &cause))?.with_nodelay(Some(true));
        let address = incoming.local_addr().map_err(|cause| cannot_listen(listen, &cause))?;
        let (phase, seen) = watch::channel(Phase::Serving);
        Ok(Self { incoming, address, phase, service: Service::new(log, format!("grpc://{address}"), seen) })
    }

    /// The address taken, with its port.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready. Then takes no new connection, ends the readers that follow, and gives the others
    /// ten seconds to finish.
    ///
    /// # Errors
    /// [`Error::Internal`] if the socket fails.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send) -> Result<()> {
        let Self { incoming, address, phase, service } = self;
        let mut stopping = phase.subscribe();
        let serving = tonic::transport::Server::builder()
            .add_service(FlightServiceServer::new(service))
            .serve_with_incoming_shutdown(incoming, async move {
                // An error means the sender is gone, which is a stop as well.
                let _ = stopping.wait_for(|phase| *phase != Phase::Serving).await;
            });
        let clock = async {
            stop.await;
            tracing::info!("stopping: no new connections, readers have {DRAIN:?} to finish");
            phase.send_replace(Phase::Draining);
            tokio::time::sleep(DRAIN).await;
            tracing::warn!("readers are still at work after {DRAIN:?}; they can resume where they are");
            phase.send_replace(Phase::Stopped);
            tokio::time::sleep(CLOSE).await;
        };
        tokio::select! {
            served = serving => served.map_err(|cause| Error::Internal(format!("serving on {address} failed: {cause}"))),
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
