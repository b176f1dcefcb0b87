"""One ingest at a time in a lake that is in a store, wherever it runs: what a lock on a file is to a lake in a folder.

A file in the lake names who holds it, and is written again every few seconds. It changes hands only by conditional puts: put
where none is, or in the place of the very one that was read. Whoever finds one waits until it has been left alone for longer than
its holder would, by a clock of one's own, so machines need not agree about the time; if its holder ran on this machine and is
gone, not even that. Two that hold it all the same, for one was asleep, do no harm: both send the batches of one checkpoint.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from downbeat_spark import store
from downbeat_spark.errors import BadInput, Refused

#: Seconds between two times that a holder writes its lease, and after which it counts as gone: three were missed.
RENEWED, GONE = 10.0, 35.0

_LOOK = 1.0


@contextmanager
def held(files: store.Files, name: str, *, lost: Callable[[], None], waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the lease in a file.

    `lost` is called, on another thread, if another has taken it; `waiting` is told for whom one waits.

    Raises `Refused` if another holds it, `BadInput` if the store fails.
    """
    mine: dict[str, Any] = {
        "process": os.getpid(),
        "started": _started(os.getpid()),
        "host": socket.gethostname(),
        # So that what stands in the store is known to be from here.
        "id": str(uuid.uuid4()),
    }
    tag = _take(files, name, mine, waiting)
    done = threading.Event()

    def renew() -> None:
        nonlocal tag
        turn = 0
        while not done.wait(RENEWED):
            turn += 1
            try:
                renewed = files.replace(name, {**mine, "turn": turn}, tag)
            except BadInput:
                continue  # (the store is away: others cannot take it either)
            if renewed is None:
                lost()
                return
            tag = renewed

    renewing = threading.Thread(target=renew, name="lease", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()
        # If it is another's by now, it stays; if the store is away, it ends by itself. The file is left, for the next may be at
        # it already.
        with suppress(BadInput):
            files.replace(name, {**mine, "released": True}, tag)


def _take(files: store.Files, name: str, mine: dict[str, Any], waiting: Callable[[str], None]) -> store.Tag:
    found, tag = files.read_tagged(name)
    deadline = time.monotonic() + GONE
    if found is not None and not _is_gone(found):
        waiting(_holder(found))
    while found is not None and not _is_gone(found) and time.monotonic() < deadline:
        time.sleep(_LOOK)
        again, other = files.read_tagged(name)
        if again is not None and other != tag:
            raise _refused(files, again)
        found, tag = again, other
    taken = files.create(name, mine) if found is None else files.replace(name, mine, tag)
    if taken is None:
        raise _refused(files, files.read(name) or mine)
    return taken


def _refused(files: store.Files, other: dict[str, Any]) -> Refused:
    return Refused(
        f"another ingest is writing to {files.uri} ({_holder(other)}): stop it first, or choose another --lake"
    )


def _holder(lease: dict[str, Any]) -> str:
    return f"process {lease['process']} on {lease['host']}"


def _is_gone(lease: dict[str, Any]) -> bool:
    """Whether its holder has given it up, or ran on this machine and runs no more."""
    if lease.get("released"):
        return True
    return bool(lease["host"] == socket.gethostname() and _started(lease["process"]) != lease["started"])


def _started(process: int) -> str | None:
    """When a process of this machine began, in ticks since the machine did; nothing if it is gone."""
    try:
        # After the name, which may hold anything, in brackets.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None
