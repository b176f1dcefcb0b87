"""Makes a checkpoint anew for a lake whose own is lost: the lake's tables say where it was.

Each commit of a batch has the batch's number and its range of the log in its note. So what every table has is known, and if a
batch was under way, which rows it has: it is sent again as it was, to the tables that lack it; the others skip it.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from downbeat_spark import session, tables
from downbeat_spark.checkpoint import Checkpoint, Offsets
from downbeat_spark.errors import BadInput, Refused
from downbeat_spark.lake import Lake
from downbeat_spark.versions import notes

_SHUFFLE = "spark.sql.shuffle.partitions"


def resume(lake: Lake, *, world: str, checkpoint: Checkpoint) -> int:
    """Fill a checkpoint that is empty or not there, and have the lake belong to it.

    Returns the last batch that all tables have; -1 for none. The checkpoint that the lake had before is refused from then on.
    Call it while `lake.locked()`. Cut short, it can be done again.

    Raises `Refused` if the lake is another world's or its tables do not fit each other, `BadInput` if the checkpoint is not empty
    or the log of a table no longer says what a batch held.
    """
    identity = lake.require()
    if identity.world != world:
        raise Refused(f"the lake {lake.uri} holds world {identity.world}, but the server serves world {world}")
    if not checkpoint.is_empty() and not (checkpoint.marker() or {}).get("unfinished"):
        raise BadInput(
            f"{checkpoint.uri} is not empty: name another --checkpoint, or ingest from it without --resume-from-lake"
        )
    held = lake.batches()
    done, begun = min(held.values()), max(held.values())
    if begun > done + 1:
        raise Refused(
            f"the tables of the lake {lake.uri} stand at {held}, more than one batch apart: one of them has been put back to an "
            "earlier state; restore the others as well"
        )
    # Spark wants to know the batch before the last one too.
    ends = {
        batch: _until(lake, batch, [name for name, last in held.items() if last >= batch])
        for batch in range(max(done - 1, 0), begun + 1)
    }
    # The ingest shuffles nothing, but Spark fails where a batch to be repeated does not have this setting.
    settings = {_SHUFFLE: session.settings()[_SHUFFLE]}
    lake.move(
        replace(identity, checkpoint=str(uuid.uuid4())),
        checkpoint,
        lambda: checkpoint.fill(ends, done=done, world=world, settings=settings),
    )
    return done


def _until(lake: Lake, batch: int, names: list[str]) -> Offsets:
    """Where a batch ends: by `progress`, or if that lacks it by the note of any table's commit of it."""
    known = lake.end_of(batch)
    if known is not None:
        return known
    for name in names:
        for note in notes(lake, tables.ALL[name]).values():
            if note.get("batch") == batch and "until" in note:
                return {int(partition): row for partition, row in note["until"].items()}
    raise BadInput(
        f"no table of the lake {lake.uri} says any more which rows batch {batch} held: ingest into a new --lake, or restore the "
        "checkpoint"
    )
