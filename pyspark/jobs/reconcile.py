"""Compare a lake with the log and its truth; see `downbeat_spark.reconcile`.

spark-submit --properties-file spark.properties pyspark/jobs/reconcile.py --uri grpc://127.0.0.1:8815 --lake lake
"""

import sys

from downbeat_spark.reconcile import main

sys.exit(main())
