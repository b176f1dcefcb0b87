"""Remove all rows of listeners from a lake's tables, and keep them out; see `downbeat_spark.erase`.

spark-submit --properties-file spark.properties pyspark/jobs/erase.py --lake lake --listener 7
"""

import sys

from downbeat_spark.erase import main

sys.exit(main())
