//! Resolved contracts and aggregates as they travel in Spark's plan: generated from `proto/contract.proto` and
//! `proto/aggregate.proto`, where each field is explained.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::doc_markdown,
    clippy::use_self,
    rustdoc::invalid_html_tags,
    reason = "generated from the files in proto, which hold the documentation"
)]

include!(concat!(env!("OUT_DIR"), "/downbeat.contract.v1.rs"));

pub mod aggregate {
    include!(concat!(env!("OUT_DIR"), "/downbeat.aggregate.v1.rs"));
}
