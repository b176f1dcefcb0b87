"""What a lake remembers, and what it refuses because of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from downbeat_spark.errors import BadInput, Refused
from downbeat_spark.lake import BatchRange, Lake


@pytest.fixture
def fresh(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    lake.claim(world="w1", checkpoint=tmp_path / "checkpoint")
    return lake


def test_claiming_again_gives_the_same_identity(fresh: Lake, tmp_path: Path) -> None:
    assert fresh.claim(world="w1", checkpoint=tmp_path / "checkpoint") == fresh.identity()


def test_another_world_is_refused_and_both_are_named(fresh: Lake, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="holds world w1, but the server serves world w2"):
        fresh.claim(world="w2", checkpoint=tmp_path / "checkpoint")


def test_a_new_checkpoint_is_taken_while_there_are_no_rows(fresh: Lake, tmp_path: Path) -> None:
    before = fresh.require()
    after = fresh.claim(world="w1", checkpoint=tmp_path / "other")
    assert (after.application, after.world) == (before.application, before.world)
    assert after.checkpoint != before.checkpoint


def test_a_new_checkpoint_is_refused_once_there_are_rows_and_both_are_named(fresh: Lake, tmp_path: Path) -> None:
    fresh.begin(0, {0: (0, 10)})
    with pytest.raises(Refused, match=f"through checkpoint {fresh.require().checkpoint}, but .*/other is a new one"):
        fresh.claim(world="w1", checkpoint=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_the_checkpoint_of_another_lake_is_refused(fresh: Lake, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"belongs to another lake \(.*/lake, world w1\)"):
        Lake(tmp_path / "second").claim(world="w2", checkpoint=tmp_path / "checkpoint")
    assert not (tmp_path / "second").exists()


def test_a_folder_with_something_else_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(Refused, match="not a checkpoint of ours and not empty"):
        Lake(tmp_path / "lake").claim(world="w1", checkpoint=tmp_path / "photos")


def test_tables_without_a_memory_are_refused(tmp_path: Path) -> None:
    log = tmp_path / "events" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").touch()
    with pytest.raises(Refused, match=r"has tables \(events\) but no _downbeat/lake.json"):
        Lake(tmp_path).claim(world="w1", checkpoint=tmp_path / "checkpoint")


def test_batches_follow_each_other_and_the_last_may_come_again(fresh: Lake) -> None:
    fresh.begin(0, {0: (0, 10)})
    fresh.begin(0, {0: (0, 10)})
    second = fresh.begin(1, {1: (0, 5)})
    assert second == BatchRange(1, start={0: 10, 1: 0}, until={0: 10, 1: 5})
    assert fresh.begin(1, {1: (0, 5)}) == second == fresh.last_batch()
    assert fresh.begin(2, {0: (10, 11), 1: (5, 6)}).until == {0: 11, 1: 6}


@pytest.mark.parametrize(
    ("sequence", "rows"),
    [
        pytest.param(1, {0: (10, 21)}, id="the last batch, longer"),
        pytest.param(1, {0: (10, 20), 1: (0, 1)}, id="the last batch, with another partition"),
        pytest.param(0, {0: (0, 10)}, id="a batch before the last"),
        pytest.param(2, {0: (21, 30)}, id="the next batch after a gap"),
        pytest.param(2, {0: (19, 30)}, id="the next batch, overlapping"),
        pytest.param(3, {0: (20, 30)}, id="a batch after the next"),
    ],
)
def test_any_other_batch_is_refused(fresh: Lake, sequence: int, rows: dict[int, tuple[int, int]]) -> None:
    fresh.begin(0, {0: (0, 10)})
    last = fresh.begin(1, {0: (10, 20)})
    with pytest.raises(Refused, match=f"sends batch {sequence} .* put back to an earlier state"):
        fresh.begin(sequence, rows)
    assert fresh.last_batch() == last


def test_a_second_ingest_is_refused_while_the_first_is_at_work(fresh: Lake) -> None:
    with fresh.locked(), pytest.raises(Refused, match=r"another ingest is writing to .* \(process \d+ on "):
        Lake(fresh.path).locked().__enter__()
    with fresh.locked():
        pass


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"cannot write to the lake .*: choose another --lake"):
        Lake(tmp_path / "file" / "lake").locked().__enter__()


def test_a_folder_without_a_lake_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a lake"):
        Lake(tmp_path).require()
