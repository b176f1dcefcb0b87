"""Make the archive of Spark's classes that lets drivers start two to five seconds sooner; `make build` does it once.

The first seconds of a driver go into reading and checking thousands of classes. Java's class data sharing keeps them as they are
in memory, for the class path they came from: <https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html>.
"""

from __future__ import annotations

import sys
import tempfile

from downbeat_spark import _main, session


def main() -> int:
    """Do once what drivers do, and have the JVM archive what it loaded.

    Raises `Missing` if there is no Java.
    """
    session.require_java()
    from pyspark.sql import SparkSession  # noqa: PLC0415 (Java is looked for first: importing takes a second)

    session.CLASSES.parent.mkdir(parents=True, exist_ok=True)
    session.CLASSES.unlink(missing_ok=True)
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.extraJavaOptions", f"{session.JAVA_OPTIONS} -XX:ArchiveClassesAtExit={session.CLASSES}")
        .getOrCreate()
    )
    with tempfile.TemporaryDirectory() as folder:
        rows = spark.range(1000).selectExpr("id", "id % 7 AS part", "string(id) AS name", "timestamp_seconds(id) AS at")
        rows.write.partitionBy("part").parquet(f"{folder}/rows")
        read = spark.read.parquet(f"{folder}/rows")
        read.groupBy("part").agg({"id": "sum"}).join(read, "part").orderBy("id").toArrow()
        stream = spark.readStream.schema(read.schema).parquet(f"{folder}/rows").writeStream.format("parquet")
        stream = stream.options(path=f"{folder}/streamed", checkpointLocation=f"{folder}/checkpoint")
        stream.trigger(availableNow=True).start().awaitTermination()
    gateway = spark.sparkContext._gateway
    assert gateway is not None
    spark.stop()
    # The JVM ends, and writes the archive, once nobody speaks to it any more.
    gateway.proc.stdin.close()
    gateway.proc.wait()
    if not session.CLASSES.exists():
        _main.say(
            f"drivers will start slower: this Java, perhaps without an archive of its own, made no {session.CLASSES}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(_main.run(main))
