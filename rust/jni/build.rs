//! Leaves debug information out of the library: it would be nine tenths of the Spark jar. Symbols stay, for stack traces.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-cdylib=-Wl,--strip-debug");
}
