"""`spark.readStream.format("flight")`: offsets, restarts, triggers and limits, as users of the Kafka source know them."""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import StreamingQuery

from .conftest import BOUNDED, LONG, Log, serve


def write(frame: DataFrame, folder: Path, **trigger: object) -> StreamingQuery:
    """Append to Parquet files in `folder/out`, whose sink is exactly once, with the checkpoint beside them."""
    writer = frame.writeStream.format("parquet").option("path", str(folder / "out"))
    return writer.option("checkpointLocation", str(folder / "checkpoint")).trigger(**trigger).start()


def run(frame: DataFrame, folder: Path) -> StreamingQuery:
    query = write(frame, folder, availableNow=True)
    assert query.awaitTermination(120)
    return query


def forget_last_batch(folder: Path) -> None:
    """Leave checkpoint and files as a crash would that came while the last batch was written: planned, and no more."""
    last = max(int(path.name) for path in (folder / "checkpoint/commits").glob("[0-9]*"))
    for log in [folder / "checkpoint/commits", folder / "out/_spark_metadata"]:
        (log / str(last)).unlink()
        (log / f".{last}.crc").unlink()


def written(spark: SparkSession, folder: Path) -> list[tuple[int, int]]:
    rows = spark.read.parquet(str(folder / "out")).select("partition", "offset").collect()
    return sorted((row[0], row[1]) for row in rows)


def held(log: Log, stream: str = "events") -> list[tuple[int, int]]:
    return sorted((row[0], row[1]) for row in log.read(stream).select("partition", "offset").collect())


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)


def live(speed: float = 600) -> list[str]:
    """Flags of a log of today and yesterday that goes on, by ten minutes a second."""
    now = datetime.now(UTC).replace(tzinfo=None)
    start = (now - timedelta(days=1)).strftime("%Y-%m-%d")
    anchor = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        "--listeners",
        "500",
        "--tracks",
        "2000",
        "--partitions",
        "2",
        "--start",
        start,
        "--anchor",
        anchor,
        "--speed",
        f"{speed:f}",
    ]


def test_a_stream_reads_every_row_once(log: Log, tmp_path: Path) -> None:
    query = run(log.follow(), tmp_path)
    rows = held(log)
    assert written(log.spark, tmp_path) == rows
    assert sum(progress["numInputRows"] for progress in query.recentProgress) == len(rows)


def test_the_offset_in_the_checkpoint_is_canonical(log: Log, tmp_path: Path) -> None:
    query = run(log.follow(), tmp_path)
    last = query.lastProgress["sources"][0]["endOffset"]
    ends = {str(p): sum(1 for row in held(log) if row[0] == p) for p in range(3)}
    expected = {"v": 1, "world": log.world, "streams": {"events": ends}}
    text = (tmp_path / "checkpoint/offsets/0").read_text().splitlines()[-1]
    assert text == json.dumps(expected, separators=(",", ":"))
    assert (json.loads(last) if isinstance(last, str) else last) == expected


def test_max_offsets_per_trigger_is_shared_out_and_starves_nobody(log: Log, tmp_path: Path) -> None:
    limit = len(held(log)) // 4
    query = run(log.follow(maxOffsetsPerTrigger=str(limit)), tmp_path)
    batches = [progress["numInputRows"] for progress in query.recentProgress if progress["numInputRows"]]
    assert len(batches) >= 4
    assert all(rows <= limit + 3 for rows in batches), "a partition may round up by one row"
    assert written(log.spark, tmp_path) == held(log)


def test_a_restart_goes_on_at_the_exact_row(log: Log, tmp_path: Path) -> None:
    limit = str(len(held(log)) // 6)
    query = write(log.follow(maxOffsetsPerTrigger=limit), tmp_path, processingTime="0 seconds")
    until((tmp_path / "checkpoint/commits/1").exists)
    query.stop()
    first = written(log.spark, tmp_path)
    assert 0 < len(first) < len(held(log))
    run(log.follow(maxOffsetsPerTrigger=limit), tmp_path)
    assert written(log.spark, tmp_path) == held(log)


def test_a_batch_that_was_planned_and_not_committed_is_repeated_the_same(log: Log, tmp_path: Path) -> None:
    run(log.follow(maxOffsetsPerTrigger=str(len(held(log)) // 3)), tmp_path)
    forget_last_batch(tmp_path)
    run(log.follow(), tmp_path)
    assert written(log.spark, tmp_path) == held(log)


def test_the_first_offset_is_kept_for_a_first_batch_that_is_repeated(spark: SparkSession, tmp_path: Path) -> None:
    with serve(spark, *live()) as log:
        frame = log.reader(startingOffsets="latest").load()
        query = write(frame, tmp_path, processingTime="0 seconds")
        until((tmp_path / "checkpoint/commits/0").exists)
        query.stop()
        first = json.loads((tmp_path / "checkpoint/sources/0/0").read_text())["streams"]["events"]
        # As a crash leaves it that came after the first offset was written, and before anything else was.
        for folder in ["checkpoint/offsets", "checkpoint/commits", "out"]:
            shutil.rmtree(tmp_path / folder)
        until(lambda: len(held(log)) >= sum(first.values()) + 50)
        run(frame, tmp_path)
        rows = written(spark, tmp_path)
        lows = {str(partition): min(o for p, o in rows if p == partition) for partition in {p for p, _ in rows}}
        assert lows
        assert lows == {partition: first[partition] for partition in lows}


def test_latest_begins_at_the_row_after_those_held(spark: SparkSession, tmp_path: Path) -> None:
    with serve(spark, *live()) as log:
        before = {p: sum(1 for row in held(log) if row[0] == p) for p in (0, 1)}
        query = write(log.reader(startingOffsets="latest").load(), tmp_path, processingTime="1 second")
        until(lambda: sum(progress["numInputRows"] for progress in query.recentProgress) > 50)
        query.stop()
        rows = written(spark, tmp_path)
        for partition in {p for p, _ in rows}:
            offsets = [offset for p, offset in rows if p == partition]
            assert offsets == list(range(offsets[0], offsets[-1] + 1)), "none is left out"
            assert offsets[0] >= before[partition] > 0


def test_available_now_stops_at_the_offsets_seen_at_its_start(spark: SparkSession, tmp_path: Path) -> None:
    with serve(spark, *live()) as log:
        seen = len(held(log))
        query = run(log.follow(maxOffsetsPerTrigger=str(seen // 3)), tmp_path)
        read = len(written(spark, tmp_path))
        assert read >= seen
        assert read < len(held(log)), "the log grew, and the query did not follow it"
        assert sum(1 for progress in query.recentProgress if progress["numInputRows"]) >= 3


def test_available_now_checks_again_that_its_end_is_there(spark: SparkSession, tmp_path: Path) -> None:
    """The server is another one after the first batch, and its log, which has ended, is shorter."""
    with ExitStack() as servers:
        longer = servers.enter_context(serve(spark, *BOUNDED))
        port = int(longer.uri.rpartition(":")[2])

        def shorten(_: DataFrame, batch: int) -> None:
            if batch == 0:
                longer.process.terminate()
                longer.process.wait(20)
                servers.enter_context(serve(spark, *BOUNDED[:-1], "2020-01-02", port=port))

        writer = longer.follow(maxOffsetsPerTrigger="300").writeStream.foreachBatch(shorten)
        query = writer.option("checkpointLocation", str(tmp_path)).trigger(availableNow=True).start()
        with pytest.raises(StreamingQueryException, match="DOWNBEAT_DATA_LOSS"):
            query.awaitTermination(120)


def test_a_query_that_is_stopped_ends_the_servers_work(spark: SparkSession, tmp_path: Path) -> None:
    with serve(spark, *LONG, "--metrics", "127.0.0.1:0") as log:
        # All columns, so that what is on the way is few of the log's rows.
        slow = log.follow().selectExpr("*", "reflect('java.lang.Thread', 'sleep', 100L) AS slept")
        query = slow.writeStream.format("noop").option("checkpointLocation", str(tmp_path)).start()
        until(lambda: log.metric("sent_rows_total") > 0)
        assert log.metric("reads_open") == 1
        query.stop()
        # Within a second, where the machine has time for it.
        until(lambda: log.metric("reads_open") == 0, seconds=5)
        assert log.metric("sent_rows_total") < log.read(columns="offset").count() / 2


def test_a_processing_time_trigger_follows_the_log_and_reports_how_far_behind_it_is(
    spark: SparkSession, tmp_path: Path
) -> None:
    with serve(spark, *live()) as log:
        query = write(log.follow(maxOffsetsPerTrigger="500"), tmp_path, processingTime="1 second")
        until(lambda: sum(1 for progress in query.recentProgress if progress["numInputRows"]) >= 3)
        source = query.lastProgress["sources"][0]
        query.stop()
        behind = {name: float(value) for name, value in source["metrics"].items()}
        low, high, mean = (behind[f"{name}OffsetsBehindLatest"] for name in ("min", "max", "avg"))
        assert 0 < low <= mean <= high
        low, high, mean = (behind[f"{name}SecondsBehindLatest"] for name in ("min", "max", "avg"))
        assert 0 < low <= mean <= high
        # It was begun a day after the log was.
        assert high < 2 * 86_400
        assert source["description"] == f"Flight[events of world {log.world} at {log.uri}]"
        assert source["latestOffset"] is not None


def test_offsets_of_the_starting_json_are_honoured(log: Log, tmp_path: Path) -> None:
    start = json.dumps({"events": {"0": 7, "1": -2, "2": -1}})
    run(log.reader(startingOffsets=start).load(), tmp_path)
    assert written(log.spark, tmp_path) == [row for row in held(log) if row[0] == 1 or (row[0] == 0 and row[1] >= 7)]


def first_rows_at(log: Log, ms: int) -> dict[int, int]:
    """The first row of each partition that arrived at a time or later, as a scan of the whole log tells."""
    rows = log.read(columns="partition,offset,arrived_at").where(f"arrived_at >= timestamp_millis({ms})")
    return {row[0]: row[1] for row in rows.groupBy("partition").agg({"offset": "min"}).collect()}


# In the first night of the bounded world, and long after its end.
NIGHT_MS, LATE_MS = 1_577_900_000_123, 1_600_000_000_000


def test_starting_timestamp_wins_over_the_other_two_and_begins_with_the_first_row_since(
    log: Log, tmp_path: Path
) -> None:
    later = {"events": dict.fromkeys(map(str, range(3)), NIGHT_MS + 3_600_000)}
    options = {"startingOffsets": "latest", "startingOffsetsByTimestamp": json.dumps(later)}
    run(log.reader(startingTimestamp=str(NIGHT_MS), **options).load(), tmp_path / "all")
    first = first_rows_at(log, NIGHT_MS)
    assert all(row > 0 for row in first.values())
    assert written(log.spark, tmp_path / "all") == [row for row in held(log) if row[1] >= first[row[0]]]
    run(log.reader(**options).load(), tmp_path / "by partition")
    first = first_rows_at(log, NIGHT_MS + 3_600_000)
    assert written(log.spark, tmp_path / "by partition") == [row for row in held(log) if row[1] >= first[row[0]]]


def test_starting_offsets_by_timestamp_takes_a_time_for_each_partition(log: Log, tmp_path: Path) -> None:
    times = {0: NIGHT_MS, 1: NIGHT_MS + 7_200_000, 2: 0}
    text = json.dumps({"events": {str(partition): ms for partition, ms in times.items()}})
    run(log.reader(startingOffsetsByTimestamp=text).load(), tmp_path)
    first = {partition: first_rows_at(log, ms)[partition] for partition, ms in times.items()}
    assert first[2] == 0
    assert written(log.spark, tmp_path) == [row for row in held(log) if row[1] >= first[row[0]]]


def test_a_time_after_the_last_row_is_an_error_or_the_latest_as_the_strategy_says(log: Log, tmp_path: Path) -> None:
    late = str(LATE_MS)
    text = refused(log.reader(startingTimestamp=late).load(), tmp_path / "error")
    assert "DOWNBEAT_OPTION_INVALID" in text
    assert "startingOffsetsByTimestampStrategy=latest" in text
    query = run(
        log.reader(startingTimestamp=late, startingOffsetsByTimestampStrategy="latest").load(), tmp_path / "latest"
    )
    assert not any(progress["numInputRows"] for progress in query.recentProgress)


def test_min_offsets_per_trigger_waits_for_rows_and_no_longer_than_max_trigger_delay(
    spark: SparkSession, tmp_path: Path
) -> None:
    with serve(spark, *live()) as log:
        # Far more than arrives in the time: only the delay ends the waiting.
        frame = log.follow(minOffsetsPerTrigger="100000000", maxTriggerDelay="6s", maxOffsetsPerTrigger="200000000")
        query = write(frame, tmp_path, processingTime="100 milliseconds")
        until(lambda: sum(1 for progress in query.recentProgress if progress["numInputRows"]) >= 3)
        query.stop()
        begun = [
            datetime.fromisoformat(progress["timestamp"].replace("Z", "+00:00"))
            for progress in query.recentProgress
            if progress["numInputRows"]
        ]
        # The first takes what is there; each after it waits.
        waits = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(begun)]
        assert all(wait > 5 for wait in waits), waits


def test_min_offsets_per_trigger_does_not_keep_available_now_from_its_last_rows(log: Log, tmp_path: Path) -> None:
    limits = {"minOffsetsPerTrigger": "1000", "maxOffsetsPerTrigger": "1500"}
    query = run(log.follow(**limits), tmp_path)
    assert written(log.spark, tmp_path) == held(log)
    assert sum(1 for progress in query.recentProgress if progress["numInputRows"]) > 1


def test_min_partitions_and_max_records_per_partition_split_a_partition_among_tasks(log: Log, tmp_path: Path) -> None:
    rows = held(log)
    for name, options, tasks in [
        ("one each", {}, 3),
        ("at least", {"minPartitions": "8"}, 8),
        ("at most", {"maxRecordsPerPartition": str(len(rows) // 10)}, 11),
    ]:
        frame = log.read(**options)
        assert frame.rdd.getNumPartitions() >= tasks, name
        assert frame.rdd.getNumPartitions() <= tasks + 3, name
        run(log.follow(**options), tmp_path / name)
        assert written(log.spark, tmp_path / name) == rows, name


def test_tasks_that_share_a_partition_mark_the_same_duplicates(log: Log) -> None:
    key = {"dedupe.key": "event_id"}
    marked = [
        sorted(tuple(row) for row in frame.where("duplicate").select("partition", "offset").collect())
        for frame in [log.read(**key), log.read(**key, minPartitions="16")]
    ]
    assert marked[0]
    assert marked[0] == marked[1]


def test_a_stream_takes_no_ending(log: Log, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="a stream has no end"):
        run(log.follow(endingTimestamp="1577900000000"), tmp_path)


def test_a_replica_that_is_killed_in_mid_stream_costs_no_row_and_doubles_none(
    spark: SparkSession, tmp_path: Path
) -> None:
    world = [*BOUNDED[:2], "--partitions", "2", "--start", "2020-01-01", "--until", "2020-02-01"]
    with serve(spark, *world) as first, serve(spark, *world) as second:
        assert first.world == second.world
        replicas = Log(spark, first.process, f"{first.uri},{second.uri}", first.world)
        rows = second.read(columns="offset").count()
        query = write(replicas.follow(maxOffsetsPerTrigger=str(rows // 8)), tmp_path, processingTime="0 seconds")
        until(lambda: any(progress["numInputRows"] for progress in query.recentProgress))
        first.process.kill()
        until(lambda: sum(progress["numInputRows"] for progress in query.recentProgress) >= rows)
        query.stop()
        assert query.exception() is None
        assert written(spark, tmp_path) == held(second)


def test_a_stream_reads_only_the_columns_its_query_uses(log: Log, tmp_path: Path) -> None:
    plays = log.follow().where("event_type = 'play' AND offset >= 10").select("partition", "offset", "ts")
    query = run(plays, tmp_path / "plays")
    scan = next(line for line in query._jsq.explainInternal(False).splitlines() if "MicroBatchScan" in line)
    assert all(name in scan for name in ["partition", "offset", "ts"]), scan
    assert not any(name in scan for name in ["event_type", "user_id", "track_uri", "ms_played", "arrived_at"]), scan
    played = log.read().where("event_type = 'play' AND offset >= 10").select("partition", "offset").collect()
    # The rows handed on are still this source's in the progress.
    assert sum(progress["numInputRows"] for progress in query.recentProgress) == len(played)
    assert written(log.spark, tmp_path / "plays") == sorted(map(tuple, played))


def test_a_filter_on_the_partition_reads_no_other(log: Log, tmp_path: Path) -> None:
    rows = held(log)
    for name, condition, wanted in [
        ("one", "partition = 1", {1}),
        ("some", "partition IN (0, 2) AND event_type IS NOT NULL", {0, 2}),
        ("either", "partition > 1 OR partition < 1", {0, 2}),
        ("all", "partition = 1 OR offset < 5", {0, 1, 2}),
    ]:
        query = run(log.follow(columns="partition,offset,event_type").where(condition), tmp_path / name)
        batch = log.read().where(condition)
        assert batch.rdd.getNumPartitions() == len(wanted), name
        expected = sorted(map(tuple, batch.select("partition", "offset").collect()))
        read = sum(progress["numInputRows"] for progress in query.recentProgress)
        assert read == len(expected), name
        if name != "all":
            assert read == sum(1 for row in rows if row[0] in wanted), name
        assert written(log.spark, tmp_path / name) == expected, name
        assert expected, name


def test_a_stream_of_which_no_column_is_used_has_its_rows(log: Log, tmp_path: Path) -> None:
    ones = log.follow().selectExpr("1 AS one")
    query = run(ones, tmp_path)
    scan = next(line for line in query._jsq.explainInternal(False).splitlines() if "MicroBatchScan" in line)
    assert "offset" not in scan, scan
    assert log.spark.read.parquet(str(tmp_path / "out")).count() == len(held(log))


def test_duplicates_are_told_in_a_stream_that_uses_little_else(log: Log, tmp_path: Path) -> None:
    marked = log.follow(**{"dedupe.key": "event_id"}).select("partition", "offset", "duplicate").where("duplicate")
    run(marked, tmp_path)
    expected = log.read("truth").where("duplicate_of IS NOT NULL").select("partition", "offset").collect()
    assert written(log.spark, tmp_path) == sorted(map(tuple, expected))
    assert expected


def test_rows_that_expired_are_an_error_or_skipped_and_counted(spark: SparkSession, tmp_path: Path) -> None:
    anchor = "2020-01-02T00:00:00Z"
    world = [*BOUNDED[:-2], "--anchor", anchor, "--speed", "0.001"]
    with serve(spark, *world) as log:
        run(log.follow(maxOffsetsPerTrigger="300"), tmp_path)
        rows = written(spark, tmp_path)
    # The same log a day later, of which it remembers six hours.
    later = [*BOUNDED[:-2], "--anchor", "2020-01-03T00:00:00Z", "--speed", "0.001", "--retention", "6h"]
    with serve(spark, *later) as log:
        assert "DOWNBEAT_DATA_LOSS" in refused(log.follow(), tmp_path)
        query = run(log.follow(failOnDataLoss="false"), tmp_path)
        after = [row for row in written(spark, tmp_path) if row not in set(rows)]
        assert after == held(log)
        assert all(offset > 0 for _, offset in after)
        assert scan_metric(query, "dataLoss") == scan_metric(query, "offsetOutOfRange") == 3


@pytest.mark.parametrize("options", [{}, {"dedupe.key": "event_id"}], ids=["plain", "dedupe"])
def test_rows_that_expire_between_planning_and_reading_are_skipped(
    spark: SparkSession, options: dict[str, str]
) -> None:
    """Two hours pass in a second, and rows live for three: the last tasks find theirs gone."""
    now = datetime.now(UTC)
    # In the world it is an evening, when there are many rows, whatever the time is here.
    evening = (now + timedelta(days=1)).replace(hour=16, minute=0)
    anchor = now - (evening - now) / 7199
    world = [*BOUNDED[:-2], "--anchor", anchor.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "--speed", "7200"]
    world[world.index("2020-01-01")] = (now - timedelta(days=2)).strftime("%Y-%m-%d")

    def slow(rows: Iterator[object]) -> Iterator[object]:
        time.sleep(0.5)
        return rows

    with serve(spark, *world, "--retention", "3h") as log:
        frame = log.read(failOnDataLoss="false", maxRecordsPerPartition="20", **options)
        planned = frame.rdd.getNumPartitions()
        rows = frame.select("partition", "offset").rdd.mapPartitions(slow).collect()
        assert planned >= 12, "tasks for some seconds"
        assert len({tuple(row) for row in rows}) == len(rows) < (planned - 3) * 20
        with pytest.raises(Exception, match="is held no more"):
            log.read(maxRecordsPerPartition="20", **options).select("offset").rdd.mapPartitions(slow).collect()


def test_a_query_says_how_large_its_batches_are_and_the_server_bounds_them(spark: SparkSession, tmp_path: Path) -> None:
    with serve(spark, *BOUNDED, "--max-message-bytes", "65536") as log:
        writer = (
            log.follow().where("partition = 0").writeStream.format("noop").option("checkpointLocation", str(tmp_path))
        )
        query = writer.trigger(availableNow=True).start()
        assert query.awaitTermination(120)
        largest, read = scan_metric(query, "largestBatchBytes"), scan_metric(query, "nativeBytes")
    # In memory a batch's buffers are a little larger than in a message.
    assert 0 < largest < 2 * 65536 < read


def scan_metric(query: StreamingQuery, name: str) -> int:
    """A metric of the scan in a query's last batch."""
    nodes = [query._jsq.streamingQuery().lastExecution().executedPlan()]
    for node in nodes:
        if "MicroBatchScanExec" in node.getClass().getName():
            return int(node.metrics().apply(name).value())
        nodes.extend(node.children().apply(n) for n in range(node.children().size()))
    raise AssertionError("there is no scan")


def refused(frame: DataFrame, folder: Path) -> str:
    query = write(frame, folder, availableNow=True)
    with pytest.raises(StreamingQueryException) as refusal:
        query.awaitTermination(120)
    return str(refusal.value)


def test_a_checkpoint_of_another_world_is_refused_naming_both(log: Log, faultless: Log, tmp_path: Path) -> None:
    run(log.follow(maxOffsetsPerTrigger="1000"), tmp_path)
    # Its rows are others, so there is nothing to go on with, lost or not.
    for fail in ("true", "false"):
        text = refused(faultless.follow(failOnDataLoss=fail), tmp_path)
        assert "DOWNBEAT_WORLD_MISMATCH" in text
        assert log.world in text
        assert faultless.world in text


def test_a_checkpoint_of_another_stream_is_refused(log: Log, tmp_path: Path) -> None:
    run(log.follow("truth", columns="partition,offset"), tmp_path)
    text = refused(log.follow(columns="partition,offset"), tmp_path)
    assert "DOWNBEAT_OFFSETS_INVALID" in text
    assert "'truth'" in text


def test_a_checkpoint_of_a_later_release_is_refused(log: Log, tmp_path: Path) -> None:
    run(log.follow(), tmp_path)
    path = tmp_path / "checkpoint/offsets/0"
    path.write_text(path.read_text().replace('{"v":1,', '{"v":2,'))
    (tmp_path / "checkpoint/offsets/.0.crc").unlink(missing_ok=True)
    assert "DOWNBEAT_OFFSETS_INVALID" in refused(log.follow(), tmp_path)


def test_rows_the_server_no_longer_has_are_an_error_unless_told_otherwise(spark: SparkSession, tmp_path: Path) -> None:
    """A bounded log is a prefix of the longer one, so a server of fewer days is one that has lost rows."""
    with serve(spark, *BOUNDED) as log:
        run(log.follow(), tmp_path)
        rows = written(spark, tmp_path)
    shorter = [*BOUNDED[:-1], "2020-01-02"]
    with serve(spark, *shorter) as log:
        assert "DOWNBEAT_DATA_LOSS" in refused(log.follow(), tmp_path)
        run(log.follow(failOnDataLoss="false"), tmp_path)
        assert written(spark, tmp_path) == rows, "it waits for the rows, and reads none twice"
