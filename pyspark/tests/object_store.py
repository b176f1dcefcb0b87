"""An object store for tests, and a proxy before it that makes it fail."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import certificates
import obstore
import processes
from downbeat_spark import session

#: The program that tests run on: versitygw, minio or fake-gcs-server.
PROGRAM = os.environ.get("DOWNBEAT_TEST_STORE", "versitygw")

#: Whoever holds these may do everything; they protect nothing but what tests put there.
ACCESS, SECRET = "tests", "nothing-worth-hiding"

BUCKET = "lake"


class Gateway:
    """An S3 store over a folder, in which a bucket is a folder too."""

    scheme = "s3"

    def __init__(self, folder: Path, certificate: tuple[Path, Path] | None = None) -> None:
        """With a certificate and its key it is reached through TLS alone."""
        self._program = _installed()
        self.folder = folder
        (folder / "objects" / BUCKET).mkdir(parents=True)
        (folder / "metadata").mkdir()
        self._tls: list[str | Path] = []
        if certificate:
            # MinIO looks for these names.
            public, private = (folder / "public.crt", folder / "private.key")
            public.write_bytes(certificate[0].read_bytes())
            private.write_bytes(certificate[1].read_bytes())
            self._tls = ["--certs-dir", folder] if PROGRAM == "minio" else ["--cert", public, "--key", private]
        self.port = processes.free_port()
        self.start()

    def start(self, secret: str = SECRET) -> None:
        """Start it, with a secret that clients must know."""
        address, objects = f"127.0.0.1:{self.port}", self.folder / "objects"
        options: list[str | Path] = {
            "versitygw": [
                "--port",
                address,
                "--quiet",
                *self._tls,
                "posix",
                "--sidecar",
                self.folder / "metadata",
                objects,
            ],
            "minio": ["server", "--quiet", "--address", address, *self._tls, objects],
        }[PROGRAM]
        keys = {
            "versitygw": {"ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": secret},
            "minio": {"MINIO_ROOT_USER": ACCESS, "MINIO_ROOT_PASSWORD": secret},
        }[PROGRAM]
        self._process = processes.start([self._program, *options], self.folder / "gateway.log", keys)
        _listens(self._process, self.port, self.folder / "gateway.log")

    def kill(self) -> None:
        """End it as a power cut would."""
        processes.kill(self._process)

    def way(self, address: str) -> dict[str, str]:
        """What the environment has to say for clients to reach it at an address."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "S3_ENDPOINT": address,
        }

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


class Google:
    """Google's store, as far as fake-gcs-server and what stands before it are that, in memory."""

    scheme = "gs"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        server, log = processes.free_port(), folder / "gateway.log"
        options = [
            "-backend",
            "memory",
            "-scheme",
            "http",
            "-host",
            "127.0.0.1",
            "-port",
            str(server),
            "-log-level",
            "error",
        ]
        # Google's client for Java sends the parts of what it uploads to an address that the server tells it.
        self._server = processes.start([_installed(), *options, "-external-url", f"https://{_GOOGLE}"], log)
        _listens(self._server, server, log)
        made = urllib.request.Request(
            f"http://127.0.0.1:{server}/storage/v1/b",
            json.dumps({"name": BUCKET}).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(made, timeout=30).close()
        certificates.make_authority(folder)
        certificate, key = certificates.sign(folder, "google", at=f"DNS:{_GOOGLE}")
        self.port = processes.free_port()
        front = [
            sys.executable,
            Path(__file__).with_name("google_front.py"),
            str(self.port),
            str(server),
            certificate,
            key,
        ]
        self._front = processes.start(front, log)
        _listens(self._front, self.port, log)
        self._account = folder / "account.json"
        account = {
            "type": "service_account",
            "project_id": "tests",
            "private_key_id": "1",
            "private_key": subprocess.run(
                ["openssl", "genpkey", "-algorithm", "RSA"], check=True, capture_output=True, text=True
            ).stdout,
            "client_id": "1",
            "client_email": "tests@tests.invalid",
            "token_uri": f"http://127.0.0.1:{self.port}/token",
        }
        self._account.write_text(json.dumps(account))
        self._java = {
            **certificates.java_trusts(folder),
            "https.proxyHost": "127.0.0.1",
            "https.proxyPort": str(self.port),
        }

    def way(self, address: str) -> dict[str, str]:
        """What the environment has to say for clients to reach it at an address. Java's do not ask, but use a proxy."""
        return {
            "GOOGLE_APPLICATION_CREDENTIALS": str(self._account),
            "GOOGLE_BASE_URL": address,
            "JAVA_TOOL_OPTIONS": " ".join(f"-D{name}={value}" for name, value in self._java.items()),
        }

    def kill(self) -> None:
        """End it, and what it holds."""
        processes.kill(self._front)
        processes.kill(self._server)

    def files(self) -> Any:
        """The bucket, past the proxy."""
        return obstore.store.GCSStore(
            BUCKET,
            base_url=f"http://127.0.0.1:{self.port}",
            service_account=str(self._account),
            client_options={"allow_http": True},
        )

    def uploads(self) -> list[Path]:
        """Parts of uploads are nowhere."""
        return []


_GOOGLE = "storage.googleapis.com"


def _installed() -> Path:
    program = session.PROJECT / ".stores" / PROGRAM
    assert program.exists(), f"there is no {program}: run stores/install.sh {PROGRAM}"
    return program


def _listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, f"nothing answers at port {port} within 30 s"
        time.sleep(0.05)


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

    def __init__(self, gateway: Gateway | Google) -> None:
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

    gateway: Gateway | Google
    proxy: Proxy

    def uri(self, path: str) -> str:
        """Address of a path in the bucket."""
        return f"{self.gateway.scheme}://{BUCKET}/{path}"

    def sizes(self, path: str) -> dict[str, int]:
        """The objects under a path, each with its bytes."""
        found = {file["path"]: file["size"] for page in obstore.list(self.gateway.files(), f"{path}/") for file in page}
        return {name.removeprefix(f"{path}/"): size for name, size in found.items()}

    def read(self, path: str) -> bytes:
        """An object."""
        return bytes(obstore.get(self.gateway.files(), path).bytes())


def begin(folder: Path) -> Gateway | Google:
    """A store that listens, and keeps what it does in a folder or in memory."""
    return Google(folder) if PROGRAM == "fake-gcs-server" else Gateway(folder)


@contextmanager
def running(folder: Path) -> Iterator[Store]:
    """A store, which the environment of this process and of those that it starts knows the way to."""
    gateway = begin(folder)
    proxy = Proxy(gateway)
    os.environ.update(gateway.way(proxy.address))
    try:
        yield Store(gateway, proxy)
    finally:
        proxy.close()
        gateway.kill()
