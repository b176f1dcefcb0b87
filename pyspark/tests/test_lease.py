"""A lease on a lake in a store: one holder at a time, and none that is gone keeps others out for long."""

from __future__ import annotations

import os
import socket
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from downbeat_spark import erase, lease
from downbeat_spark.errors import Refused
from downbeat_spark.lake import Lake
from downbeat_spark.store import Files
from object_store import Fault, Store

NAME = "ingest.lock"


@pytest.fixture
def files(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """A place for it; seconds of the real thing are some hundredths."""
    monkeypatch.setattr(lease, "RENEWED", 0.3)
    monkeypatch.setattr(lease, "GONE", 2.0)
    monkeypatch.setattr(lease, "_LOOK", 0.1)
    return Files(store.uri(f"{tmp_path.parent.name}/{tmp_path.name}"))


def held(files: Files, lost: threading.Event | None = None, waited: list[str] | None = None) -> Any:
    event, told = lost or threading.Event(), waited if waited is not None else []
    return lease.held(files, NAME, lost=event.set, waiting=told.append)


def left_by(files: Files, host: str, process: int, started: str | None) -> None:
    files.write(NAME, {"process": process, "started": started, "host": host})


def test_a_second_is_refused_while_the_first_is_there_and_let_in_when_it_has_gone(files: Files) -> None:
    waited: list[str] = []
    with held(files):
        time.sleep(1)  # renewed some times
        with pytest.raises(Refused, match=rf"another ingest is writing to {files.uri} \(process {os.getpid()} on "):
            held(files, waited=waited).__enter__()
        assert waited == [f"process {os.getpid()} on {socket.gethostname()}"]
    assert (files.read(NAME) or {})["released"]
    with held(files, waited=waited):
        assert len(waited) == 1


def test_of_many_that_want_it_at_once_one_has_it(files: Files) -> None:
    start, outcomes = threading.Barrier(8), []

    def want() -> None:
        start.wait()
        try:
            with held(files):
                outcomes.append("held")
                time.sleep(3)
        except Refused:
            outcomes.append("refused")

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["held"] + ["refused"] * 7


def test_what_a_killed_process_of_this_machine_left_is_taken_at_once(files: Files) -> None:
    waited: list[str] = []
    # A number that another process has by now.
    left_by(files, socket.gethostname(), os.getpid(), "7")
    with held(files, waited=waited):
        pass
    left_by(files, socket.gethostname(), 4_194_304, "7")
    with held(files, waited=waited):
        assert waited == []


def test_what_another_machine_left_is_taken_after_a_while(files: Files) -> None:
    waited: list[str] = []
    left_by(files, "elsewhere", 1, "1")
    begun = time.monotonic()
    with held(files, waited=waited):
        assert time.monotonic() - begun >= 2
    assert waited == ["process 1 on elsewhere"]


def test_a_holder_whose_answers_are_lost_holds_it(files: Files, store: Store) -> None:
    lost = threading.Event()
    with store.proxy.failing(Fault("PUT", NAME, "lost", times=3)), held(files, lost):
        time.sleep(2)
    assert not lost.is_set()
    assert (files.read(NAME) or {})["released"]


def test_a_store_that_replaces_what_is_there_is_not_written_to(lake: Lake, store: Store, tmp_path: Path) -> None:
    careless = Lake(store.uri(f"{tmp_path.name}/careless"))
    assert lake.identity()
    careless.files.write("_downbeat/lake.json", asdict(lake.require()))
    with store.proxy.failing(Fault("PUT", r"/careless/_downbeat/probe/", "careless")):
        with pytest.raises(Refused, match="writers would undo each other's commits: choose another --lake"):
            erase.erase(careless, [7])
        # Who changes nothing may look.
        assert erase.erase(careless, [7], dry_run=True) == []
        with pytest.raises(Refused, match="replaces what is there"), careless.locked():
            pass
    assert list(store.sizes(f"{tmp_path.name}/careless")) == ["_downbeat/lake.json"]


def test_one_whose_lease_was_taken_is_told_and_leaves_it_to_the_other(files: Files) -> None:
    lost = threading.Event()
    with held(files, lost):
        assert files.read(NAME) is not None
        tag = files.read_tagged(NAME)[1]
        while (taken := files.replace(NAME, {"process": 1, "started": "1", "host": "elsewhere"}, tag)) is None:
            tag = files.read_tagged(NAME)[1]
        assert lost.wait(2)
    assert files.read_tagged(NAME)[1] == taken
