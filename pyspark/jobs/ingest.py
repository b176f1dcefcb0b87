"""Ingest a world's event log into a lake; see `downbeat_spark.ingest`.

spark-submit --properties-file spark.properties pyspark/jobs/ingest.py --uri grpc://127.0.0.1:8815 --lake lake
"""

import sys

from downbeat_spark.ingest import main

sys.exit(main())
