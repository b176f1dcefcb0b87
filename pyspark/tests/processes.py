"""Processes that a test starts, and may kill: each in a group of its own, which ends with the test whatever happens to it."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


def start(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a command; what it says is added to `log`. To be ended by `kill`."""
    with log.open("ab") as out:
        return subprocess.Popen(
            # What is left when the tests themselves are killed dies too: Linux sends this signal when a parent ends.
            ["setpriv", "--pdeathsig", "KILL", "--", *(str(word) for word in command)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL a process that `start` started, with all it started itself, and wait for its end."""
    # The group outlives its leader while one of its processes is left.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_port() -> int:
    """A port that nobody listens at and that the system gives to no connection while its server is dead."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(10_000, lowest)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


@contextmanager
def running(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is killed with all it started when the block ends."""
    process = start(command, log, environment)
    try:
        yield process
    finally:
        kill(process)


def children(parent: int) -> dict[int, str]:
    """The processes that a process started and that still run, each with its command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # After the name, which may hold anything, in brackets: the state, then the parent.
            state, ppid = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(ppid) == parent and state != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def until(condition: Callable[[], object], *, what: str, seconds: float = 180, log: Path | None = None) -> None:
    """Wait for a condition, and fail with the end of `log` if it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        told = f":\n{log.read_text()[-4000:]}" if log else ""
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s{told}"
        time.sleep(0.05)
