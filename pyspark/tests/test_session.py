"""What a driver is started with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from downbeat_spark import session
from pyspark.sql import SparkSession


def test_a_driver_takes_its_classes_from_the_archive(spark: SparkSession) -> None:
    jvm = spark.sparkContext._gateway.proc  # type: ignore[union-attr]
    # What a JVM finds unfit it does not keep.
    assert str(session.CLASSES) in Path(f"/proc/{jvm.pid}/maps").read_text()


@pytest.mark.parametrize("archive", [b"of something else", None])
def test_an_archive_that_is_unfit_or_not_there_is_passed_over_without_a_word(
    tmp_path: Path, archive: bytes | None
) -> None:
    if archive is not None:
        (tmp_path / "classes.jsa").write_bytes(archive)

    def version(*options: str) -> str:
        return subprocess.check_output(["java", *options, "-version"], stderr=subprocess.STDOUT, text=True)

    unfit = f"-XX:SharedArchiveFile={tmp_path / 'classes.jsa'}"
    assert version(*session.JAVA_OPTIONS.split(), unfit).replace(", sharing", "") == version("-Xshare:off")
