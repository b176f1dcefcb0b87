"""Check the tables of a lake; see `downbeat_spark.quality`.

spark-submit --properties-file spark.properties pyspark/jobs/quality.py --lake lake
"""

import sys

from downbeat_spark.quality import main

sys.exit(main())
