"""The same lake in an object store: the same numbers on every page, and one sentence where the store cannot be had."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from downbeat_dashboard.lake import VARIABLE, Lake, LakeError, Trouble
from downbeat_spark.store import Files
from fixture_lake import FixtureLake
from test_pages import every_page, numbers, run

import streamlit as st

sys.path.append(str(Path(__file__).resolve().parents[2] / "pyspark" / "tests"))
from object_store import BUCKET, begin


@pytest.fixture(scope="module")
def stored(lake: FixtureLake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the lake's copy in a bucket."""
    gateway = begin(tmp_path_factory.mktemp("store"))
    with pytest.MonkeyPatch.context() as environment:
        for name, value in gateway.way(f"http://127.0.0.1:{gateway.port}").items():
            environment.setenv(name, value)
        uri = f"{gateway.scheme}://{BUCKET}/späte 100"
        files = Files(uri).open()
        for path in lake.folder.rglob("*"):
            if path.is_file():
                files.put(str(path.relative_to(lake.folder)), path.read_bytes())
        yield uri
    gateway.kill()


@every_page
def test_a_page_shows_the_same_numbers(
    lake: FixtureLake, stored: str, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    for place in (str(lake.folder), stored):
        st.cache_data.clear()
        monkeypatch.setenv(VARIABLE, place)
        shown.append(numbers(run(page, window="24h")))
    assert shown[0] == shown[1] != {}


@pytest.mark.s3
def test_what_keeps_it_from_a_store_is_one_sentence(stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.environ["S3_ENDPOINT"]
    with pytest.raises(LakeError) as empty:
        Lake(f"{stored}/nothing").tables("tracks")
    assert empty.value.trouble is Trouble.EMPTY
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(LakeError) as refused:
        Lake(stored).tables("tracks")
    assert refused.value.trouble is Trouble.UNREADABLE
    assert "\n" not in refused.value.title + refused.value.advice
    with pytest.raises(LakeError, match="no place for a lake"):
        Lake("ftp://elsewhere")
