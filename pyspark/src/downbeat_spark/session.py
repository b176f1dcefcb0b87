"""The one place of Spark settings: for spark-submit, tests, Airflow and notebooks alike.

In Python: `builder("my app").getOrCreate()`. For spark-submit, which needs them before Python runs:

    python -m downbeat_spark.session > spark.properties
    spark-submit --properties-file spark.properties pyspark/jobs/ingest.py --uri ... --lake ...
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from downbeat_spark import __version__, _main, store
from downbeat_spark.errors import Missing

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_Done = TypeVar("_Done")

# pyspark/src/downbeat_spark/session.py -> the checkout that `make build` built.
PROJECT = Path(__file__).resolve().parents[3]
TARGET = PROJECT / "spark-connector" / "target"
CONNECTOR = TARGET / f"downbeat-spark_4.2_2.13-{__version__}.jar"
LAKE_JARS = TARGET / "lake-jars"
CLASSES = TARGET / "spark-classes.jsa"
LOGGING = Path(__file__).with_name("log4j2.properties")
# Batches want throughput, and on few cores the collector that works beside them takes it away. To reconcile compiles more code
# than the 48 MB which a JVM has that compiles only once. A JVM without the archive, or with an unfit one, only starts slower.
JAVA_OPTIONS = (
    f"-Dlog4j2.configurationFile=file:{LOGGING} -XX:+UseParallelGC -XX:ReservedCodeCacheSize=256m "
    "-Xlog:cds=off -Xlog:cds+dynamic=off"
)


def _environment(*names: str, otherwise: str = "") -> str:
    """The first of these variables that is set where Spark runs, as Hadoop reads it: nothing of it stands in a setting."""
    value = otherwise
    for name in reversed(names):
        value = f"${{env.{name}:-{value}}}"
    return value


# The way to lakes in stores. Hadoop's own file systems read them. For S3, keys are where the AWS SDK looks for them, and commits
# are put only where none is: a driver without this log store would lose those of others.
_STORES = {
    **{f"spark.delta.logStore.{scheme}.impl": "dev.downbeat.spark.store.S3LogStore" for scheme in store.S3_SCHEMES},
    "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    "spark.hadoop.fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
    "spark.hadoop.fs.s3a.endpoint": _environment(*store.ENDPOINTS),
    "spark.hadoop.fs.s3a.endpoint.region": _environment("AWS_REGION", "AWS_DEFAULT_REGION", otherwise="us-east-1"),
    "spark.hadoop.fs.s3a.path.style.access": "true",
    # As patient as the native library: some 15 seconds, then whoever waits is told.
    "spark.hadoop.fs.s3a.attempts.maximum": "5",
    "spark.hadoop.fs.s3a.retry.limit": "4",
    # Google's own commits are put only where none is in any case; the key file is where its SDKs look for it.
    "spark.hadoop.fs.gs.impl": "org.apache.hadoop.fs.gs.GoogleHadoopFileSystem",
    "spark.hadoop.fs.AbstractFileSystem.gs.impl": "org.apache.hadoop.fs.gs.Gs",
    "spark.hadoop.fs.gs.auth.type": "APPLICATION_DEFAULT",
    # Checkpoints are put as what they are, not renamed.
    "spark.sql.streaming.checkpointFileManagerClass": "dev.downbeat.spark.store.StreamCheckpoints",
}


def settings() -> dict[str, str]:
    """Every setting that a session of ours has, by its Spark name.

    Raises `Missing` if the jars have not been built.
    """
    from downbeat_spark import tables  # noqa: PLC0415 (it imports PySpark, which takes a second, and Java is looked for first)

    delta = sorted(LAKE_JARS.glob("*.jar"))
    for what, found in [(CONNECTOR, CONNECTOR.is_file()), (LAKE_JARS, bool(delta))]:
        if not found:
            raise Missing(f"{what} is not there: run `make build` in {PROJECT}")
    return {
        "spark.jars": ",".join(str(jar) for jar in [CONNECTOR, *delta]),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension,dev.downbeat.spark.DownbeatExtensions",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        # Every date and minute in the lake is UTC.
        "spark.sql.session.timeZone": "UTC",
        # A batch is small, and more tasks than cores only add their start; Spark merges them where these are too many.
        "spark.sql.shuffle.partitions": "4",
        # A table's log is small too; by default 50 tasks a commit read it, and 10,000 list files for VACUUM.
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
        # Every Delta reader can read tables without deletion vectors, pyarrow and DuckDB among them.
        "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",
        "spark.sql.parquet.compression.codec": "zstd",
        **{f"spark.hadoop.parquet.enable.dictionary#{column}": "false" for column in tables.UNIQUE},
        # Late events belong to up to eight dates: that many files open at once saves sorting each batch by date.
        "spark.sql.maxConcurrentOutputFileWriters": "16",
        # A million tracks (24 bytes each, and their genre) still fit a broadcast; beyond that the join shuffles.
        "spark.sql.autoBroadcastJoinThreshold": "64m",
        # A batch is kept for seconds and read seven times: making it small costs more than it saves.
        "spark.sql.inMemoryColumnarStorage.compressed": "false",
        # A batch compiles some 200 pieces of code; the default cache of 100 would compile them for every batch again.
        "spark.sql.codegen.cache.maxEntries": "1000",
        # Spark 4.2 asks for this setting with every row that it makes or array it reads, and its default reads the
        # environment each time: a tenth of a batch. Set, it is only looked up.
        "spark.sql.types.framework.enabled": "false",
        # A minute's tile has as many groups as events. Spark sorts them from 128 groups on unless told otherwise.
        "spark.sql.objectHashAggregate.sortBased.fallbackThreshold": "100000",
        # Spark 4.2.0 hangs where a Python function reads columns that are not arrow-java's, of Parquet files as of ours.
        "spark.sql.execution.arrow.pythonUDF.columnarInput.enabled": "false",
        **_STORES,
        "spark.driver.memory": "2g",
        "spark.driver.extraJavaOptions": f"{JAVA_OPTIONS} -XX:SharedArchiveFile={CLASSES}",
        # Nothing listens beyond loopback, and no page is served that nobody asked for.
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def builder(app_name: str) -> SparkSession.Builder:
    """A builder of a session with `settings()`; add a master or more settings, then `getOrCreate()`.

    Raises `Missing` if the jars have not been built or there is no Java to run them.
    """
    require_java()
    # Spark's own choice is the first python3 on the PATH, which need not have pyarrow; Spark 4.2 waits for ever for one without.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    chosen = settings()
    from pyspark.sql import SparkSession  # noqa: PLC0415 (Java is looked for first: importing takes a second)

    return SparkSession.builder.appName(app_name).config(map={**chosen})


def start(app_name: str) -> SparkSession:
    """The session of a job, whether Python or spark-submit started it.

    Raises `Missing` as `builder` does, and if spark-submit was not given the settings: its JVM runs already.
    """
    chosen = builder(app_name)
    if "PYSPARK_GATEWAY_PORT" in os.environ:
        from pyspark import SparkConf, SparkContext  # noqa: PLC0415

        SparkContext._ensure_initialized()
        if str(CONNECTOR) not in (SparkConf().get("spark.jars") or ""):
            raise Missing(
                "spark-submit started without Downbeat's settings: "
                "run `python -m downbeat_spark.session > spark.properties` and add --properties-file spark.properties"
            )
    return chosen.getOrCreate()


def side_by_side(spark: SparkSession, *work: Callable[[], _Done], at_once: int = 2) -> list[_Done]:
    """Do several things with a session, some at a time, for each has waits of its own, and return what they come to."""
    from pyspark.util import inheritable_thread_target  # noqa: PLC0415 (as in `builder`)

    with ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(lambda each: inheritable_thread_target(spark)(each)(), work))


def require_java() -> None:
    """Raise `Missing` unless Spark will find a Java: it looks where JAVA_HOME says, else on the PATH."""
    home = os.environ.get("JAVA_HOME")
    if home is None:
        if shutil.which("java") is None:
            raise Missing(
                "there is no java on the PATH and JAVA_HOME is not set: install JDK 17 or point JAVA_HOME at one"
            )
    elif not os.access(Path(home, "bin", "java"), os.X_OK):
        raise Missing(
            f"JAVA_HOME is {home}, which has no bin/java: point it at a JDK 17, or unset it to use the java on the PATH"
        )


def properties() -> str:
    """`settings()` in the form of a file for `spark-submit --properties-file`."""
    return "".join(f"{name} {value}\n" for name, value in settings().items())


def main() -> int:
    """Print `properties()`."""
    print(properties(), end="")  # noqa: T201 (this is what the module is run for)
    return 0


if __name__ == "__main__":
    sys.exit(_main.run(main))
