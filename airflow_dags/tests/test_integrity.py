"""Every DAG loads, says what it is, and is bounded, whatever else it does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from airflow.exceptions import AirflowException
from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from downbeat_dags.jobs import HOME, SPARK_POOL, SPARK_VENV, RetryUnlessDataFault, spark_job

DAG_IDS = ["compact_lake", "ingest_history", "maintain_lake"]


def is_spark(task) -> bool:
    return (
        task.operator_class.__name__ == "SparkSubmitOperator" if task.is_mapped else hasattr(task, "application_args")
    )


def test_the_folder_holds_exactly_these_dags(dags):
    assert sorted(dags) == DAG_IDS


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_dag_documents_itself(dags, dag_id):
    dag = dags[dag_id]
    for part in ["**Makes**", "**When**", "**A rerun**", "**When it fails**"]:
        assert part in dag.doc_md
    assert {"downbeat", "lake"} < dag.tags
    assert dag.description
    for task in dag.tasks:
        assert f"`{task.task_id}`" in dag.doc_md, f"{task.task_id} is missing in the page of {dag_id}"


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_runs_are_bounded_and_never_overlap(dags, dag_id):
    dag = dags[dag_id]
    assert dag.dagrun_timeout
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    for task in dag.tasks:
        assert task.execution_timeout
        assert task.execution_timeout <= dag.dagrun_timeout


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_tasks_are_owned_and_tried_again_with_growing_waits(dags, dag_id):
    for task in dags[dag_id].tasks:
        assert task.owner == "downbeat"
        assert task.retries == 3
        assert task.retry_exponential_backoff == 2.0
        assert task.retry_delay < task.max_retry_delay <= timedelta(minutes=15)


def test_only_a_check_that_found_a_fault_is_not_tried_again(dags):
    with_policy = {task.task_id for dag in dags.values() for task in dag.tasks if task.retry_policy}
    assert with_policy == {"reconcile_lake", "check_quality", "repair"}


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_spark_tasks_share_one_slot(dags, dag_id):
    spark = [task for task in dags[dag_id].tasks if is_spark(task)]
    assert spark
    assert {task.pool for task in spark} == {SPARK_POOL}


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_parameters_are_typed_and_described(dags, dag_id):
    for name, value in dags[dag_id].params.dump().items():
        param = dags[dag_id].params.get_param(name)
        assert param.schema["type"] in ("string", "integer")
        assert len(param.description) > 20
        if param.schema["type"] == "integer":
            assert param.schema["minimum"] <= value <= param.schema["maximum"]


@pytest.mark.parametrize(
    ("dag_id", "name", "value"),
    [
        ("ingest_history", "uri", "127.0.0.1:8815"),
        ("ingest_history", "uri", "grpc://a:1 --lake /elsewhere"),
        ("ingest_history", "max_offsets_per_trigger", 0),
        ("ingest_history", "max_offsets_per_trigger", "many"),
        ("maintain_lake", "retain_hours", -1),
        ("maintain_lake", "lake", ""),
    ],
)
def test_a_bad_parameter_is_refused_before_anything_runs(dags, dag_id, name, value):
    with pytest.raises(ParamValidationError):
        dags[dag_id].params.get_param(name).resolve(value)


def test_several_replicas_are_one_address(dags):
    uri = dags["ingest_history"].params.get_param("uri")
    assert uri.resolve("grpc://10.0.0.1:8815,grpc://10.0.0.2:8815").count("grpc://") == 2


def test_the_ingest_task_is_bounded(dags):
    assert "--available-now" in dags["ingest_history"].get_task("ingest_events").application_args


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_dags_outlive_serialization(dags, dag_id):
    again = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dags[dag_id]))
    assert set(again.task_dict) == set(dags[dag_id].task_dict)


def test_retries_follow_the_exit_code_that_spark_submit_returned(tmp_path):
    """Held against the provider itself: its message is all it tells, and its words may change with a release."""
    job = tmp_path / "job.py"
    hook = SparkSubmitHook(conn_id="spark_local", spark_binary="spark-submit")
    for code, action in [(1, RetryAction.FAIL), (2, RetryAction.DEFAULT), (143, RetryAction.DEFAULT)]:
        job.write_text(f"import sys; sys.exit({code})")
        hook._build_spark_submit_command = lambda application: ["python3", application]
        with pytest.raises(AirflowException) as failure:
            hook.submit(str(job))
        assert RetryUnlessDataFault().evaluate(failure.value, 1, 3).action is action
    assert RetryUnlessDataFault().evaluate(OSError("Error code is missing"), 1, 3).action is RetryAction.DEFAULT


@pytest.mark.parametrize(
    "file",
    [
        "ingest.py",
        "reconcile.py",
        "quality.py",
        "compact.py",
        "merge_tiles.py",
        "expire.py",
        "erase.py",
        "vacuum.py",
        "repair.py",
    ],
)
def test_spark_is_found_where_the_build_leaves_it(file):
    job = spark_job(file)
    for path in [job["application"], job["spark_binary"], job["properties_file"], *job["env_vars"].values()]:
        assert Path(path).exists(), f"{path} is missing: run make build"
        assert Path(path).is_relative_to(HOME)
    assert (SPARK_VENV / "bin" / "spark-submit").stat().st_mode & 0o111
