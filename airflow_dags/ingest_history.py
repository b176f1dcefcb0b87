"""
### Ingest a history

**Makes** the lake's tables from everything the event server has when the run starts: reads on from where the lake's
checkpoint stands, cleans, enriches and writes each batch once to each table (`ingest_events`), compares the lake with
the truth row by row (`reconcile_lake`), checks the tables themselves (`check_quality`), and only then tells others
what is there (`publish_tables`: one asset event a table, with rows, files, bytes and Delta version).

**When**: triggered by hand, with the server's address and the lake. A run is bounded: what arrives after it started
is for the next run. The live stream is not a task but a service, `pyspark/jobs/ingest.py` without `--available-now`.

**A rerun** reads only what is new; with nothing new the tables stay as they are, except for one more result in
`reconciliation`. A run that was killed half way is simply run again.

**When it fails**, look first at the log of the failed task; the last lines are the job's own words.

| task | who can help |
|---|---|
| `ingest_events` | who runs the event server: its address, or not the world the lake was made from. Tried again |
| `reconcile_lake` | the data engineers: rows lost, doubled or changed. A difference is not tried again |
| `check_quality` | the data engineers: a table breaks its own rules. A broken rule is not tried again |
| `publish_tables` | the platform team: the lake's folder can't be read |
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Param, chain, dag, task
from downbeat_dags.jobs import CHECK_ARGS, DEFAULT_ARGS, LAKE, spark_job
from downbeat_dags.lake import TABLES, describe_tables


@dag(
    description="Ingest all events there are, prove the lake equal to the truth, check and publish its tables",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    default_args=DEFAULT_ARGS,
    tags=["downbeat", "lake", "ingest"],
    params={
        "uri": Param(
            "grpc://127.0.0.1:8815",
            type="string",
            pattern=r"^grpc://[^\s,/]+:\d+(,grpc://[^\s,/]+:\d+)*$",
            title="Event server",
            description="Address of the event server; several replicas with commas between them.",
        ),
        "lake": LAKE,
        "max_offsets_per_trigger": Param(
            400_000,
            type="integer",
            minimum=1_000,
            maximum=10_000_000,
            title="Rows a batch",
            description="Most rows a batch reads, over all partitions: bounds memory, and what a crash repeats.",
        ),
    },
)
def ingest_history():
    """Wire the jobs one after the other."""
    source = ["--uri", "{{ params.uri }}", "--lake", "{{ params.lake }}"]
    ingest_events = SparkSubmitOperator(
        task_id="ingest_events",
        application_args=[
            *source,
            "--available-now",
            "--max-offsets-per-trigger",
            "{{ params.max_offsets_per_trigger }}",
        ],
        execution_timeout=timedelta(hours=8),
        **spark_job("ingest.py"),
    )
    reconcile_lake = SparkSubmitOperator(
        task_id="reconcile_lake",
        application_args=source,
        execution_timeout=timedelta(hours=2),
        **CHECK_ARGS,
        **spark_job("reconcile.py"),
    )
    check_quality = SparkSubmitOperator(
        task_id="check_quality",
        # A history may have ended long ago: how fresh the lake is, is for those to watch who run the live stream.
        application_args=["--lake", "{{ params.lake }}", "--max-age-hours", "inf"],
        **CHECK_ARGS,
        **spark_job("quality.py"),
    )

    @task(outlets=list(TABLES.values()))
    def publish_tables(*, params, outlet_events):
        """Tell what each table holds now."""
        held = describe_tables(params["lake"])
        for name, asset in TABLES.items():
            outlet_events[asset].extra = held[name]

    chain(ingest_events, reconcile_lake, check_quality, publish_tables())


ingest_history()
