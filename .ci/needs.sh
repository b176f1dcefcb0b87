#!/usr/bin/env bash
# Says what is missing on this machine before anything is built: .ci/needs.sh TOOL…
set -euo pipefail

missing=0
say() { echo "downbeat: $1" >&2; missing=1; }

for tool in "$@"; do
  case $tool in
    cargo) command -v cargo >/dev/null || say "cargo is missing: install Rust with rustup; rust-toolchain.toml names the version" ;;
    rustup) command -v rustup >/dev/null || say "rustup is missing: a release needs Rust's standard library for other processors, which it installs" ;;
    readelf) command -v readelf >/dev/null || say "readelf is missing: a release's libraries are checked with it; install it with 'apt-get install binutils'" ;;
    java)
      if ! command -v java >/dev/null; then
        say "java is missing: install a JDK 17, e.g. 'apt-get install openjdk-17-jdk-headless'"
      elif ! java -version 2>&1 | grep -qE 'version "(17|21)\.'; then
        say "Spark 4.2 runs on JDK 17 or 21, but 'java -version' says: $(java -version 2>&1 | head -n 1)"
      fi ;;
    mvn) command -v mvn >/dev/null || say "mvn is missing: install Maven, e.g. 'apt-get install maven'" ;;
    python*)
      command -v "$tool" >/dev/null && "$tool" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' ||
        say "$tool is not Python 3.11: install it, or name it with 'make PYTHON=/path/to/python3.11'" ;;
    cc | nm) command -v "$tool" >/dev/null || say "$tool is missing: install it with 'apt-get install gcc binutils'" ;;
    go) command -v go >/dev/null || say "go is missing: the object store that tests run on is built with it; install Go 1.24 or newer" ;;
    unshare) command -v unshare >/dev/null || say "unshare is missing: tests fill a small disk with it; install it with 'apt-get install util-linux'" ;;
    pkill) command -v pkill >/dev/null || say "pkill is missing: Airflow is stopped with it; install it with 'apt-get install procps'" ;;
    openssl) command -v openssl >/dev/null || say "openssl is missing: tests make certificates with it; install it with 'apt-get install openssl'" ;;
    chromium) command -v chromium >/dev/null || say "chromium is missing: the pages are tested in it; install it with 'apt-get install chromium'" ;;
  esac
done
exit "$missing"
