//! `downbeat doctor`: what of Downbeat works on this machine or in a store, and what to do about what does not.

use std::{
    env, fmt,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use clap::Args;
use downbeat_lake::probe::{Ability, Lacking, probe};

use crate::failure::{Failure, Result};

/// The native library inside the Spark jar.
const LIBRARY: &str = "libdownbeat_jni.so";

/// Say what works on this machine and what does not, or what a lake's store can do and what it cannot.
///
/// Exits with 1 if something is missing that the pipeline needs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  downbeat doctor || echo 'not ready'
  S3_ENDPOINT=http://127.0.0.1:9000 downbeat doctor --lake s3://bucket/lake")]
pub(crate) struct Doctor {
    /// Try the store of a lake, in place of this machine: a folder, `s3://bucket/prefix` or `gs://bucket/prefix`. What is written there for it
    /// is removed again.
    #[arg(long, value_name = "URI")]
    lake: Option<String>,
}

/// One line of the report.
enum Finding {
    Works(String),
    /// Works, but somebody may be surprised.
    Note(String),
    Missing(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Works(text) => write!(f, "ok      {text}"),
            Self::Note(text) => write!(f, "note    {text}"),
            Self::Missing(text) => write!(f, "MISSING {text}"),
        }
    }
}

impl Doctor {
    pub(crate) fn run(self) -> Result<()> {
        match self.lake {
            Some(lake) => store(&lake),
            None => machine(),
        }
    }
}

fn machine() -> Result<()> {
    let folder = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned)).unwrap_or_default();
    let findings: Vec<Finding> = [version(), processor(), library(&folder), jar(&folder), java(), python(&folder)]
        .into_iter()
        .chain([(8815, "the event server"), (8501, "the dashboard"), (8080, "Airflow")].map(port))
        .collect();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.iter().filter(|finding| matches!(finding, Finding::Missing(_))).count() {
        0 => Ok(()),
        missing => Err(Failure::work(format!("{missing} missing; see above"))),
    }
}

/// Tries what a lake asks of its store.
fn store(lake: &str) -> Result<()> {
    let mut lacking: Vec<Ability> = Vec::new();
    probe(lake, |found| {
        let name = found.ability.name();
        println!(
            "{}",
            match found.seen {
                Ok(seen) => Finding::Works(format!("{name}: {seen}")),
                Err(Lacking::NotOfIts(why)) => Finding::Note(format!("{name}: {why}")),
                Err(Lacking::Failed(why)) => {
                    lacking.push(found.ability);
                    Finding::Missing(format!("{name}: {why}; {}", found.ability.without()))
                }
            }
        );
    })
    .map_err(|cause| match cause {
        downbeat_lake::Error::Location { .. } => Failure::usage(cause.to_string()),
        _ => Failure::work(cause.to_string()),
    })?;
    if lacking.iter().any(|ability| ability.is_needed()) {
        return Err(Failure::work(format!("{lake} cannot hold a lake; see above")));
    }
    println!(
        "{lake} can hold a lake; {}",
        match lacking.contains(&Ability::PutIfAbsent) {
            true => "one program at a time may write to it",
            false => "any number of programs may write to it at once",
        }
    );
    Ok(())
}

fn version() -> Finding {
    Finding::Works(format!("downbeat {} for {} on {}", env!("CARGO_PKG_VERSION"), env::consts::OS, env::consts::ARCH))
}

fn processor() -> Finding {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    #[cfg(target_arch = "x86_64")]
    let features = [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let features: [(&str, bool); 0] = [];
    let present: Vec<&str> = features.iter().filter(|(_, present)| *present).map(|(name, _)| *name).collect();
    Finding::Works(format!(
        "processor: {cores} cores, {}",
        if present.is_empty() { "no special features".into() } else { present.join(" ") }
    ))
}

/// The library `make build` leaves beside the command.
fn library(folder: &Path) -> Finding {
    let path = folder.join(LIBRARY);
    match path.is_file() {
        true => Finding::Works(format!("native library: {}", path.display())),
        false => Finding::Missing(format!("native library: no {}; run `make build`", path.display())),
    }
}

/// The jar beside the command, or where `make build` leaves it.
fn jar(folder: &Path) -> Finding {
    let folders =
        [folder.to_owned()].into_iter().chain(folder.ancestors().map(|above| above.join("spark-connector/target")));
    let jar = folders.filter_map(|folder| folder.read_dir().ok()).flatten().flatten().map(|entry| entry.path()).find(
        |path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("downbeat-spark_") && name.ends_with(".jar") && !name.ends_with("-tests.jar")
        },
    );
    match jar {
        Some(path) => Finding::Works(format!("Spark connector: {}", path.display())),
        None => Finding::Missing("Spark connector: no downbeat-spark jar; run `make build`".into()),
    }
}

fn java() -> Finding {
    let java = env::var_os("JAVA_HOME").map_or_else(|| PathBuf::from("java"), |home| Path::new(&home).join("bin/java"));
    let advice = "Spark 4.2 needs a JDK 17 or later; install one, or point JAVA_HOME at it";
    match output(&java, &["-version"]) {
        Err(cause) => Finding::Missing(format!("Java: cannot run {}: {cause}; {advice}", java.display())),
        Ok(text) => {
            // openjdk version "17.0.15" 2025-04-15
            let version = text.split('"').nth(1).unwrap_or_default().to_owned();
            match version.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
                Some(17..) => Finding::Works(format!("Java {version}: {}", java.display())),
                _ => Finding::Missing(format!("Java '{version}' is too old or unknown; {advice}")),
            }
        }
    }
}

/// The environment `make build` makes, or the Python on the path.
fn python(folder: &Path) -> Finding {
    let ours = folder.ancestors().map(|above| above.join(".venv/bin/python")).find(|python| python.is_file());
    let python = ours.unwrap_or_else(|| PathBuf::from("python3"));
    let code = "import sys, pyspark; print(sys.version.split()[0], 'with PySpark', pyspark.__version__)";
    match output(&python, &["-c", code]) {
        Ok(versions) => Finding::Works(format!("Python {}: {}", versions.trim(), python.display())),
        Err(cause) => Finding::Missing(format!(
            "Python with PySpark: {} says {cause}; run `make build`, or install pyspark 4.2",
            python.display()
        )),
    }
}

/// What a program says, or the last line of its complaint.
fn output(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().map_err(|cause| cause.to_string())?;
    let errors = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        // Java tells its version on standard error.
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &errors),
        false => Err(errors.trim().lines().last().unwrap_or("nothing").to_owned()),
    }
}

fn port((port, purpose): (u16, &str)) -> Finding {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Finding::Works(format!("port {port} is free for {purpose}")),
        Err(cause) => Finding::Note(format!("port {port}, the usual one of {purpose}: {cause}")),
    }
}
