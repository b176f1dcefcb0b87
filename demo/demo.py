"""The whole way of one event on this machine: server, ingest and dashboard, started together and stopped together.

`make demo` runs it until Ctrl-C. `make demo-check` runs it with `--check`: it ends by itself once a real browser shows numbers on
the page and `reconcile` finds the lake equal to the truth.

Everything it writes lies in `.demo/`: the lake, unless `--lake` has it in a store, and one log a process. Each run starts with an
empty lake, for the demo's world begins yesterday and a lake belongs to one world.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from downbeat_spark import tables
from downbeat_spark.lake import Lake

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".demo"
PYTHON = ROOT / ".venv" / "bin" / "python"

# About 17 events a listener and day: a history of one to two days is 100,000 to 200,000 rows, which two cores ingest in one or
# two batches, and the live stream brings an event a second.
WORLD = ["--seed", "7", "--listeners", "5000", "--tracks", "20000", "--partitions", "2"]

# Small enough that the page has something to show soon, large enough that the history is not held up by commits.
BATCHES = ["--max-offsets-per-trigger", "100000"]

ENVIRONMENT = {
    # As `source .venv/bin/activate` would: spark-submit finds its home and its Python through the PATH.
    "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}",
    "PYSPARK_PYTHON": str(PYTHON),
    # Most of a short run is compiling: the quick compiler alone takes a third off, and a trickle of rows needs no better one.
    "SPARK_SUBMIT_OPTS": "-XX:TieredStopAtLevel=1",
}

DASHBOARD_PORT = 8501

# What `make demo-check` allows for all of it, after the build.
CHECK_SECONDS = 180


class DemoError(Exception):
    """Something did not start or did not come true; the text says what, and what to do."""


class Service:
    """A child process in a group of its own, so that Ctrl-C reaches this program only and it stops the others in order."""

    def __init__(self, name: str, command: list[str], env: dict[str, str]) -> None:
        """Start `command`; its output goes to `.demo/<name>.log`."""
        self.name = name
        self.log = STATE / f"{name}.log"
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **ENVIRONMENT, **env},
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise if the process has ended: nothing here ends by itself."""
        code = self.process.poll()
        if code is not None:
            raise DemoError(f"the {self.name} ended with exit code {code}; its last words ({self.log}):\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        return "\n".join(f"  {line}" for line in self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, patience: float) -> None:
        """Ask the process to end, wait, and kill its group only if it does not."""
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            say(f"the {self.name} did not stop within {patience:.0f} s; ending it")
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def say(text: str) -> None:
    """Tell the person at the terminal what happens."""
    print(f"[{dt.datetime.now(dt.UTC):%H:%M:%S}] {text}", flush=True)


def wait_for(what: str, ready: Callable[[], bool], services: list[Service], seconds: float) -> None:
    """Wait until `ready()`; raise if a service ends first or the time is over."""
    end = time.monotonic() + seconds
    while not ready():
        for service in services:
            service.check()
        if time.monotonic() > end:
            raise DemoError(f"no {what} within {seconds:.0f} s; the logs are in {STATE}")
        time.sleep(0.2)


def require_free(port: int) -> None:
    """Raise if something listens on the dashboard's port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoError(
                f"port {port} is in use: stop what listens there, or choose another with DASHBOARD_PORT=8600 make demo"
            ) from error


def spark_submit(job: str, *arguments: str) -> list[str]:
    """The command line of one of the jobs."""
    return [
        str(PYTHON.with_name("spark-submit")),
        "--properties-file",
        str(ROOT / "spark-connector" / "target" / "spark.properties"),
        str(ROOT / "pyspark" / "jobs" / job),
        *arguments,
    ]


class Demo:
    """The services in the order they start; stopped in the order data flows, so that nothing waits for what is gone."""

    def __init__(self, lake: Lake, port: int) -> None:
        """Nothing is started yet; the dashboard will listen on `port`."""
        self.lake = lake
        self.port = port
        self.services: list[Service] = []

    @property
    def page(self) -> str:
        """Address of the dashboard."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> str:
        """Start everything and return the event server's address once the page can be opened."""
        require_free(self.port)
        shutil.rmtree(STATE, ignore_errors=True)
        STATE.mkdir()
        if self.lake.identity():
            raise DemoError(
                f"there is a lake in {self.lake.uri} already, and a demo begins with a new one: choose another --lake"
            )
        yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
        server = self._add(
            "server",
            [
                str(ROOT / "target/release/downbeat"),
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--start",
                str(yesterday),
                *WORLD,
            ],
        )
        wait_for("address from the event server", lambda: "listening on" in server.log.read_text(), self.services, 30)
        match = re.search(r"listening on (grpc://\S+) world=(\S+)", server.log.read_text())
        if match is None:
            raise DemoError(f"the event server did not say where it listens:\n{server.tail()}")
        uri = match.group(1)
        say(f"event server: {uri}, history since {yesterday}, world {match.group(2)}")

        ingest = self._add("ingest", spark_submit("ingest.py", "--uri", uri, "--lake", self.lake.uri, *BATCHES))
        say("ingest: Spark starts and reads the history")
        dashboard = self._add(
            "dashboard",
            [
                *(str(PYTHON), "-m", "streamlit", "run", str(ROOT / "streamlit" / "app.py")),
                *("--server.address", "127.0.0.1", "--server.port", str(self.port), "--server.headless", "true"),
            ],
            {"DOWNBEAT_LAKE": self.lake.uri},
        )
        wait_for("answer from the dashboard", self._page_answers, [server, ingest, dashboard], 60)
        say(f"dashboard: {self.page}")
        wait_for("first rows in the lake", self._lake_has_rows, self.services, 120)
        say("the first batch is in the lake")
        return uri

    def follow(self) -> None:
        """Repeat what the ingest reports, until interrupted."""
        ingest = next(service for service in self.services if service.name == "ingest")
        with ingest.log.open() as log:
            while True:
                line = log.readline()
                if line.startswith("batch "):
                    say(line.strip())
                elif not line:
                    for service in self.services:
                        service.check()
                    time.sleep(0.5)

    def stop(self) -> None:
        """Stop the ingest between two batches, then what it read from and what reads from it."""
        for name, patience in [("ingest", 60), ("dashboard", 10), ("server", 10)]:
            for service in self.services:
                if service.name == name:
                    service.stop(patience)

    def _add(self, name: str, command: list[str], env: dict[str, str] | None = None) -> Service:
        service = Service(name, command, env or {})
        self.services.append(service)
        return service

    def _page_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.page}/_stcore/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _lake_has_rows(self) -> bool:
        # Version 0 creates the table; the first batch is version 1, written after all its other tables.
        return self.lake.exists(tables.PROGRESS) and self.lake.open(tables.PROGRESS).version() > 0


def check(demo: Demo, uri: str, deadline: float) -> None:
    """See the numbers in a real browser, stop the ingest, and compare the lake with the truth."""
    say(f"the page shows {plays_on(demo.page)} plays")
    ingest = next(service for service in demo.services if service.name == "ingest")
    ingest.stop(60)
    if ingest.process.returncode != 0:
        raise DemoError(f"the ingest stopped with exit code {ingest.process.returncode}:\n{ingest.tail()}")
    say("ingest stopped; reconcile compares the lake with the truth")
    left = max(1.0, deadline - time.monotonic())
    try:
        code = subprocess.run(
            spark_submit("reconcile.py", "--uri", uri, "--lake", demo.lake.uri),
            env={**os.environ, **ENVIRONMENT},
            timeout=left,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired as error:
        raise DemoError(f"reconcile did not end within the {CHECK_SECONDS} s that the whole check may take") from error
    if code != 0:
        raise DemoError(f"reconcile ended with exit code {code}: the table above says what differs")


def plays_on(address: str) -> str:
    """What a real browser reads on the card of plays: a number above zero, once there is one."""
    # The page's own tests know how to open it; only this check needs a browser.
    sys.path.append(str(ROOT / "streamlit" / "tests"))
    from browser import NUMBERS, chromium, open_page  # noqa: PLC0415

    with chromium() as browser:
        page = browser.new_page()
        for name in NUMBERS:
            open_page(page, address, name)
        open_page(page, address, "now")
        plays = str(page.locator(NUMBERS["now"]).inner_text())
    if not re.search("[1-9]", plays):
        raise DemoError(f"the page shows '{plays}' plays, not a number above zero")
    return plays


def interrupt(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM means the same as Ctrl-C."""
    raise KeyboardInterrupt


def main() -> int:
    """Run the demo; the exit code is 0 unless something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--check", action="store_true", help="end once the page shows numbers and the lake equals the truth"
    )
    parser.add_argument(
        "--lake",
        default=str(STATE / "lake"),
        help="where the lake is made, also s3://bucket/prefix (default: .demo/lake)",
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    demo = Demo(Lake(options.lake), int(os.environ.get("DASHBOARD_PORT", DASHBOARD_PORT)))
    begun = time.monotonic()
    try:
        uri = demo.start()
        say(f"first numbers after {time.monotonic() - begun:.0f} s")
        if options.check:
            check(demo, uri, begun + CHECK_SECONDS)
            say(f"the page shows numbers and the lake equals the truth, after {time.monotonic() - begun:.0f} s")
        else:
            say(f"open {demo.page} - Ctrl-C stops everything")
            demo.follow()
    except KeyboardInterrupt:
        say("stopping")
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        demo.stop()
        say("all stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
