"""The lakes that tests read: written once a run, copied by tests that damage them."""

import datetime as dt
import shutil
from pathlib import Path

import pytest
from fixture_lake import FixtureLake, write_lake, write_verdict

# The newest arrival lies in the minute after noon and four: windows end in the middle of an hour and reach over midnight.
UNTIL = dt.datetime(2026, 10, 2, 12, 4, 31, tzinfo=dt.UTC)


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> FixtureLake:
    """A little over two days up to a moment long ago, in a folder with a name that needs escaping."""
    written = write_lake(tmp_path_factory.mktemp("a lake") / "späte 100%", until=UNTIL, hours=50, per_minute=8)
    write_verdict(written, UNTIL)
    return written


@pytest.fixture(scope="session")
def live_lake(tmp_path_factory: pytest.TempPathFactory) -> FixtureLake:
    """A few hours up to the test's own start, as an ingest job would have left them a moment ago."""
    return write_lake(tmp_path_factory.mktemp("live"), until=dt.datetime.now(dt.UTC), hours=4, per_minute=20)


@pytest.fixture
def copy(lake: FixtureLake, tmp_path: Path) -> FixtureLake:
    """The first lake, to damage."""
    shutil.copytree(lake.folder, tmp_path / "lake")
    return FixtureLake(tmp_path / "lake", lake.events)
