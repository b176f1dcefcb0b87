"""Add up the tiles of days that are over; see `downbeat_spark.merge_tiles`.

spark-submit --properties-file spark.properties pyspark/jobs/merge_tiles.py --lake lake --table listening_by_minute
"""

import sys

from downbeat_spark.merge_tiles import main

sys.exit(main())
