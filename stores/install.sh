#!/usr/bin/env bash
# Builds the object stores that tests and demos run on from Go's module registry, into .stores/: Versity Gateway, some four
# minutes the first time, or those that are named, of which MinIO takes nine. Google's is a stand-in, for tests alone.
#
#     stores/install.sh [versitygw] [minio] [fake-gcs-server]
set -euo pipefail
cd "$(dirname "$0")/.."

VERSITYGW=v1.8.0
FAKE_GCS=v1.56.1
MINIO=v0.0.0-20260212201848-7aac2a2c5b7c

[ $# -gt 0 ] || set versitygw
mkdir -p .stores
for store in "$@"; do
  case $store in
    versitygw) module=github.com/versity/versitygw/cmd/versitygw@$VERSITYGW ;;
    minio) module=github.com/minio/minio@$MINIO ;;
    fake-gcs-server) module=github.com/fsouza/fake-gcs-server@$FAKE_GCS ;;
    *) echo "downbeat: no store is called $store: there are versitygw, minio and fake-gcs-server" >&2; exit 2 ;;
  esac
  GOBIN="$PWD/.stores" go install "$module"
done
