"""
### Compact the lake

**Makes** the files of the lake fewer and larger: `find_tables` sees that there is a lake, `compact` joins small files and orders
days that are over, `merge_tiles` adds up the tiles of those, `publish_files` tells rows, files, bytes and Delta version of each
table. No answer that a reader gets changes.

**When**: every ten minutes, for a stream leaves a file or two a batch and table. It may run beside the live stream:
compaction conflicts with no append.

**A rerun** finds little left to do. One that was stopped goes on where it ended: each day of a table is a commit of its own.

**When it fails**, look first at the log of the task: the last lines are the job's own words, and name the table. The platform
team can help: a full disk, a lake that can't be written, a store that does not answer. Such faults are tried again with
growing waits. `find_tables` fails at once where there is no lake: nothing was ingested, or the parameter `lake` is wrong.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import chain, dag
from downbeat_dags.jobs import DEFAULT_ARGS, LAKE
from downbeat_dags.maintenance import find_tables, lake_job, publish_files


@dag(
    description="Join small files, order days that are over and add up their tiles",
    doc_md=__doc__,
    schedule="*/10 * * * *",
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    default_args=DEFAULT_ARGS,
    tags=["downbeat", "lake", "maintenance"],
    params={"lake": LAKE},
)
def compact_lake():
    """One thing after the other, each for all tables."""
    chain(find_tables(), lake_job("compact"), lake_job("merge_tiles"), publish_files())


compact_lake()
