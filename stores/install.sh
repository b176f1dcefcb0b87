#!/usr/bin/env bash
# Builds the object stores that tests and demos run on from Go's module registry, into .stores/: some four minutes the first time.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSITYGW=v1.8.0

mkdir -p .stores
GOBIN="$PWD/.stores" go install "github.com/versity/versitygw/cmd/versitygw@$VERSITYGW"
