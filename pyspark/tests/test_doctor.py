"""`downbeat doctor --lake` on a store as it should be, and on those that are not."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path

import pytest
from conftest import DOWNBEAT
from object_store import BUCKET, Fault, Store


def doctor(lake: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, what it found, what it said of an error."""
    ran = subprocess.run(
        [DOWNBEAT, "doctor", "--lake", lake],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
        check=False,
    )
    return ran.returncode, ran.stdout, ran.stderr


def test_a_store_that_can_do_all_of_it_may_have_many_writers_and_is_left_as_it_was(store: Store) -> None:
    code, found, said = doctor(store.uri("doctor/lake"))
    assert (code, said) == (0, "")
    lines = found.splitlines()
    # Google's has no markers of folders.
    assert {line[:8] for line in lines[:-1] if "markers" not in line} == {"ok      "}, found
    assert len(lines) == 10
    assert "put if absent: 20 times one of 16 that tried at once" in lines[0]
    assert lines[-1] == f"{store.uri('doctor/lake')} can hold a lake; any number of programs may write to it at once"
    assert store.sizes("doctor") == {}


def test_a_folder_is_a_store_too(tmp_path: Path) -> None:
    code, found, said = doctor(str(tmp_path / "new" / "lake"))
    assert (code, said) == (0, "")
    assert "any number of programs may write to it at once" in found
    assert "note    put if unchanged: folders have no such thing" in found
    assert not (tmp_path / "new" / "lake").exists()


def test_where_a_condition_is_not_heeded_one_program_at_a_time_may_write(store: Store) -> None:
    with store.proxy.failing(Fault("PUT", r"/races/", "careless")):
        code, found, _ = doctor(store.uri("careless"))
    assert code == 0
    assert "MISSING put if absent: 16 of 16 were told that they had put the same object" in found
    assert found.endswith("can hold a lake; one program at a time may write to it\n")


def test_a_store_that_cannot_do_what_is_needed_holds_no_lake(store: Store) -> None:
    with store.proxy.failing(Fault("POST", r"uploads", status=501, code="NotImplemented")):
        code, found, said = doctor(store.uri("simple"))
    assert code == 1
    assert "MISSING upload in parts: " in found
    assert "NotImplemented: by the test" in found
    assert said == f"error: {store.uri('simple')} cannot hold a lake; see above\n"


@pytest.mark.s3
@pytest.mark.parametrize(
    ("lake", "environment", "told"),
    [
        # Some stores say that they do not find the key, others that it may not.
        pytest.param(
            "s3://lake/x", {"AWS_ACCESS_KEY_ID": "nobody"}, "nobody with this key|may not do this", id="unknown key"
        ),
        pytest.param(
            "s3://lake/x", {"AWS_SECRET_ACCESS_KEY": "x"}, "these credentials may not do this", id="wrong secret"
        ),
        pytest.param("s3://no-such-bucket/x", {}, "there is no such bucket", id="no bucket"),
        pytest.param("s3://lake/x", {"S3_ENDPOINT": "lake.example"}, "write http://host:port", id="no address"),
    ],
)
@pytest.mark.usefixtures("store")
def test_what_keeps_it_from_a_store_is_one_line(lake: str, environment: dict[str, str], told: str) -> None:
    code, found, said = doctor(lake, **environment)
    assert (code != 0, found) == (True, "")
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert re.search(told, said)


def test_a_bucket_that_may_only_be_read_is_told(store: Store) -> None:
    with store.proxy.failing(Fault("PUT", f"/{BUCKET}/", status=403, code="AccessDenied")):
        code, _, said = doctor(store.uri("read-only"))
    assert code == 1
    assert said.startswith(f"error: cannot write to {store.uri('read-only')}: these credentials may not do this")


@pytest.mark.s3
def test_a_store_that_does_not_answer_is_told(store: Store) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    code, _, said = doctor(store.uri("nowhere"), S3_ENDPOINT=address)
    assert code == 1
    assert said.startswith("error: cannot write to s3://lake/nowhere: the store does not answer as one")
    assert address in said
