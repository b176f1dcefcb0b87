"""Where a lake keeps its tables, and what it remembers of the one log that it holds.

    <lake>/<table>/               a Delta table, see `tables`
    <lake>/_downbeat/lake.json    its world, its application id in Delta's logs, the id of its checkpoint
    <lake>/_downbeat/ingest.lock  held while an ingest is at work
    <lake>/_checkpoints/ingest/   Spark's checkpoint, unless it is told to be elsewhere
    <checkpoint>/downbeat.json    the id that lake.json names

A lake holds one world, written through one checkpoint. Delta makes a repeated batch change nothing: every write
carries the lake's application id and the batch's number, and a table skips a number that it has. That would also skip,
silently, the rows of a *different* batch under an old number, as a new or restored checkpoint would send them. So the
lake refuses any checkpoint but its own, and one that has been put back to an earlier state, or that the lake has.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from deltalake import DeltaTable

from downbeat_spark import tables
from downbeat_spark.errors import BadInput, Refused

Offsets = dict[int, int]


@dataclass(frozen=True)
class Identity:
    """What `lake.json` holds."""

    world: str
    application: str
    checkpoint: str


class Lake:
    """A lake in a local folder."""

    def __init__(self, path: str | Path) -> None:
        """Nothing is read or written yet."""
        self.path = Path(path).absolute()
        self._memory = self.path / "_downbeat"

    def table(self, table: tables.Table) -> str:
        """Folder of a table."""
        return str(self.path / table.name)

    def exists(self, table: tables.Table) -> bool:
        """Whether the table has been created."""
        return any((self.path / table.name / "_delta_log").glob("*.json"))

    def has_rows(self, table: tables.Table) -> bool:
        """Whether the table has any."""
        return self.exists(table) and bool(DeltaTable(self.table(table)).file_uris())

    @property
    def default_checkpoint(self) -> Path:
        """Where the checkpoint is unless told otherwise."""
        return self.path / "_checkpoints" / "ingest"

    def identity(self) -> Identity | None:
        """What the lake remembers; nothing before the first ingest."""
        held = _read(self._memory / "lake.json")
        return Identity(**held) if held else None

    def require(self) -> Identity:
        """What the lake remembers; raises `BadInput` if there is no lake."""
        identity = self.identity()
        if identity is None:
            raise BadInput(
                f"{self.path} is not a lake: it has no _downbeat/lake.json; ingest into it, or correct --lake"
            )
        return identity

    def batches(self) -> dict[str, int]:
        """The last batch that each table of batches has; -1 for those that have none."""
        application = self.require().application
        return {table.name: self._last_batch(table, application) for table in (*tables.BATCH_TABLES, tables.PROGRESS)}

    def _last_batch(self, table: tables.Table, application: str) -> int:
        if not self.exists(table):
            return -1
        version = DeltaTable(self.table(table)).transaction_version(application)
        return -1 if version is None else version

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other ingests of this host out. The system drops the lock with the process, however that ends.

        Raises `Refused` if another ingest holds it, `BadInput` if the folder can't be written.
        """
        path = self._memory / "ingest.lock"
        try:
            self._memory.mkdir(parents=True, exist_ok=True)
            lock = path.open("a+")
        except OSError as error:
            raise BadInput(f"cannot write to the lake {self.path} ({error.strerror}): choose another --lake") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                raise Refused(
                    f"another ingest is writing to {self.path} ({lock.read().strip()}): "
                    "stop it first, or choose another --lake"
                ) from error
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            lock.flush()
            yield

    def claim(self, *, world: str, checkpoint: Path) -> Identity:
        """Tie a new lake to `world` and `checkpoint`, or check that this lake belongs to both.

        Call it while `locked()`. Raises `Refused`, naming both, if the lake or the checkpoint belongs to another.
        """
        held = self.identity()
        marker = checkpoint / "downbeat.json"
        marked = _read(marker)
        if held is None:
            found = sorted(name for name, table in tables.ALL.items() if self.exists(table))
            if found:
                raise Refused(
                    f"{self.path} has tables ({', '.join(found)}) but no _downbeat/lake.json to say what they hold: "
                    "choose another --lake, or restore that file"
                )
        elif held.world != world:
            raise Refused(
                f"the lake {self.path} holds world {held.world}, but the server serves world {world}: "
                "start the server with the first one's configuration, or choose another --lake"
            )
        if marked is None and checkpoint.exists() and any(checkpoint.iterdir()):
            raise Refused(f"{checkpoint} is not a checkpoint of ours and not empty: choose another --checkpoint")
        if marked is not None and (held is None or marked["application"] != held.application):
            raise Refused(
                f"the checkpoint {checkpoint} belongs to another lake ({marked['lake']}, world {marked['world']}), "
                f"not to {self.path} (world {world}): choose another --checkpoint or the lake it belongs to"
            )
        if held is not None and marked is not None and marked["checkpoint"] == held.checkpoint:
            return held
        if held is not None and max(self.batches().values()) >= 0:
            raise Refused(
                f"the lake {self.path} has rows that came through checkpoint {held.checkpoint}, but {checkpoint} is "
                f"{marked['checkpoint'] if marked else 'a new one'}, whose batches would pass for those it has: "
                "use or restore the first checkpoint, or ingest into a new --lake"
            )
        identity = Identity(
            world=world,
            application=held.application if held else str(uuid.uuid4()),
            checkpoint=str(uuid.uuid4()),
        )
        # The lake first: if it ends between the two, the lake has no rows and the next start ties them again.
        _write(self._memory / "lake.json", asdict(identity))
        _write(marker, {**asdict(identity), "lake": str(self.path)})
        return identity

    def follow(self, checkpoint: Path) -> None:
        """Check that the batches which `checkpoint` will send are those that the tables lack.

        Call it while `locked()`, after `claim`. Raises `Refused` if one of the two has been put back to an earlier state.
        """
        planned, done = (_newest(checkpoint / log) for log in ("offsets", "commits"))
        held = self.batches()
        known = self._until(held[tables.PROGRESS.name])
        agreed = known is None or known == _until(checkpoint / "offsets" / str(held[tables.PROGRESS.name]), known)
        if max(held.values()) > planned or min(held.values()) < done or not agreed:
            raise Refused(
                f"the checkpoint {checkpoint} has begun batch {planned} and done batch {done}, but the tables of the lake "
                f"{self.path} stand at {held}: one of them has been put back to an earlier state. "
                "Restore the other as well, or ingest into a new --lake"
            )

    def _until(self, sequence: int) -> Offsets | None:
        """Where a batch ends that stands in `progress`."""
        if sequence < 0:
            return None
        progress = DeltaTable(self.table(tables.PROGRESS)).to_pyarrow_dataset()
        rows = progress.to_table(["until_offsets"], filter=pc.field("sequence") == sequence).to_pylist()
        return dict(rows[0]["until_offsets"]) if rows else None


def _newest(log: Path) -> int:
    """The last batch in one of the checkpoint's logs; -1 if there is none."""
    return max((int(path.name) for path in log.glob("[0-9]*")), default=-1)


def _until(offsets: Path, otherwise: Offsets) -> Offsets:
    """Where a batch ends, as Spark's log of offsets has it, unless that has been tidied away."""
    try:
        # A version, what Spark notes of the batch, and the offsets of each source.
        line = offsets.read_text().splitlines()[2]
    except FileNotFoundError:
        return otherwise
    (rows,) = json.loads(line)["streams"].values()
    return {int(partition): row for partition, row in rows.items()}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text())  # type: ignore[no-any-return]
    except FileNotFoundError:
        return None


def _write(path: Path, content: dict[str, Any]) -> None:
    """Replace a file as a whole, and have it on disk before going on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with new.open("w") as out:
        json.dump(content, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    new.replace(path)
