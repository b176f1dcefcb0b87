"""`make airflow`: the script that starts a whole Airflow, used as a person does, with Ctrl-C at the end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from conftest import DAGS

SCRIPT = DAGS / "standalone.sh"


def environment(port: int, home: Path) -> dict[str, str]:
    """As in a shell of one's own, without what the tests set for the Airflow in their process."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "DOWNBEAT"))}
    return {**own, "AIRFLOW_PORT": str(port), "DOWNBEAT_AIRFLOW_HOME": str(home)}


def groups(session: int) -> dict[int, int]:
    """Process group of each live process of a session."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group, of = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(of) == session and state != "Z":
            found[int(stat.parent.name)] = int(group)
    return found


def test_a_port_in_use_is_told_before_anything_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        script = subprocess.run(
            [SCRIPT], env=environment(port, tmp_path / "home"), capture_output=True, text=True, timeout=30, check=False
        )
    assert script.returncode == 1
    assert f"port {port} is in use" in script.stderr
    assert "AIRFLOW_PORT=" in script.stderr
    assert not (tmp_path / "home").exists()


def test_dags_are_ready_to_trigger_and_interrupt_stops_a_running_task_with_all_else(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def ask(path: str, body: dict | None = None) -> dict:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v2/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    # A shell has what it runs in the background ignore Ctrl-C, and so does all that starts; what is caught is not inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [SCRIPT], env=environment(port, tmp_path), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as script:
        try:
            ready = next((line for line in script.stdout if "ready at" in line), None)
            assert ready, (tmp_path / "standalone.log").read_text()[-3000:]
            assert f"http://127.0.0.1:{port}" in ready
            assert {dag["dag_id"]: dag["is_paused"] for dag in ask("dags")["dags"]} == {
                "ingest_history": False,
                "compact_lake": False,
                "maintain_lake": False,
            }
            assert ask("pools/spark")["slots"] == 1
            (airflow,) = Path(f"/proc/{script.pid}/task/{script.pid}/children").read_text().split()
            ask("dags/compact_lake/dagRuns", {"logical_date": None})
            begun = time.monotonic()
            while set(groups(int(airflow)).values()) == {int(airflow)}:  # a task has a process group of its own
                assert time.monotonic() < begun + 120, "no task began within 120 s"
                time.sleep(0.1)
        finally:
            script.send_signal(signal.SIGINT)
            said = script.stdout.read()
    assert script.returncode == 0
    assert "airflow: stopped" in said, (tmp_path / "standalone.log").read_text()[-3000:]
    assert groups(int(airflow)) == {}
