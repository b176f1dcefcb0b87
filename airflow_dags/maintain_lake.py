"""
### Maintain the lake

**Makes** room in the lake and looks whether it is whole: `find_tables` sees that there is a lake, `expire` drops days that are
older than they are to be kept, `erase` removes what has come of listeners who were erased before, `vacuum` removes files that no
version of the last days needs and what crashes left, `repair` opens the end of every file, `publish_files` tells rows, files,
bytes and Delta version of each table.

**When**: every night at 03:30 UTC. It may run beside the live stream and beside `compact_lake`.

**A rerun** finds little left to do and changes nothing a reader sees. Files that a reader of an older version may still need
are kept for `retain_hours`.

**When it fails**, look first at the log of the task: the last lines are the job's own words, and name the table. If it is
`repair`, a file is gone or damaged, and readers fail: put it back from a copy (docs/lake.md says what to do without one); that
is not tried again. With the rest the platform team can help: a full disk, a lake that can't be written, a store that does not
answer. Such faults are tried again with growing waits. `find_tables` fails at once where there is no lake: nothing was ingested,
or the parameter `lake` is wrong.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, chain, dag
from downbeat_dags.jobs import CHECK_ARGS, DEFAULT_ARGS, LAKE
from downbeat_dags.maintenance import find_tables, lake_job, publish_files


@dag(
    description="Expire, erase, vacuum and check every table of the lake",
    doc_md=__doc__,
    schedule="30 3 * * *",
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    default_args=DEFAULT_ARGS,
    tags=["downbeat", "lake", "maintenance"],
    params={
        "lake": LAKE,
        "retain_hours": Param(
            168,
            type="integer",
            minimum=0,
            maximum=8760,
            title="Hours to keep",
            description="Files that newer ones replaced are kept this long: longer than any query that reads the lake. "
            "0 only while nothing is ingested.",
        ),
    },
)
def maintain_lake():
    """One thing after the other, each for all tables."""
    chain(
        find_tables(),
        lake_job("expire"),
        lake_job("erase"),
        lake_job("vacuum", "--retain-hours", "{{ params.retain_hours }}"),
        lake_job("repair", **CHECK_ARGS),
        publish_files(),
    )


maintain_lake()
