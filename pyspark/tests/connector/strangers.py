"""Flight servers of others: pyarrow's, which has neither offsets nor a world."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pyarrow as pa
from google.protobuf.any_pb2 import Any
from pyarrow import flight

STATEMENT = "type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery"


def every_type() -> pa.Table:
    """A column for every Arrow type that Spark has a type for, each with a null, in slices that begin in the middle."""
    utc = dt.datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=dt.UTC)
    plain = utc.replace(tzinfo=None)
    columns = {
        "null": pa.nulls(3),
        "boolean": pa.array([True, None, False]),
        "int8": pa.array([-128, None, 127], pa.int8()),
        "int16": pa.array([-32768, None, 32767], pa.int16()),
        "int32": pa.array([-(2**31), None, 2**31 - 1], pa.int32()),
        "int64": pa.array([-(2**63), None, 2**63 - 1], pa.int64()),
        "uint8": pa.array([0, None, 255], pa.uint8()),
        "uint16": pa.array([0, None, 65535], pa.uint16()),
        "uint32": pa.array([0, None, 2**32 - 1], pa.uint32()),
        "uint64": pa.array([0, None, 2**64 - 1], pa.uint64()),
        "float16": pa.array([0.5, None, -1.25], pa.float32()).cast(pa.float16()),
        "float32": pa.array([0.1, None, float("inf")], pa.float32()),
        "float64": pa.array([0.1, None, -0.0], pa.float64()),
        "string": pa.array(["", None, "zażółć 😀"]),
        "large_string": pa.array(["a", None, "b"], pa.large_string()),
        "string_view": pa.array(["short", None, "longer than twelve bytes"], pa.string_view()),
        "binary": pa.array([b"", None, b"\x00\xff"]),
        "large_binary": pa.array([b"a", None, b"b"], pa.large_binary()),
        "binary_view": pa.array([b"a", None, b"longer than twelve bytes"], pa.binary_view()),
        "fixed_binary": pa.array([b"abc", None, b"xyz"], pa.binary(3)),
        "date32": pa.array([dt.date(1, 1, 1), None, dt.date(9999, 12, 31)], pa.date32()),
        "date64": pa.array([dt.date(1969, 12, 31), None, dt.date(2024, 2, 29)], pa.date64()),
        "timestamp_s": pa.array([plain.replace(microsecond=0), None, plain.replace(microsecond=0)], pa.timestamp("s")),
        "timestamp_ms": pa.array(
            [utc.replace(microsecond=0), None, utc.replace(microsecond=0)], pa.timestamp("ms", "UTC")
        ),
        "timestamp_us": pa.array([utc, None, utc], pa.timestamp("us", "Europe/Warsaw")),
        "timestamp_ns": pa.array([plain, None, plain], pa.timestamp("ns")),
        "duration": pa.array([dt.timedelta(days=-1, microseconds=1), None, dt.timedelta(hours=30)], pa.duration("us")),
        "duration_s": pa.array([dt.timedelta(seconds=-1), None, dt.timedelta(hours=30)], pa.duration("s")),
        "decimal32": pa.array([Decimal("-1.23"), None, Decimal("99999.99")], pa.decimal32(7, 2)),
        "decimal64": pa.array([Decimal("-1.23"), None, Decimal("1.00")], pa.decimal64(18, 2)),
        "decimal128": pa.array([Decimal("-1.5"), None, Decimal("9" * 36 + ".99")], pa.decimal128(38, 2)),
        "decimal256": pa.array([Decimal("-7"), None, Decimal("9" * 30)], pa.decimal256(38, 0)),
        "list": pa.array([[1, None], None, []], pa.list_(pa.int16())),
        "large_list": pa.array([["a"], None, []], pa.large_list(pa.string())),
        "fixed_list": pa.array([[1, 2], None, [3, None]], pa.list_(pa.int64(), 2)),
        "struct": pa.array(
            [{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}],
            pa.struct([("a", pa.uint16()), ("b", pa.list_(pa.large_string()))]),
        ),
        "map": pa.array([[("a", 1), ("b", None)], None, []], pa.map_(pa.string(), pa.uint8())),
        "dictionary": pa.array(["a", None, "a"]).dictionary_encode(),
        "dictionaries": pa.array([["a", "b"], None, ["a"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        "run_ends": pa.RunEndEncodedArray.from_arrays(pa.array([1, 2, 3], pa.int32()), pa.array([7, None, 8])),
    }
    return pa.table(columns)


class Server(flight.FlightServerBase):
    """Serves tables by path, command and statement, each in as many endpoints as it has parts."""

    def __init__(self, results: dict[str, list[pa.Table]], **options: object) -> None:
        super().__init__("grpc://127.0.0.1:0", **options)
        self.results = results
        self.statements: list[str] = []
        self.reads = 0
        self.broken = 0
        """How many of the next readings fail at once."""
        self.breaks_off = False
        """Whether a reading fails after its first rows."""
        self.locations: list[str] = []

    @property
    def uri(self) -> str:
        return f"grpc://127.0.0.1:{self.port}"

    def name(self, descriptor: flight.FlightDescriptor) -> str:
        if descriptor.path:
            return "/".join(part.decode() for part in descriptor.path)
        command = Any()
        if descriptor.command.startswith(b"\n") and command.ParseFromString(descriptor.command):
            assert command.type_url == STATEMENT
            # Field 1, and its length in one byte.
            self.statements.append(command.value[2:].decode())
            return "sql"
        return descriptor.command.decode()

    def parts(self, descriptor: flight.FlightDescriptor) -> list[pa.Table]:
        name = self.name(descriptor)
        if name not in self.results:
            raise flight.FlightServerError(f"there is no {name}")
        return self.results[name]

    def get_schema(self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor) -> flight.SchemaResult:
        return flight.SchemaResult(self.parts(descriptor)[0].schema)

    def get_flight_info(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.FlightInfo:
        parts, name = self.parts(descriptor), self.name(descriptor)
        endpoints = [flight.FlightEndpoint(f"{name}#{i}".encode(), self.locations) for i in range(len(parts))]
        return flight.FlightInfo(parts[0].schema, descriptor, endpoints, -1, -1)

    def do_get(self, context: flight.ServerCallContext, ticket: flight.Ticket) -> flight.FlightDataStream:
        self.reads += 1
        if self.broken > 0:
            self.broken -= 1
            raise flight.FlightUnavailableError("not now")
        name, _, part = ticket.ticket.decode().rpartition("#")
        table = self.results[name][int(part)]
        if self.breaks_off:
            return flight.GeneratorStream(table.schema, self.first_rows(table))
        return flight.RecordBatchStream(table)

    def first_rows(self, table: pa.Table) -> Iterator[pa.RecordBatch]:
        yield table.to_batches()[0]
        raise flight.FlightUnavailableError("not now")


@contextmanager
def stranger(results: dict[str, list[pa.Table]], **options: object) -> Iterator[Server]:
    """Run such a server on a free port."""
    server = Server(results, **options)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(20)
