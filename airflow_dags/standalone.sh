#!/usr/bin/env bash
# A whole Airflow on loopback with our DAGs ready to trigger: `make airflow`. Ctrl-C stops all of it.
#
# For one person on one machine: SQLite, tasks as local processes, no login (so it listens on loopback only). These can be set:
#   AIRFLOW_PORT           where the page is (8080)
#   DOWNBEAT_LAKE          the lake that the DAGs offer (.airflow/lake)
#   DOWNBEAT_AIRFLOW_HOME  where Airflow keeps its database and logs (.airflow)
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
port="${AIRFLOW_PORT:-8080}"
address="http://127.0.0.1:$port"
home="${DOWNBEAT_AIRFLOW_HOME:-$root/.airflow}"
log="$home/standalone.log"

if [ ! -x "$root/.venv-airflow/bin/airflow" ]; then
  echo "airflow: $root/.venv-airflow has no Airflow: run make build" >&2
  exit 1
fi
if (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
  echo "airflow: port $port is in use: stop what listens there, or choose another with AIRFLOW_PORT=8090 make airflow" >&2
  exit 1
fi

export DOWNBEAT_HOME="$root"
export AIRFLOW_HOME="$home"
export PATH="$root/.venv-airflow/bin:$PATH" # standalone starts its parts as plain `airflow`
export AIRFLOW__CORE__DAGS_FOLDER="$root/airflow_dags"
export AIRFLOW__CORE__LOAD_EXAMPLES=False
export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False
export AIRFLOW__CORE__EXECUTOR=LocalExecutor
export AIRFLOW__CORE__PARALLELISM=4 # one Spark driver at a time, and the small tasks beside it
export AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True
export AIRFLOW__API__HOST=127.0.0.1
export AIRFLOW__API__PORT="$port"
export AIRFLOW__API__BASE_URL="$address"
export AIRFLOW__API__WORKERS=1
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="$address/execution/" # tasks report here; its default is port 8080
export AIRFLOW_CONN_SPARK_LOCAL='{"conn_type": "spark", "host": "local[*]"}'

mkdir -p "$home"
echo "airflow: preparing $home"
airflow db migrate >"$log" 2>&1 || { echo "airflow: could not prepare its database; see $log" >&2; exit 1; }
airflow pools set spark 1 "one Spark driver at a time" >>"$log" 2>&1

# A session of its own, so that Ctrl-C comes to this script alone and one signal reaches every part.
setsid airflow standalone >>"$log" 2>&1 &
session=$!

stop() {
  trap '' INT TERM
  echo "airflow: stopping"
  # The session, for each task has a process group of its own. Asked every 5 s again: who waits for a part that ended before it (a
  # task's supervisor for the API server, the scheduler for a worker) leaves at the second time.
  for ((tick = 0; tick < 300; tick++)); do # 60 s: a running task is asked to end, and ends its Spark driver
    if ((tick % 25 == 0)); then pkill -TERM -s "$session" || true; fi
    pgrep -s "$session" >/dev/null || { echo "airflow: stopped"; return 0; }
    sleep 0.2
  done
  echo "airflow: these did not stop within 60 s; ending them:" >&2
  pgrep -a -s "$session" >&2 || true
  pkill -KILL -s "$session" || true
}
trap 'stop; exit 0' INT TERM

healthy() {
  python - "$address" <<'PY'
import json, sys, urllib.request
try:
    parts = json.load(urllib.request.urlopen(f"{sys.argv[1]}/api/v2/monitor/health", timeout=5))
    sys.exit(any(part["status"] != "healthy" for part in parts.values()))
except OSError:
    sys.exit(1)
PY
}

echo "airflow: starting; log in $log"
until healthy; do
  if ! kill -0 "$session" 2>/dev/null; then
    echo "airflow: ended while starting; its last words ($log):" >&2
    tail -n 15 "$log" >&2
    stop
    exit 1
  fi
  sleep 1
done

cat <<TEXT
airflow: ready at $address - Ctrl-C stops it
  An event server for ingest_history, in another terminal:
    target/release/downbeat serve --listeners 2000 --tracks 20000 --partitions 2 --start 2026-10-01 --until 2026-10-08
  Then trigger ingest_history on the page, or without it:
    curl -X POST $address/api/v2/dags/ingest_history/dagRuns -H 'Content-Type: application/json' -d '{"logical_date": null}'
TEXT

wait "$session" || true
echo "airflow: ended by itself; its last words ($log):" >&2
tail -n 15 "$log" >&2
stop
exit 1
