"""The pages in a real Chromium: they show the very numbers that a query of the lake gives, and go on by themselves."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import chromium, dashboard, open_page, picture
from conftest import UNTIL
from downbeat_dashboard import queries, view
from downbeat_dashboard.lake import Lake
from fixture_lake import FixtureLake
from playwright.sync_api import Browser, ConsoleMessage, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def address(lake: FixtureLake) -> Iterator[str]:
    with dashboard(lake.folder) as at:
        yield at


class Visit:
    """A browser tab that remembers everything that went wrong in it."""

    def __init__(self, browser: Browser, address: str, *, theme: str = "light", width: int = 1440) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
        self.troubles: list[str] = []
        self.page.on("console", self.console)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("requestfailed", lambda request: self.troubles.append(f"failed: {request.url}"))
        self.page.on("request", lambda request: self.outside(request.url, address))

    def console(self, message: ConsoleMessage) -> None:
        # Opened below its root, Streamlit's client first looks for the server beside the page, then above it.
        sought = re.search("/quality/_stcore/(health|host-config)$", message.location.get("url", ""))
        if message.type == "error" and not sought:
            self.troubles.append(f"{message.text} {message.location}")

    def outside(self, url: str, address: str) -> None:
        if not url.startswith((address, address.replace("http", "ws"), "data:", "blob:")):
            self.troubles.append(f"outside: {url}")

    def number(self, card: str) -> str:
        return self.page.locator(f".st-key-card-{card} [data-testid=stMetricValue]").first.inner_text()

    def lines(self, key: str) -> list[tuple[str, int]]:
        """Names and counts of a bar list."""
        names = self.page.locator(f".st-key-{key} .name").all_inner_texts()
        counts = self.page.locator(f".st-key-{key} .count").all_inner_texts()
        return [(name, int(count.replace(",", ""))) for name, count in zip(names, counts, strict=True)]


def keep(visit: Visit, name: str) -> None:
    """Save a picture of the page if a folder for pictures was given."""
    folder = os.environ.get("DOWNBEAT_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        picture(visit.page, Path(folder) / f"{name}.png")


def test_now_shows_what_a_query_of_the_lake_gives(browser: Browser, address: str, lake: FixtureLake) -> None:
    visit = Visit(browser, address)
    open_page(visit.page, address, "now", "?window=6h")
    span = view.WINDOWS["6h"].span(UNTIL, view.WINDOWS["6h"].coarse)
    tables = Lake(lake.folder).tables("listening_by_minute", "listening_by_track_hour", "tracks", "artists")
    tiles, *hours = tables.values()
    totals = queries.listening(tiles, span, None).sum(numeric_only=True)
    for measure in ("plays", "skips", "likes"):
        assert visit.number(measure) == f"{totals[measure]:,}"
    assert visit.number("listeners") == f"{queries.listeners(tiles, span, None)[0].count:,.0f}"
    assert [count for _, count in visit.lines("list-countries")] == queries.countries(tiles, span)["plays"][
        :10
    ].tolist()
    tracks = queries.top_tracks(*hours, span, limit=10)
    expected = [(f"{row.track} {row.artist}", row.plays) for row in tracks.itertuples()]
    assert [(" ".join(name.split()), count) for name, count in visit.lines("list-tracks")] == expected
    assert "Stale" in visit.page.locator(".st-key-freshness").inner_text()
    keep(visit, "now")
    assert visit.troubles == []


def test_quality_shows_what_a_query_of_the_lake_gives(browser: Browser, address: str, lake: FixtureLake) -> None:
    visit = Visit(browser, address)
    open_page(visit.page, address, "quality", "?window=6h")
    span = view.WINDOWS["6h"].span(UNTIL, view.WINDOWS["6h"].coarse)
    tiles = Lake(lake.folder).tables("data_quality_by_minute")["data_quality_by_minute"]
    totals = queries.quality(tiles, span).sum(numeric_only=True)
    for name in queries.OUTCOMES:
        assert visit.number(name) == f"{totals[name]:,}"
    broken = queries.broken_rules(tiles, span).groupby("name")["rows"].sum()
    assert dict(visit.lines("list-rules")) == broken.to_dict()
    keep(visit, "quality")
    assert visit.troubles == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out_of_a_narrow_screen(browser: Browser, address: str, theme: str, width: int) -> None:
    visit = Visit(browser, address, theme=theme, width=width)
    for name in ("now", "quality"):
        open_page(visit.page, address, name)
        page = visit.page
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        right = "[...document.querySelectorAll('[class*=st-key-]')].map(e => e.getBoundingClientRect().right)"
        assert page.evaluate(f"Math.max(...{right})") <= width
        background = page.locator("[data-testid=stApp]").evaluate("e => getComputedStyle(e).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 200) == (theme == "dark")
        keep(visit, f"{name}-{theme}-{width}")
    assert visit.troubles == []


def test_a_click_on_a_window_changes_the_numbers_and_the_address(browser: Browser, address: str) -> None:
    visit = Visit(browser, address)
    open_page(visit.page, address, "now")
    before = visit.number("plays")
    visit.page.get_by_role("radio", name="24h").click()
    visit.page.wait_for_url("**/?window=24h")
    visit.page.wait_for_function(
        "old => document.querySelector('.st-key-card-plays [data-testid=stMetricValue]').innerText !== old", arg=before
    )
    visit.page.get_by_role("link", name="Quality").click()
    visit.page.locator(".st-key-card-produced").wait_for()
    assert "window=24h" in visit.page.url


def test_the_page_fills_by_itself_and_refreshes_in_place(
    browser: Browser, live_lake: FixtureLake, tmp_path: Path
) -> None:
    folder = tmp_path / "lake"
    folder.mkdir()
    with dashboard(folder) as address:
        visit = Visit(browser, address)
        page = visit.page
        page.goto(address)
        page.get_by_text("The lake has no rows yet").wait_for()
        shutil.copytree(live_lake.folder, folder, dirs_exist_ok=True)
        page.locator(".st-key-card-plays").wait_for(timeout=60_000)
        page.locator("[data-testid=stVegaLiteChart] svg.marks").first.wait_for()
        page.wait_for_timeout(1_000)
        # The same elements stay in the page over a refresh; only their content moves.
        page.evaluate(
            "document.querySelectorAll('[data-testid=stMetric], svg.marks, .bars').forEach(e => { e.dataset.seen = 'yes' })"
        )
        marked = page.locator("[data-seen=yes]").count()
        assert marked > 8
        age = page.locator(".st-key-freshness").inner_text()
        page.wait_for_function(
            "old => document.querySelector('.st-key-freshness').innerText !== old", arg=age, timeout=60_000
        )
        assert page.locator("[data-seen=yes]").count() == marked
        assert visit.troubles == []
        page.close()


def test_a_missing_chromium_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="apt-get install chromium"), chromium():
        pass
