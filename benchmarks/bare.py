"""What tasks of the ingest are told, written down, so that a program without Spark can do the same (`benchmarks/native`)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from downbeat_spark import tables
from downbeat_spark.ingest import CONTRACT, copy_dimensions
from downbeat_spark.lake import Lake
from pyspark.sql import SparkSession
from server import ROOT


def write_down(spark: SparkSession, uri: str, folder: Path) -> None:
    """Plan a reading of all rows and their way to the tables of a new lake in `folder`, as the ingest does."""
    lake = Lake(folder)
    lake.path.mkdir(parents=True)
    copy_dimensions(spark, lake=lake, uri=uri)
    rows = spark.read.format("flight").options(
        uri=uri, stream="events", contract=CONTRACT.read_text(), **{"dedupe.key": "event_id"}
    )
    planned = rows.load()._jdf.queryExecution().executedPlan()
    batch = planned.collectLeaves().head().scan().toBatch()
    factory = batch.createReaderFactory()
    held = factory.getClass().getDeclaredField("plan")
    held.setAccessible(True)
    reading = held.get(factory)
    for slice_ in batch.planInputPartitions():
        told = reading.reading(slice_.world(), slice_.partition(), getattr(slice_, "from")(), slice_.bounded())
        (folder / f"reading-{slice_.partition()}").write_bytes(told.toByteArray())
    assert spark._jvm is not None
    jvm = spark._jvm
    options = jvm.PythonUtils.toScalaMap({"path": str(folder), "plan": tables.plan()})
    sink = jvm.dev.downbeat.spark.sink
    destinations = sink.Destinations.apply(reading.schema(), sink.SinkOptions.parse(options))
    (folder / "plan").write_bytes(destinations.plan().toByteArray())
    paths = [destinations.inputs().apply(n) for n in range(destinations.inputs().size())]
    lines = [" ".join(str(path.apply(n)) for n in range(path.size())) for path in paths]
    (folder / "inputs").write_text("\n".join(lines))


def run(uri: str, folder: Path, *, stages: bool = False) -> dict[str, float]:
    """Run the program; what it printed: rows, seconds, and if they are asked for nanoseconds a row by stage."""
    command = [str(ROOT / "target/release/bare_ingest"), uri, str(folder), *(["stages"] if stages else [])]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {name: float(value) for name, value in (line.rsplit(": ", 1) for line in printed)}
