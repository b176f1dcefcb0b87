"""Remove files that no version of a lake's tables needs any more; see `downbeat_spark.vacuum`.

spark-submit --properties-file spark.properties pyspark/jobs/vacuum.py --lake lake --dry-run
"""

import sys

from downbeat_spark.vacuum import main

sys.exit(main())
