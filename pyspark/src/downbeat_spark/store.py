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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError, PreconditionError

from downbeat_spark.errors import BadInput, Refused

#: Variables that may hold the address of an S3 store, the first that is set wins.
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "S3_ENDPOINT")

#: What a store calls a state of a file by, as `obstore` has it: S3 an ETag, Google's a generation.
Tag = dict[str, str]

#: How addresses in S3 stores begin; the second is Hadoop's.
S3_SCHEMES = ("s3", "s3a")


def located(uri: str | Path, what: str = "lake") -> str:
    """An address as every part takes it, without a slash at its end: an absolute path, `s3://bucket/prefix` or `gs://…`.

    Raises `BadInput` for any other scheme, which says `what` would have been there.
    """
    scheme, separator, rest = str(uri).partition("://")
    if not separator:
        return str(Path(uri).absolute())
    if scheme not in (*S3_SCHEMES, "gs"):
        raise BadInput(f"{uri} is no place for a {what}: give a folder, s3://bucket/prefix or gs://bucket/prefix")
    return f"{'s3' if scheme == 's3a' else scheme}://{rest.strip('/')}"


def is_folder(uri: str) -> bool:
    """Whether an address is one of this machine."""
    return "://" not in uri


def _endpoint(uri: str) -> str | None:
    """Where a store is, if not where its inventor has it."""
    names = ENDPOINTS if uri.startswith("s3://") else ("GOOGLE_BASE_URL",)
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def options(uri: str) -> dict[str, str]:
    """What `deltalake` has to be told of the way to a store, beside what it reads of the environment by itself."""
    endpoint = _endpoint(uri)
    if endpoint is None or not uri.startswith("s3://"):
        return {}
    return {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": str(endpoint.startswith("http://")).lower()}


class Files:
    """Small files at an address, of a lake or `what` else is there, each read and written as a whole.

    All raise `BadInput` if the store cannot be asked.
    """

    def __init__(self, uri: str, what: str = "lake") -> None:
        """Nothing is asked of the store yet."""
        self.uri = uri
        self._what = what
        self._keeps_conditions = is_folder(uri)

    def names(self, folder: str = "") -> list[str]:
        """Every file, or those in a folder; none if there is no such folder."""
        if self._is_missing():
            return []
        try:
            return [file["path"] for page in obstore.list(self.open(), folder or None) for file in page]
        except (BaseError, OSError) as error:
            raise self._cannot("read", error) from error

    def read_text(self, name: str) -> str | None:
        """What is in a file; nothing if there is none."""
        return self._get(name)[0]

    def read(self, name: str) -> dict[str, Any] | None:
        """The JSON in a file; nothing if there is none."""
        return self.read_tagged(name)[0]

    def read_tagged(self, name: str) -> tuple[dict[str, Any] | None, Tag]:
        """The same, and by what the store knows this state of the file."""
        text, tag = self._get(name)
        return None if text is None else json.loads(text), tag

    def create(self, name: str, content: Mapping[str, Any]) -> Tag | None:
        """Write a file where there is none, and return by what the store knows it; nothing, and no change, if there is one."""
        return self._put(name, _encoded(content), "create")

    def replace(self, name: str, content: Mapping[str, Any], tag: Tag) -> Tag | None:
        """Write a file in the place of the one that the store knows by `tag`; nothing if it has become another, or is gone.

        Folders know no such thing.
        """
        return self._put(name, _encoded(content), tag)

    def require_conditions(self) -> None:
        """Check that the store keeps what is there where it is asked to put only what is absent. Folders do.

        Tried once. Raises `Refused` if it does not: two programs would undo each other's commits there, and cannot tell who holds
        a lake.
        """
        if self._keeps_conditions:
            return
        name = f"_downbeat/probe/{uuid.uuid4()}.json"
        self.create(name, {"put": "first"})
        replaced = self.create(name, {"put": "second"}) is not None
        self.delete([name])
        if replaced:
            raise Refused(
                f"the store of {self.uri} replaces what is there where it is asked not to, so writers would undo each other's "
                "commits: choose another --lake; `downbeat doctor --lake` tells what this store can do"
            )
        self._keeps_conditions = True

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a file, whatever was there."""
        self.write_text(name, _encoded(content))

    def write_text(self, name: str, text: str) -> None:
        """The same."""
        self._put(name, text, "overwrite")

    def delete(self, names: list[str]) -> None:
        """Remove files, those of them that there are."""
        try:
            obstore.delete(self.open(), names)
        except (NotFoundError, FileNotFoundError):
            pass
        except (BaseError, OSError) as error:
            raise self._cannot("write to", error) from error

    def _is_missing(self) -> bool:
        return is_folder(self.uri) and not Path(self.uri).exists()

    def _get(self, name: str) -> tuple[str | None, Tag]:
        if self._is_missing():
            return None, {}
        try:
            found = obstore.get(self.open(), name)
            return bytes(found.bytes()).decode(), _tag(found.meta)
        except (NotFoundError, FileNotFoundError):
            return None, {}
        except (BaseError, OSError) as error:
            raise self._cannot("read", error) from error

    def _put(self, name: str, text: str, mode: Any) -> Tag | None:
        try:
            if is_folder(self.uri):
                Path(self.uri).mkdir(parents=True, exist_ok=True)
            return _tag(obstore.put(self.open(), name, text.encode(), mode=mode))
        except (AlreadyExistsError, FileExistsError, NotFoundError, PreconditionError):
            # If only the answer was lost, and the client has tried again, it is this very text that stands there.
            held, tag = self._get(name)
            return tag if held == text else None
        except (BaseError, OSError) as error:
            raise self._cannot("write to", error) from error

    def _cannot(self, do: str, error: Exception) -> BadInput:
        return cannot(do, self.uri, error, self._what)

    def open(self) -> Any:
        """The store, whose paths begin at the lake."""
        if is_folder(self.uri):
            return obstore.store.LocalStore(self.uri)
        return obstore.store.from_url(self.uri, **way(self.uri))


def way(uri: str) -> dict[str, Any]:
    """What `obstore` has to be told of the way to a store."""
    endpoint = _endpoint(uri)
    return {
        "config": {"endpoint": endpoint} if endpoint and uri.startswith("s3://") else {},
        "client_options": {"allow_http": bool(endpoint and endpoint.startswith("http://"))},
        "retry_config": {"max_retries": 3, "retry_timeout": dt.timedelta(seconds=20)},
    }


def _tag(told: Any) -> Tag:
    return {name: told[name] for name in ("e_tag", "version") if told.get(name)}


def _encoded(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1)


def cannot(do: str, uri: str, error: Exception, what: str = "lake") -> BadInput:
    """What to tell of an error of a store, or of a disk: what could not be done, why, and what to do next."""
    advice = f"choose another --{what}"
    if not is_folder(uri):
        advice = f"check the bucket, the endpoint and the credentials in the environment, or {advice}"
    # A store answers with a document, and clients tell of each other's errors, line by line.
    told = re.sub(r"\x1b\[\d+m", "", str(error))
    found = re.search(r"<Code>(.*?)</Code>(?:.*?<Message>(.*?)</Message>)?", told, re.DOTALL)
    cause = ": ".join(filter(None, found.groups())) if found else " ".join(told.split())[:300]
    return BadInput(f"cannot {do} the {what} {uri} ({cause}): {advice}")
