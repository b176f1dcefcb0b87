"""The dashboard in a real Chromium: for the tests, and for pictures of each page.

`.venv/bin/python streamlit/tests/browser.py --lake DIR --out docs/images` takes the README's pictures; `--all`
takes every page in three widths, light and dark.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

APP = Path(__file__).resolve().parents[1] / "app.py"

# Chromium looks for updates and accounts at its start; a test must not depend on the network, nor wait for it.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=OptimizationHints,MediaRouter",
]

Theme = Literal["light", "dark"]

# What is on a page once it shows numbers.
NUMBERS = {
    "now": ".st-key-card-plays [data-testid=stMetricValue]",
    "quality": ".st-key-card-produced [data-testid=stMetricValue]",
}
CHARTS = {"now": 1, "quality": 3}


@contextmanager
def dashboard(lake: Path | None) -> Iterator[str]:
    """Start the dashboard over `lake` on a free port of loopback; yields its address and stops it at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if key != "DOWNBEAT_LAKE"}
    if lake is not None:
        environment["DOWNBEAT_LAKE"] = str(lake)
    command = [sys.executable, "-m", "streamlit", "run", str(APP), "--server.address", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--server.port", str(port), "--server.headless", "true"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 60
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                raise RuntimeError(f"the dashboard did not start:\n{process.communicate()[0]}")
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, without a window."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise RuntimeError(
            "the page tests need Chromium, which is not installed: apt-get install chromium (or run .ci/run)"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


def open_page(page: Page, address: str, name: str, query: str = "") -> None:
    """Open the page `name` and wait until its numbers and charts are drawn."""
    page.goto(f"{address}/{'' if name == 'now' else name}{query}")
    # Streamlit may show an element twice for a moment, when it draws again while it is still drawing.
    page.locator(NUMBERS[name]).first.wait_for(timeout=60_000)
    page.wait_for_function(
        "count => document.querySelectorAll('[data-testid=stVegaLiteChart] svg.marks').length >= count",
        arg=CHARTS[name],
        timeout=60_000,
    )


def picture(page: Page, path: Path) -> None:
    """Save the whole page, not only what fits on the screen."""
    # Streamlit scrolls a box inside the page: make the screen as tall as what is in it, without the blank at its end.
    bottom = """() => {
        const elements = [...document.querySelectorAll('[data-testid=stMainBlockContainer] [class*=st-key-]')];
        return Math.ceil(Math.max(...elements.map(element => element.getBoundingClientRect().bottom))) + 24;
    }"""
    size = page.viewport_size
    assert size is not None
    for _ in range(2):  # what is drawn for a taller screen may itself be taller
        page.set_viewport_size({"width": size["width"], "height": page.evaluate(bottom)})
        page.wait_for_timeout(1_000)
    page.screenshot(path=path)


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", type=Path, required=True, help="folder of the lake to show")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--query", default="", help="filters, as in the page's address: ?window=6h")
    parser.add_argument("--all", action="store_true", help="every page in three widths, light and dark")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    themes: list[Theme] = ["light", "dark"] if options.all else ["light"]
    shots = [(theme, width) for theme in themes for width in ([1440, 1280, 390] if options.all else [1440])]
    with dashboard(options.lake) as address, chromium() as browser:
        for theme, width in shots:
            for name in NUMBERS:
                page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
                open_page(page, address, name, options.query)
                path = options.out / (f"{name}-{theme}-{width}.png" if options.all else f"{name}.png")
                picture(page, path)
                page.close()
                print(path)


if __name__ == "__main__":
    main()
