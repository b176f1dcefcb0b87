"""
### Maintain the lake

**Makes** the files of the lake fewer and larger, adds up the tiles of days that are over, drops days that are older than they
are to be kept, and removes files no longer needed: `find_tables` sees that there is a lake, `compact`, `merge_tiles`, `expire`
and `vacuum` do one thing each to all tables, `publish_files` tells rows, files, bytes and Delta version of each. No answer that a
reader gets changes.

**When**: every ten minutes, for a stream leaves a file or two a batch and table. It may run beside the live stream:
compaction conflicts with no append.

**A rerun** finds little left to do. One that was stopped goes on where it ended: each day of a table is a commit of its own.
Files that a reader of an older version may still need are kept for `retain_hours`.

**When it fails**, look first at the log of the task: the last lines are the job's own words, and name the table. The platform
team can help: a full disk, a lake that can't be written, a store that does not answer. Such faults are tried again with
growing waits. `find_tables` fails at once where there is no lake: nothing was ingested, or the parameter `lake` is wrong.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Param, chain, dag, task
from downbeat_dags.jobs import DEFAULT_ARGS, LAKE, spark_job
from downbeat_dags.lake import FILES, describe_tables


@dag(
    description="Compact, merge, expire and vacuum every table of the lake",
    doc_md=__doc__,
    schedule="*/10 * * * *",
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    default_args=DEFAULT_ARGS,
    tags=["downbeat", "lake", "maintenance"],
    params={
        "lake": LAKE,
        "retain_hours": Param(
            168,
            type="integer",
            minimum=0,
            maximum=8760,
            title="Hours to keep",
            description="Files that newer ones replaced are kept this long: longer than any query that reads the lake. "
            "0 only while nothing is ingested.",
        ),
    },
)
def maintain_lake():
    """One thing after the other, each for all tables."""

    @task
    def find_tables(*, params):
        """See that there is a lake."""
        return sorted(describe_tables(params["lake"]))

    def job(name, *arguments):
        return SparkSubmitOperator(
            task_id=name,
            application_args=["--lake", "{{ params.lake }}", *arguments],
            execution_timeout=timedelta(hours=2),
            **spark_job(f"{name}.py"),
        )

    @task(outlets=[FILES])
    def publish_files(*, params, outlet_events):
        """Tell what each table is made of now."""
        outlet_events[FILES].extra = describe_tables(params["lake"])

    chain(
        find_tables(),
        job("compact"),
        job("merge_tiles"),
        job("expire"),
        job("vacuum", "--retain-hours", "{{ params.retain_hours }}"),
        publish_files(),
    )


maintain_lake()
