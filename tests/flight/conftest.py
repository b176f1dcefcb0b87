"""A running server for all tests, and a client connected to it."""

from collections.abc import Iterator

import pytest
from pyarrow import flight
from served import BOUNDED, Server, serve


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Two days of a small world, all of them over."""
    with serve(*BOUNDED) as server:
        yield server


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[flight.FlightClient]:
    with flight.connect(server.uri) as client:
        yield client
