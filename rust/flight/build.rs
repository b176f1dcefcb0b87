//! Compiles the wire messages, without needing protoc on the machine.

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("../../proto");
    println!("cargo::rerun-if-changed={}", folder.join("flight.proto").display());
    let files = protox::compile(["flight.proto"], [folder])?;
    prost_build::compile_fds(files)?;
    Ok(())
}
