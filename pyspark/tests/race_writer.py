"""Appends numbers to Delta tables by Delta's own writer, a commit each, as a driver that knows of no other writer.

`race_writer.py FIRST COMMITS TABLE…`
"""

import sys

from downbeat_spark import session

first, commits, tables = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
spark = session.builder("race").master("local[1]").config("spark.driver.memory", "700m").getOrCreate()
for number in range(first, first + commits):
    for table in tables:
        spark.range(number, number + 1).toDF("n").write.format("delta").mode("append").save(table)
