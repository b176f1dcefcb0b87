#!/usr/bin/env bash
# Runs a command beside an object store on loopback, over a folder that is gone afterwards. The way to it is in the command's
# environment, and it has a bucket `lake`:
#
#     stores/with-store.sh versitygw .venv/bin/python benchmarks/ingest.py freshness --store s3://lake/bench
#     stores/with-store.sh minio target/release/downbeat doctor --lake s3://lake
set -euo pipefail

[ $# -gt 1 ] || { echo "usage: $0 versitygw|minio COMMAND…" >&2; exit 2; }
store=$1
shift
program=$(cd "$(dirname "$0")/.." && pwd)/.stores/$store
[ -x "$program" ] || { echo "downbeat: there is no $program; run stores/install.sh $store" >&2; exit 2; }

folder=$(mktemp -d)
mkdir -p "$folder/objects/lake" "$folder/metadata"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export AWS_ACCESS_KEY_ID=local AWS_REGION=us-east-1 S3_ENDPOINT="http://127.0.0.1:$port"
AWS_SECRET_ACCESS_KEY=$(head -c 24 /dev/urandom | base64)
export AWS_SECRET_ACCESS_KEY

case $store in
  versitygw)
    ROOT_ACCESS_KEY=$AWS_ACCESS_KEY_ID ROOT_SECRET_KEY=$AWS_SECRET_ACCESS_KEY "$program" --port "127.0.0.1:$port" --quiet \
      posix --sidecar "$folder/metadata" "$folder/objects" > "$folder/log" 2>&1 &
    ;;
  minio)
    MINIO_ROOT_USER=$AWS_ACCESS_KEY_ID MINIO_ROOT_PASSWORD=$AWS_SECRET_ACCESS_KEY "$program" server --quiet \
      --address "127.0.0.1:$port" "$folder/objects" > "$folder/log" 2>&1 &
    ;;
esac
trap 'kill $! 2>/dev/null; wait $! 2>/dev/null; rm -rf "$folder"' EXIT
for _ in $(seq 100); do
  if (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
  kill -0 $! 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
  sleep 0.1
done
"$@"
