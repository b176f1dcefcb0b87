"""Downbeat in PySpark: sessions that know the connector and the lake, and jobs that fill the lake and prove it right.

The jobs are modules with functions for those who have a DataFrame and a `main()` for spark-submit: `ingest`,
`reconcile`, `maintain`, `quality`. What the lake holds is declared in `tables`. `explain(frame)` tells what of a query runs
natively, `profile(frame)` suggests a contract; `functions` are the SQL functions under Python names.
"""

from downbeat_spark.plans import explain
from downbeat_spark.profiling import profile

__all__ = ["explain", "profile"]

__version__ = "0.1.0"
