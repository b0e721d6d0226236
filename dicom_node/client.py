"""The one door through which other Python code calls the node."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import numpy as np
import orjson

Row = dict[str, Any]
COOKIE = "hub-ticket"


class NodeError(RuntimeError):
    """The node refused or failed; `code` is the stable problem code, `words` the bilingual explanation."""

    def __init__(self, status: int, code: str, detail: str, words: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail, self.words = status, code, detail, words


class TooLargeError(RuntimeError):
    """An object has more bytes than the caller wants to hold."""


@dataclass(frozen=True, slots=True)
class SeriesPixels:
    """A series as one array (frames, rows, columns[, 3]) in stored values, and the header that explains it.

    `missing` lists the frames that the node could not decode; they are zero in the array.
    """

    array: np.ndarray[Any, Any]
    frames: list[Row]
    warnings: list[str]
    missing: list[int]


class PublishedError(RuntimeError):
    """There are no published tables that can be read; the message says why, in Chinese and English."""


@dataclass(frozen=True, slots=True)
class Published:
    """One set of the index's tables as Parquet files (docs/interfaces.md §5): identified data, for pipelines only."""

    journal: int
    """Arrival number up to which the index was when the set was made."""
    feed: int
    """Whatever the images feed has told up to this number is in the tables; go on from here to follow what comes after."""
    published_at: str
    files: dict[str, Path]
    """`study`, `series`, `instance` → file; it stays until the second set after this one is published."""


PUBLISHED_SCHEMA = 1


def read_published(folder: Path) -> Published:
    """The newest set of tables that the node has published in `folder` (its setting `publish`). PublishedError: there is none to use."""
    try:
        manifest = orjson.loads((folder / "manifest.json").read_bytes())
    except FileNotFoundError as error:
        raise PublishedError(
            f"{folder} 中没有已发布的表, 请检查节点的 publish 设置 | no published tables here: see the node's setting"
        ) from error
    except (OSError, ValueError) as error:
        raise PublishedError(f"无法读取 {folder} 中的清单 | the manifest cannot be read: {error}") from error
    if manifest["schema"] != PUBLISHED_SCHEMA:
        raise PublishedError(
            f"已发布的表版本为 {manifest['schema']}, 本程序只能读 {PUBLISHED_SCHEMA}, 请一起升级 | tables of another schema: update both"
        )
    files = {name: folder / table["file"] for name, table in manifest["tables"].items()}
    return Published(manifest["journal"], manifest["feed"], manifest["published_at"], files)


class NodeClient:
    """One kept connection pool; `ticket` is asked for before each request.

    `browser`: it is a browser's ticket, which a service hands on to read what its caller may read; it travels as the cookie it is.
    """

    def __init__(self, base_url: str, ticket: Callable[[], str], *, timeout: float = 30.0, browser: bool = False) -> None:
        self._http = httpx.Client(timeout=httpx.Timeout(timeout, read=timeout + 60))
        self._base, self._ticket, self._browser = base_url.rstrip("/"), ticket, browser

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _headers(self) -> dict[str, str]:
        ticket = self._ticket()
        return {"Cookie": f"{COOKIE}={ticket}"} if self._browser else {"Authorization": f"Bearer {ticket}"}

    @staticmethod
    def _check(response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        response.read()
        try:
            body = orjson.loads(response.content)
            raise NodeError(response.status_code, body["code"], body["detail"], body["words"])
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise NodeError(response.status_code, "unknown", response.text[:200], {}) from error

    def _get(self, path: str, **params: Any) -> Any:
        return orjson.loads(self._check(self._http.get(self._base + path, params=params, headers=self._headers())).content)

    def changes(self, since: int, limit: int = 500, wait: float = 0) -> tuple[list[Row], int]:
        """Rows of the images feed after `since`, and the number to go on from."""
        found = self._get("/changes", since=since, limit=limit, wait=wait)
        return found["rows"], found["next"]

    def annotate(self, rows: list[Row]) -> int:
        """Write annotations `{table, key, version, data}`; returns how many were newer than those there."""
        content = orjson.dumps({"rows": rows})
        headers = self._headers() | {"Content-Type": "application/json"}
        taken: int = self._check(self._http.post(self._base + "/annotations", content=content, headers=headers)).json()["taken"]
        return taken

    def annotations(self, table: str) -> list[Row]:
        """All rows of an annotation table."""
        rows: list[Row] = self._get(f"/annotations/{table}")["rows"]
        return rows

    def search_studies(self, **query: Any) -> list[Row]:
        """QIDO-RS: studies in DICOM JSON; keys are attribute keywords, `limit`, `offset`."""
        rows: list[Row] = self._get("/dicom-web/studies", **query)
        return rows

    def study_summary(self, study: str) -> Row:
        """A study and its series."""
        found: Row = self._get(f"/studies/{study}/summary")
        return found

    def study_metadata(self, study: str) -> list[Row]:
        """Headers of all instances of a study in DICOM JSON."""
        rows: list[Row] = self._get(f"/dicom-web/studies/{study}/metadata")
        return rows

    def series_metadata(self, study: str, series: str) -> list[Row]:
        """Headers of all instances of a series in DICOM JSON."""
        rows: list[Row] = self._get(f"/dicom-web/studies/{study}/series/{series}/metadata")
        return rows

    def instance_metadata(self, study: str, series: str, instance: str) -> Row:
        """Header of one instance in DICOM JSON."""
        rows: list[Row] = self._get(f"/dicom-web/studies/{study}/series/{series}/instances/{instance}/metadata")
        return rows[0]

    def instance(self, study: str, series: str, instance: str, *, most: int) -> bytes:
        """One object as it is stored (DICOM part 10); TooLargeError when it has more than `most` bytes."""
        url = f"{self._base}/dicom-web/studies/{study}/series/{series}/instances/{instance}"
        headers = self._headers() | {"Accept": "application/dicom; transfer-syntax=*"}
        with self._http.stream("GET", url, headers=headers) as response:
            self._check(response)
            parts, size = [], 0
            for part in response.iter_raw():
                size += len(part)
                if size > most:
                    raise TooLargeError(f"more than {most} bytes")
                parts.append(part)
        return b"".join(parts)

    def series_header(self, study: str, series: str) -> Row:
        """Frames in order, order of the stream, warnings."""
        found: Row = self._get(f"/series/{study}/{series}/header")
        return found

    def series_frames(self, study: str, series: str) -> Iterator[tuple[Row, int | None, bytes]]:
        """`(header, None, b"")` first, then `(header, index, pixels)` as they come, middle outwards."""
        with self._http.stream("GET", f"{self._base}/series/{study}/{series}/stream", headers=self._headers()) as response:
            self._check(response)
            chunks = _Chunks(response.iter_raw())
            header: Row = orjson.loads(chunks.take(struct.unpack("<I", chunks.take(4))[0]))
            yield header, None, b""
            for _ in header["order"]:
                index, length = struct.unpack("<II", chunks.take(8))
                yield header, index, chunks.take(length)

    def series_pixels(self, study: str, series: str) -> SeriesPixels:
        """The whole series as one array; ValueError when its frames differ in size or format."""
        array: np.ndarray[Any, Any] | None = None
        missing: list[int] = []
        frames: list[Row] = []
        warnings: list[str] = []
        for header, index, data in self.series_frames(study, series):
            if index is None:
                frames, warnings = header["frames"], header["warnings"]
                kinds = {(f["rows"], f["columns"], f["samples"], f["bits"], f["signed"]) for f in frames}
                if len(kinds) != 1:
                    raise ValueError(f"frames of {len(kinds)} sizes or formats cannot be one array")
                rows, columns, samples, bits, signed = next(iter(kinds))
                shape = (len(frames), rows, columns) + ((samples,) if samples > 1 else ())
                array = np.zeros(shape, f"<{'i' if signed else 'u'}{bits // 8}")
            elif array is not None and data:
                array[index] = np.frombuffer(data, array.dtype).reshape(array.shape[1:])
            else:
                missing.append(index)
        if array is None:
            raise ValueError("series has no frames")
        return SeriesPixels(array, frames, warnings, missing)


class _Chunks:
    """Exact numbers of bytes from a stream of chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def take(self, count: int) -> bytes:
        parts, size = [self._rest], len(self._rest)
        while size < count:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise ConnectionError("the node ended the stream early")
            parts.append(chunk)
            size += len(chunk)
        data = b"".join(parts)
        self._rest = data[count:]
        return data[:count]
