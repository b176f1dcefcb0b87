"""Rank the tracks that rise fastest, hour by hour and country by country; see `downbeat_spark.trending`.

spark-submit --properties-file spark.properties pyspark/jobs/trending.py --uri grpc://127.0.0.1:8815 --lake lake
"""

import sys

from downbeat_spark.trending import main

sys.exit(main())
