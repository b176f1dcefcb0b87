"""One Kafka node on loopback, for the time of a measurement, and Kafka's own tools beside it.

The jars come through Maven into `.bench/kafka`. The node's data is in a temporary folder there, and its log in `broker.log`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame
from server import ROOT

POM = Path(__file__).with_name("kafka-jars") / "pom.xml"
FOLDER = ROOT / ".bench" / "kafka"


def spark_jars() -> list[str]:
    """The jars of Spark's Kafka source and sink; all of Kafka is fetched first, if it has not been."""
    made = FOLDER / ".made"
    if not made.exists() or made.stat().st_mtime < POM.stat().st_mtime:
        subprocess.run(["mvn", "-q", "-B", "-f", str(POM), "package"], check=True)
        made.touch()
    return sorted(str(jar) for jar in (FOLDER / "spark").glob("*.jar"))


def _java(*arguments: str, heap: str = "256m") -> list[str]:
    logging = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return ["java", f"-Xmx{heap}", logging, "-cp", str(FOLDER / "broker" / "*"), *arguments]


@dataclass(frozen=True)
class Broker:
    """A running node: its address and its process."""

    address: str
    pid: int

    def create(self, topic: str, partitions: int) -> None:
        """Create a topic whose times are those at which the broker had the record: when the sink has it."""
        tool = ["org.apache.kafka.tools.TopicCommand", "--bootstrap-server", self.address, "--create"]
        options = [
            "--topic",
            topic,
            "--partitions",
            str(partitions),
            "--config",
            "message.timestamp.type=LogAppendTime",
        ]
        subprocess.run(_java(*tool, *options), check=True, stdout=subprocess.DEVNULL)

    def rows(self, topic: str) -> int:
        """How many records a topic has, said by Kafka's tool: Spark may have no core to spare."""
        tool = ["org.apache.kafka.tools.GetOffsetShell", "--bootstrap-server", self.address, "--topic", topic]
        said = subprocess.run(_java(*tool), check=True, stdout=subprocess.PIPE, text=True).stdout
        return sum(int(line.rpartition(":")[2]) for line in said.splitlines())

    def fill(self, topic: str, events: DataFrame, partitions: int) -> None:
        """Make a topic of events as JSON, each in the partition it has in the log."""
        self.create(topic, partitions)
        rows = events.selectExpr("partition", f"{JSON} AS value").write.format("kafka")
        options = {"kafka.bootstrap.servers": self.address, "kafka.compression.type": "lz4", "topic": topic}
        rows.options(**options).save()

    def produce(self, topic: str, lines: Path, rate: int, seconds: int) -> subprocess.Popen[bytes]:
        """Start to send lines of a file, drawn at random, at a steady rate. A record's time is that of its sending."""
        tool = ["org.apache.kafka.tools.ProducerPerformance", "--bootstrap-server", self.address, "--topic", topic]
        load = ["--payload-file", str(lines), "--throughput", str(rate), "--num-records", str(rate * seconds)]
        settings = ["--command-property", "linger.ms=0", "compression.type=lz4"]
        return subprocess.Popen(_java(*tool, *load, *settings), stdout=subprocess.DEVNULL)


#: A row as JSON, its times to the microsecond.
JSON = "to_json(struct(*), map('timestampFormat', \"yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX\"))"


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


@contextmanager
def broker() -> Iterator[Broker]:
    """Run a node that is broker and controller in one; it ends, and its data goes, with the block."""
    port, controller = _free_ports()
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix="data-") as folder, (FOLDER / "broker.log").open("w") as log:
        settings = Path(folder) / "server.properties"
        settings.write_text(
            "process.roles=broker,controller\nnode.id=1\n"
            f"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n"
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n"
            "controller.listener.names=CONTROLLER\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
            f"controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n"
            f"log.dirs={folder}/log\nnum.partitions=2\nauto.create.topics.enable=false\n"
            "offsets.topic.replication.factor=1\n"
        )
        tool = ["kafka.tools.StorageTool", "format", "--standalone", "-t", "downbeat-benchmarks-00"]
        subprocess.run(_java(*tool, "-c", str(settings)), check=True, stdout=log, stderr=log)
        command = _java("kafka.Kafka", str(settings), heap="1g")
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "LOG_DIR": folder})
        try:
            yield Broker(f"127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()
            process.wait(60)
