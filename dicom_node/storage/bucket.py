"""A volume that is a bucket of an S3-compatible object store, or a part of one."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from dicom_node.storage.volume import CHUNK, COPY, MARK, Mark, NoCopyError, SourceError, Volume, VolumeError

CONNECT, SILENCE = timedelta(seconds=3), timedelta(seconds=20)
SEEN = 10.0  # seconds that a look at the mark is good for


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys of an object store."""

    access_key: str
    secret_key: str


class ObjectVolume(Volume):
    """A bucket, or what is under a prefix in it."""

    def __init__(self, name: str, store: S3Store, prefix: str) -> None:
        super().__init__(name)
        self._store, self._prefix = store, prefix
        self._seen = -SEEN  # when the mark was right

    def _key(self, digest: str) -> str:
        return f"{self._prefix}{digest[:2]}/{digest}.dcm"

    def _error(self, error: Exception, digest: str = "") -> VolumeError:
        if isinstance(error, NotFoundError | FileNotFoundError):
            try:
                self.check()  # an emptied bucket, or one that is gone or misspelt, has lost nothing
            except VolumeError as absent:
                return absent
            return NoCopyError(f"no copy of {digest[:12]} on {self.name}")
        words = str(error).strip().splitlines()
        return VolumeError(f"volume {self.name}: {words[0][:200] if words else type(error).__name__}")

    def _present(self) -> None:
        """The mark is looked at again after a while only: each look is a request."""
        if time.monotonic() - self._seen > SEEN:
            self.check()
            self._seen = time.monotonic()

    def no_mark(self) -> str:
        """As above."""
        return f"no mark {MARK} in the bucket: it is another one, or was emptied"

    def read_mark(self) -> bytes | None:
        """As above."""
        try:
            return bytes(obstore.get(self._store, self._prefix + MARK).bytes())
        except (NotFoundError, FileNotFoundError) as error:
            if not self._bucket_is_there():
                raise VolumeError(f"volume {self.name}: the bucket is not there") from error
            return None
        except (BaseError, OSError, ValueError) as error:
            raise self._error(error) from error

    def write_mark(self, mark: Mark) -> None:
        """As above."""
        try:
            obstore.put(self._store, self._prefix + MARK, mark.written())
        except (BaseError, OSError, ValueError) as error:
            raise self._error(error) from error

    def prepare(self) -> None:
        """Make the place this volume; what is in it stays. VolumeError."""
        self.write_mark(Mark.fresh(self.name))

    def stored(self, digest: str) -> int | None:
        """As above."""
        try:
            return int(obstore.head(self._store, self._key(digest))["size"])
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError, ValueError) as error:
            raise self._error(error) from error

    def _bucket_is_there(self) -> bool:
        try:
            next(iter(obstore.list(self._store, prefix=self._prefix or None, chunk_size=1)), None)
        except (BaseError, OSError, ValueError):
            return False
        return True

    def pieces(self, digest: str) -> Iterator[bytes]:
        """As above."""
        self._present()
        try:
            for piece in obstore.get(self._store, self._key(digest)).stream(min_chunk_size=CHUNK):
                yield bytes(piece)
        except (BaseError, OSError, ValueError) as error:
            raise self._error(error, digest) from error

    def write(self, digest: str, source: Path) -> None:
        """As above: the store itself makes an object visible only when it is whole."""
        with source.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise SourceError(f"the file of {digest[:12]} is damaged, and was not copied")
        self._present()
        try:
            obstore.put(self._store, self._key(digest), source)
        except (BaseError, OSError, ValueError) as error:
            raise self._error(error, digest) from error

    def size(self, digest: str) -> int:
        """As above."""
        self._present()
        try:
            return int(obstore.head(self._store, self._key(digest))["size"])
        except (BaseError, OSError, ValueError) as error:
            raise self._error(error, digest) from error

    def delete(self, digest: str) -> None:
        """As above."""
        self._present()
        try:
            obstore.delete(self._store, self._key(digest))
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError, ValueError) as error:
            raise self._error(error, digest) from error

    def walk(self) -> Iterator[tuple[str, int]]:
        """As above."""
        self.check()
        try:
            for part in obstore.list(self._store, prefix=self._prefix or None):
                for entry in cast("list[Any]", part):
                    if found := COPY.match(str(entry["path"])):
                        yield found[2], int(entry["size"])
        except (BaseError, OSError, ValueError) as error:
            raise self._error(error) from error

    def free(self) -> tuple[int, int] | None:
        """None: a bucket has no end that could be asked for."""
        return None


def _of_environment() -> Credentials | None:
    access, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    return Credentials(access, secret) if access and secret else None


def open_bucket(name: str, bucket: str, prefix: str, asked: dict[str, str], credentials: Credentials | None) -> ObjectVolume:
    """The volume; `asked`: endpoint and region. ValueError: there are no keys for it."""
    endpoint = asked.get("endpoint")
    options: dict[str, Any] = {"region": asked.get("region", "us-east-1")}
    if endpoint is not None:
        options |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
    credentials = credentials or _of_environment()
    if credentials is None:  # never a cloud's metadata address: the library would ask it
        raise ValueError("缺少访问密钥 | keys are missing: a credentials file, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    options |= {"access_key_id": credentials.access_key, "secret_access_key": credentials.secret_key}
    store = S3Store(
        bucket,
        **options,
        client_options={"connect_timeout": CONNECT, "read_timeout": SILENCE, "timeout": timedelta(hours=2),
                        "allow_http": endpoint is not None and endpoint.startswith("http://")},
        retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=5)},
    )  # fmt: skip
    return ObjectVolume(name, store, f"{prefix}/" if prefix else "")
