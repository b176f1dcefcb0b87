//! The side door for operators: is the server well, and how much does it do. Plain HTTP, apart from the readers' port,
//! so that a probe needs neither gRPC nor, later, a token.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::encoding::prometheus_text;
use tokio::sync::watch;

use crate::{Log, metrics::Metrics, produce::blocking, server::Phase};

/// The endpoints, bound and ready to serve.
#[derive(Debug)]
pub(crate) struct Http {
    listener: tokio::net::TcpListener,
    address: SocketAddr,
}

/// What the endpoints tell about.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) phase: watch::Receiver<Phase>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("world", &self.log.world()).finish_non_exhaustive()
    }
}

impl Http {
    /// Takes the address. Must be called within a tokio runtime.
    pub(crate) fn bind(listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { listener: tokio::net::TcpListener::from_std(listener)?, address })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until dropped.
    pub(crate) async fn serve(self, watched: Watched) -> io::Result<()> {
        let router = Router::new().route("/healthz", get(health)).route("/metrics", get(metrics)).with_state(watched);
        axum::serve(self.listener, router).await
    }
}

/// Whether a balancer should send readers here.
async fn health(State(watched): State<Watched>) -> Response {
    match *watched.phase.borrow() {
        Phase::Serving => "serving\n".into_response(),
        Phase::Draining | Phase::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response(),
    }
}

async fn metrics(State(Watched { log, metrics, .. }): State<Watched>) -> Response {
    match blocking(move || metrics.text(log.as_ref())).await {
        Ok(text) => ([(CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
