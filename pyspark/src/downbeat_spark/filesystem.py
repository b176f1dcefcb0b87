"""A store as an `fsspec` file system, for readers such as DuckDB.

`obstore` has one, whose files know one place that they are read at. DuckDB shares a file among its threads, each of which seeks
and then reads; another may seek in between, and what is read then is from anywhere.
"""

from __future__ import annotations

import threading
from typing import Any

import obstore
from obstore.fsspec import FsspecStore

from downbeat_spark import store


def filesystem(uri: str) -> FsspecStore:
    """The store of an address, `s3://…` or `gs://…`, whose files threads may share. It is for reading."""
    scheme: Any = uri.partition("://")[0]
    return _Store(scheme, **store.way(uri))


class _Store(FsspecStore):
    def _open(self, path: str, mode: str = "rb", *_: Any, **__: Any) -> Any:
        if mode != "rb":
            raise ValueError(f"files of a store are opened for reading here, not as {mode}")
        bucket, name = path.removeprefix(f"{self.protocol}://").split("/", 1)
        uri = f"{self.protocol}://{bucket}"
        return _File(obstore.store.from_url(uri, **store.way(uri)), name)


class _File:
    """A file in which each thread has a place of its own."""

    def __init__(self, held: Any, name: str) -> None:
        self._held = held
        self._name = name
        self._places: dict[int, int] = {}
        self.size: int = obstore.head(held, name)["size"]

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place: from the start, from where one is, or from the end."""
        self._places[threading.get_ident()] = place + (0, self.tell(), self.size)[whence]
        return self.tell()

    def tell(self) -> int:
        """Where one is."""
        return self._places.get(threading.get_ident(), 0)

    def read(self, length: int = -1) -> bytes:
        """The next bytes, as many as there are if no length is given."""
        start = self.tell()
        end = self.size if length < 0 else min(start + length, self.size)
        if start >= end:
            return b""
        self.seek(end)
        return obstore.get_range(self._held, self._name, start=start, end=end).to_bytes()

    def close(self) -> None:
        """Nothing is held open."""
