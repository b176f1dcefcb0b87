"""What a Flight client that knows nothing of Downbeat but its messages can do: pyarrow's, against the real command."""

import json
import signal
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import flight
from served import BOUNDED, Server, serve
from wire import BatchMetadata, OffsetsReply, OffsetsRequest, ReadRange, Ticket, WorldReply

STREAMS = {"events": 3, "truth": 3, "tracks": 1, "artists": 1, "listeners": 1}
ADDRESS = ["partition", "offset", "arrived_at"]


def info(client: flight.FlightClient, *path: str) -> flight.FlightInfo:
    return client.get_flight_info(flight.FlightDescriptor.for_path(*path))


def redeem(client: flight.FlightClient, info: flight.FlightInfo) -> pa.Table:
    return pa.concat_tables([client.do_get(endpoint.ticket).read_all() for endpoint in info.endpoints])


def ticket(**fields: object) -> flight.Ticket:
    return flight.Ticket(Ticket(range=ReadRange(**fields)).SerializeToString())


def read(client: flight.FlightClient, **fields: object) -> pa.Table:
    return client.do_get(ticket(**fields)).read_all()


def offsets(client: flight.FlightClient, **fields: object) -> OffsetsReply:
    action = flight.Action("offsets", OffsetsRequest(**fields).SerializeToString())
    (result,) = client.do_action(action)
    return OffsetsReply.FromString(result.body.to_pybytes())


@pytest.fixture(scope="module")
def events(client: flight.FlightClient) -> pa.Table:
    return redeem(client, info(client, "events"))


def test_every_stream_is_listed_with_an_endpoint_a_partition(client: flight.FlightClient) -> None:
    listed = {flight.descriptor.path[0].decode(): len(flight.endpoints) for flight in client.list_flights()}
    assert listed == STREAMS


def test_the_endpoints_together_hold_every_row_once(client: flight.FlightClient, events: pa.Table) -> None:
    described = info(client, "events")
    assert events.num_rows == described.total_records > 1000
    assert events.schema == described.schema
    for offset in offsets(client, stream="events").partitions:
        rows = events.filter(pc.field("partition") == offset.partition)
        assert rows["offset"].to_pylist() == list(range(offset.earliest, offset.latest))
        assert rows["arrived_at"].combine_chunks().cast(pa.int64()).to_pylist()[-1] == offset.latest_arrived_us


def test_another_order_of_reading_gives_the_same_rows(client: flight.FlightClient, events: pa.Table) -> None:
    parts = []
    for partition in (2, 0, 1):
        latest = offsets(client, stream="events").partitions[partition].latest
        steps = [*range(0, latest, 997), latest]
        for start, end in reversed(list(pairwise(steps))):
            part = read(client, stream="events", partition=partition, until=end, **{"from": start})
            assert part.num_rows == end - start
            parts.append(part)
    again = pa.concat_tables(parts).sort_by([("partition", "ascending"), ("offset", "ascending")])
    assert again.equals(events.combine_chunks())


def test_a_path_or_a_command_chooses_a_partition(client: flight.FlightClient, events: pa.Table) -> None:
    wanted = events.filter(pc.field("partition") == 2)
    command = ReadRange(stream="events", partition=2).SerializeToString()
    for described in (
        info(client, "events", "2"),
        client.get_flight_info(flight.FlightDescriptor.for_command(command)),
    ):
        assert len(described.endpoints) == 1
        assert redeem(client, described).equals(wanted)


def test_an_endpoint_names_the_server_and_its_ticket_the_world(client: flight.FlightClient, server: Server) -> None:
    for partition, endpoint in enumerate(info(client, "events").endpoints):
        assert [location.uri.decode() for location in endpoint.locations] == [server.uri]
        described = Ticket.FromString(endpoint.ticket.ticket).range
        assert (described.partition, described.world) == (partition, server.world)


def test_every_batch_says_where_it_starts(client: flight.FlightClient) -> None:
    start = 0
    for chunk in client.do_get(info(client, "events", "1").endpoints[0].ticket):
        assert BatchMetadata.FromString(chunk.app_metadata.to_pybytes()).first_offset == start
        assert chunk.data["offset"][0].as_py() == start
        start += chunk.data.num_rows
    assert start == offsets(client, stream="events").partitions[1].latest


def test_columns_come_in_the_order_asked_for(client: flight.FlightClient, events: pa.Table) -> None:
    columns = ["ts", "event_type", "offset"]
    command = ReadRange(stream="events", columns=columns).SerializeToString()
    descriptor = flight.FlightDescriptor.for_command(command)
    table = redeem(client, client.get_flight_info(descriptor))
    assert table.equals(events.select(columns))
    assert client.get_schema(descriptor).schema == table.schema


def test_truth_stands_row_for_row_beside_events(client: flight.FlightClient, events: pa.Table) -> None:
    truth = redeem(client, info(client, "truth"))
    assert truth.select(ADDRESS).equals(events.select(ADDRESS))


@pytest.mark.parametrize("table", ["tracks", "artists", "listeners"])
def test_a_table_has_as_many_rows_as_it_says(client: flight.FlightClient, table: str) -> None:
    described = info(client, table)
    rows = redeem(client, described)
    assert rows.num_rows == described.total_records > 0
    assert rows.slice(5, 10).equals(read(client, stream=table, partition=0, until=15, **{"from": 5}))


def test_the_first_row_at_a_time_is_found(client: flight.FlightClient, events: pa.Table) -> None:
    for hours in (0, 1, 13, 30, 47):
        time_us = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() + hours * 3600) * 1_000_000
        for found in offsets(client, stream="events", at_us=time_us).partitions:
            rows = events.filter(pc.field("partition") == found.partition)
            arrived = rows["arrived_at"].combine_chunks().cast(pa.int64()).to_pylist()
            before = sum(arrived_us < time_us for arrived_us in arrived)
            assert found.HasField("at") == (before < len(arrived))
            assert before == len(arrived) or found.at == before


def test_beyond_the_latest_row_there_are_columns_but_no_rows(client: flight.FlightClient, events: pa.Table) -> None:
    table = read(client, stream="events", partition=0, **{"from": 10**12})
    assert table.schema == events.schema
    assert table.num_rows == 0


def test_the_world_tells_its_configuration_streams_and_time(client: flight.FlightClient, server: Server) -> None:
    (result,) = client.do_action("world")
    world = WorldReply.FromString(result.body.to_pybytes())
    assert world.world == server.world
    assert json.loads(world.config_json)["seed"] == 7
    assert {stream.name: stream.partitions for stream in world.streams} == STREAMS
    assert {stream.name for stream in world.streams if stream.log} == {"events", "truth"}
    assert abs(world.now_us / 1e6 - time.time()) < 60
    assert [action.type for action in client.list_actions()] == ["offsets", "world"]


def test_another_world_is_refused_with_both_named(client: flight.FlightClient, server: Server) -> None:
    with pytest.raises(pa.ArrowException, match=f"world 0123abcd, this server has world {server.world}"):
        read(client, stream="events", partition=0, world="0123abcd")


def test_an_unknown_name_is_answered_with_the_nearest(client: flight.FlightClient) -> None:
    with pytest.raises(pa.ArrowInvalid, match="did you mean 'events'"):
        info(client, "event")
    with pytest.raises(pa.ArrowInvalid, match="did you mean 'ms_played'"):
        read(client, stream="events", partition=0, columns=["ms_playd"])
    with pytest.raises(pa.ArrowKeyError, match="partitions are 0 to 2"):
        info(client, "events", "3")
    with pytest.raises(pa.ArrowInvalid, match="malformed ticket"):
        client.do_get(flight.Ticket(b"not a ticket"))


def test_the_same_flags_give_the_same_rows_at_another_replica(events: pa.Table, server: Server) -> None:
    with serve(*BOUNDED) as replica, flight.connect(replica.uri) as client:
        assert replica.world == server.world
        assert redeem(client, info(client, "events")).equals(events)


def test_another_seed_is_another_world(events: pa.Table, server: Server) -> None:
    with serve(*BOUNDED, "--seed", "8") as other, flight.connect(other.uri) as client:
        assert other.world != server.world
        assert not redeem(client, info(client, "events")).equals(events)


def test_a_follower_sees_rows_arrive_as_world_time_passes_and_none_earlier() -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    flags = ["--listeners", "2000", "--tracks", "2000", "--partitions", "1", "--start", yesterday, "--speed", "600"]
    with serve(*flags) as server, flight.connect(server.uri) as client:
        anchor_us = int(datetime.fromisoformat(server.anchor).timestamp() * 1e6)
        first = offsets(client, stream="events").partitions[0].latest
        within_a_minute = flight.FlightCallOptions(timeout=60)
        reader = client.do_get(ticket(stream="events", partition=0, follow=True, **{"from": first}), within_a_minute)
        rows, batches = first, 0
        while batches < 5:
            data = reader.read_chunk().data
            now_us = anchor_us + 600 * (time.time_ns() // 1000 - anchor_us)
            assert data["offset"].to_pylist() == list(range(rows, rows + data.num_rows))
            arrived = data["arrived_at"].cast(pa.int64()).to_pylist()
            assert anchor_us < arrived[0]
            assert arrived[-1] <= now_us
            rows, batches = rows + data.num_rows, batches + 1
        reader.cancel()


def test_a_server_told_to_stop_ends_in_order() -> None:
    with serve(*BOUNDED) as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=20) == 0
        assert server.process.stdout is not None
        rest = server.process.stdout.read()
    assert [line.split()[:3] for line in rest.splitlines()] == [
        ["stream", name, f"partitions={partitions}"] for name, partitions in STREAMS.items()
    ]
