"""Drop the days of a lake's tables that are older than they are to be kept; see `downbeat_spark.expire`.

spark-submit --properties-file spark.properties pyspark/jobs/expire.py --lake lake --table raw_events --keep-days 30
"""

import sys

from downbeat_spark.expire import main

sys.exit(main())
