"""What the tests of the DAGs stand on: a fresh Airflow in a temporary folder, and an event server with two small days.

Nothing is mocked: tasks run Spark through spark-submit, as they do in production. So `make build` comes first.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "airflow_dags"

# Airflow appends the folder of its DAGs as well.
sys.path.append(str(DAGS))

# Airflow reads its settings when it is first imported, so they are made before any test module is.
AIRFLOW_HOME = tempfile.TemporaryDirectory(prefix="downbeat-airflow-")
os.environ.update(
    AIRFLOW_HOME=AIRFLOW_HOME.name,
    AIRFLOW__CORE__DAGS_FOLDER=str(DAGS),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW_CONN_SPARK_LOCAL='{"conn_type": "spark", "host": "local[2]"}',
    # These drivers live for seconds: the optimising compiler would take twice the time that it saves.
    SPARK_SUBMIT_OPTS="-XX:TieredStopAtLevel=1",
    DOWNBEAT_HOME=str(ROOT),
    DOWNBEAT_LAKE=str(Path(AIRFLOW_HOME.name) / "no-lake-by-default"),
)

# In the past by any clock, so all of it is there to be read at once: the tests' numbers don't depend on the day they
# run.
WORLD = [
    *("--seed", "11", "--listeners", "200", "--tracks", "2000", "--partitions", "2"),
    *("--start", "2024-03-01", "--until", "2024-03-03"),
]


@pytest.fixture(scope="session", autouse=True)
def airflow_database() -> None:
    """An empty, migrated database; `dag.test` needs one."""
    from airflow.utils.db import initdb  # noqa: PLC0415 (see above)

    initdb()


@pytest.fixture(scope="module")
def dags(airflow_database: None) -> dict:
    """All DAGs of the folder, loaded as Airflow loads them."""
    from airflow.dag_processing.dagbag import BundleDagBag  # noqa: PLC0415 (see above)

    bag = BundleDagBag(dag_folder=DAGS, bundle_path=DAGS, bundle_name="dags-folder")
    assert bag.import_errors == {}
    return bag.dags


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Address of an event server that serves a small bounded world."""
    command = [str(ROOT / "target" / "release" / "downbeat"), "serve", "--listen", "127.0.0.1:0", *WORLD]
    log = Path(AIRFLOW_HOME.name) / "server.log"
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as process:
        try:
            yield _address(process, log)
        finally:
            process.terminate()
            process.wait(20)


def _address(process: subprocess.Popen, log: Path) -> str:
    """Wait until the server says where it listens."""
    for _ in range(150):
        if match := re.search(r"listening on (grpc://\S+)", log.read_text()):
            return match.group(1)
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError(f"the event server did not start:\n{log.read_text()}")
