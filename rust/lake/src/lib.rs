//! Delta tables on a disk or in an object store, without a JVM: record batches become Parquet files, and files become part of a
//! table in one commit.
//!
//! A [`Table`] plans an append and commits it; between the two, any number of [`TableWriter`]s, wherever they run, write by the
//! [`proto::WritePlan`]. A [`TaskWriter`] feeds several of them, in one pass over the rows, by a [`proto::TaskPlan`]. What is
//! written and never committed is read by nobody, and `VACUUM` removes it. The log itself is read and written by `delta_kernel`.

mod create;
mod error;
mod partitions;
pub mod probe;
pub mod proto;
pub mod store;
mod table;
mod task;
mod upload;
mod writer;

pub use error::{Error, Result};
pub use table::Table;
pub use task::TaskWriter;
pub use upload::Upload;
pub use writer::TableWriter;
