"""Starting `downbeat serve`, and stopping it in order."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DOWNBEAT = Path(__file__).parents[2] / "target/release/downbeat"
LISTENING = re.compile(r"listening on (grpc://127\.0\.0\.1:\d+) world=(\S+) anchor=(\S+)\n")

# Long past, so that all of it has happened whatever the clock says.
BOUNDED = [
    *("--listeners", "300", "--tracks", "2000", "--partitions", "3"),
    *("--start", "2020-01-01", "--until", "2020-01-03"),
]


@dataclass(frozen=True)
class Server:
    """A server and what its first line said."""

    process: subprocess.Popen[str]
    uri: str
    world: str
    anchor: str


@contextmanager
def serve(*flags: str) -> Iterator[Server]:
    """Start a server on a free port, and stop it in order afterwards."""
    command = [DOWNBEAT, "serve", "--listen", "127.0.0.1:0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = LISTENING.fullmatch(line)
        assert match, f"the first line is {line!r}"
        try:
            yield Server(process, *match.groups())
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=20)
