"""The jar holds our classes, what we relocated and the native library, and nothing of anybody else's; and it is all that a
Spark needs, however the jar and the executors come about."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import processes
import pytest
import standalone
from downbeat_spark import session

from .conftest import CONTRACT, Log

ALLOWED = re.compile(
    r"META-INF/(MANIFEST\.MF|LICENSE.*|maven/dev\.downbeat/.*|services/org\.apache\.spark\.sql\.sources\.DataSourceRegister)"
    r"|dev/downbeat/spark/(|functions/|jni/|plan/|sink/|source/|store/)[^/]*\.class"
    r"|dev/downbeat/spark/proto/(aggregate|contract|flight|lake|query)/[^/]*\.class"
    r"|dev/downbeat/spark/shaded/protobuf/.*\.class"
    r"|dev/downbeat/native/[a-z]+-[a-z0-9_]+/libdownbeat_jni\.so"
    r"|error/downbeat-error-conditions\.json"
)

# What every submission has beside the jar, the last three so that nothing listens beyond loopback. Neither a class path nor
# an option of the JVM is among them.
SETTINGS = [
    "spark.sql.extensions=dev.downbeat.spark.DownbeatExtensions",
    "spark.driver.host=127.0.0.1",
    "spark.driver.bindAddress=127.0.0.1",
    "spark.ui.enabled=false",
]
SUBMIT = [standalone.SPARK_HOME / "bin" / "spark-submit", *(f"--conf={setting}" for setting in SETTINGS)]
PYTHON = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
CONNECT = re.compile(r"Spark Connect server started at: (127\.0\.0\.1:\d+)")


def test_the_jar_holds_what_is_allowed_and_a_library() -> None:
    with zipfile.ZipFile(session.CONNECTOR) as jar:
        names = [name for name in jar.namelist() if not name.endswith("/")]
    assert [name for name in names if not ALLOWED.fullmatch(name)] == []
    assert [name for name in names if name.endswith(".so")] == ["dev/downbeat/native/linux-x86_64/libdownbeat_jni.so"]


@dataclass(frozen=True)
class Used:
    """What use_jar.py did: how many rows it found, and which processes read them."""

    process: int
    read: int
    valid: int
    streamed: int
    places: list[list[tuple[int, int]]]

    @property
    def readers(self) -> set[int]:
        return {process for reading in self.places for _, process in reading}


def run(program: str, log: Log, folder: Path, command: list[str | Path], **environment: str) -> dict[str, Any]:
    """What a program beside this one tells, run by a command in an environment that says nothing but what is given here.

    With the number of the process.
    """
    plain = {
        name: value for name, value in os.environ.items() if not re.match("SPARK_|PYSPARK_|JAVA_TOOL|JDK_JAVA", name)
    }
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            [*command, Path(__file__).with_name(program), log.uri, CONTRACT, folder],
            cwd=folder,
            env={**plain, **PYTHON, **environment},
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            told, _ = process.communicate(timeout=600)
        finally:
            processes.kill(process)
    assert process.returncode == 0, (folder / "stderr").read_text()[-4000:]
    return {"process": process.pid, **json.loads(told.splitlines()[-1])}


def use(log: Log, folder: Path, command: list[str | Path], **environment: str) -> Used:
    """Run use_jar.py."""
    return Used(**run("use_jar.py", log, folder, command, **environment))


def assert_all_rows(used: Used, log: Log) -> None:
    cleansed = log.read().selectExpr(f"downbeat_cleanse(struct(*), '{CONTRACT}') AS cleansed")
    assert used.read == used.streamed == log.read().count() > 1000
    assert used.valid == cleansed.where("cleansed.valid").count() < used.read


@pytest.fixture(scope="module")
def on_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str | Path]]:
    """Submits to a cluster of two workers, by `--jars`."""
    with standalone.cluster(tmp_path_factory.mktemp("standalone") / "cluster") as cluster:
        yield [*SUBMIT, "--master", cluster.uri, "--jars", session.CONNECTOR]


def test_it_works_by_jars_on_a_cluster_whose_executors_are_processes_of_their_own(
    log: Log, tmp_path: Path, on_cluster: list[str | Path]
) -> None:
    used = use(log, tmp_path, [*on_cluster, "--conf", "spark.locality.wait=60s"])
    assert_all_rows(used, log)
    assert len(used.readers) == 2
    assert used.process not in used.readers
    first, second = used.places
    assert first == second, "a partition is read where it was read before, for there its recent keys are known"
    assert [partition for partition, _ in first] == [0, 1, 2], "by one process"


def test_tasks_that_fail_are_speculated_or_cancelled_leave_nothing_in_native_memory(
    log: Log, tmp_path: Path, on_cluster: list[str | Path]
) -> None:
    speculation = {
        "spark.speculation": "true",
        "spark.speculation.interval": "100ms",
        "spark.python.worker.reuse": "false",
    }
    told = run("use_attempts.py", log, tmp_path, [*on_cluster, *(f"--conf={k}={v}" for k, v in speculation.items())])
    rows = log.read().count()
    assert told["failed"] == {"attempts": [1], "rows": rows}
    assert told["speculated"] == {"attempts": [0, 1], "rows": rows}
    assert told["cancelled"]
    assert told["left"] == 0


def test_it_works_by_packages_in_one_process_and_needs_no_other_package(log: Log, tmp_path: Path) -> None:
    """Of a Maven repository in a folder, as publishing would make it; any other repository is unknown to Ivy here."""
    pom = session.TARGET / "dependency-reduced-pom.xml"
    root = ElementTree.parse(pom).getroot()
    group, artifact, version = (root.findtext(f"{{*}}{name}") for name in ["groupId", "artifactId", "version"])
    published = tmp_path.joinpath("repository", *str(group).split("."), str(artifact), str(version))
    published.mkdir(parents=True)
    shutil.copy(pom, published / f"{artifact}-{version}.pom")
    shutil.copy(session.CONNECTOR, published / f"{artifact}-{version}.jar")
    (tmp_path / "ivy.xml").write_text("<ivysettings/>")
    packages = [
        *("--packages", f"{group}:{artifact}:{version}", "--repositories", (tmp_path / "repository").as_uri()),
        *("--conf", f"spark.jars.ivySettings={tmp_path / 'ivy.xml'}", "--conf", f"spark.jars.ivy={tmp_path / 'ivy'}"),
    ]
    used = use(log, tmp_path, [*SUBMIT, "--master", "local[*]", *packages])
    assert_all_rows(used, log)
    assert used.readers == {used.process}
    assert [path.name for path in (tmp_path / "ivy" / "jars").iterdir()] == [f"{group}_{artifact}-{version}.jar"]


def test_it_works_on_a_connect_server_whose_executors_are_processes_of_their_own(log: Log, tmp_path: Path) -> None:
    server = [
        *(*SUBMIT, "--master", "local-cluster[2,1,1024]", "--jars", session.CONNECTOR),
        *("--conf", "spark.connect.grpc.binding.address=127.0.0.1", "--conf", "spark.connect.grpc.binding.port=0"),
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
    ]
    told = tmp_path / "server.log"
    with processes.running(server, told, {"SPARK_LOCAL_IP": "127.0.0.1"}) as process:
        processes.until(lambda: CONNECT.search(told.read_text()), what="the Connect server listens", log=told)
        found = CONNECT.search(told.read_text())
        assert found
        used = use(log, tmp_path, [sys.executable], SPARK_REMOTE=f"sc://{found[1]}")
    assert_all_rows(used, log)
    assert used.readers
    assert process.pid not in used.readers
