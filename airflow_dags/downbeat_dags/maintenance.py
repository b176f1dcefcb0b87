"""What the DAGs share that look after a lake's files: that there is a lake, a job for all tables, and what is told of them."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import task

from downbeat_dags.jobs import spark_job
from downbeat_dags.lake import FILES, describe_tables


@task
def find_tables(*, params):
    """See that there is a lake."""
    return sorted(describe_tables(params["lake"]))


def lake_job(name, *arguments, **operator):
    """A job of `pyspark/jobs` for every table of the lake."""
    return SparkSubmitOperator(
        task_id=name,
        application_args=["--lake", "{{ params.lake }}", *arguments],
        execution_timeout=timedelta(hours=2),
        **operator,
        **spark_job(f"{name}.py"),
    )


@task(outlets=[FILES])
def publish_files(*, params, outlet_events):
    """Tell what each table is made of now."""
    outlet_events[FILES].extra = describe_tables(params["lake"])
