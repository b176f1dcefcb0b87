"""Makes a checkpoint anew for a lake whose own is lost: the lake's tables say where it was.

Each commit of a batch has the batch's number and its range of the log in its note. So what every table has is known, and if a
batch was under way, which rows it has: it is sent again as it was, to the tables that lack it; the others skip it.
"""

from __future__ import annotations

import json
import shutil
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from downbeat_spark import session, store, tables
from downbeat_spark.errors import BadInput, Refused
from downbeat_spark.lake import Lake, Offsets
from downbeat_spark.versions import notes

_SHUFFLE = "spark.sql.shuffle.partitions"


def resume(lake: Lake, *, world: str, checkpoint: Path) -> int:
    """Put a checkpoint in a folder that is empty or not there, and tie the lake to it.

    Returns the last batch that all tables have; -1 for none. The checkpoint that the lake had before is refused from then on.
    Call it while `lake.locked()`.

    Raises `Refused` if the lake is another world's or its tables do not fit each other, `BadInput` if the folder has something in
    it or the log of a table no longer says what a batch held.
    """
    identity = lake.require()
    if identity.world != world:
        raise Refused(f"the lake {lake.uri} holds world {identity.world}, but the server serves world {world}")
    if checkpoint.exists() and any(checkpoint.iterdir()):
        raise BadInput(
            f"{checkpoint} is not empty: name another --checkpoint, or ingest from it without --resume-from-lake"
        )
    held = lake.batches()
    done, begun = min(held.values()), max(held.values())
    if begun > done + 1:
        raise Refused(
            f"the tables of the lake {lake.uri} stand at {held}, more than one batch apart: one of them has been put back to an "
            "earlier state; restore the others as well"
        )
    new = checkpoint.with_name(f"{checkpoint.name}.resuming")
    shutil.rmtree(new, ignore_errors=True)
    try:
        _write(lake, new, world=world, done=done, begun=begun, held=held)
        tied = replace(identity, checkpoint=str(uuid.uuid4()))
        lake.tie(tied, new)
        if checkpoint.exists():
            checkpoint.rmdir()
        new.rename(checkpoint)
    except OSError as error:
        raise store.cannot("write the checkpoint of", lake.uri, error) from error
    return done


def _write(lake: Lake, folder: Path, *, world: str, done: int, begun: int, held: dict[str, int]) -> None:
    """What Spark keeps of a query that reads our log: its id, where each batch ends, and which of them are committed."""
    # The ingest shuffles nothing, but Spark fails where a batch to be repeated does not have this setting.
    partitions = session.settings()[_SHUFFLE]
    for log in ("offsets", "commits"):
        (folder / log).mkdir(parents=True)
    (folder / "metadata").write_text(json.dumps({"id": str(uuid.uuid4())}))
    # Spark wants to know the batch before the last one too.
    for batch in range(max(done - 1, 0), begun + 1):
        until = _until(lake, batch, [name for name, last in held.items() if last >= batch])
        streams = {"events": {str(partition): row for partition, row in sorted(until.items())}}
        noted = {"batchWatermarkMs": 0, "batchTimestampMs": int(time.time() * 1000), "conf": {_SHUFFLE: partitions}}
        source = {"v": 1, "world": world, "streams": streams}
        (folder / "offsets" / str(batch)).write_text(_lines(noted, source))
        if batch <= done:
            (folder / "commits" / str(batch)).write_text(_lines({"nextBatchWatermarkMs": 0}))


def _lines(*parts: dict[str, Any]) -> str:
    """A file of Spark's logs. Spark tells offsets apart by their text, so ours have the source's own spelling."""
    return "\n".join(["v1", *(json.dumps(part, separators=(",", ":")) for part in parts)])


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
