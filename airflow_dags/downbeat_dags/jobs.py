"""How a DAG of ours runs a Spark job: where the job is, with what it is submitted, and when it is tried again.

Settings of Spark are not here: they come from the properties file that `make build` writes from
`downbeat_spark.session`. The master comes from the Airflow connection `spark_local`, secrets from the worker's
environment, so neither stands in a command line.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Context, Param, RetryDecision, RetryPolicy

HOME = Path(os.environ.get("DOWNBEAT_HOME", Path(__file__).resolve().parents[2]))

# An environment of its own, for Airflow's Spark provider brings another distribution of the module `pyspark`.
SPARK_VENV = HOME / ".venv"

# One slot: a driver takes the cores and memory it finds, and two at once on one machine only make both slower.
SPARK_POOL = "spark"

# Waits of about 1, 2 and 4 minutes outlast a restart of the event server or of a store.
DEFAULT_ARGS: dict[str, Any] = {
    "owner": "downbeat",
    "retries": 3,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=15),
    "execution_timeout": timedelta(minutes=30),
}


class RetryUnlessDataFault(RetryPolicy):
    """Fails a check at once if it ran and found the data wrong: they would be as wrong the next time.

    Everything else (a server that does not answer, a full disk, a lost driver) may pass, and is left to the task's
    retries.
    """

    # What `reconcile.py` and `quality.py` end with if the data are wrong; 2 says that they could not run.
    DATA_FAULT = 1

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by the exit code that spark-submit returned, which the provider only tells in its message."""
        code = re.search(r"Error code is: (-?\d+)", str(exception))
        if code and int(code.group(1)) == self.DATA_FAULT:
            return RetryDecision.fail(reason="the check ran and found the data wrong; trying again would find the same")
        return RetryDecision.default()


# For tasks that judge the data.
CHECK_ARGS: dict[str, Any] = {"retry_policy": RetryUnlessDataFault()}

LAKE = Param(
    os.environ.get("DOWNBEAT_LAKE", str(HOME / ".airflow" / "lake")),
    type="string",
    minLength=1,
    title="Lake",
    description="Folder of the lake: one Delta table in each of its folders.",
)


def spark_job(file: str) -> dict[str, Any]:
    """Arguments of a `SparkSubmitOperator` for `pyspark/jobs/<file>`; the task adds its id and the job's arguments."""
    return {
        "application": str(HOME / "pyspark" / "jobs" / file),
        "name": f"downbeat-{Path(file).stem}",
        "conn_id": "spark_local",
        "spark_binary": str(SPARK_VENV / "bin" / "spark-submit"),
        "properties_file": str(HOME / "spark-connector" / "target" / "spark.properties"),
        # Without SPARK_HOME spark-submit takes the home of the first `python3` on PATH, which is Airflow's.
        "env_vars": {
            "SPARK_HOME": str(SPARK_VENV / "lib" / "python3.11" / "site-packages" / "pyspark"),
            "PYSPARK_PYTHON": str(SPARK_VENV / "bin" / "python"),
            "PYSPARK_DRIVER_PYTHON": str(SPARK_VENV / "bin" / "python"),
        },
        "pool": SPARK_POOL,
    }
