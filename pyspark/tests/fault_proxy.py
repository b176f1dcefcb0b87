"""A proxy before an object store that makes it fail: `fault_proxy.py PORT`, the store's, prints its own address.

A process of its own, for clients may block the interpreter that waits for them. What fails is put to `/-/faults`, a JSON list
of `object_store.Fault`, and got from there with how often each was met.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import sys
import threading
import time
import urllib.parse
from http import HTTPStatus
from typing import Any

from http_answers import Handler, Server

FAULTS = "/-/faults"

_faults: list[dict[str, Any]] = []
_lock = threading.Lock()


def met(method: str, target: str) -> dict[str, Any] | None:
    """The fault that a request meets, which counts it."""
    with _lock:
        for fault in _faults:
            if fault["method"] == method and re.search(fault["pattern"], target) and fault["met"] != fault["times"]:
                fault["met"] += 1
                return fault
    return None


class FaultyHandler(Handler):
    """Hands a request on, unless it meets a fault."""

    def handle_any(self) -> None:
        """Answer a request of any method."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == FAULTS:
            if self.command == "PUT":
                _faults[:] = json.loads(body)
            self.answer(200, {}, json.dumps(_faults).encode())
            return
        fault = met(self.command, urllib.parse.unquote(self.path))
        how = fault["how"] if fault else None
        if fault and how == "refused":
            text = f"<Error><Code>{fault['code']}</Code><Message>by the test</Message></Error>"
            self.answer(fault["status"], {"Content-Type": "application/xml"}, text.encode())
            return
        if fault and how == "delayed":
            time.sleep(fault["seconds"])
        try:
            connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            content = response.read()
            connection.close()
        except (OSError, http.client.HTTPException):
            how = "lost"  # there is no store, or no more
        if how == "lost":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        careless = how == "careless" and response.status == HTTPStatus.PRECONDITION_FAILED
        self.answer(200 if careless else response.status, {"ETag": '"0"', **dict(response.getheaders())}, content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), FaultyHandler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
