"""Asking a server which world it serves: what is shown to whom."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import SMALL, serve
from downbeat_spark import world
from downbeat_spark.errors import BadInput


def test_a_token_of_the_environment_opens_the_server_and_never_leaves_the_machine_in_the_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    mine.write_text("hush\n")
    with serve(*SMALL, "--token-file", str(mine)) as server:
        with pytest.raises(BadInput, match="bearer token"):
            world.ask(server.uri)
        monkeypatch.setenv("DOWNBEAT_TOKEN_FILE", str(mine))
        assert world.ask(server.uri).fingerprint == server.world
        for far in ["grpc://192.0.2.1:8815", "grpc+tcp://events.example:8815", "grpc://[2001:db8::1]:8815"]:
            with pytest.raises(BadInput, match="over TLS only"):
                world.ask(far)
        mine.write_text("\n")
        with pytest.raises(BadInput, match="has no token"):
            world.ask(server.uri)
