"""A stream's checkpoint, in a folder or a store: Spark's own files, and one of ours that says whose it is.

<checkpoint>/downbeat.json      the lake that it belongs to
<checkpoint>/offsets/<batch>    begun: where each batch of the log ends
<checkpoint>/commits/<batch>    done
<checkpoint>/metadata           the query's id
"""

from __future__ import annotations

import argparse
import json
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from downbeat_spark import store
from downbeat_spark._main import argument

#: The next row to read, by partition of the log.
Offsets = dict[int, int]

_MARKER = "downbeat.json"


class Checkpoint:
    """A checkpoint by its address, which may be of nothing yet."""

    def __init__(self, uri: str | Path) -> None:
        """Nothing is read or written yet. Raises `BadInput` if it is no address of a checkpoint."""
        self.uri = store.located(uri, "checkpoint")
        self._files = store.Files(self.uri, "checkpoint")

    def is_empty(self) -> bool:
        """Whether nothing is there. Raises `BadInput`, as all here, if the store cannot be asked."""
        return not self._files.names()

    def marker(self) -> dict[str, Any] | None:
        """What `mark` has written."""
        return self._files.read(_MARKER)

    def mark(self, marker: Mapping[str, Any]) -> None:
        """Say whose it is."""
        self._files.write(_MARKER, marker)

    def newest(self, log: Literal["offsets", "commits"]) -> int:
        """The last batch that is begun, or done; -1 if there is none."""
        names = [name.rpartition("/")[2] for name in self._files.names(log)]
        return max((int(name) for name in names if name.isdigit()), default=-1)

    def end_of(self, batch: int) -> Offsets | None:
        """Where a batch ends; nothing if it was not begun, or has been tidied away."""
        text = self._files.read_text(f"offsets/{batch}")
        if text is None:
            return None
        # A version, what Spark notes of the batch, and the offsets of each source.
        (rows,) = json.loads(text.splitlines()[2])["streams"].values()
        return {int(partition): row for partition, row in rows.items()}

    def fill(self, ends: Mapping[int, Offsets], *, done: int, world: str, settings: Mapping[str, str]) -> None:
        """Have it be of a query that has begun these batches of a world's log, and done those up to `done`.

        `settings` are those of Spark's without which it does not go on. Whatever was there is removed, but for the marker.
        """
        self._files.delete([name for name in self._files.names() if name != _MARKER])
        self._files.write_text("metadata", json.dumps({"id": str(uuid.uuid4())}))
        noted = {"batchWatermarkMs": 0, "batchTimestampMs": int(time.time() * 1000), "conf": dict(settings)}
        for batch, end in ends.items():
            streams = {"events": {str(partition): row for partition, row in sorted(end.items())}}
            self._files.write_text(f"offsets/{batch}", _lines(noted, {"v": 1, "world": world, "streams": streams}))
            if batch <= done:
                self._files.write_text(f"commits/{batch}", _lines({"nextBatchWatermarkMs": 0}))


def _lines(*parts: dict[str, Any]) -> str:
    """A file of Spark's logs. Spark tells offsets apart by their text, so ours have the source's own spelling."""
    return "\n".join(["v1", *(json.dumps(part, separators=(",", ":")) for part in parts)])


def add_checkpoint_argument(parser: argparse.ArgumentParser) -> None:
    """Let a program be told where its checkpoint is."""
    parser.add_argument(
        "--checkpoint",
        type=argument(Checkpoint),
        help="where its checkpoint is, an address like the lake's (default: in the lake)",
    )
