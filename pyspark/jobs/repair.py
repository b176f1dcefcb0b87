"""Check that each file of a lake's tables is there, whole and readable; see `downbeat_spark.repair`.

spark-submit --properties-file spark.properties pyspark/jobs/repair.py --lake lake
"""

import sys

from downbeat_spark.repair import main

sys.exit(main())
