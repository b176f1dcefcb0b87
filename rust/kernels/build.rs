//! Compiles the messages that carry resolved contracts and aggregates, without needing protoc on the machine.

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("../../proto");
    println!("cargo::rerun-if-changed={}", folder.join("contract.proto").display());
    println!("cargo::rerun-if-changed={}", folder.join("aggregate.proto").display());
    let contract = protox::compile(["contract.proto"], [folder])?;
    prost_build::Config::new().btree_map(["."]).compile_fds(contract)?;
    let aggregate = protox::compile(["aggregate.proto"], [folder])?;
    prost_build::Config::new()
        .btree_map(["."])
        .extern_path(".downbeat.contract.v1", "crate::proto")
        .compile_fds(aggregate)?;
    Ok(())
}
