"""Tell what a lake holds; see `downbeat_spark.describe`. Needs no Spark.

.venv/bin/python pyspark/jobs/describe.py --lake lake
"""

import sys

from downbeat_spark.describe import main

sys.exit(main())
