//! Compiles the resolved contract's messages, without needing protoc on the machine.

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("../../proto");
    println!("cargo::rerun-if-changed={}", folder.join("contract.proto").display());
    let files = protox::compile(["contract.proto"], [folder])?;
    prost_build::Config::new().btree_map(["."]).compile_fds(files)?;
    Ok(())
}
