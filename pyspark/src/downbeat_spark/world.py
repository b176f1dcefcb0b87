"""What an event server says of the world it serves."""

from __future__ import annotations

import contextlib
import ipaddress
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import flight

from downbeat_spark.errors import BadInput

# A server on the same network answers in milliseconds; this is for one that is starting or far away.
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class World:
    """A world: its fingerprint, and the configuration behind it as JSON."""

    fingerprint: str
    config: str


def ask(uri: str) -> World:
    """The world behind `uri`: one address such as `grpc://127.0.0.1:8815`, or replicas separated by commas.

    Raises `BadInput` if none of them answers.
    """
    failures = []
    for address in (part.strip() for part in uri.split(",")):
        try:
            return _ask_one(address)
        except (pa.ArrowException, OSError, ValueError) as error:
            failures.append(f"{address} ({_first_line(error)})")
    raise BadInput(f"no event server answers at {', '.join(failures)}: start `downbeat serve`, or correct --uri")


def _ask_one(address: str) -> World:
    """Ask with the credentials that the Spark source takes from the environment, too."""
    files = {name: os.environ.get(f"DOWNBEAT_{name}") for name in ("TOKEN_FILE", "TLS_CA", "TLS_CERT", "TLS_KEY")}
    read = {name: Path(path).read_bytes() for name, path in files.items() if path}
    headers = []
    if "TOKEN_FILE" in read:
        token = read["TOKEN_FILE"].split()[:1]
        if not token:
            raise ValueError(f"{files['TOKEN_FILE']} has no token; its first line is to be one")
        if not _is_private(address):
            raise ValueError("a token is sent over TLS only, as others could read it; use grpc+tls://")
        headers.append((b"authorization", b"Bearer " + token[0]))
    tls = {"tls_root_certs": read.get("TLS_CA"), "cert_chain": read.get("TLS_CERT"), "private_key": read.get("TLS_KEY")}
    with flight.connect(address, **tls) as client:
        options = flight.FlightCallOptions(timeout=_PATIENCE_SECONDS, headers=headers)
        (reply,) = client.do_action(flight.Action("world", b""), options)
        fields = dict(_length_delimited(reply.body.to_pybytes()))
    return World(fingerprint=fields[1].decode(), config=fields.get(2, b"{}").decode())


def _is_private(address: str) -> bool:
    """Whether nobody else hears what is sent there: it goes through TLS, or stays on this machine."""
    scheme, _, authority = address.partition("://")
    host = authority.rpartition(":")[0].strip("[]")
    with contextlib.suppress(ValueError):
        return scheme == "grpc+tls" or ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _length_delimited(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each text and bytes field of a protobuf message (`WorldReply` in proto/flight.proto)."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            varint()
        elif key & 7 == 2:
            size = varint()
            yield key >> 3, message[at : at + size]
            at += size
        else:
            raise ValueError("the answer to the action `world` is not one of ours")


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
