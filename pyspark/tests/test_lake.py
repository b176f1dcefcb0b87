"""What a lake remembers, and what it refuses because of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import CommitProperties, Transaction, write_deltalake
from downbeat_spark import lease, quality, tables
from downbeat_spark.checkpoint import Checkpoint
from downbeat_spark.errors import BadInput, Refused
from downbeat_spark.lake import Lake
from downbeat_spark.resume import resume
from object_store import Store


@pytest.fixture(params=["folder", "store"])
def fresh(tmp_path: Path, store: Store, request: pytest.FixtureRequest) -> Lake:
    lake = Lake(
        tmp_path / "lake" if request.param == "folder" else store.uri(f"{tmp_path.parent.name}/{tmp_path.name}")
    )
    lake.claim(world="w1", checkpoint=Checkpoint(tmp_path / "checkpoint"))
    return lake


@pytest.fixture
def local(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    lake.claim(world="w1", checkpoint=Checkpoint(tmp_path / "checkpoint"))
    return lake


def test_claiming_again_gives_the_same_identity(fresh: Lake, tmp_path: Path) -> None:
    assert fresh.claim(world="w1", checkpoint=Checkpoint(tmp_path / "checkpoint")) == fresh.identity()


def test_another_world_is_refused_and_both_are_named(fresh: Lake, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="holds world w1, but the server serves world w2"):
        fresh.claim(world="w2", checkpoint=Checkpoint(tmp_path / "checkpoint"))


def test_a_claim_that_was_cut_short_is_finished(tmp_path: Path) -> None:
    lake, checkpoint = Lake(tmp_path / "lake"), Checkpoint(tmp_path / "checkpoint")
    claimed = lake.claim(world="w1", checkpoint=checkpoint)
    (lake.path / "_downbeat" / "lake.json").unlink()
    assert lake.claim(world="w1", checkpoint=checkpoint) == claimed == lake.require()


def test_of_two_that_claim_a_new_lake_at_once_one_is_refused(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, lake in (("folder", Lake(tmp_path / "lake")), ("store", Lake(store.uri("claimed")))):
        # The second looks before the first has written anything.
        claimed = lake.claim(world="w1", checkpoint=Checkpoint(tmp_path / kind / "first"))
        with monkeypatch.context() as patched:
            patched.setattr(Lake, "identity", lambda _: None)
            with pytest.raises(Refused, match="has just begun to write to"):
                lake.claim(world="w1", checkpoint=Checkpoint(tmp_path / kind / "second"))
        assert lake.identity() == claimed


def stand(lake: Lake, batch: int, *, until: int = 10, but: dict[str, int] | None = None) -> None:
    """Tables that have the batches up to one, or to the ones that are named; in `progress` each ends at its number of `until`."""
    application = lake.require().application
    for table in (*tables.BATCH_TABLES, tables.PROGRESS):
        last = (but or {}).get(table.name, batch)
        ends = pa.array(
            [[(0, until * (sequence + 1))] for sequence in range(last + 1)], pa.map_(pa.int32(), pa.int64())
        )
        write_deltalake(
            lake.table(table),
            pa.table({"sequence": pa.array(range(last + 1), pa.int64()), "until_offsets": ends}),
            commit_properties=CommitProperties(app_transactions=[Transaction(application, last)])
            if last >= 0
            else None,
        )


def stopped(at: Path, begun: int, done: int, *, until: int = 10) -> Checkpoint:
    """A checkpoint that has begun and done the batches up to these."""
    checkpoint = Checkpoint(at)
    ends = {batch: {0: until * (batch + 1)} for batch in range(begun + 1)}
    checkpoint.fill(ends, done=done, world="w1", settings={})
    return checkpoint


def test_a_new_checkpoint_is_refused_and_both_are_named(fresh: Lake, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=f"belongs to checkpoint {fresh.require().checkpoint}, but .*/other is a new one"):
        fresh.claim(world="w1", checkpoint=Checkpoint(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_the_checkpoint_of_another_lake_is_refused(fresh: Lake, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=rf"belongs to another lake \({fresh.uri}, world w1\)"):
        Lake(tmp_path / "second").claim(world="w2", checkpoint=Checkpoint(tmp_path / "checkpoint"))
    assert not (tmp_path / "second").exists()


def test_a_folder_with_something_else_is_no_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(Refused, match="not a checkpoint of ours and not empty"):
        Lake(tmp_path / "lake").claim(world="w1", checkpoint=Checkpoint(tmp_path / "photos"))


def test_tables_without_a_memory_are_refused(tmp_path: Path) -> None:
    log = tmp_path / "events" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020}.json").touch()
    with pytest.raises(Refused, match=r"has tables \(events\) but no _downbeat/lake.json"):
        Lake(tmp_path).claim(world="w1", checkpoint=Checkpoint(tmp_path / "checkpoint"))


@pytest.mark.parametrize(
    ("batch", "but", "checkpoint"),
    [
        pytest.param(-1, {}, (-1, -1), id="nothing yet"),
        pytest.param(-1, {}, (0, -1), id="the first batch is begun"),
        pytest.param(3, {}, (3, 3), id="all is done"),
        pytest.param(3, {}, (4, 3), id="the next batch is begun"),
        pytest.param(3, {"events": 4, "quarantine": 4}, (4, 3), id="some tables have it"),
        pytest.param(4, {"progress": 3}, (4, 3), id="all but progress have it"),
        pytest.param(4, {}, (4, 3), id="all tables have it, the checkpoint does not know"),
    ],
)
def test_a_checkpoint_whose_batches_the_tables_lack_is_followed(
    local: Lake, tmp_path: Path, batch: int, but: dict[str, int], checkpoint: tuple[int, int]
) -> None:
    stand(local, batch, but=but)
    local.follow(stopped(tmp_path / "checkpoint", *checkpoint))


@pytest.mark.parametrize(
    ("batch", "but", "checkpoint"),
    [
        pytest.param(3, {}, (2, 2), id="the checkpoint was put back"),
        pytest.param(3, {"events": 4}, (3, 3), id="the checkpoint was put back from a batch that is begun"),
        pytest.param(3, {}, (4, 4), id="the lake was put back"),
        pytest.param(4, {"events": 3}, (4, 4), id="a table was put back"),
    ],
)
def test_any_other_checkpoint_is_refused(
    local: Lake, tmp_path: Path, batch: int, but: dict[str, int], checkpoint: tuple[int, int]
) -> None:
    stand(local, batch, but=but)
    with pytest.raises(Refused, match="put back to an earlier state") as refused:
        local.follow(stopped(tmp_path / "checkpoint", *checkpoint))
    assert "has begun batch {} and done batch {}".format(*checkpoint) in str(refused.value)


def test_a_checkpoint_that_has_other_rows_in_a_batch_is_refused(local: Lake, tmp_path: Path) -> None:
    stand(local, 3)
    with pytest.raises(Refused, match="put back to an earlier state"):
        local.follow(stopped(tmp_path / "checkpoint", 3, 3, until=11))


def _half(checkpoint: Checkpoint, ends: dict[int, dict[int, int]], **rest: Any) -> None:
    _fill(checkpoint, dict(list(ends.items())[:-1]), **rest)
    raise InterruptedError


_fill = Checkpoint.fill


def test_a_checkpoint_that_was_half_made_anew_can_be_made_again(local: Lake, store: Store, tmp_path: Path) -> None:
    stand(local, 3)
    before = local.require()
    for new in (Checkpoint(tmp_path / "new"), Checkpoint(store.uri(f"half/{tmp_path.name}"))):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Checkpoint, "fill", _half)
            with pytest.raises(InterruptedError):
                resume(local, world="w1", checkpoint=new)
        with pytest.raises(Refused, match="belongs to checkpoint"):
            local.claim(world="w1", checkpoint=new)
        assert resume(local, world="w1", checkpoint=new) == 3
        assert (new.newest("offsets"), new.newest("commits"), new.end_of(3)) == (3, 3, {0: 40})
        assert local.claim(world="w1", checkpoint=new) == local.require() != before
        local.follow(new)
        with pytest.raises(BadInput, match="is not empty"):
            resume(local, world="w1", checkpoint=new)


def test_a_second_ingest_is_refused_while_the_first_is_at_work(fresh: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEWED", 0.2)
    with (
        fresh.locked(),
        pytest.raises(Refused, match=r"another ingest is writing to .* \(process \d+ on "),
    ):
        Lake(fresh.uri).locked().__enter__()
    with fresh.locked():
        pass


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"cannot write to the lake .*: choose another --lake"):
        Lake(tmp_path / "file" / "lake").locked().__enter__()


@pytest.mark.s3
def test_a_store_that_does_not_know_us_is_told(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(store.uri("stranger"))
    for name, value, told in (
        ("AWS_SECRET_ACCESS_KEY", "wrong", "credentials in the environment"),
        ("S3_ENDPOINT", "http://127.0.0.1:1", "the endpoint"),
    ):
        with monkeypatch.context() as patched:
            patched.setenv(name, value)
            with pytest.raises(BadInput, match=told) as refused:
                lake.claim(world="w1", checkpoint=Checkpoint(tmp_path / "checkpoint"))
        assert "\n" not in str(refused.value)
    with pytest.raises(BadInput, match="cannot read the lake s3://nowhere/lake"):
        Lake("s3://nowhere/lake").claim(world="w1", checkpoint=Checkpoint(tmp_path / "checkpoint"))
    with pytest.raises(BadInput, match="ftp://x is no place for a lake"):
        Lake("ftp://x")


def test_programs_tell_of_lakes_that_they_cannot_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        quality.main(["--lake", "ftp://x"])
    assert "ftp://x is no place for a lake" in capsys.readouterr().err


def test_a_folder_without_a_lake_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a lake"):
        Lake(tmp_path).require()
