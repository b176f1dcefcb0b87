//! Measures the generator, and the generators people use instead, in one run on the same cores.
//!
//! Prints a section as soon as it is measured: `compare`, `projection`, `stages`, `seek`, `memory`. Naming some as
//! arguments measures only those. Everything is repeated in turn, so that a busy moment of the machine hits all alike.

mod measure;
mod memory;
mod seek;
mod source;

use std::{env, error::Error, io::IsTerminal as _, process::ExitCode, thread, time::Duration};

use downbeat_model::Stream;
use measure::{Rate, Spread, rates};
use source::Ours;

/// The same for all three generators, and what is commonly deployed: Nexmark's events are made of little strings.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Rows a batch, in all generators: that of a Spark or DataFusion batch.
const BATCH_ROWS: usize = 8192;

const REPEATS: usize = 5;

const SECTIONS: [(&str, fn() -> Result<()>); 5] = [
    ("compare", compare),
    ("projection", projection),
    ("stages", stages),
    ("seek", seek::section),
    ("memory", memory::section),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((first, rest)) if first == memory::CHILD => memory::child(rest),
        _ => run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(chosen: &[String]) -> Result<()> {
    let known = SECTIONS.map(|section| section.0);
    if let Some(unknown) = chosen.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("there is no section '{unknown}'; there are {}", known.join(", ")).into());
    }
    for (name, measure) in SECTIONS {
        if chosen.is_empty() || chosen.iter().any(|one| one == name) {
            measure()?;
            println!();
        }
    }
    Ok(())
}

/// Says what is being measured, where somebody is watching.
fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Every column of the events.
fn all_columns() -> Vec<usize> {
    (0..Stream::Events.schema().fields().len()).collect()
}

/// Ours against others, one thread and all cores.
fn compare() -> Result<()> {
    let ours = Ours::new(cores())?;
    println!("compare: {REPEATS} repeats of 1 s each, in turn; batches of {BATCH_ROWS} rows; mimalloc");
    println!("  downbeat  every column of the events into Arrow, {}", ours.describe());
    println!("  tpchgen   lineitem into Arrow (tpchgen-arrow {}), scale factor 10", source::TPCHGEN_VERSION);
    println!("  nexmark   events as Rust structs, never made into columns (nexmark {})", source::NEXMARK_VERSION);
    println!();
    println!(
        "{:<10} {:>7} {:>26} {:>26} {:>10} {:>14} {:>10}",
        "", "threads", "million rows/s min/med/max", "MB/s min/med/max", "bytes/row", "ns/row, thread", "cores busy"
    );
    let mut ratios = Vec::new();
    for threads in if cores() == 1 { vec![1] } else { vec![1, cores()] } {
        let mut makers = [
            ("downbeat", ours.threads(threads, &all_columns())?),
            ("tpchgen", source::tpchgen(threads)),
            ("nexmark", source::nexmark(threads)),
        ];
        let measured = rates(&mut makers, REPEATS, Duration::from_secs(1))?;
        for (name, rates) in &measured {
            let (rows, bytes) = (Spread::of(rates, |rate| rate.rows_s), Spread::of(rates, |rate| rate.bytes_s));
            println!(
                "{name:<10} {threads:>7} {:>26} {:>26} {:>10.0} {:>14.0} {:>10.2}",
                rows.text(1e-6, 2),
                bytes.text(1e-6, 0),
                bytes.median / rows.median,
                threads as f64 * 1e9 / rows.median,
                Spread::of(rates, |rate| rate.cores).median,
            );
        }
        for (name, theirs) in &measured[1..] {
            let ratio = |value: fn(&Rate) -> f64| {
                let pairs: Vec<f64> =
                    measured[0].1.iter().zip(theirs).map(|(ours, theirs)| value(ours) / value(theirs)).collect();
                Spread::of(&pairs, |&ratio| ratio)
            };
            ratios.push((name.to_owned(), threads, ratio(|rate| rate.rows_s), ratio(|rate| rate.bytes_s)));
        }
    }
    println!();
    println!("{:<22} {:>7} {:>26} {:>26}", "ours / theirs", "threads", "rows/s min/med/max", "bytes/s min/med/max");
    for (name, threads, rows, bytes) in ratios {
        println!("downbeat / {name:<11} {threads:>7} {:>26} {:>26}", rows.text(1.0, 2), bytes.text(1.0, 2));
    }
    Ok(())
}

/// What asking for three columns costs, of asking for all.
fn projection() -> Result<()> {
    const WANTED: [[&str; 3]; 4] = [
        ["event_id", "ts", "user_id"],
        ["ts", "track_uri", "ms_played"],
        ["event_type", "user_id", "track_uri"],
        ["offset", "arrived_at", "event_type"],
    ];
    println!("projection: one thread, {REPEATS} repeats of 0.5 s each, in turn");
    let (ours, schema) = (Ours::new(1)?, Stream::Events.schema());
    let mut makers = vec![("every column".to_owned(), ours.threads(1, &all_columns())?)];
    for names in WANTED {
        let columns = names.iter().map(|name| schema.index_of(name)).collect::<std::result::Result<Vec<_>, _>>()?;
        makers.push((names.join(", "), ours.threads(1, &columns)?));
    }
    let measured = rates(&mut makers, REPEATS, Duration::from_millis(500))?;
    let ns = |rates: &[Rate]| Spread::of(rates, |rate| 1e9 / rate.rows_s);
    let all = ns(&measured[0].1).median;
    println!();
    println!("{:<36} {:>24} {:>10}", "columns", "ns/event min/med/max", "of all");
    for (name, rates) in &measured {
        let spread = ns(rates);
        println!("{name:<36} {:>24} {:>9.0}%", spread.text(1.0, 1), 100.0 * spread.median / all);
    }
    Ok(())
}

/// Where the time goes: the offset alone is playing and sorting the sessions; a column beside it adds what writing it costs.
fn stages() -> Result<()> {
    println!(
        "stages: one thread, {REPEATS} repeats of 0.25 s each, in turn; a column's cost is that of offset and column, less offset's"
    );
    let (ours, schema) = (Ours::new(1)?, Stream::Events.schema());
    let offset = schema.index_of("offset")?;
    let mut makers = vec![
        ("offset alone: playing, sorting".to_owned(), ours.threads(1, &[offset])?),
        ("every column".to_owned(), ours.threads(1, &all_columns())?),
    ];
    for (column, field) in schema.fields().iter().enumerate().filter(|&(column, _)| column != offset) {
        makers.push((field.name().to_owned(), ours.threads(1, &[offset, column])?));
    }
    let measured = rates(&mut makers, REPEATS, Duration::from_millis(250))?;
    // The least disturbed repeat of each: differences of medians would be mostly noise.
    let best = |rates: &[Rate]| Spread::of(rates, |rate| 1e9 / rate.rows_s).min;
    let (played, all) = (best(&measured[0].1), best(&measured[1].1));
    let mut columns: Vec<(&str, f64)> =
        measured[2..].iter().map(|(name, rates)| (name.as_str(), best(rates) - played)).collect();
    columns.sort_by(|a, b| b.1.total_cmp(&a.1));
    let written: f64 = columns.iter().map(|column| column.1).sum();
    println!();
    println!("{:<32} {:>10} {:>10}", "stage", "ns/event", "of all");
    let line = |name: &str, ns: f64| println!("{name:<32} {ns:>10.1} {:>9.0}%", 100.0 * ns / all);
    line(&measured[0].0, played);
    columns.iter().for_each(|&(name, ns)| line(&format!("  {name}"), ns));
    line("these added up", played + written);
    line("every column, in one read", all);
    Ok(())
}
