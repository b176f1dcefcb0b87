//! Messages between driver, tasks and this library: generated from `proto/lake.proto`, where each field is explained.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::doc_markdown,
    reason = "generated from the file in proto, which holds the documentation"
)]

include!(concat!(env!("OUT_DIR"), "/downbeat.lake.v1.rs"));
