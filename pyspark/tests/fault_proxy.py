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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

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


class Handler(BaseHTTPRequestHandler):
    """Hands a request on, unless it meets a fault."""

    protocol_version = "HTTP/1.1"

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

    def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        """Send an answer."""
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        # What is told of an object is how long that is.
        told = headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", told or str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """One thread a connection."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that are killed leave their connections."""


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
