"""Downbeat in PySpark: sessions that know the connector and the lake, and jobs that fill the lake and prove it right.

The jobs are modules with functions for those who have a DataFrame and a `main()` for spark-submit: `ingest`,
`reconcile`, `maintain`, `quality`. What the lake holds is declared in `tables`.
"""

__version__ = "0.1.0"
