"""Where a lake keeps its tables, and what it remembers of the one log that it holds.

    <lake>/<table>/               a Delta table, see `tables`
    <lake>/_downbeat/lake.json    its world, its application id in Delta's logs, the id of its checkpoint
    <lake>/_checkpoints/ingest/   the checkpoint, unless it is told to be elsewhere, see `checkpoint`
    <lake>/_downbeat/ingest.lock  held while an ingest is at work

A lake holds one world, written through one checkpoint. Delta makes a repeated batch change nothing: every write
carries the lake's application id and the batch's number, and a table skips a number that it has. That would also skip,
silently, the rows of a *different* batch under an old number, as a new or restored checkpoint would send them. So the
lake refuses any checkpoint but its own, and one that has been put back to an earlier state, or that the lake has.
"""

from __future__ import annotations

import argparse
import datetime as dt
import fcntl
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError
from pyspark.sql import types as T

from downbeat_spark import lease, store, tables
from downbeat_spark._main import argument, say
from downbeat_spark.checkpoint import Checkpoint, Offsets
from downbeat_spark.errors import BadInput, Refused
from downbeat_spark.reader import Reader

_IDENTITY = "_downbeat/lake.json"
_LOCK = "ingest.lock"


@dataclass(frozen=True)
class Contents:
    """What a table holds, by its log: no file is opened. It was last written at that time, by the clock of whoever did."""

    name: str
    rows: int
    files: int
    bytes: int
    version: int
    written_at: dt.datetime


@dataclass(frozen=True)
class Identity:
    """What `lake.json` holds."""

    world: str
    application: str
    checkpoint: str


class Lake:
    """A lake in a local folder or an object store, see `store`."""

    def __init__(self, uri: str | Path) -> None:
        """Nothing is read or written yet. Raises `BadInput` if it is no address of a lake."""
        self.uri = store.located(uri)
        self.files = store.Files(self.uri)

    def extend(self, table: tables.Table, columns: T.StructType) -> None:
        """Add those columns to a table that it lacks, if it is there; its rows have nulls in them.

        Raises `Refused` if it has one of another type.
        """
        if not self.exists(table):
            return
        delta = self.open(table)
        held = {field.name: field for field in delta.schema().fields}
        wanted = Schema.from_json(T.StructType([T.StructField(c.name, c.dataType) for c in columns]).json()).fields
        for field in wanted:
            if field.name in held and held[field.name].type != field.type:
                raise Refused(
                    f"{self.table(table)} has the column {field.name} as {held[field.name].type}, but the contract makes it "
                    f"{field.type}: give it another name in the contract, or ingest into a new --lake"
                )
        missing = [field for field in wanted if field.name not in held]
        if missing:
            delta.alter.add_columns(missing)

    @property
    def path(self) -> Path:
        """Its folder. Raises `BadInput` if it is in a store."""
        if not store.is_folder(self.uri):
            raise BadInput(f"the lake {self.uri} is in a store, and this needs one in a folder")
        return Path(self.uri)

    def table(self, table: tables.Table) -> str:
        """Address of a table."""
        return f"{self.uri}/{table.name}"

    def open(self, table: tables.Table) -> DeltaTable:
        """A table as it is now; it must be there."""
        return self.read(table.name).delta

    def read(self, name: str, version: int | None = None) -> Reader:
        """A table, to be read as Arrow, by DuckDB, polars or Spark, now or at an older version; it must be there."""
        return Reader(self.table(tables.ALL[name]), version)

    def contents(self) -> list[Contents]:
        """What each table holds that there is. Raises `BadInput` if the store cannot be asked."""
        return [_contents(name, self.open(table)) for name, table in tables.ALL.items() if self.exists(table)]

    def exists(self, table: tables.Table) -> bool:
        """Whether the table has been created. Raises `BadInput` if the store cannot be asked."""
        try:
            return DeltaTable.is_deltatable(self.table(table), storage_options=store.options(self.uri))
        except (DeltaError, OSError) as error:
            raise store.cannot("read", self.uri, error) from error

    def has_rows(self, table: tables.Table) -> bool:
        """Whether the table has any."""
        return self.exists(table) and bool(self.open(table).file_uris())

    def checkpoint(self, job: str) -> Checkpoint:
        """A job's checkpoint unless told otherwise."""
        return Checkpoint(f"{self.uri}/_checkpoints/{job}")

    def identity(self) -> Identity | None:
        """What the lake remembers; nothing before the first ingest. Raises `BadInput` if the store cannot be asked."""
        held = self.files.read(_IDENTITY)
        return Identity(**held) if held else None

    def require(self) -> Identity:
        """What the lake remembers; raises `BadInput` if there is no lake."""
        identity = self.identity()
        if identity is None:
            raise BadInput(
                f"{self.uri} is not a lake: it has no _downbeat/lake.json; ingest into it, or correct --lake"
            )
        return identity

    def batches(self) -> dict[str, int]:
        """The last batch that each table of batches has; -1 for those that have none."""
        application = self.require().application
        return {table.name: self._last_batch(table, application) for table in (*tables.BATCH_TABLES, tables.PROGRESS)}

    def _last_batch(self, table: tables.Table, application: str) -> int:
        if not self.exists(table):
            return -1
        version = self.open(table).transaction_version(application)
        return -1 if version is None else version

    @contextmanager
    def locked(self, lost: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Keep other ingests out: in a folder by a lock, which the system drops with the process, in a store by a `lease`.

        `lost` is called, on another thread, should another take the lease: this process must have been asleep for long.

        Raises `Refused` if another ingest holds it, or if the store lets writers undo each other's commits, `BadInput` if the
        lake can't be written.
        """
        if not store.is_folder(self.uri):
            self.files.require_conditions()
            with lease.held(self.files, f"_downbeat/{_LOCK}", lost=lost, waiting=self._waits):
                yield
            return
        folder = self.path / "_downbeat"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / _LOCK).open("a+")
        except OSError as error:
            raise store.cannot("write to", self.uri, error) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                raise Refused(
                    f"another ingest is writing to {self.uri} ({lock.read().strip()}): "
                    "stop it first, or choose another --lake"
                ) from error
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            lock.flush()
            yield

    def _waits(self, holder: str) -> None:
        say(f"waiting to see whether {holder} still writes to {self.uri}")

    def claim(self, *, world: str, checkpoint: Checkpoint) -> Identity:
        """Tie a new lake to `world` and `checkpoint`, or check that this lake belongs to both.

        Call it while `locked()`. Raises `Refused`, naming both, if the lake or the checkpoint belongs to another.
        """
        held = self.identity()
        marked = checkpoint.marker()
        if held is None:
            found = sorted(name for name, table in tables.ALL.items() if self.exists(table))
            if found:
                raise Refused(
                    f"{self.uri} has tables ({', '.join(found)}) but no {_IDENTITY} to say what they hold: "
                    "choose another --lake, or restore that file"
                )
        elif held.world != world:
            raise Refused(
                f"the lake {self.uri} holds world {held.world}, but the server serves world {world}: "
                "start the server with the first one's configuration, or choose another --lake"
            )
        if marked is None and not checkpoint.is_empty():
            raise Refused(f"{checkpoint.uri} is not a checkpoint of ours and not empty: choose another --checkpoint")
        # One whose lake was never made belongs to none yet.
        begun = held is None and marked is not None and (marked["lake"], marked["world"]) == (self.uri, world)
        if marked is not None and not begun and (held is None or marked["application"] != held.application):
            raise Refused(
                f"the checkpoint {checkpoint.uri} belongs to another lake ({marked['lake']}, world {marked['world']}), "
                f"not to {self.uri} (world {world}): choose another --checkpoint or the lake it belongs to"
            )
        if held is not None:
            if marked is None or marked["checkpoint"] != held.checkpoint:
                raise Refused(
                    f"the lake {self.uri} belongs to checkpoint {held.checkpoint}, but {checkpoint.uri} is "
                    f"{marked['checkpoint'] if marked else 'a new one'}, whose batches would pass for those it has: "
                    "use or restore the first checkpoint, or ingest into a new --lake"
                )
            return held
        identity = (
            Identity(**{name: marked[name] for name in ("world", "application", "checkpoint")})
            if marked
            else Identity(world=world, application=str(uuid.uuid4()), checkpoint=str(uuid.uuid4()))
        )
        # The checkpoint first: if it ends between the two, the next start goes on here.
        checkpoint.mark(self._marker(identity))
        if self.files.create(_IDENTITY, asdict(identity)) is None:
            raise Refused(f"another ingest has just begun to write to {self.uri}: choose another --lake")
        return identity

    def move(self, identity: Identity, checkpoint: Checkpoint, fill: Callable[[], None]) -> None:
        """Have the lake belong to another checkpoint than it did, once that is filled. Call it while `locked()`.

        Cut short, it can be done again: until the end the checkpoint's marker says that it is `unfinished`.
        """
        checkpoint.mark({**self._marker(identity), "unfinished": True})
        fill()
        self.files.write(_IDENTITY, asdict(identity))
        checkpoint.mark(self._marker(identity))

    def _marker(self, identity: Identity) -> dict[str, str]:
        return {**asdict(identity), "lake": self.uri}

    def follow(self, checkpoint: Checkpoint) -> None:
        """Check that the batches which `checkpoint` will send are those that the tables lack.

        Call it while `locked()`, after `claim`. Raises `Refused` if one of the two has been put back to an earlier state.
        """
        planned, done = checkpoint.newest("offsets"), checkpoint.newest("commits")
        held = self.batches()
        last = held[tables.PROGRESS.name]
        known, noted = self.end_of(last), checkpoint.end_of(last)
        differ = known is not None and noted is not None and known != noted
        if max(held.values()) > planned or min(held.values()) < done or differ:
            raise Refused(
                f"the checkpoint {checkpoint.uri} has begun batch {planned} and done batch {done}, but the tables of the lake "
                f"{self.uri} stand at {held}: one of them has been put back to an earlier state. "
                "Restore the other as well, or ingest into a new --lake"
            )

    def end_of(self, sequence: int) -> Offsets | None:
        """Where a batch of the log ends, by partition; nothing if it does not stand in `progress`."""
        if sequence < 0:
            return None
        progress = self.open(tables.PROGRESS).to_pyarrow_dataset()
        rows = progress.to_table(["until_offsets"], filter=pc.field("sequence") == sequence).to_pylist()
        return dict(rows[0]["until_offsets"]) if rows else None


def _contents(name: str, delta: DeltaTable) -> Contents:
    files = pa.table(delta.get_add_actions(flatten=True))
    (last,) = delta.history(1)
    return Contents(
        name,
        rows=pc.sum(files["num_records"]).as_py() or 0,
        files=files.num_rows,
        bytes=pc.sum(files["size_bytes"]).as_py() or 0,
        version=delta.version(),
        written_at=dt.datetime.fromtimestamp(last["timestamp"] / 1000, dt.UTC),
    )


def add_lake_argument(parser: argparse.ArgumentParser, *, made: bool = False) -> None:
    """Let a program be told a lake, which it makes if it is not there (`made`)."""
    created = "; created if it is not there" if made else ""
    parser.add_argument(
        "--lake",
        required=True,
        type=argument(Lake),
        help=f"a folder, or s3://bucket/prefix or gs://bucket/prefix with endpoint and keys in the environment{created}",
    )
