"""Compact and vacuum one table of a lake; see `downbeat_spark.maintain`.

spark-submit --properties-file spark.properties pyspark/jobs/maintain.py --lake lake --table events
"""

import sys

from downbeat_spark.maintain import main

sys.exit(main())
