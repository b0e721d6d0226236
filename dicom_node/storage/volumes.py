"""Volumes: where copies of files are kept beside the online folder. A folder or NAS mount, or an S3-compatible object store, by URL.

A copy is named by its digest like the file itself, so nothing on a volume needs this node's tables to be understood, and every
read of it can be checked. An error of a volume is a `VolumeError`: the volume may be away and come back.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import parse_qs, unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from dicom_node.archive.files import sync_folder

CHUNK = 1 << 20
CONNECT, SILENCE = timedelta(seconds=3), timedelta(seconds=20)
_COPY = re.compile(r"(?:.*/)?([0-9a-f]{2})/(\1[0-9a-f]{62})\.dcm\Z")
_PARAMETERS = {"endpoint", "region"}
_names = itertools.count()


class VolumeError(OSError):
    """The volume does not do what was asked; it may be away."""


class NoCopyError(VolumeError):
    """The volume answers, and has no such copy."""


class DamagedError(VolumeError):
    """The copy is there, but its bytes are not those its name promises."""


class SourceError(OSError):
    """The file to be copied has not the bytes its name promises: the volume is not at fault, and was not changed."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys of an object store."""

    access_key: str
    secret_key: str


class Volume(ABC):
    """One place for copies."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def pieces(self, digest: str) -> Iterator[bytes]:
        """The copy's bytes as they come. NoCopyError, VolumeError."""

    @abstractmethod
    def write(self, digest: str, source: Path) -> None:
        """Make a copy of `source` under `digest`, whole or not at all, and last. VolumeError.

        SourceError: the source is not whole; what the volume had under the digest is as it was.
        """

    @abstractmethod
    def size(self, digest: str) -> int:
        """Bytes of the copy. NoCopyError, VolumeError."""

    @abstractmethod
    def delete(self, digest: str) -> None:
        """Remove the copy; nothing when there is none. VolumeError."""

    @abstractmethod
    def walk(self) -> Iterator[tuple[str, int]]:
        """Digest and bytes of every copy. VolumeError."""

    @abstractmethod
    def free(self) -> tuple[int, int] | None:
        """(free, total) bytes; None: it has no limit that is known. VolumeError."""

    def fetch(self, digest: str, target: BinaryIO) -> int:
        """Write the copy into `target`, its bytes checked; returns how many. DamagedError, NoCopyError, VolumeError; OSError of `target`."""
        return self._read(digest, target.write)

    def verify(self, digest: str) -> int:
        """Read the whole copy; returns its bytes. DamagedError, NoCopyError, VolumeError."""
        return self._read(digest, len)

    def _read(self, digest: str, take: Callable[[bytes], object]) -> int:
        found, count = hashlib.sha256(), 0
        for piece in self.pieces(digest):
            found.update(piece)
            take(piece)
            count += len(piece)
        if found.hexdigest() != digest:
            raise DamagedError(f"copy of {digest[:12]} on {self.name} is damaged")
        return count


class FolderVolume(Volume):
    """A folder, usually the mount of a NAS. It must hold the file `.volume`, so that an unmounted mount point is not taken for it."""

    MARK = ".volume"

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name)
        self.root = root

    def _present(self) -> Path:
        if not (self.root / self.MARK).exists():
            raise VolumeError(f"volume {name_of(self)}: {self.root} is not mounted or was never prepared (no file {self.MARK})")
        return self.root

    def prepare(self) -> None:
        """Mark an empty or new folder as this volume. VolumeError: it holds something else."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not (self.root / self.MARK).exists():
                if any(self.root.iterdir()):
                    raise VolumeError(  # noqa: TRY301
                        f"volume {name_of(self)}: {self.root} holds other files; name an empty folder, or put {self.MARK} into it"
                    )
                (self.root / self.MARK).touch()
            (self.root / "incoming").mkdir(exist_ok=True)
        except VolumeError:
            raise
        except OSError as error:
            raise VolumeError(f"volume {name_of(self)}: {error.strerror}") from error

    def sweep(self) -> None:
        """Remove what a crash left half-written. VolumeError."""
        try:
            for left in (self._present() / "incoming").iterdir():
                left.unlink(missing_ok=True)
        except VolumeError:
            raise
        except OSError as error:
            raise VolumeError(f"volume {name_of(self)}: {error.strerror}") from error

    def _place(self, digest: str) -> Path:
        return self._present() / digest[:2] / f"{digest}.dcm"

    def pieces(self, digest: str) -> Iterator[bytes]:
        """As above; bytes of the page cache are not trusted to be the disk's, so the kernel is told to forget them first."""
        place = self._place(digest)
        try:
            fd = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NoCopyError(f"no copy of {digest[:12]} on {self.name}") from error
        except OSError as error:
            raise VolumeError(f"volume {name_of(self)}: {error.strerror}") from error
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            while piece := os.read(fd, CHUNK):
                yield piece
        except OSError as error:
            raise VolumeError(f"volume {name_of(self)}: {error.strerror}") from error
        finally:
            os.close(fd)

    def write(self, digest: str, source: Path) -> None:
        """As above: synced under another name, then renamed, and its folder synced."""
        temporary = self._present() / "incoming" / f"{digest}.{os.getpid()}-{next(_names)}"
        try:
            found = hashlib.sha256()
            with source.open("rb") as read, temporary.open("xb") as written:
                while piece := read.read(CHUNK):
                    found.update(piece)
                    written.write(piece)
                written.flush()
                os.fsync(written.fileno())
            if found.hexdigest() != digest:  # before the name: a whole copy may stand there already
                raise SourceError(f"the file of {digest[:12]} is damaged, and was not copied")  # noqa: TRY301
            folder = self.root / digest[:2]
            if not folder.is_dir():
                folder.mkdir(exist_ok=True)
                sync_folder(self.root)
            temporary.replace(folder / f"{digest}.dcm")
            sync_folder(folder)
        except SourceError:
            temporary.unlink(missing_ok=True)
            raise
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise VolumeError(f"volume {name_of(self)}: {error.strerror}") from error

    def size(self, digest: str) -> int:
        """As above."""
        place = self._place(digest)
        try:
            return place.stat().st_size
        except FileNotFoundError as error:
            raise NoCopyError(f"no copy of {digest[:12]} on {self.name}") from error
        except OSError as error:
            raise VolumeError(f"volume {name_of(self)}: {error.strerror}") from error

    def delete(self, digest: str) -> None:
        """As above."""
        place = self._place(digest)
        try:
            place.unlink(missing_ok=True)
            if place.parent.is_dir():
                sync_folder(place.parent)
        except OSError as error:
            raise VolumeError(f"volume {name_of(self)}: {error.strerror}") from error

    def walk(self) -> Iterator[tuple[str, int]]:
        """As above."""
        try:
            for folder in sorted(self._present().glob("[0-9a-f][0-9a-f]")):
                for path in sorted(folder.iterdir()):
                    if found := _COPY.match(f"{folder.name}/{path.name}"):
                        yield found[2], path.stat().st_size
        except VolumeError:
            raise
        except OSError as error:
            raise VolumeError(f"volume {name_of(self)}: {error.strerror}") from error

    def free(self) -> tuple[int, int] | None:
        """As above."""
        usage = shutil.disk_usage(self._present())
        return usage.free, usage.total


class ObjectVolume(Volume):
    """A bucket of an S3-compatible object store."""

    def __init__(self, name: str, store: S3Store, prefix: str) -> None:
        super().__init__(name)
        self._store, self._prefix = store, prefix

    def _key(self, digest: str) -> str:
        return f"{self._prefix}{digest[:2]}/{digest}.dcm"

    def _error(self, error: Exception, digest: str = "") -> VolumeError:
        if isinstance(error, NotFoundError | FileNotFoundError):
            if not self._bucket_is_there():
                return VolumeError(f"volume {self.name}: the bucket is not there")
            return NoCopyError(f"no copy of {digest[:12]} on {self.name}")
        words = str(error).strip().splitlines()
        return VolumeError(f"volume {self.name}: {words[0][:200] if words else type(error).__name__}")

    def _bucket_is_there(self) -> bool:
        """Asked when an object is not found: a bucket that is gone, or misspelt, has lost nothing."""
        try:
            next(iter(obstore.list(self._store, prefix=self._prefix or None, chunk_size=1)), None)
        except (BaseError, OSError, ValueError):
            return False
        return True

    def pieces(self, digest: str) -> Iterator[bytes]:
        """As above."""
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
        try:
            obstore.put(self._store, self._key(digest), source)
        except (BaseError, OSError, ValueError) as error:
            raise self._error(error, digest) from error

    def size(self, digest: str) -> int:
        """As above."""
        try:
            return int(obstore.head(self._store, self._key(digest))["size"])
        except (BaseError, OSError, ValueError) as error:
            raise self._error(error, digest) from error

    def delete(self, digest: str) -> None:
        """As above."""
        try:
            obstore.delete(self._store, self._key(digest))
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError, ValueError) as error:
            raise self._error(error, digest) from error

    def walk(self) -> Iterator[tuple[str, int]]:
        """As above."""
        try:
            for part in obstore.list(self._store, prefix=self._prefix or None):
                for entry in cast("list[Any]", part):
                    if found := _COPY.match(str(entry["path"])):
                        yield found[2], int(entry["size"])
        except (BaseError, OSError, ValueError) as error:
            raise self._error(error) from error

    def free(self) -> tuple[int, int] | None:
        """None: a bucket has no end that could be asked for."""
        return None


def name_of(volume: Volume) -> str:
    """The name for messages."""
    return volume.name


def open_volume(name: str, url: str, credentials: Credentials | None) -> Volume:
    """The volume at `url`: `file:///folder` or `s3://bucket/prefix?endpoint=…&region=…`. ValueError says what is wrong with it."""
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ValueError("访问密钥不能写在 URL 中, 请用 credentials 文件 | keys do not belong into a URL: use a credentials file")
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/") or parts.query:
            raise ValueError("文件夹请写成 file:///绝对路径 | a folder is written file:///absolute/path")
        return FolderVolume(name, Path(unquote(parts.path)))
    if parts.scheme == "s3":
        asked = parse_qs(parts.query, strict_parsing=bool(parts.query))
        if unknown := asked.keys() - _PARAMETERS:
            raise ValueError(f"未知参数 {', '.join(sorted(unknown))} | unknown parameter; known: {', '.join(sorted(_PARAMETERS))}")
        if not parts.netloc:
            raise ValueError("缺少存储桶名称 | the name of the bucket is missing: s3://bucket/prefix")
        return _bucket(name, parts.netloc, parts.path.strip("/"), {key: values[-1] for key, values in asked.items()}, credentials)
    raise ValueError(f"不支持的存储类型 {parts.scheme or url!r} | not a kind of volume: file:// or s3://")


def _of_environment() -> Credentials | None:
    access, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    return Credentials(access, secret) if access and secret else None


def _bucket(name: str, bucket: str, prefix: str, asked: dict[str, str], credentials: Credentials | None) -> ObjectVolume:
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
