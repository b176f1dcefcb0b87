"""Tokens and TLS between Spark and the event server: who reads, who is told what, and that no secret is shown."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from certificates import make_authority, sign
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from .conftest import BOUNDED, Log, serve
from .test_source_stream import live, until

TOKEN = "hush-6f1c0d2b"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of a CA, of servers on this machine and of a reader, and a file of tokens."""
    folder = tmp_path_factory.mktemp("secure")
    make_authority(folder)
    sign(folder, "server")
    sign(folder, "reader")
    sign(folder, "expired", days=-1)
    (folder / "tokens").write_text(f"somebody-else\n{TOKEN}\n")
    (folder / "mine").write_text(TOKEN + "\n")
    return folder


def files(folder: Path, **names: str) -> list[str]:
    """Flags of a server that name files."""
    return [part for flag, name in names.items() for part in (f"--{flag.replace('_', '-')}", str(folder / name))]


@pytest.fixture(scope="module")
def secure(spark: SparkSession, folder: Path) -> Iterator[Log]:
    flags = files(folder, token_file="tokens", tls_cert="server.pem", tls_key="server.key")
    with serve(spark, *BOUNDED, *flags) as log:
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
    # What the UI shows of every query, also while it is off.
    executions = secure.spark._jsparkSession.sharedState().statusStore().executionsList()
    shown = "".join(executions.apply(n).physicalPlanDescription() for n in range(executions.size()))
    assert secure.uri in shown
    assert TOKEN not in shown
    assert not any(TOKEN.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_server_that_wants_certificates_reads_with_one_and_says_so_without(spark: SparkSession, folder: Path) -> None:
    flags = files(folder, tls_cert="server.pem", tls_key="server.key", tls_client_ca="ca.pem")
    with serve(spark, *BOUNDED, *flags) as log:
        trust = {"tls.ca": str(folder / "ca.pem")}
        own = {"tls.certificate": str(folder / "reader.pem"), "tls.key": str(folder / "reader.key")}
        assert log.read("tracks", **trust, **own).count() == 2000
        advice = "does it want to see a certificate of its clients, and trust the one it was shown?"
        assert advice in refused(log, **trust)
        late = {"tls.certificate": str(folder / "expired.pem"), "tls.key": str(folder / "expired.key")}
        assert advice in refused(log, **trust, **late)


def test_a_server_whose_certificate_has_expired_is_not_trusted(spark: SparkSession, folder: Path) -> None:
    with serve(spark, *BOUNDED, *files(folder, tls_cert="expired.pem", tls_key="expired.key")) as log:
        told = refused(log, **{"tls.ca": str(folder / "ca.pem")})
        assert (
            "invalid peer certificate: Expired; its certificate has to be for its host, of this day, and signed" in told
        )


def test_a_token_is_replaced_while_a_query_runs(spark: SparkSession, folder: Path, tmp_path: Path) -> None:
    """First the server learns the new one, then readers use it, then the server forgets the old one."""
    known, mine = tmp_path / "known", tmp_path / "mine"

    def replace(file: Path, text: str) -> None:
        """Put a whole file in the place of another, as those who rotate tokens must: nobody reads half of one."""
        whole = file.with_suffix(".new")
        whole.write_text(text)
        whole.replace(file)

    replace(known, "old-3a\n")
    replace(mine, "old-3a\n")
    with serve(spark, *live(), "--token-file", str(known)) as log:
        stream = log.follow(tokenFile=str(mine), **{"fetch.retries": "0"})
        writer = stream.writeStream.format("noop").option("checkpointLocation", str(tmp_path / "checkpoint"))
        query = writer.start()

        def read_on() -> None:
            """Wait for a batch that began after this."""
            last = query.lastProgress["batchId"] if query.lastProgress else -1
            until(lambda: query.exception() or (query.lastProgress and query.lastProgress["batchId"] >= last + 2))
            assert query.exception() is None

        read_on()
        replace(known, "old-3a\nnew-7c\n")
        replace(mine, "new-7c\n")
        read_on()
        replace(known, "new-7c\n")
        read_on()
        assert "is not, or no longer, one of this server's" in refused(log, token="old-3a")
        query.stop()
