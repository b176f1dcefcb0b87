"""Which tracks rise fastest: of each hour and country, those whose plays have grown most since the hour before.

    source (marks duplicates) -> downbeat_cleanse -> plays of a track in an hour, and in the one before -> the first of each

A streaming query of its own, beside the ingest and with a checkpoint of its own. An hour is ranked once, when the stream has
seen a play that happened some time after its end (`--wait`); what arrives later than that is not counted here, though it is in
the lake's other tables. Spark's state keeps the hours that are not ranked yet; a batch that is repeated after a crash is in the
table already, and changes nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from downbeat_spark import _main, session, tables, world
from downbeat_spark._main import say
from downbeat_spark._stop import StopRequest
from downbeat_spark.checkpoint import Checkpoint, add_checkpoint_argument
from downbeat_spark.errors import DownbeatError, Refused
from downbeat_spark.ingest import CONTRACT, append, build, run_until_stopped
from downbeat_spark.lake import Lake, add_lake_argument

#: Tracks that are ranked of each hour and country.
RANKS = 20

HOUR_US = 3_600_000_000

#: How long after its end an hour is ranked, in the events' own time.
WAIT = "30 minutes"


def risen(plays: DataFrame, *, wait: str = WAIT) -> DataFrame:
    """Plays of each track in an hour and in the one before.

    In: `event_time`, `country` and `track_id` of every play, as a stream or a batch. Out: `hour`, `country`, `track_id`, `plays`,
    `plays_before`; of a stream an hour at a time, each once.
    """
    # Each play counts in two windows: as one of the hour at the end of the first, and of the hour before in the second. Which of
    # a window's hours is even is known above; what is counted below knows no windows, so the rows become groups natively.
    even = F.unix_micros("event_time") % (2 * HOUR_US) < HOUR_US
    waiting = plays.withWatermark("event_time", wait)
    windows = waiting.groupBy(F.window("event_time", "2 hours", "1 hour").alias("window"), "country", "track_id").agg(
        F.count_if(even).alias("even"), F.count_if(~even).alias("odd")
    )
    hour = F.col("window.end") - F.expr("INTERVAL '1' HOUR")
    is_even = F.unix_micros(hour) % (2 * HOUR_US) == 0
    return windows.select(
        hour.alias("hour"),
        "country",
        "track_id",
        F.when(is_even, F.col("even")).otherwise(F.col("odd")).alias("plays"),
        F.when(is_even, F.col("odd")).otherwise(F.col("even")).alias("plays_before"),
    )


def ranked(hours: DataFrame) -> DataFrame:
    """The first `RANKS` of each hour and country, with the columns of `tables.TRENDING`; of equals, the one played more."""
    rise = F.col("plays") - F.col("plays_before")
    order = Window.partitionBy("hour", "country").orderBy(F.desc("rise"), F.desc("plays"), "track_id")
    ranks = hours.where("plays > plays_before").withColumn("rise", rise).withColumn("rank", F.row_number().over(order))
    return (
        ranks.where(F.col("rank") <= RANKS).withColumn("date", F.to_date("hour")).select(*tables.TRENDING.schema.names)
    )


def played(events: DataFrame, *, contract: str) -> DataFrame:
    """The clean plays among raw events with `duplicate`: when, where, and which track."""
    clean = build(events, contract=contract).where(tables.is_clean() & (F.col("cleansed.row.event_type") == "play"))
    return clean.select("cleansed.row.event_time", "cleansed.row.country", "cleansed.row.track_id")


def trend(
    spark: SparkSession,
    *,
    uri: str,
    lake: Lake,
    stop: StopRequest,
    checkpoint: Checkpoint | None = None,
    wait: str = WAIT,
    trigger: str | None = "1 minute",
    max_offsets_per_trigger: int | None = None,
) -> None:
    """Rank until `stop` is set, or, with `trigger=None`, all hours that were over at the start.

    Raises a `DownbeatError` if something is amiss: the lake is another world's, or has ranks whose checkpoint is gone.
    """
    identity = lake.require()
    served = world.ask(uri)
    if identity.world != served.fingerprint:
        raise Refused(
            f"the lake {lake.uri} holds world {identity.world}, but the server serves world {served.fingerprint}"
        )
    checkpoint = checkpoint or lake.checkpoint("trending")
    if lake.exists(tables.TRENDING) and checkpoint.is_empty():
        raise Refused(
            f"{lake.table(tables.TRENDING)} has ranks, but their checkpoint {checkpoint.uri} is gone, and a new one would rank "
            "every hour again: restore it, or remove the table"
        )
    source = spark.readStream.format("flight").options(uri=uri, stream="events", startingOffsets="earliest")
    if max_offsets_per_trigger:
        source = source.option("maxOffsetsPerTrigger", max_offsets_per_trigger)
    events = source.option("dedupe.key", "event_id").load()

    def write(hours: DataFrame, batch: int) -> None:
        transaction = {"txnAppId": f"{identity.application}-trending", "txnVersion": batch}
        ranks = ranked(hours).persist()
        try:
            # The table skips what it has without reading it, and Spark wants every batch read, for its state's sake.
            ranks.count()
            append(ranks, path=lake.table(tables.TRENDING), table=tables.TRENDING, options=transaction)
        finally:
            ranks.unpersist()

    query = (
        risen(played(events, contract=CONTRACT.read_text()), wait=wait)
        .writeStream.queryName("trending")
        .foreachBatch(write)
        .outputMode("append")
        .option("checkpointLocation", checkpoint.uri)
        .trigger(**({"processingTime": trigger} if trigger else {"availableNow": True}))
        .start()
    )
    say(f"world {served.fingerprint}: {uri} -> {lake.table(tables.TRENDING)}")
    try:
        run_until_stopped(query, stop=stop)
    except StreamingQueryException as error:
        raise DownbeatError(f"the ranking has failed: {str(error).strip().splitlines()[0]}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """The job's command line; the exit code is 0, or 2 if it could not be done."""
    parser = argparse.ArgumentParser(
        prog="trending.py", description="Rank the tracks that rise fastest, hour by hour and country by country."
    )
    parser.add_argument(
        "--uri", required=True, help="event server, e.g. grpc://127.0.0.1:8815; replicas separated by commas"
    )
    add_lake_argument(parser)
    parser.add_argument("--wait", default=WAIT, help="how long after its end an hour is ranked (default: %(default)s)")
    add_checkpoint_argument(parser)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--trigger", default="1 minute", help="how often to look for new rows (default: %(default)s)")
    how.add_argument("--available-now", action="store_true", help="rank the hours that are over, then end")
    options = parser.parse_args(arguments)

    def job() -> int:
        spark = session.start("downbeat trending")
        stop = StopRequest()
        stop.on_signals(spark)
        try:
            trigger = None if options.available_now else options.trigger
            trend(
                spark,
                uri=options.uri,
                lake=options.lake,
                stop=stop,
                checkpoint=options.checkpoint,
                wait=options.wait,
                trigger=trigger,
            )
        finally:
            spark.stop()
        return 0

    return _main.run(job)
