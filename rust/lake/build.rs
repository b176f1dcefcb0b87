//! Compiles the messages between driver, tasks and library, without needing protoc on the machine.

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("../../proto");
    println!("cargo::rerun-if-changed={}", folder.join("lake.proto").display());
    let messages = protox::compile(["lake.proto"], [folder])?;
    prost_build::Config::new().btree_map(["."]).compile_fds(messages)?;
    Ok(())
}
