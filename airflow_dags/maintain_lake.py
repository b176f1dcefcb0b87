"""
### Maintain the lake

**Makes** the files of the lake fewer and larger, and removes those no longer needed: `list_tables` finds the tables
the lake has, `maintain_table` compacts and vacuums each in a task of its own, `publish_files` tells rows, files,
bytes and Delta version of each table. Rows never change.

**When**: every night at 03:30 UTC, when the day before is closed. It may run beside the live stream: compaction
conflicts with no append.

**A rerun** finds little left to do and changes nothing a reader sees. Files that a reader of an older version may
still need are kept for `retain_hours`.

**When it fails**, look first at the log of the table's task (its map index is the table's name): the last lines are
the job's own words. The platform team can help: a full disk, a lake that can't be written, a store that does not
answer. Such faults are tried again with growing waits, one table's without the others'. `list_tables` fails at once
where there is no lake: nothing was ingested, or the parameter `lake` is wrong.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Param, dag, task
from downbeat_dags.jobs import DEFAULT_ARGS, LAKE, spark_job
from downbeat_dags.lake import FILES, describe_table, tables_in


@dag(
    description="Compact and vacuum every table of the lake",
    doc_md=__doc__,
    schedule="30 3 * * *",
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
    """Map one task over the tables."""

    @task
    def list_tables(*, params):
        """Arguments of the job for each table; mapped arguments are not templates, so they are complete here."""
        return [
            ["--table", name, "--lake", params["lake"], "--retain-hours", str(params["retain_hours"])]
            for name in tables_in(params["lake"])
        ]

    maintain_table = SparkSubmitOperator.partial(
        task_id="maintain_table",
        map_index_template="{{ task.application_args[1] }}",
        execution_timeout=timedelta(hours=2),
        **spark_job("maintain.py"),
    ).expand(application_args=list_tables())

    @task(outlets=[FILES])
    def publish_files(*, params, outlet_events):
        """Tell what each table is made of now."""
        outlet_events[FILES].extra = {name: describe_table(params["lake"], name) for name in tables_in(params["lake"])}

    maintain_table >> publish_files()


maintain_lake()
