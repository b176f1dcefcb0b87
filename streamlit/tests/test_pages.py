"""Each page in each of its states, without a browser: data, other filters, and every way of having no data."""

import datetime as dt
from pathlib import Path

import pytest
from conftest import UNTIL
from deltalake import DeltaTable
from downbeat_dashboard import queries, view
from downbeat_dashboard.lake import VARIABLE, Lake
from fixture_lake import FixtureLake
from streamlit.testing.v1 import AppTest

import streamlit as st

PAGES = ["pages/now.py", "pages/quality.py"]
every_page = pytest.mark.parametrize("page", PAGES)


def run(page: str, **query: str) -> AppTest:
    """The page as a visitor with these filters in the address sees it."""
    app = AppTest.from_file(str(Path(__file__).parents[1] / "app.py"), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    if page != PAGES[0]:
        app.switch_page(page)
    app.run()
    assert not app.exception
    return app


def numbers(app: AppTest) -> dict[str, str]:
    return {metric.label.split(" (")[0]: metric.value for metric in app.metric}


def texts(app: AppTest) -> str:
    parts = [*app.subheader, *app.markdown, *app.info, *app.warning, *app.error, *app.success, *app.caption]
    return "\n".join(part.value for part in parts)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Copies of a lake have its ids and versions, so an answer about one would be remembered as about the other."""
    st.cache_data.clear()


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, lake: FixtureLake) -> FixtureLake:
    monkeypatch.setenv(VARIABLE, str(lake.folder))
    return lake


@pytest.mark.parametrize("window", view.WINDOWS)
def test_now_shows_the_counts_of_the_window(shown: FixtureLake, window: str) -> None:
    app = run(PAGES[0], window=window)
    span = view.WINDOWS[window].span(UNTIL, view.WINDOWS[window].coarse)
    tiles = Lake(shown.folder).tables("listening_by_minute")["listening_by_minute"]
    totals = queries.listening(tiles, span, None).sum(numeric_only=True)
    listeners, _ = queries.listeners(tiles, span, None)
    assert numbers(app) == {
        "Plays": f"{totals['plays']:,}",
        "Skips": f"{totals['skips']:,}",
        "Likes": f"{totals['likes']:,}",
        "Listeners": f"{listeners.count:,.0f}",
    }
    assert [title.value for title in app.subheader] == ["Plays per minute", "Countries", "Top tracks", "Top artists"]
    assert all(metric.help for metric in app.metric)


def test_now_compares_with_the_window_before(shown: FixtureLake) -> None:
    app = run(PAGES[0], window="6h")
    span = view.WINDOWS["6h"].span(UNTIL, view.WINDOWS["6h"].coarse)
    tiles = Lake(shown.folder).tables("listening_by_minute")["listening_by_minute"]
    now = queries.listening(tiles, span, None)["plays"].sum()
    before = queries.listening(tiles, span.before(), None)["plays"].sum()
    assert app.metric[0].delta == f"{(now - before) / before:+.1%}"


def test_now_compares_with_nothing_where_the_lake_began_later(
    monkeypatch: pytest.MonkeyPatch, live_lake: FixtureLake
) -> None:
    monkeypatch.setenv(VARIABLE, str(live_lake.folder))
    app = run(PAGES[0], window="6h")
    assert app.metric[0].delta == "no prior data"


def test_now_narrows_to_the_country_in_the_address(shown: FixtureLake) -> None:
    app = run(PAGES[0], country="Germany (DE)", window="24h")
    span = view.WINDOWS["24h"].span(UNTIL, view.WINDOWS["24h"].coarse)
    tiles = Lake(shown.folder).tables("listening_by_minute")["listening_by_minute"]
    assert numbers(app)["Plays"] == f"{queries.listening(tiles, span, 'DE')['plays'].sum():,}"
    assert "Germany" in texts(app)


def test_now_says_that_nobody_played_in_a_country(shown: FixtureLake) -> None:
    app = run(PAGES[0], country="Iceland (IS)")
    assert numbers(app)["Plays"] == "0"
    assert "No plays in this window (Iceland)." in texts(app)


@pytest.mark.parametrize("window", view.WINDOWS)
def test_quality_shows_the_counts_of_the_window_and_that_they_add_up(shown: FixtureLake, window: str) -> None:
    app = run(PAGES[1], window=window)
    span = view.WINDOWS[window].span(UNTIL, view.WINDOWS[window].coarse)
    tiles = Lake(shown.folder).tables("data_quality_by_minute")["data_quality_by_minute"]
    totals = queries.quality(tiles, span).sum(numeric_only=True)
    assert numbers(app) == {name.capitalize(): f"{totals[name]:,}" for name in queries.OUTCOMES}
    assert f"Every row is accounted for: {totals['produced']:,} produced" in texts(app)
    assert "Equal to the row at 2026-10-02 12:04:31 UTC" in texts(app)


def test_quality_without_a_reconciliation_says_so(monkeypatch: pytest.MonkeyPatch, live_lake: FixtureLake) -> None:
    monkeypatch.setenv(VARIABLE, str(live_lake.folder))
    assert "Not compared yet" in texts(run(PAGES[1]))


@every_page
def test_an_old_lake_is_called_stale(shown: FixtureLake, page: str) -> None:
    assert "Is the ingest job running?" in texts(run(page))


@every_page
def test_a_lake_written_just_now_is_not_called_stale(
    monkeypatch: pytest.MonkeyPatch, live_lake: FixtureLake, page: str
) -> None:
    monkeypatch.setenv(VARIABLE, str(live_lake.folder))
    newest = live_lake.events["arrived"].max() / 1e6
    age = dt.datetime.now(dt.UTC).timestamp() - newest
    if age > 240:
        pytest.skip(f"this run took {age:.0f} s to get here, and the lake has become stale meanwhile")
    assert "Is the ingest job running?" not in texts(run(page))


@every_page
def test_without_a_lake_the_page_says_how_to_choose_one(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    app = run(page)
    assert "No lake is chosen" in texts(app)
    assert VARIABLE in texts(app)
    assert not app.metric


@every_page
def test_a_missing_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    assert f"There is no folder {tmp_path / 'gone'}" in texts(run(page))


@every_page
def test_an_empty_lake_waits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    app = run(page)
    assert "The lake has no rows yet" in texts(app)
    assert not app.metric


@every_page
def test_an_empty_lake_becomes_a_full_one_by_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lake: FixtureLake, page: str
) -> None:
    link = tmp_path / "lake"
    link.mkdir()
    monkeypatch.setenv(VARIABLE, str(link))
    app = run(page)
    assert not app.metric
    link.rmdir()
    link.symlink_to(lake.folder)
    assert app.run().metric
    assert not app.exception


@every_page
def test_a_table_that_can_not_be_read_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, copy: FixtureLake, page: str
) -> None:
    for path in copy.folder.glob("*_by_minute/*/*.parquet"):
        path.write_bytes(b"not Parquet")
    monkeypatch.setenv(VARIABLE, str(copy.folder))
    app = run(page)
    assert "can't be read" in texts(app)
    assert "Traceback" not in texts(app)


@every_page
def test_tables_without_rows_wait(monkeypatch: pytest.MonkeyPatch, copy: FixtureLake, page: str) -> None:
    DeltaTable(copy.folder / "progress").delete()
    monkeypatch.setenv(VARIABLE, str(copy.folder))
    app = run(page)
    assert "the ingest job has not brought a row" in texts(app)
    assert not app.metric
