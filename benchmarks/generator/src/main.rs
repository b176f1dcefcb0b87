//! Measures the generator, and the generators people use instead, in one run on the same cores.
//!
//! Prints a section as soon as it is measured: `compare`, `projection`, `stages`, `seek`, `memory`, `flight`. Naming some as
//! arguments measures only those. Everything is repeated in turn, so that a busy moment of the machine hits all alike.

mod flight;
mod measure;
mod memory;
mod seek;
mod source;

use std::{env, error::Error, io::IsTerminal as _, process::ExitCode, thread, time::Duration};

use downbeat_model::Stream;
use downbeat_simulator::WorldConfig;
use measure::{Pair, Rate, Spread, Step, pairs, rates};
use source::Ours;

/// The same for all three generators, and what is commonly deployed: Nexmark's events are made of little strings.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Rows a batch, in all generators: that of a Spark or DataFusion batch.
const BATCH_ROWS: usize = 8192;

const REPEATS: usize = 5;

/// Listeners where whole days are read: a day of theirs takes a fraction of a second, and is as mixed as any.
const DAY_LISTENERS: u64 = 50_000;

/// Measures and prints.
type Section = fn() -> Result<()>;

const SECTIONS: [(&str, Section); 6] = [
    ("compare", compare),
    ("projection", projection),
    ("stages", stages),
    ("seek", seek::section),
    ("memory", memory::section),
    ("flight", flight::section),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((first, rest)) if first == memory::CHILD => memory::child(rest),
        Some((first, rest)) if first == flight::CHILD => flight::child(rest),
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
    let ours = Ours::new(WorldConfig::default().listeners, cores())?;
    println!("compare: {REPEATS} repeats of 1 s each, in turn; batches of {BATCH_ROWS} rows; mimalloc");
    println!("  downbeat  every column of the events into Arrow, {}", ours.describe());
    println!("  tpchgen   lineitem into Arrow (tpchgen-arrow {}), scale factor 10", source::TPCHGEN_VERSION);
    println!("  nexmark   events as Rust structs, never made into columns (nexmark {})", source::NEXMARK_VERSION);
    println!();
    println!(
        "{:<10} {:>7} {:>26} {:>26} {:>10} {:>14} {:>10}",
        "", "threads", "million rows/s min/med/max", "MB/s min/med/max", "bytes/row", "CPU ns/row", "cores busy"
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
                Spread::of(rates, |rate| rate.cpu_ns_row).median,
                Spread::of(rates, |rate| rate.cores).median,
            );
        }
        for (name, theirs) in &measured[1..] {
            let ratio = |value: fn(&Rate) -> f64| {
                let pairs: Vec<f64> =
                    measured[0].1.iter().zip(theirs).map(|(ours, theirs)| value(ours) / value(theirs)).collect();
                Spread::of(&pairs, |&ratio| ratio)
            };
            ratios.push((
                name.to_owned(),
                threads,
                [ratio(|rate| rate.rows_s), ratio(|rate| rate.bytes_s), ratio(|rate| 1.0 / rate.cpu_ns_row)],
            ));
        }
    }
    println!();
    println!(
        "{:<22} {:>7} {:>24} {:>24} {:>24}",
        "ours / theirs", "threads", "rows/s min/med/max", "bytes/s min/med/max", "rows/CPU s min/med/max"
    );
    for (name, threads, values) in ratios {
        let [rows, bytes, cpu] = values.map(|spread| spread.text(1.0, 2));
        println!("downbeat / {name:<11} {threads:>7} {rows:>24} {bytes:>24} {cpu:>24}");
    }
    Ok(())
}

/// Measures columns of a day in one thread, each set just after the first: processor time, for it is small differences that
/// matter.
fn day(sets: Vec<(String, Vec<usize>)>) -> Result<Vec<(String, Vec<Pair>)>> {
    let ours = Ours::new(DAY_LISTENERS, 1)?;
    println!(
        "  one thread reads the {} rows of a day of {DAY_LISTENERS} listeners, {REPEATS} times; each line is compared with the first, read just before it; processor time",
        ours.rows()
    );
    println!();
    let mut works: Vec<(String, Step)> = sets.into_iter().map(|(name, columns)| (name, ours.day(&columns))).collect();
    pairs(&mut works, REPEATS)
}

/// What asking for three columns costs, of asking for all.
fn projection() -> Result<()> {
    const WANTED: [[&str; 3]; 4] = [
        ["event_id", "ts", "user_id"],
        ["ts", "track_uri", "ms_played"],
        ["event_type", "user_id", "track_uri"],
        ["offset", "arrived_at", "event_type"],
    ];
    println!("projection: what asking for three columns costs, of asking for all");
    let schema = Stream::Events.schema();
    let mut sets = vec![("every column".to_owned(), all_columns())];
    for names in WANTED {
        let columns = names.iter().map(|name| schema.index_of(name)).collect::<std::result::Result<Vec<_>, _>>()?;
        sets.push((names.join(", "), columns));
    }
    let measured = day(sets)?;
    println!("{:<36} {:>24} {:>24}", "columns", "ns/event min/med/max", "% of all min/med/max");
    for (name, pairs) in &measured {
        let (ns, share) = (Spread::of(pairs, |pair| pair.own), Spread::of(pairs, |pair| pair.own / pair.first));
        println!("{name:<36} {:>24} {:>24}", ns.text(1.0, 1), share.text(100.0, 0));
    }
    Ok(())
}

/// Where the time goes: the offset alone is playing and sorting the sessions; a column beside it adds what writing it costs.
fn stages() -> Result<()> {
    println!("stages: a column's cost is that of the offset and the column, less that of the offset alone");
    let schema = Stream::Events.schema();
    let offset = schema.index_of("offset")?;
    let mut sets =
        vec![("offset alone: playing, sorting".to_owned(), vec![offset]), ("every column".to_owned(), all_columns())];
    for (column, field) in schema.fields().iter().enumerate().filter(|&(column, _)| column != offset) {
        sets.push((format!("  {}", field.name()), vec![offset, column]));
    }
    let measured = day(sets)?;
    let (played, all) = (Spread::of(&measured[0].1, |pair| pair.own), Spread::of(&measured[1].1, |pair| pair.own));
    let mut columns: Vec<(&str, Spread)> = measured[2..]
        .iter()
        .map(|(name, pairs)| (name.as_str(), Spread::of(pairs, |pair| pair.own - pair.first)))
        .collect();
    columns.sort_by(|a, b| b.1.median.total_cmp(&a.1.median));
    let written: f64 = columns.iter().map(|column| column.1.median).sum();
    println!("{:<32} {:>24} {:>10}", "stage", "ns/event min/med/max", "of all");
    let share = |ns: f64| format!("{:.0}%", 100.0 * ns / all.median);
    let line = |name: &str, ns: &Spread| println!("{name:<32} {:>24} {:>10}", ns.text(1.0, 1), share(ns.median));
    line(&measured[0].0, &played);
    columns.iter().for_each(|(name, ns)| line(name, ns));
    println!("{:<32} {:>24.1} {:>10}", "medians added up", played.median + written, share(played.median + written));
    line("every column, in one read", &all);
    Ok(())
}
