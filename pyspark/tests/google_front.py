"""Stands before fake-gcs-server, for what that lacks of Google's store: `google_front.py PORT SERVER CERTIFICATE KEY`, ports
of its own and of the server's.

- The XML API, which `object_store` speaks, in terms of the JSON API, which is all that the server knows for writing and listing.
- TLS: Google's client for Java goes to https://storage.googleapis.com whatever it is told, but by way of a proxy if there is one.
- Two slashes at the start of a path, which that client sends and Google takes for one.
- The tokens of a service account, whose key file names this as where to get them.
"""

from __future__ import annotations

import http.client
import itertools
import json
import ssl
import sys
import threading
import urllib.parse
from datetime import datetime
from email.utils import formatdate
from xml.sax.saxutils import escape

from http_answers import Handler, Server

PORT, SERVER, CERTIFICATE, KEY = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:5]

#: What is the JSON API's begins with one of these.
JSON_API = ("/storage/", "/upload/", "/download/", "/batch/")

_uploads: dict[str, dict[int, bytes]] = {}
_numbers = itertools.count(1)

Answer = tuple[int, dict[str, str], bytes]


class GoogleHandler(Handler):
    """Answers for the store."""

    def do_CONNECT(self) -> None:
        """Go on as the store itself, whoever was asked for."""
        self.send_response_only(200)
        self.end_headers()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE, KEY)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False

    def handle_any(self) -> None:
        """Answer a request of any method."""
        body = self.body()
        path = "/" + self.path.lstrip("/")
        if path == "/token":
            token = {"access_token": "nothing-worth-hiding", "expires_in": 3600, "token_type": "Bearer"}
            self.answer(200, {"Content-Type": "application/json"}, json.dumps(token).encode())
        elif path.startswith(JSON_API):
            self.answer(*ask(self.command, path, body, dict(self.headers.items())))
        else:
            self.answer(*self.xml(path, body))

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = handle_any

    def body(self) -> bytes:
        """What came with the request."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def xml(self, path: str, body: bytes) -> Answer:
        """Answer a request of the XML API."""
        split = urllib.parse.urlsplit(path)
        bucket, _, name = urllib.parse.unquote(split.path[1:]).partition("/")
        query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
        if not name:
            return listing(bucket, query)
        if "uploads" in query or "uploadId" in query:
            return self.upload(bucket, name, query, body)
        if self.command == "PUT":
            return self.put(bucket, name, body)
        if self.command == "DELETE":
            return ask("DELETE", resource(bucket, name))
        return self.get(bucket, name)

    def upload(self, bucket: str, name: str, query: dict[str, str], body: bytes) -> Answer:
        """Begin an upload in parts, take a part, make an object of them, or forget them."""
        if "uploads" in query:
            begun = str(next(_numbers))
            _uploads[begun] = {}
            return document("InitiateMultipartUploadResult", {"Bucket": bucket, "Key": name, "UploadId": begun})
        if self.command == "PUT":
            _uploads[query["uploadId"]][int(query["partNumber"])] = body
            return 200, {"ETag": f'"{query["partNumber"]}"'}, b""
        parts = _uploads.pop(query["uploadId"])
        if self.command == "DELETE":
            return 204, {}, b""
        status, headers, told = self.put(bucket, name, b"".join(parts[number] for number in sorted(parts)))
        if status != http.HTTPStatus.OK:
            return status, headers, told
        return document("CompleteMultipartUploadResult", {"ETag": headers["ETag"]}, headers)

    def put(self, bucket: str, name: str, content: bytes) -> Answer:
        """Store an object, if the condition in the headers is met."""
        query = {"uploadType": "media", "name": name}
        if condition := self.headers.get("x-goog-if-generation-match"):
            query["ifGenerationMatch"] = condition
        kind = {"Content-Type": self.headers.get("Content-Type", "application/octet-stream")}
        target = f"/upload/storage/v1/b/{bucket}/o?{urllib.parse.urlencode(query)}"
        status, headers, told = ask("POST", target, content, kind)
        return (status, describing(json.loads(told)), b"") if status == http.HTTPStatus.OK else (status, headers, told)

    def get(self, bucket: str, name: str) -> Answer:
        """An object, or what is known of it."""
        status, headers, told = ask("GET", resource(bucket, name))
        if status != http.HTTPStatus.OK:
            return status, headers, told
        known = json.loads(told)
        if self.command == "HEAD":
            return 200, {**describing(known), "Content-Length": known["size"]}, b""
        wanted = {name: value for name, value in self.headers.items() if name.lower() == "range"}
        status, headers, content = ask("GET", f"{resource(bucket, name)}?alt=media", b"", wanted)
        return status, {**headers, **describing(known)}, content


def resource(bucket: str, name: str) -> str:
    """An object, as the JSON API calls it."""
    return f"/storage/v1/b/{bucket}/o/{urllib.parse.quote(name, safe='')}"


def describing(known: dict[str, str]) -> dict[str, str]:
    """The headers that say what the JSON API does of an object."""
    updated = datetime.fromisoformat(known["updated"])
    return {
        "ETag": f'"{known["generation"]}"',
        "Last-Modified": formatdate(updated.timestamp(), usegmt=True),
        "x-goog-generation": known["generation"],
    }


def listing(bucket: str, query: dict[str, str]) -> Answer:
    """A page of a bucket's objects."""
    after = query.get("start-after", "")
    asked = {
        "prefix": query.get("prefix"),
        "delimiter": query.get("delimiter"),
        "startOffset": after,
        "pageToken": query.get("continuation-token"),
        "maxResults": query.get("max-keys", "1000"),
    }
    given = urllib.parse.urlencode({name: value for name, value in asked.items() if value})
    status, headers, told = ask("GET", f"/storage/v1/b/{bucket}/o?{given}")
    if status != http.HTTPStatus.OK:
        return status, headers, told
    found = json.loads(told)
    parts = [
        f"<Contents><Key>{escape(item['name'])}</Key><LastModified>{item['updated']}</LastModified>"
        f"<ETag>&quot;{item['generation']}&quot;</ETag><Generation>{item['generation']}</Generation><Size>{item['size']}</Size></Contents>"
        for item in found.get("items", [])
        if item["name"] > after
    ]
    parts += [f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in found.get("prefixes", [])]
    if token := found.get("nextPageToken"):
        parts.append(f"<NextContinuationToken>{escape(token)}</NextContinuationToken>")
    text = f"<ListBucketResult>{''.join(parts)}</ListBucketResult>"
    return 200, {"Content-Type": "application/xml"}, text.encode()


def document(name: str, values: dict[str, str], headers: dict[str, str] | None = None) -> Answer:
    """An answer of the XML API."""
    text = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in values.items())
    return 200, {**(headers or {}), "Content-Type": "application/xml"}, f"<{name}>{text}</{name}>".encode()


_connections = threading.local()


def ask(method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    """What the server answers."""
    if not hasattr(_connections, "held"):
        _connections.held = http.client.HTTPConnection("127.0.0.1", SERVER, timeout=60)
    connection: http.client.HTTPConnection = _connections.held
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in (headers or {}).items():
        if name.lower() not in {"host", "content-length", "transfer-encoding", "accept-encoding", "connection"}:
            connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    content = response.read()
    return response.status, dict(response.getheaders()), content


if __name__ == "__main__":
    Server(("127.0.0.1", PORT), GoogleHandler).serve_forever()
