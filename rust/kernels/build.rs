//! Compiles the messages that carry resolved contracts, aggregates and queries, without needing protoc on the machine.

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("../../proto");
    for file in ["contract.proto", "aggregate.proto", "query.proto"] {
        println!("cargo::rerun-if-changed={}", folder.join(file).display());
    }
    let contract = protox::compile(["contract.proto"], [folder])?;
    prost_build::Config::new().btree_map(["."]).compile_fds(contract)?;
    let over_columns = protox::compile(["aggregate.proto", "query.proto"], [folder])?;
    prost_build::Config::new()
        .btree_map(["."])
        .extern_path(".downbeat.contract.v1", "crate::proto")
        .compile_fds(over_columns)?;
    Ok(())
}
