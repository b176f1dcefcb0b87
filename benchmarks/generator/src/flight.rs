//! Rows and bytes a second through Flight over loopback: a server in a process of its own, a client in this one, and the processor
//! time of each.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    net::Ipv4Addr,
    ops::Range,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use arrow::array::RecordBatch;
use downbeat_flight::{Batches, Client, Held, Log, LogError, LogStream, Read, Server, ServerOptions};
use downbeat_model::Stream;

use crate::{
    BATCH_ROWS, DAY_LISTENERS, REPEATS, Result, all_columns, cores,
    measure::Spread,
    progress,
    source::{self, Ours},
};

/// First argument of the process that serves.
pub const CHILD: &str = "one-server";

/// Rows kept by the server that makes none, a partition: more than any cache holds.
const KEPT_ROWS: u64 = 48 * 8192;

/// How long the clients read, each time.
const READING: Duration = Duration::from_secs(2);

/// What is asked for.
const WANTED: [&[&str]; 4] =
    [&[], &["event_id", "ts", "user_id"], &["ts", "track_uri", "ms_played"], &["event_type", "user_id", "track_uri"]];

/// Prints the section.
pub fn section() -> Result<()> {
    let readers = cores() as u32;
    println!(
        "flight: over loopback, mimalloc on both sides; {REPEATS} repeats of {} s each, in turn; a day of {DAY_LISTENERS} listeners a partition",
        READING.as_secs()
    );
    println!(
        "  kept      the server sends {KEPT_ROWS} rows a partition, which it made before: what the transport alone costs"
    );
    println!("  made      the server makes what it sends");
    println!("  readers   as many partitions are read at the same time");
    println!();
    println!(
        "{:<8} {:>7}  {:<30} {:>24} {:>22} {:>11} {:>11} {:>10}  {:>14}",
        "rows",
        "readers",
        "columns",
        "million rows/s",
        "GB/s min/med/max",
        "server ns",
        "client ns",
        "cores",
        "of all columns"
    );
    for source in ["kept", "made"] {
        let server = Serving::start(source, readers)?;
        let client = Client::connect(&server.uri, None)?;
        let mut counts = vec![1, readers];
        counts.dedup();
        let works: Vec<_> = counts.into_iter().flat_map(|readers| WANTED.map(|columns| (readers, columns))).collect();
        let mut measured: Vec<Vec<Sent>> = works.iter().map(|_| Vec::new()).collect();
        for repeat in 0..=REPEATS {
            for (i, (readers, columns)) in works.iter().enumerate() {
                progress(&format!(
                    "repeat {repeat} of {REPEATS}: {source}, {readers} readers, {} columns",
                    columns.len()
                ));
                let sent = server.read(&client, *readers, columns)?;
                // The first only warms up.
                if repeat > 0 {
                    measured[i].push(sent);
                }
            }
        }
        progress("");
        for (i, (readers, columns)) in works.iter().enumerate() {
            let (own, all) = (&measured[i], &measured[i / WANTED.len() * WANTED.len()]);
            let cost = |sent: &Sent| sent.server_ns + sent.client_ns;
            let name = if columns.is_empty() { "all".to_owned() } else { columns.join(", ") };
            println!(
                "{source:<8} {readers:>7}  {name:<30} {:>24} {:>22} {:>11.0} {:>11.0} {:>10.2}  {:>12.0} %",
                Spread::of(own, |sent| sent.rows_s).text(1e-6, 2),
                Spread::of(own, |sent| sent.bytes_s).text(1e-9, 2),
                Spread::of(own, |sent| sent.server_ns).median,
                Spread::of(own, |sent| sent.client_ns).median,
                Spread::of(own, |sent| sent.cores).median,
                100.0 * Spread::of(own, cost).median / Spread::of(all, cost).median,
            );
        }
    }
    Ok(())
}

/// How fast rows came.
struct Sent {
    rows_s: f64,
    bytes_s: f64,
    /// Processor time a row.
    server_ns: f64,
    client_ns: f64,
    /// Processors at work on both sides.
    cores: f64,
}

/// A server in a process of its own; killed when dropped.
struct Serving {
    process: Child,
    uri: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may be over already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Serving {
    fn start(source: &str, partitions: u32) -> Result<Self> {
        let mut process = Command::new(env::current_exe()?)
            .args([CHILD, source, &partitions.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut uri = String::new();
        BufReader::new(process.stdout.take().ok_or("the server has no output")?).read_line(&mut uri)?;
        Ok(Self { process, uri: uri.trim().to_owned() })
    }

    /// Reads for a while, in one thread a partition.
    fn read(&self, client: &Client, readers: u32, columns: &[&str]) -> Result<Sent> {
        let columns: Vec<String> = columns.iter().map(|&column| column.to_owned()).collect();
        let (server, own, began) =
            (processor_time(self.process.id())?, processor_time(std::process::id())?, Instant::now());
        let read = |partition| -> Result<(u64, u64)> {
            let (mut rows, mut bytes) = (0, 0);
            let held = client.offsets(Stream::Events.text(), None)?[partition as usize];
            while began.elapsed() < READING {
                let read = Read {
                    stream: Stream::Events.text().to_owned(),
                    partition,
                    from: held.earliest,
                    until: Some(held.latest),
                    columns: columns.clone(),
                };
                let mut batches = client.read(read)?;
                while let Some((_, batch)) = batches.next()? {
                    rows += batch.num_rows() as u64;
                    bytes += source::bytes(&batch);
                    if began.elapsed() >= READING {
                        break;
                    }
                }
            }
            Ok((rows, bytes))
        };
        let (mut rows, mut bytes) = (0, 0);
        thread::scope(|scope| -> Result<()> {
            let running: Vec<_> = (0..readers).map(|partition| scope.spawn(move || read(partition))).collect();
            for reader in running {
                let read = reader.join().map_err(|_| "a reader panicked")??;
                rows += read.0;
                bytes += read.1;
            }
            Ok(())
        })?;
        let wall = began.elapsed().as_secs_f64();
        let server = processor_time(self.process.id())?.saturating_sub(server).as_secs_f64();
        let own = processor_time(std::process::id())?.saturating_sub(own).as_secs_f64();
        let rows = rows as f64;
        Ok(Sent {
            rows_s: rows / wall,
            bytes_s: bytes as f64 / wall,
            server_ns: server * 1e9 / rows,
            client_ns: own * 1e9 / rows,
            cores: (server + own) / wall,
        })
    }
}

/// What a process has used of all processors, by a clock of a hundredth of a second.
fn processor_time(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // After the name, which may have spaces: the 12th and 13th are user and system time.
    let (_, rest) = stat.rsplit_once(") ").ok_or("/proc/PID/stat has no name")?;
    let ticks = rest.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<std::result::Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}

/// Serves until it is killed.
pub fn child(arguments: &[String]) -> Result<()> {
    let [source, partitions] = arguments else { return Err("what to serve is missing".into()) };
    let log = Arc::new(Day::new(source == "kept", partitions.parse()?)?);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let server = Server::bind(log, (Ipv4Addr::LOCALHOST, 0).into(), ServerOptions::default())?;
        println!("{}", server.uri());
        server.serve(std::future::pending()).await
    })?;
    Ok(())
}

/// The day as a log.
struct Day {
    ours: Ours,
    streams: [LogStream; 1],
    /// Rows from the beginning of each day, by partition, if they are kept.
    kept: Vec<Vec<RecordBatch>>,
}

impl Day {
    fn new(kept: bool, partitions: u32) -> Result<Self> {
        let mut ours = Ours::new(DAY_LISTENERS * u64::from(partitions), partitions as usize)?;
        let mut rows = Vec::new();
        if kept {
            for (partition, day) in (0..).zip(&mut ours.days) {
                day.end = day.end.min(day.start + KEPT_ROWS);
                let batches = ours.world.read(Stream::Events, partition, day.clone(), &all_columns(), BATCH_ROWS)?;
                rows.push(batches.collect::<std::result::Result<_, _>>()?);
            }
        }
        let stream = LogStream {
            name: Stream::Events.text().to_owned(),
            schema: Stream::Events.schema(),
            partitions,
            is_log: true,
        };
        Ok(Self { ours, streams: [stream], kept: rows })
    }
}

impl Log for Day {
    fn world(&self) -> &str {
        self.ours.world.fingerprint()
    }

    fn config_json(&self) -> &str {
        "{}"
    }

    fn streams(&self) -> &[LogStream] {
        &self.streams
    }

    fn now_us(&self) -> i64 {
        self.ours.world.config().start_us()
    }

    fn held(&self, _: &str, partition: u32) -> std::result::Result<Held, LogError> {
        let Range { start, end } = self.ours.days[partition as usize];
        Ok(Held { earliest: start, latest: end, ended: true })
    }

    fn offset_at(&self, _: &str, partition: u32, at_us: i64) -> std::result::Result<u64, LogError> {
        Ok(self.ours.world.offset_at(partition, at_us)?)
    }

    fn arrived_at(&self, _: &str, partition: u32, offset: u64) -> std::result::Result<i64, LogError> {
        Ok(self.ours.world.arrived_at(partition, offset)?)
    }

    fn read(
        &self,
        _: &str,
        partition: u32,
        range: Range<u64>,
        columns: &[usize],
        batch_rows: usize,
    ) -> std::result::Result<Batches<'_>, LogError> {
        let Some(kept) = self.kept.get(partition as usize) else {
            let batches = self.ours.world.read(Stream::Events, partition, range, columns, batch_rows)?;
            return Ok(Box::new(batches.map(|batch| Ok(batch?))));
        };
        // From one batch's beginning to another's: no reader here asks for anything else.
        let columns = columns.to_vec();
        let first = (range.start - self.ours.days[partition as usize].start) as usize / BATCH_ROWS;
        let count = (range.end - range.start).div_ceil(BATCH_ROWS as u64) as usize;
        Ok(Box::new(kept[first..first + count].iter().map(move |batch| Ok(batch.project(&columns)?))))
    }
}
