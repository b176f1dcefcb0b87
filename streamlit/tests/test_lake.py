"""Every way in which there is no lake to show says which way it is and what to do."""

from pathlib import Path

import pytest
from downbeat_dashboard.lake import VARIABLE, Lake, LakeError, Trouble
from fixture_lake import FixtureLake


def trouble(folder: Path, *tables: str) -> LakeError:
    with pytest.raises(LakeError) as caught:
        Lake(folder).tables(*tables)
    return caught.value


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_unset_lake_is_not_guessed(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(LakeError, match=VARIABLE) as caught:
        Lake.from_environment()
    assert caught.value.trouble is Trouble.UNSET


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    error = trouble(tmp_path / "nowhere", "tracks")
    assert error.trouble is Trouble.MISSING
    assert str(tmp_path / "nowhere") in error.title


def test_a_file_is_no_lake(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert trouble(tmp_path / "file", "tracks").trouble is Trouble.NOT_A_FOLDER


def test_an_empty_folder_waits_for_the_first_batch(tmp_path: Path) -> None:
    error = trouble(tmp_path, "tracks", "progress")
    assert error.trouble is Trouble.EMPTY
    assert "tracks or progress" in error.advice


def test_a_table_whose_first_commit_is_under_way_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "tracks" / "_delta_log").mkdir(parents=True)
    assert trouble(tmp_path, "tracks").trouble is Trouble.EMPTY


def test_a_damaged_log_is_one_sentence(copy: FixtureLake) -> None:
    for path in (copy.folder / "tracks" / "_delta_log").glob("*.json"):
        path.write_text("{torn")
    error = trouble(copy.folder, "tracks")
    assert error.trouble is Trouble.UNREADABLE
    assert "\n" not in error.title + error.advice


def test_optional_tables_may_be_missing(lake: FixtureLake) -> None:
    assert list(Lake(lake.folder).tables("tracks", optional=["sessions"])) == ["tracks"]
