//! `downbeat serve`: a world's log on a socket, growing as world time passes.

use std::{io::Write, net::SocketAddr, sync::Arc};

use chrono::{DateTime, SecondsFormat};
use clap::Args;
use downbeat_flight::{Error, Log, Server};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};

use crate::{
    failure::{Failure, Result},
    live::{Clock, WorldLog},
    world::{WorldFlags, time},
};

/// Serve a world's streams over Arrow Flight.
///
/// The first line printed is `listening on grpc://HOST:PORT world=FINGERPRINT anchor=TIME`. World time is
/// anchor + speed x (clock - anchor); events are there once they have arrived by world time. Replicas of one log take
/// the same world flags and the same anchor and speed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  downbeat serve --listeners 20000 --tracks 100000 --start 2026-10-01
  downbeat serve --seed 7 --start 2026-10-01 --until 2026-10-29 --listen 127.0.0.1:0
  downbeat serve --config world.yaml --anchor 2026-10-08T00:00:00Z --speed 60")]
pub(crate) struct Serve {
    /// Address to listen on, this machine only; port 0 is any free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8815")]
    listen: SocketAddr,
    /// Seconds of world time a second of the clock
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// The moment at which world time and clock agree, e.g. 2026-10-08T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    anchor: Option<i64>,
    #[command(flatten)]
    world: WorldFlags,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if 0.0 < speed && speed <= 1e6 => Ok(speed),
        _ => Err("a number above 0, at most 1000000".to_owned()),
    }
}

impl Serve {
    pub(crate) fn run(self) -> Result<()> {
        let clock = Clock::new(self.anchor, self.speed);
        let anchor = DateTime::from_timestamp_micros(clock.anchor_us()).unwrap_or_default();
        let log = Arc::new(WorldLog::new(self.world.config()?, clock)?);
        let runtime = runtime()?;
        let served = runtime.block_on(async {
            let server = Server::bind(Arc::clone(&log) as Arc<dyn Log>, self.listen)
                .map_err(|error| Failure::usage(error.to_string()))?;
            let stop = stop_signal()?;
            announce(&log, server.address(), &anchor.to_rfc3339_opts(SecondsFormat::AutoSi, true))?;
            server.serve(stop).await.map_err(|error: Error| Failure::work(error.to_string()))
        });
        // Threads that make rows for a reader who takes none must not keep the process.
        runtime.shutdown_background();
        served
    }
}

fn announce(log: &WorldLog, address: SocketAddr, anchor: &str) -> Result<()> {
    let mut text = format!("listening on grpc://{address} world={} anchor={anchor}\n", log.world());
    for stream in log.streams() {
        let rows = (0..stream.partitions)
            .map(|partition| log.held(&stream.name, partition).map(|held| held.latest))
            .sum::<Result<u64, _>>()
            .map_err(|cause| Failure::work(format!("cannot count the rows of '{}': {cause}", stream.name)))?;
        text += &format!("stream {} partitions={} rows={rows}\n", stream.name, stream.partitions);
    }
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|cause| Failure::work(format!("cannot say where the server listens: {cause}")))
}

pub(crate) fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::work(format!("cannot start threads: {cause}")))
}

/// Catches Ctrl-C and SIGTERM from now on; the future is ready at the first. Must be called within a tokio runtime.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()> + Send> {
    let catch = |kind| {
        signal(kind).map_err(|cause| Failure::work(format!("cannot catch the signals that end this command: {cause}")))
    };
    let (mut interrupt, mut terminate) = (catch(SignalKind::interrupt())?, catch(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
