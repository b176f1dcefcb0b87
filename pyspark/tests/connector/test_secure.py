"""Tokens and TLS between Spark and the event server: who reads, who is told what, and that no secret is shown."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from .conftest import BOUNDED, Log, serve

TOKEN = "hush-6f1c0d2b"


def openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of a CA and of a server on this machine, and a file of tokens."""
    folder = tmp_path_factory.mktemp("secure")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test CA", folder=folder)
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=events", folder=folder)
    (folder / "extensions").write_text("subjectAltName=IP:127.0.0.1\n")
    sign = ("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "extensions")
    openssl(*sign, "-out", "server.pem", folder=folder)
    (folder / "tokens").write_text(f"somebody-else\n{TOKEN}\n")
    (folder / "mine").write_text(TOKEN + "\n")
    return folder


@pytest.fixture(scope="module")
def secure(spark: SparkSession, folder: Path) -> Iterator[Log]:
    flags = {"token-file": "tokens", "tls-cert": "server.pem", "tls-key": "server.key"}
    paths = [part for flag, name in flags.items() for part in (f"--{flag}", str(folder / name))]
    with serve(spark, *BOUNDED, *paths) as log:
        yield log


def refused(log: Log, **options: str) -> str:
    with pytest.raises(PySparkException) as refusal:
        log.read("tracks", **options).count()
    return str(refusal.value)


def test_who_has_the_token_and_trusts_the_certificate_reads(secure: Log, folder: Path, tmp_path: Path) -> None:
    assert secure.uri.startswith("grpc+tls://")
    trust = {"tls.ca": str(folder / "ca.pem")}
    assert secure.read("tracks", token=TOKEN, **trust).count() == 2000
    stream = secure.follow(tokenFile=str(folder / "mine"), **trust)
    writer = stream.writeStream.format("noop").option("checkpointLocation", str(tmp_path))
    query = writer.trigger(availableNow=True).start()
    assert query.awaitTermination(120)
    rows = secure.read(token=TOKEN, **trust).count()
    assert sum(progress["numInputRows"] for progress in query.recentProgress) == rows > 0


def test_wrong_missing_and_misplaced_credentials_are_told_apart(secure: Log, folder: Path) -> None:
    trust = {"tls.ca": str(folder / "ca.pem")}
    assert "wants a bearer token; give the option token or tokenFile" in refused(secure, **trust)
    wrong = refused(secure, token="guess-9a", **trust)
    assert "is not, or no longer, one of this server's" in wrong
    assert "guess-9a" not in wrong
    assert "invalid peer certificate" in refused(secure, token=TOKEN)
    assert "no such file here" in refused(secure, tokenFile=str(folder / "nobodys"), **trust)
    assert "belong together" in refused(secure, **{"tls.key": str(folder / "server.key")})
    misspelt = refused(secure, tokn=TOKEN)
    assert "did you mean" in misspelt
    assert TOKEN not in misspelt


def test_a_token_is_shown_nowhere(secure: Log, folder: Path, tmp_path: Path) -> None:
    options = {"token": TOKEN, "tls.ca": str(folder / "ca.pem")}
    frame = secure.read("tracks", **options)
    printed = io.StringIO()
    with redirect_stdout(printed):
        frame.explain(mode="extended")
        frame.explain(mode="formatted")
    assert secure.uri in printed.getvalue()
    assert TOKEN not in printed.getvalue()
    writer = secure.follow(**options).writeStream.format("noop").option("checkpointLocation", str(tmp_path))
    query = writer.trigger(availableNow=True).start()
    assert query.awaitTermination(120)
    assert TOKEN not in str(query.recentProgress)
    assert not any(TOKEN.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
