//! Resolved contracts, aggregates and queries as they travel in Spark's plan: generated from `proto/contract.proto`,
//! `proto/aggregate.proto` and `proto/query.proto`, where each field is explained.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::doc_markdown,
    clippy::use_self,
    rustdoc::invalid_html_tags,
    reason = "generated from the files in proto, which hold the documentation"
)]

include!(concat!(env!("OUT_DIR"), "/downbeat.contract.v1.rs"));

/// The type of this name, of which there is but one: not of a decimal.
impl From<Type> for Option<DataType> {
    fn from(of: Type) -> Self {
        Some(DataType { r#type: of.into(), precision: 0, scale: 0 })
    }
}

pub mod aggregate {
    include!(concat!(env!("OUT_DIR"), "/downbeat.aggregate.v1.rs"));
}

pub mod query {
    include!(concat!(env!("OUT_DIR"), "/downbeat.query.v1.rs"));
}
