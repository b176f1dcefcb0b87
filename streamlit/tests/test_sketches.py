"""Sketches that Spark wrote are read as Spark reads them."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from downbeat_dashboard.sketches import Listeners
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

# From one coupon in a list to full registers.
SIZES = [1, 7, 200, 30_000]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    session = (
        SparkSession.builder.master("local[2]")
        .appName("sketches")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "1g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.mark.filterwarnings("ignore")
def test_sketches_by_spark_are_read_and_merged_as_spark_does(spark: SparkSession, tmp_path: Path) -> None:
    # Overlapping sets, as the same listeners come back in other minutes.
    parts = [spark.range(size).select(F.lit(size).alias("size"), (F.col("id") * 3).alias("user_id")) for size in SIZES]
    users = parts[0].unionAll(parts[1]).unionAll(parts[2]).unionAll(parts[3])
    tiles = users.groupBy("size").agg(F.hll_sketch_agg("user_id").alias("listeners"))
    tiles = tiles.withColumn("count", F.hll_sketch_estimate("listeners")).cache()
    tiles.write.parquet(str(tmp_path / "tiles"))
    union = tiles.select(F.hll_sketch_estimate(F.hll_union_agg("listeners"))).first()[0]

    rows = ds.dataset(tmp_path / "tiles", format="parquet").to_table().to_pylist()
    assert sorted(row["size"] for row in rows) == SIZES
    for row in rows:
        estimate = Listeners([row["listeners"]]).estimate()
        assert round(estimate.count) == row["count"]
        assert estimate.low <= row["size"] <= estimate.high

    merged = Listeners(row["listeners"] for row in rows).estimate()
    assert round(merged.count) == union
    assert merged.low <= max(SIZES) <= merged.high

    step_by_step = Listeners()
    for row in rows:
        step_by_step.add(Listeners([row["listeners"]]))
    assert step_by_step.estimate() == merged


def test_no_sketches_are_no_listeners() -> None:
    estimate = Listeners().estimate()
    assert (estimate.count, estimate.error) == (0, 0)
