"""Where a lake's files are: a folder of this machine, or a bucket that the environment knows the way to.

Keys and endpoints come from the environment alone, the same variables for every part: `AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, and for a store that is not AWS one of `ENDPOINTS`; for Google's store
`GOOGLE_APPLICATION_CREDENTIALS` and the like. The native library reads them by itself (`rust/lake/src/store.rs`), Spark by its
settings (`session`); this is the same for Python's readers.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import uuid
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PreconditionError

from downbeat_spark.errors import BadInput, Refused

#: Variables that may hold the address of an S3 store, the first that is set wins.
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "S3_ENDPOINT")

#: How addresses in S3 stores begin; the second is Hadoop's.
S3_SCHEMES = ("s3", "s3a")


def located(uri: str | Path) -> str:
    """An address as every part takes it, without a slash at its end: an absolute path, `s3://bucket/prefix` or `gs://…`.

    Raises `BadInput` for any other scheme.
    """
    scheme, separator, rest = str(uri).partition("://")
    if not separator:
        return str(Path(uri).absolute())
    if scheme not in (*S3_SCHEMES, "gs"):
        raise BadInput(f"{uri} is no place for a lake: give a folder, s3://bucket/prefix or gs://bucket/prefix")
    return f"{'s3' if scheme == 's3a' else scheme}://{rest.strip('/')}"


def is_folder(uri: str) -> bool:
    """Whether an address is one of this machine."""
    return "://" not in uri


def options(uri: str) -> dict[str, str]:
    """What `deltalake` has to be told of the way to a store, beside what it reads of the environment by itself."""
    endpoint = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), None)
    if endpoint is None or not uri.startswith("s3://"):
        return {}
    return {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": str(endpoint.startswith("http://")).lower()}


class Files:
    """Small files of a lake, each read and written as a whole."""

    def __init__(self, uri: str) -> None:
        """Nothing is asked of the store yet."""
        self.uri = uri

    def read(self, name: str) -> dict[str, Any] | None:
        """The JSON in a file; nothing if there is none. Raises `BadInput` if the store cannot be asked."""
        return self.read_tagged(name)[0]

    def read_tagged(self, name: str) -> tuple[dict[str, Any] | None, str]:
        """The same, and by what the store knows this state of the file."""
        if is_folder(self.uri) and not Path(self.uri).exists():
            return None, ""
        try:
            found = obstore.get(self.open(), name)
            return json.loads(bytes(found.bytes())), found.meta["e_tag"] or ""
        except (NotFoundError, FileNotFoundError):
            return None, ""
        except (BaseError, OSError) as error:
            raise cannot("read", self.uri, error) from error

    def create(self, name: str, content: dict[str, Any]) -> str | None:
        """Write a file unless it is there already, and return by what the store knows it; nothing if it is, which stays as it is.

        Raises `BadInput` if it cannot be written.
        """
        if is_folder(self.uri):
            try:
                Path(self.uri).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise cannot("write to", self.uri, error) from error
        return self._put(name, content, "create")

    def replace(self, name: str, content: dict[str, Any], tag: str) -> str | None:
        """Write a file in the place of the one that the store knows by `tag`; nothing if it has become another, or is gone.

        Raises `BadInput` if it cannot be written. Folders know no such thing.
        """
        return self._put(name, content, {"e_tag": tag})

    def require_conditions(self) -> None:
        """Check that the store keeps what is there where it is asked to put only what is absent. Folders do.

        Raises `Refused` if it does not: two programs would undo each other's commits there, and cannot tell who holds a lake.
        """
        if is_folder(self.uri):
            return
        name = f"_downbeat/probe/{uuid.uuid4()}.json"
        self.create(name, {"put": "first"})
        replaced = self.create(name, {"put": "second"}) is not None
        try:
            obstore.delete(self.open(), name)
        except (BaseError, OSError) as error:
            raise cannot("write to", self.uri, error) from error
        if replaced:
            raise Refused(
                f"the store of {self.uri} replaces what is there where it is asked not to, so writers would undo each other's "
                "commits: choose another --lake; `downbeat doctor --lake` tells what this store can do"
            )

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Write a file, whatever was there. Raises `BadInput` if it cannot be written."""
        self._put(name, content, "overwrite")

    def _put(self, name: str, content: dict[str, Any], mode: Any) -> str | None:
        try:
            return obstore.put(self.open(), name, json.dumps(content, indent=1).encode(), mode=mode)["e_tag"] or ""
        except (AlreadyExistsError, FileExistsError, NotFoundError, PreconditionError):
            # If only the answer was lost, and the client has tried again, it is this very content that stands there.
            held, tag = self.read_tagged(name)
            return tag if held == content else None
        except (BaseError, OSError) as error:
            raise cannot("write to", self.uri, error) from error

    def open(self) -> Any:
        """The store, whose paths begin at the lake."""
        if is_folder(self.uri):
            return obstore.store.LocalStore(self.uri)
        return obstore.store.from_url(self.uri, **way(self.uri))


def way(uri: str) -> dict[str, Any]:
    """What `obstore` has to be told of the way to a store."""
    told = options(uri)
    return {
        "config": {"endpoint": told["AWS_ENDPOINT_URL"]} if told else {},
        "client_options": {"allow_http": told.get("AWS_ALLOW_HTTP") == "true"},
        "retry_config": {"max_retries": 3, "retry_timeout": dt.timedelta(seconds=20)},
    }


def cannot(do: str, uri: str, error: Exception) -> BadInput:
    """What to tell of an error of a store, or of a disk: what could not be done, why, and what to do next."""
    advice = "choose another --lake"
    if not is_folder(uri):
        advice = f"check the bucket, the endpoint and the credentials in the environment, or {advice}"
    # A store answers with a document, and clients tell of each other's errors, line by line.
    told = re.sub(r"\x1b\[\d+m", "", str(error))
    found = re.search(r"<Code>(.*?)</Code>(?:.*?<Message>(.*?)</Message>)?", told, re.DOTALL)
    cause = ": ".join(filter(None, found.groups())) if found else " ".join(told.split())[:300]
    return BadInput(f"cannot {do} the lake {uri} ({cause}): {advice}")
