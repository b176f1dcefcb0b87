//! `downbeat serve`: a world's log on a socket, growing as world time passes.

use std::{io::Write, net::SocketAddr, path::PathBuf, sync::Arc};

use chrono::{DateTime, SecondsFormat};
use clap::Args;
use downbeat_flight::{Error, Log, Server};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};

use crate::{
    failure::{Failure, Result},
    live::{Clock, Pace, WorldLog},
    settings::{ServeSettings, hours},
    world::{WorldFlags, set, time},
};

/// Blocking threads beside those of reads: for questions, which are short, and for metrics.
const QUESTION_THREADS: usize = 64;

/// Serve a world's streams over Arrow Flight.
///
/// The first line printed is `listening on grpc://HOST:PORT world=FINGERPRINT anchor=TIME`. World time is
/// anchor + speed x (clock - anchor); events are there once they have arrived by world time. Replicas of one log take
/// the same world flags and the same anchor and speed (or rate). Ctrl-C or SIGTERM drains: reads with an end may finish.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  downbeat serve --listeners 20000 --tracks 100000 --start 2026-10-01
  downbeat serve --seed 7 --start 2026-10-01 --until 2026-10-29 --listen 127.0.0.1:0
  downbeat serve --config world.yaml --anchor 2026-10-08T00:00:00Z --speed 60
  downbeat serve --start 2026-10-01 --rate 50000 --metrics 127.0.0.1:9464
  downbeat serve --listen 0.0.0.0:8815 --token-file tokens --tls-cert server.pem --tls-key server.key")]
pub(crate) struct Serve {
    /// Address to listen on; one that other machines can reach needs a token and TLS. Port 0 is any free one [default: 127.0.0.1:8815]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<SocketAddr>,
    /// Address for /healthz and /metrics (Prometheus) over HTTP, this machine only [default: none]
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<SocketAddr>,
    /// A file with the bearer tokens of those who may read, one a line; it may change at any time [default: everybody may read]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The server's certificate, as PEM, followed by those that signed it [default: no TLS]
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, as PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Certificates, as PEM, one of which must have signed each client's [default: clients need no certificate]
    #[arg(long, value_name = "FILE")]
    tls_client_ca: Option<PathBuf>,
    /// Listen where strangers can reach, without token or TLS
    #[arg(long)]
    insecure: bool,
    /// Where clients reach all replicas of this log, this one among them; endpoints name them all [default: this one alone]
    #[arg(long, value_name = "grpc://HOST:PORT,…", value_delimiter = ',')]
    replicas: Option<Vec<String>>,
    /// Seconds of world time a second of the clock [default: 1]
    #[arg(long, value_parser = positive)]
    speed: Option<f64>,
    /// Events a second over all partitions, smoothly, instead of the world's days and nights
    #[arg(long, value_name = "EVENTS", value_parser = positive, conflicts_with = "speed")]
    rate: Option<f64>,
    /// The moment at which world time and clock agree, e.g. 2026-10-08T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    anchor: Option<i64>,
    /// How long rows can be read after their arrival, in world time and cut off at whole hours: 36h, 7d [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = hours)]
    retention: Option<u32>,
    /// Reads at once; one more is refused [default: 256]
    #[arg(long, value_name = "N")]
    max_reads: Option<usize>,
    /// The largest message sent [default: 4194304]
    #[arg(long, value_name = "BYTES")]
    max_message_bytes: Option<usize>,
    /// Seconds that reads with an end may go on once the server is told to stop [default: 10]
    #[arg(long, value_name = "SECONDS")]
    drain_seconds: Option<u64>,
    #[command(flatten)]
    world: WorldFlags,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if 0.0 < number && number <= 1e9 => Ok(number),
        _ => Err("a number above 0, such as 1 or 2.5".to_owned()),
    }
}

impl Serve {
    pub(crate) fn run(self) -> Result<()> {
        let (config, file) = self.world.settings()?;
        let settings = self.settings(file)?;
        let pace = settings.rate.map_or(Pace::Speed(settings.speed), Pace::Rate);
        let clock = Clock::new(settings.anchor, pace);
        let anchor = DateTime::from_timestamp_micros(clock.anchor_us()).unwrap_or_default();
        let runtime = threads(settings.max_reads.saturating_add(QUESTION_THREADS))?;
        let log = Arc::new(WorldLog::new(config, clock, settings.retention)?);
        log.count_history(i64::MAX);
        let served = runtime.block_on(async {
            let server = Server::bind(Arc::clone(&log) as Arc<dyn Log>, settings.listen, settings.options())
                .map_err(|error| Failure::usage(error.to_string()))?;
            let stop = stop_signal()?;
            announce(&log, &server, &anchor.to_rfc3339_opts(SecondsFormat::AutoSi, true))?;
            server.serve(stop).await.map_err(|error: Error| Failure::work(error.to_string()))
        });
        // Threads that make rows for a reader who takes none must not keep the process.
        runtime.shutdown_background();
        served
    }

    /// What these flags and the file make.
    fn settings(self, mut settings: ServeSettings) -> Result<ServeSettings> {
        set(&mut settings.listen, self.listen);
        set(&mut settings.metrics, self.metrics.map(Some));
        set(&mut settings.token_file, self.token_file.map(Some));
        set(&mut settings.tls_cert, self.tls_cert.map(Some));
        set(&mut settings.tls_key, self.tls_key.map(Some));
        set(&mut settings.tls_client_ca, self.tls_client_ca.map(Some));
        settings.insecure |= self.insecure;
        set(&mut settings.replicas, self.replicas);
        set(&mut settings.speed, self.speed);
        set(&mut settings.rate, self.rate.map(Some));
        set(&mut settings.anchor, self.anchor.map(Some));
        set(&mut settings.retention, self.retention.map(Some));
        set(&mut settings.max_reads, self.max_reads);
        set(&mut settings.max_message_bytes, self.max_message_bytes);
        set(&mut settings.drain_seconds, self.drain_seconds);
        settings.check()?;
        Ok(settings)
    }
}

fn announce(log: &WorldLog, server: &Server, anchor: &str) -> Result<()> {
    let mut text = format!("listening on {} world={} anchor={anchor}\n", server.uri(), log.world());
    for stream in log.streams() {
        let rows = (0..stream.partitions)
            .map(|partition| log.held(&stream.name, partition).map(|held| held.latest - held.earliest))
            .sum::<Result<u64, _>>()
            .map_err(|cause| Failure::work(format!("cannot count the rows of '{}': {cause}", stream.name)))?;
        text += &format!("stream {} partitions={} rows={rows}\n", stream.name, stream.partitions);
    }
    if let Some(address) = server.metrics_address() {
        text += &format!("metrics on http://{address}/metrics, health on http://{address}/healthz\n");
    }
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|cause| Failure::work(format!("cannot say where the server listens: {cause}")))
}

/// A runtime for work that seldom blocks.
pub(crate) fn runtime() -> Result<Runtime> {
    threads(QUESTION_THREADS)
}

fn threads(blocking: usize) -> Result<Runtime> {
    Builder::new_multi_thread()
        .max_blocking_threads(blocking)
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

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        serve: Serve,
    }

    fn settings(arguments: &[&str]) -> Result<ServeSettings> {
        let serve = Flags::parse_from([&["serve"], arguments].concat()).serve;
        let (_, file) = serve.world.settings()?;
        serve.settings(file)
    }

    #[test]
    fn the_help_tells_the_defaults_that_hold() {
        let help = Flags::command().render_long_help().to_string();
        let ServeSettings { listen, speed, max_reads, max_message_bytes, drain_seconds, .. } = ServeSettings::default();
        for default in [
            listen.to_string(),
            speed.to_string(),
            max_reads.to_string(),
            max_message_bytes.to_string(),
            drain_seconds.to_string(),
        ] {
            assert!(help.contains(&format!("[default: {default}]")), "{default} is not in {help}");
        }
        assert_eq!(settings(&[]).unwrap(), ServeSettings::default());
    }

    #[test]
    fn flags_win_over_the_file() {
        let file = std::env::temp_dir().join(format!("downbeat-serve-{}.yaml", std::process::id()));
        fs::write(&file, "serve:\n  speed: 60\n  max_reads: 5\n  replicas: [\"grpc://a:1\"]\n").unwrap();
        let config = ["--config", file.to_str().unwrap()];
        let found =
            settings(&[&config[..], &["--speed", "2", "--replicas", "grpc://b:1,grpc://c:1"]].concat()).unwrap();
        assert_eq!((found.speed, found.max_reads), (2.0, 5));
        assert_eq!(found.replicas, ["grpc://b:1", "grpc://c:1"]);
        // A rate on the command line does not go with a speed in the file.
        let error = settings(&[&config[..], &["--rate", "9"]].concat()).unwrap_err().to_string();
        assert!(error.contains("speed = 60") && error.contains("rate = 9"), "{error}");
        fs::remove_file(file).unwrap();
    }
}
