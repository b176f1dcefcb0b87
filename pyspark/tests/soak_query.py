"""The query of test_soak.py, in a driver of its own: the log's events into a Delta table, as they are.

soak_query.py MASTER URIS FOLDER {slowly,to-the-end}
"""

from __future__ import annotations

import sys

from downbeat_spark import session

# Half of them, which is one task's share, are 11 MB: more than a reader and its connection hold in their buffers.
BATCH_ROWS = 80_000

# Keeps each task's reader in mid-stream for two seconds or so: every sixteenth row takes a millisecond.
SLOWLY = "offset % 16 <> 0 OR java_method('java.lang.Thread', 'sleep', 1L) IS NOT NULL"


def settings(folder: str) -> dict[str, str]:
    """What a query needs beside our usual settings to live through the killing."""
    options = f"-XX:TieredStopAtLevel=1 -XX:ErrorFile={folder}/crash-%p.log"
    return {
        "spark.driver.extraJavaOptions": f"{session.settings()['spark.driver.extraJavaOptions']} {options}",
        "spark.executor.extraJavaOptions": options,
        "spark.driver.memory": "1g",
        "spark.executor.memory": "768m",
        # Each executor that dies fails the task it had, and one task may meet several.
        "spark.task.maxFailures": "100",
        # Delta reads its own log with a shuffle, and the files of one are lost with the executor that wrote them.
        "spark.stage.maxConsecutiveAttempts": "100",
        # A worker whose executor was killed is as good as before.
        "spark.excludeOnFailure.enabled": "false",
    }


def main() -> None:
    master, uris, folder, pace = sys.argv[1:]
    spark = session.builder("soak").master(master).config(map=settings(folder)).getOrCreate()
    # Why tasks failed is told as a warning.
    spark.sparkContext.setLogLevel("WARN")
    rows = BATCH_ROWS if pace == "slowly" else 10 * BATCH_ROWS
    options = {"uri": uris, "stream": "events", "startingOffsets": "earliest", "maxOffsetsPerTrigger": str(rows)}
    events = spark.readStream.format("flight").options(**options).load()
    if pace == "slowly":
        writer = events.where(SLOWLY).writeStream.trigger(processingTime="0 seconds")
    else:
        writer = events.writeStream.trigger(availableNow=True)
    writer.format("delta").option("checkpointLocation", f"{folder}/checkpoint").start(
        f"{folder}/table"
    ).awaitTermination()


if __name__ == "__main__":
    main()
