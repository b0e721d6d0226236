"""The door to the research service (docs/research.md): answers, problems in words, and lost connections tried again.

`HUB_RESEARCH` is the service's address (set in the research room, where no ticket is needed). A program elsewhere also sets
`HUB_RESEARCH_TOKEN`, a project's own token (`rt_…`).
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from hub_research.problems import DamagedError, NoServiceError, refusal
from hub_research.progress import Progress

ADDRESS = "HUB_RESEARCH"
TOKEN = "HUB_RESEARCH_TOKEN"  # noqa: S105 - the name of a setting
API = "/api/v1"
PAUSES = (0.2, 1.0, 3.0, 8.0)
"""Seconds before each new try after a lost connection or a busy service."""
BUSY = frozenset({429, 502, 503, 504})
LONGEST_PAUSE = 30.0
"""Seconds; where the service asks for more (a day's volume is used up), its words are shown instead."""
CHUNK = 1 << 18


class LostError(Exception):
    """The connection broke before the end."""


def _body(answer: httpx.Response) -> Mapping[str, Any] | None:
    try:
        body = json.loads(answer.read())
    except (ValueError, httpx.HTTPError):
        return None
    return body if isinstance(body, Mapping) else None


class Service:
    """The research service at one address. All errors are `ResearchError`s."""

    def __init__(self, address: str, token: str | None = None, *, pauses: tuple[float, ...] = PAUSES) -> None:
        self.address = address.rstrip("/")
        self.name = f"{self.address} {hashlib.sha256((token or '').encode()).hexdigest()}"
        """Which service, and as whom."""
        self.pauses = pauses
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # no proxy of the environment: what is asked for names a project
        self._http = httpx.Client(
            base_url=self.address + API, headers=headers, timeout=httpx.Timeout(60, connect=10), trust_env=False, follow_redirects=False
        )

    def json(self, path: str, **params: Any) -> Any:
        """The JSON document at `path`."""
        try:
            return json.loads(self.whole(path, **params))
        except ValueError as problem:
            raise DamagedError(
                "科研服务的回答无法读取：请重试", "the answer of the research service cannot be read: try again"
            ) from problem

    def whole(self, path: str, **params: Any) -> bytes:
        """The whole answer, in memory."""
        for last in self._tries():
            with self._guarded(last), self._open(path, last, params=params) as answer:
                return answer.read()
        raise AssertionError  # the last try raises or returns

    def send(self, path: str, content: bytes, media_type: str) -> Any:
        """POST the content; the JSON answer. Only for what may be sent twice: a lost connection is tried again."""
        for last in self._tries():
            with self._guarded(last), self._open(path, last, headers={"Content-Type": media_type}, content=content) as answer:
                return json.loads(answer.read())
        raise AssertionError

    def pieces(self, path: str, progress: Progress, length: Callable[[bytearray], int]) -> bytearray:
        """As `whole`, with progress, into memory that can be written to. `length`: how long it will be, from its beginning; 0: not known yet."""
        for last in self._tries():
            with self._guarded(last), self._open(path, last) as answer:
                taken = bytearray()
                progress.total = int(answer.headers.get("content-length") or 0)
                for chunk in answer.iter_bytes(CHUNK):
                    taken += chunk
                    progress.total = progress.total or length(taken)
                    progress.set(len(taken))
                return taken
        raise AssertionError

    def download(self, path: str, target: Path, progress: Progress | None = None, etag: str | None = None) -> str | None:
        """Put the answer into the file `target`, whole or not at all; its ETag. None: unchanged since `etag`, nothing was written.

        What an earlier, broken download left (`.<name>.part`) is gone on with, if the answer is still the same.
        """
        part = target.with_name(f".{target.name}.part")
        note = target.with_name(f".{target.name}.part-etag")
        counted = 0
        for last in self._tries():
            with self._guarded(last):
                have = part.stat().st_size if part.exists() and note.exists() else 0
                headers = {"Accept-Encoding": "identity"}
                if have:
                    headers |= {"Range": f"bytes={have}-", "If-Range": note.read_text(encoding="utf-8")}
                elif etag:
                    headers["If-None-Match"] = etag
                with self._open(path, last, headers=headers) as answer:
                    if answer.status_code == 304:
                        return None
                    if answer.status_code == 416:  # nothing is missing, or nothing fits any more: begin again
                        part.unlink()
                        raise LostError
                    resumed = answer.status_code == 206
                    fresh = answer.headers.get("etag", "")
                    if not resumed:
                        part.unlink(missing_ok=True)
                        # a weak tag does not say that the bytes are the same
                        if fresh and not fresh.startswith("W/"):
                            note.write_text(fresh, encoding="utf-8")
                        else:
                            note.unlink(missing_ok=True)
                    length = answer.headers.get("content-length")
                    whole = (have if resumed else 0) + int(length) if length else None
                    if progress:
                        progress.add((have if resumed else 0) - counted)
                        counted = have if resumed else 0
                    with part.open("ab" if resumed else "wb") as file:
                        for chunk in answer.iter_bytes():  # as it comes: what has come is kept when the rest does not
                            file.write(chunk)
                            counted += len(chunk)
                            if progress:
                                progress.add(len(chunk))
                        file.flush()
                        os.fsync(file.fileno())
                if whole is not None and part.stat().st_size != whole:
                    raise LostError
                part.replace(target)
                note.unlink(missing_ok=True)
                return str(fresh)
        raise AssertionError

    @contextmanager
    def _open(
        self,
        path: str,
        last: bool,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Iterator[httpx.Response]:
        given = {name: value for name, value in (params or {}).items() if value is not None}
        method = "GET" if content is None else "POST"
        with self._http.stream(method, path, params=given, headers=headers, content=content) as answer:
            wait = answer.headers.get("retry-after", "")
            pause = float(wait) if wait.isdigit() else 0.0
            if answer.status_code in BUSY and not last and pause <= LONGEST_PAUSE:
                raise LostError(pause)
            if answer.status_code >= 300 and answer.status_code not in {304, 416}:
                raise refusal(answer.status_code, _body(answer))
            yield answer

    def _tries(self) -> Iterator[bool]:
        """One round of the loop for each try; the value says whether it is the last one."""
        self._asked_pause = 0.0
        for pause in self.pauses:
            yield False
            time.sleep(max(self._asked_pause, pause * random.uniform(0.8, 1.2)))  # noqa: S311 - only spreads the load
        yield True

    @contextmanager
    def _guarded(self, last: bool) -> Iterator[None]:
        """A lost connection ends this try; at the last one it is told in words."""
        try:
            yield
        except (httpx.TransportError, httpx.DecodingError, LostError) as problem:
            if isinstance(problem, LostError) and problem.args:
                self._asked_pause = float(problem.args[0])
            if last:
                raise NoServiceError(
                    "科研服务没有回答（已重试多次）：请稍后重试，仍不行请联系管理员",
                    "the research service does not answer (tried several times): try again later, then ask an administrator",
                ) from problem


def split_header(answer: bytearray) -> tuple[dict[str, Any], memoryview]:
    """`[u32 little endian][JSON of that length][the rest]`. DamagedError: it is not that."""
    length = int.from_bytes(answer[:4], "little")
    try:
        header = json.loads(bytes(answer[4 : 4 + length])) if 0 < length <= len(answer) - 4 else None
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise DamagedError("收到的数据不完整：请重试", "what was received is damaged: try again")
    return header, memoryview(answer)[4 + length :]


@functools.cache
def _service(address: str, token: str | None, process: int) -> Service:  # noqa: ARG001 - a connection is not shared with a forked process
    return Service(address, token)


def service() -> Service:
    """The service that the environment names. NoServiceError: it names none."""
    address = os.environ.get(ADDRESS)
    if not address:
        raise NoServiceError(
            f"不知道科研服务的地址：请在科研工作台（JupyterLab）中运行，或设置环境变量 {ADDRESS}",
            f"the address of the research service is not known: run this in the research room (JupyterLab), or set {ADDRESS}",
        )
    return _service(address, os.environ.get(TOKEN), os.getpid())
