"""What an ingest tells Prometheus is what the lake holds."""

from __future__ import annotations

import argparse
import urllib.request
from pathlib import Path

import pytest
from conftest import Server, ingest_all
from downbeat_spark import metrics, tables
from downbeat_spark.errors import BadInput
from downbeat_spark.ingest import _Reporter
from downbeat_spark.lake import Lake
from downbeat_spark.metrics import Metrics
from prometheus_client.parser import text_string_to_metric_families
from pyspark.sql import SparkSession


def scraped(port: int) -> dict[tuple[str, str], float]:
    """Every sample, by its name and the value of its one label."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, "".join(sample.labels.values())): sample.value for sample in samples}


def test_an_ingest_tells_its_batches_and_what_the_lake_holds(
    spark: SparkSession, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "SECONDS", 0)
    lake = Lake(tmp_path / "lake")
    told = Metrics(lake)
    reporter = _Reporter(told)
    with told.served("127.0.0.1", 0) as port:
        assert scraped(port)["downbeat_lake_up", ""] == 1
        spark.streams.addListener(reporter)
        try:
            ingest_all(spark, server, lake)
            # Spark tells listeners behind the query's back: the last batch may be told after the query's end.
            spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
        finally:
            spark.streams.removeListener(reporter)
        found = scraped(port)
    produced = lake.read("raw_events").arrow(["offset"]).num_rows
    assert found["downbeat_ingest_rows_total", ""] == found["downbeat_lake_rows_total", "produced"] == produced
    for outcome, table in (("clean", "events"), ("quarantined", "quarantine")):
        assert found["downbeat_lake_rows_total", outcome] == lake.read(table).arrow(["offset"]).num_rows > 0
    assert found["downbeat_ingest_lag_rows", ""] == 0
    batches = lake.batches()["progress"] + 1
    assert found["downbeat_lake_batch", ""] == batches - 1
    assert found["downbeat_ingest_batch_seconds_count", "all"] == batches
    parts = sum(
        found["downbeat_ingest_batch_seconds_sum", phase] for phase in metrics._PHASES.values() if phase != "all"
    )
    assert 0 < parts <= found["downbeat_ingest_batch_seconds_sum", "all"]
    violations = [
        rule for rules in lake.read("quarantine").arrow(["violations"])["violations"].to_pylist() for rule in rules
    ]
    assert found["downbeat_lake_broken_rules_total", "user_id_required"] == violations.count("user_id_required") > 0
    for contents in lake.contents():
        assert found["downbeat_lake_table_version", contents.name] == contents.version
        assert found["downbeat_lake_table_files", contents.name] == contents.files
    assert {name for kind, name in found if kind == "downbeat_lake_table_bytes"} >= {
        t.name for t in tables.BATCH_TABLES
    }


def test_a_lake_that_cannot_be_read_is_told_and_what_is_wrong_with_an_address(
    copy_of_lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "SECONDS", 0)
    told = Metrics(copy_of_lake)
    with told.served("127.0.0.1", 0) as port:
        assert scraped(port)["downbeat_lake_up", ""] == 1
        for commit in (copy_of_lake.path / "progress" / "_delta_log").glob("*.json"):
            commit.write_text("{torn")
        found = scraped(port)
        assert found["downbeat_lake_up", ""] == 0
        assert ("downbeat_lake_batch", "") not in found
        with pytest.raises(BadInput, match=f"cannot serve metrics at 127.0.0.1:{port} .* choose another --metrics"):
            told.served("127.0.0.1", port).__enter__()
    assert metrics.address("9464") == ("127.0.0.1", 9464)
    assert metrics.address("0.0.0.0:9464") == ("0.0.0.0", 9464)
    for wrong in ("nine", "host:", "70000"):
        with pytest.raises(argparse.ArgumentTypeError, match="is no address"):
            metrics.address(wrong)
