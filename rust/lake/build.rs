//! Compiles the messages between driver, tasks and library, without needing protoc on the machine.

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("../../proto");
    println!("cargo::rerun-if-changed={}", folder.display());
    let messages = protox::compile(["lake.proto"], [folder])?;
    prost_build::Config::new()
        .btree_map(["."])
        .extern_path(".downbeat.contract.v1", "downbeat_kernels::proto")
        .extern_path(".downbeat.aggregate.v1", "downbeat_kernels::proto::aggregate")
        .extern_path(".downbeat.query.v1", "downbeat_kernels::proto::query")
        .compile_fds(messages)?;
    Ok(())
}
