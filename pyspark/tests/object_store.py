"""An object store for tests, and a proxy before it that makes it fail."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import obstore
import processes
from downbeat_spark import session

#: The program that tests run on: versitygw or minio.
PROGRAM = os.environ.get("DOWNBEAT_TEST_STORE", "versitygw")

#: Whoever holds these may do everything; they protect nothing but what tests put there.
ACCESS, SECRET = "tests", "nothing-worth-hiding"

BUCKET = "lake"


class Gateway:
    """An object store over a folder, in which a bucket is a folder too."""

    def __init__(self, folder: Path) -> None:
        self._program = session.PROJECT / ".stores" / PROGRAM
        assert self._program.exists(), f"there is no {self._program}: run stores/install.sh {PROGRAM}"
        self.folder = folder
        (folder / "objects" / BUCKET).mkdir(parents=True)
        (folder / "metadata").mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self, secret: str = SECRET) -> None:
        """Start it, with a secret that clients must know."""
        address, objects = f"127.0.0.1:{self.port}", self.folder / "objects"
        options: list[str | Path] = {
            "versitygw": ["--port", address, "--quiet", "posix", "--sidecar", self.folder / "metadata", objects],
            "minio": ["server", "--quiet", "--address", address, objects],
        }[PROGRAM]
        keys = {
            "versitygw": {"ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": secret},
            "minio": {"MINIO_ROOT_USER": ACCESS, "MINIO_ROOT_PASSWORD": secret},
        }[PROGRAM]
        self._process = processes.start([self._program, *options], self.folder / "gateway.log", keys)
        deadline = time.monotonic() + 30
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self._process.poll() is None, (self.folder / "gateway.log").read_text()
            assert time.monotonic() < deadline, "the gateway does not answer within 30 s"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        processes.kill(self._process)

    def files(self) -> Any:
        """The bucket, past the proxy."""
        return obstore.store.S3Store(
            BUCKET,
            endpoint=f"http://127.0.0.1:{self.port}",
            access_key_id=ACCESS,
            secret_access_key=SECRET,
            region="us-east-1",
            client_options={"allow_http": True},
        )

    def uploads(self) -> list[Path]:
        """Parts of uploads that were neither completed nor aborted."""
        return [path for path in (self.folder / "objects").rglob("*") if "multipart" in path.parts and path.is_file()]


@dataclass(frozen=True)
class Fault:
    """What becomes of requests of a method whose path and query match a pattern.

    They are refused with an answer of that status, or done and not answered (`lost`), or done after some seconds, or said to be
    done where the store refused them for their condition (`careless`).
    """

    method: str
    pattern: str
    how: Literal["refused", "lost", "delayed", "careless"] = "refused"
    status: int = 500
    code: str = "InternalError"
    seconds: float = 0.0
    #: After so many it is over.
    times: int | None = None


class Proxy:
    """Hands requests on to a gateway, but for those that meet a fault."""

    def __init__(self, gateway: Gateway) -> None:
        log = gateway.folder / "proxy.log"
        program = Path(__file__).with_name("fault_proxy.py")
        self._process = processes.start([sys.executable, program, str(gateway.port)], log)
        processes.until(log.read_text, what="the proxy listens", seconds=30, log=log)
        self.address = log.read_text().strip()

    @contextmanager
    def failing(self, *faults: Fault) -> Iterator[None]:
        """Have requests fail for a while, and be sure that some did."""
        self._ask("PUT", [{**asdict(fault), "met": 0} for fault in faults])
        try:
            yield
        finally:
            met = self._ask("GET")
            self._ask("PUT", [])
        assert all(fault["met"] for fault in met), f"nothing met some of {met}"

    def _ask(self, method: str, faults: Sequence[object] = ()) -> list[dict[str, Any]]:
        body = json.dumps(faults).encode()
        request = urllib.request.Request(f"{self.address}/-/faults", body, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())  # type: ignore[no-any-return]

    def close(self) -> None:
        """Listen no more."""
        processes.kill(self._process)


@dataclass(frozen=True)
class Store:
    """A store that can be made to fail."""

    gateway: Gateway
    proxy: Proxy

    def uri(self, path: str) -> str:
        """Address of a path in the bucket."""
        return f"s3://{BUCKET}/{path}"

    def sizes(self, path: str) -> dict[str, int]:
        """The objects under a path, each with its bytes."""
        found = {file["path"]: file["size"] for page in obstore.list(self.gateway.files(), f"{path}/") for file in page}
        return {name.removeprefix(f"{path}/"): size for name, size in found.items()}

    def read(self, path: str) -> bytes:
        """An object."""
        return bytes(obstore.get(self.gateway.files(), path).bytes())


@contextmanager
def running(folder: Path) -> Iterator[Store]:
    """A store, which the environment of this process and of those that it starts knows the way to."""
    gateway = Gateway(folder)
    proxy = Proxy(gateway)
    os.environ.update(
        AWS_ACCESS_KEY_ID=ACCESS, AWS_SECRET_ACCESS_KEY=SECRET, AWS_REGION="us-east-1", S3_ENDPOINT=proxy.address
    )
    try:
        yield Store(gateway, proxy)
    finally:
        proxy.close()
        gateway.kill()
