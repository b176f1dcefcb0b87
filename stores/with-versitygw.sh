#!/usr/bin/env bash
# Runs a command beside a Versity Gateway on loopback, over a folder that is gone afterwards. The way to it is in the command's
# environment, and it has a bucket `lake`:
#
#     stores/with-versitygw.sh .venv/bin/python benchmarks/ingest.py freshness --store s3://lake/bench
set -euo pipefail

gateway=$(cd "$(dirname "$0")/.." && pwd)/.stores/versitygw
[ -x "$gateway" ] || { echo "downbeat: there is no $gateway; run stores/install.sh" >&2; exit 2; }
[ $# -gt 0 ] || { echo "usage: $0 COMMAND…" >&2; exit 2; }

folder=$(mktemp -d)
mkdir -p "$folder/objects/lake" "$folder/metadata"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export AWS_ACCESS_KEY_ID=local AWS_REGION=us-east-1 S3_ENDPOINT="http://127.0.0.1:$port"
AWS_SECRET_ACCESS_KEY=$(head -c 24 /dev/urandom | base64)
export AWS_SECRET_ACCESS_KEY

ROOT_ACCESS_KEY=$AWS_ACCESS_KEY_ID ROOT_SECRET_KEY=$AWS_SECRET_ACCESS_KEY "$gateway" --port "127.0.0.1:$port" --quiet \
  posix --sidecar "$folder/metadata" "$folder/objects" > "$folder/log" 2>&1 &
trap 'kill $! 2>/dev/null; rm -rf "$folder"' EXIT
for _ in $(seq 100); do
  if (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
  kill -0 $! 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
  sleep 0.1
done
"$@"
