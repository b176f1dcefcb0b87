//! The `downbeat` command: serves a world's event log, writes it to files, reads from a server, and says what this
//! machine lacks.
//!
//! Exit codes: 0 done, 1 failed while at work, 2 asked for something that cannot be. What a program wants to read goes
//! to standard output, everything else to standard error.
#![allow(clippy::print_stdout)] // Printing is what a command is for.

mod doctor;
mod export;
mod failure;
mod history;
mod live;
mod rate;
mod read;
mod report;
mod serve;
mod settings;
mod world;

use std::{io::IsTerminal, process::ExitCode};

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Columns of megabytes are given back and taken again with each batch, and the system's allocator returns them each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Realistic music-listening events, served over Arrow Flight or written to files, with the truth about every fault.
#[derive(Debug, Parser)]
#[command(name = "downbeat", version, max_term_width = 120)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Export(export::Export),
    Read(read::Read),
    Report(report::Report),
    Doctor(doctor::Doctor),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter =
        EnvFilter::try_from_env("DOWNBEAT_LOG").unwrap_or_else(|_| EnvFilter::new("warn,downbeat_flight=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let done = match arguments.command {
        Command::Serve(serve) => serve.run(),
        Command::Export(export) => export.run(),
        Command::Read(read) => read.run(),
        Command::Report(report) => report.run(),
        Command::Doctor(doctor) => doctor.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}
