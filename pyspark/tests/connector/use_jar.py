"""What a user does with the jar: read in batch, cleanse, and stream. Run by test_jar.py, in each way a jar comes to Spark.

    use_jar.py URI CONTRACT FOLDER

Prints a line of JSON: rows read, rows found valid, rows streamed, and for two readings the processes that read each partition.
"""

from __future__ import annotations

import json
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def main() -> None:
    uri, contract, folder = sys.argv[1:]
    spark = SparkSession.builder.getOrCreate()
    options = {"uri": uri, "stream": "events", "startingOffsets": "earliest"}
    events = spark.read.format("flight").options(**options).load()
    cleansed = events.select(F.call_function("downbeat_cleanse", F.struct("*"), F.lit(contract)).alias("cleansed"))
    here = "CAST(java_method('java.lang.ProcessHandle', 'current') AS INT) AS reader"
    places = [sorted(map(list, events.selectExpr("partition", here).distinct().collect())) for _ in range(2)]
    stream = spark.readStream.format("flight").options(**options).load().writeStream.format("parquet")
    query = (
        stream.option("checkpointLocation", f"{folder}/checkpoint").trigger(availableNow=True).start(f"{folder}/out")
    )
    query.awaitTermination()
    answer = {
        "read": events.count(),
        "valid": cleansed.where("cleansed.valid").count(),
        "streamed": spark.read.parquet(f"{folder}/out").count(),
        "places": places,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
