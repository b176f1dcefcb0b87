"""Join the small files of a lake's tables, and order days that are over; see `downbeat_spark.compact`.

spark-submit --properties-file spark.properties pyspark/jobs/compact.py --lake lake --table events
"""

import sys

from downbeat_spark.compact import main

sys.exit(main())
