//! The native library inside the Spark jar: the only crate that knows of a JVM.
//!
//! The JVM holds numbers: a handle for each reader, cleanser, aggregator, batch or region it owns, and must give each back once
//! (see `handles`). A batch is also exported once as a C `ArrowArray` of struct type, whose address the JVM reads by
//! itself; no arrow-java is involved. Every failure, a panic included, becomes a `DownbeatException` with an error
//! condition of its own (`error`); the end of a stream is a value and never an absence of one.
//!
//! Threads: every function may be called from any Java thread and runs on it. Only the Flight client has threads of its
//! own, and those never call into the JVM.

mod batch;
mod boundary;
mod client;
mod copied;
mod error;
mod handles;
mod natives;
mod reader;
mod spark_types;
mod windows;
