"""The routes that give out images of a project, de-identified: below `/services/research/api/v1/projects/{code}`.

One object, or one frame, is in memory at a time, a volume as a whole; a few are given out at once, and whoever goes away ends the work.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import struct
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from pathlib import Path as Folder
from typing import Annotated, Any

import numpy as np
import orjson
import structlog
from anyio import CancelScope
from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from dicom_node.client import TooLargeError
from pipelines.research import giving, volumes
from pipelines.research.access import Project, Research
from pipelines.research.deidentify.deidentifier import VERSION, Deidentifier
from pipelines.research.deidentify.reasons import BlockedError, counted
from pipelines.research.deidentify.released import Released, devices_of
from pipelines.research.giving import Given
from pipelines.serving.problems import Problem

log = structlog.get_logger("research")
STREAM_TYPE = "application/x-series-stream"
DICOM_TYPE = "application/dicom"
PRIVATE = {"Cache-Control": "private, no-store"}
AT_ONCE = 8
"""Releases under way; more wait."""
VOLUMES_AT_ONCE = 2
PATIENCE = 10.0
"""Seconds that a request waits for its turn."""
LARGEST = 1 << 30
"""Bytes of an object."""
CHUNK = 1 << 20
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
Uid = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$", description="项目内的编号 / UID of this project")]


class Turns:
    """At most so many at once; who has waited too long is sent away with `images.busy` (503)."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn, and give it back."""
        await self.take()
        try:
            yield
        finally:
            self.give_back()

    async def take(self) -> None:
        """Wait for a turn."""
        try:
            await asyncio.wait_for(self._free.acquire(), PATIENCE)
        except TimeoutError as error:
            raise Problem("images.busy") from error

    def give_back(self) -> None:
        """The turn is over."""
        self._free.release()


class Images:
    """What the routes share: who may, what is behind a pseudonym, and the node."""

    def __init__(self, research: Research, data: Folder) -> None:
        self._research, self._data = research, data
        self._series = giving.Series(lambda: research.node)
        self.turns, self.volumes = Turns(AT_ONCE), Turns(VOLUMES_AT_ONCE)

    def project(self, request: Request, code: str) -> Project:
        """The caller's project, which has images; 403 `project.no_pixels` when it has none."""
        found = self._research.project_of(request, code)
        if not found.pixels:
            raise Problem("project.no_pixels")
        return found

    def rules(self, project: Project, institution: str, patient: str) -> Deidentifier:
        """How one patient's objects are de-identified for a project."""
        released = Released(self._data, project.code).series()
        return Deidentifier(project.pseudonyms, institution, patient, devices_of(self._data), released)

    def given(self, request: Request, code: str, study: str, series: str) -> tuple[Project, Given]:
        """A series for the caller, each image judged."""
        project = self.project(request, code)
        identity = self._research.identities(code).series(study, series)
        if identity is None:
            raise Problem("series.unknown")
        rules = self.rules(project, identity.study.institution, identity.study.patient_key)
        return project, self._series.given(identity, rules)

    def header(self, given: Given) -> tuple[dict[str, Any], dict[int, int]]:
        """The series header for the project, and the places of the node's frames in it."""
        with giving.asking():
            real = self._research.node.series_header(given.identity.study.study_uid, given.identity.series_uid)
        return given.header(real)

    def release(self, project: Project, kind: str, entity: str, size: int) -> None:
        """Count and audit before bytes go out."""
        self._research.release(project, kind, entity, size)

    def parts(self, given: Given) -> Generator[tuple[int, bytes], None, None]:
        """(index at the node, pixels) of each frame that is given out, as they come; the series may have changed since it was judged."""
        identity = given.identity
        for header, index, data in self._research.node.series_frames(identity.study.study_uid, identity.series_uid):
            if index is not None and header["frames"][index]["sop_uid"] in given.by_sop:
                yield index, given.pixels(header["frames"][index], data)

    def instance(self, given: Given, sop: str) -> bytes:
        """One object, de-identified. Problem `images.blocked` with the reason."""
        image, identity = given.image(sop), given.identity
        try:
            with giving.asking():
                stored = self._research.node.instance(identity.study.study_uid, identity.series_uid, image.sop_uid, most=LARGEST)
            return given.rules.file(stored)
        except TooLargeError as error:
            raise Problem("images.blocked", blocked=counted(["too_large"])) from error
        except BlockedError as error:
            log.info("image.blocked", reason=error.reason)
            raise Problem("images.blocked", blocked=counted([error.reason])) from error


class Turned(StreamingResponse):
    """A streamed answer that gives its turn back when it ends, is broken off, or never begins."""

    def __init__(self, turns: Turns, content: AsyncIterator[bytes], media_type: str) -> None:
        super().__init__(content, headers=PRIVATE, media_type=media_type)
        self._turns = turns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._turns.give_back()


def images_router(research: Research, data: Folder) -> APIRouter:
    """The routes, for a project's address. `data`: the folder RESEARCH_DATA with releases and devices of the house."""
    images = Images(research, data)
    router = APIRouter(tags=["images"])

    @router.get("/studies/{study}/series/{series}", summary="序列信息 / header of a series")
    def series_header(request: Request, code: str, study: Uid, series: Uid) -> Response:
        """各帧信息与传输顺序；未提供的影像计入 blocked。 Frames in order and the order of the stream; what is not given out is counted in `blocked`."""
        _, given = images.given(request, code, study, series)
        header, _ = images.header(given.some())
        return Response(orjson.dumps(header), media_type="application/json", headers=PRIVATE)

    @router.get("/studies/{study}/series/{series}/stream", summary="序列像素流 / pixels of a series")
    async def stream(request: Request, code: str, study: Uid, series: Uid) -> StreamingResponse:
        """整个序列的像素，格式与影像服务相同。 The series in the node's own form, de-identified."""
        project, given = await run_sync(images.given, request, code, study, series)
        await images.turns.take()
        try:
            header, places = await run_sync(images.header, given.some())
            size = sum(_bytes(frame) for frame in header["frames"])
            await run_sync(images.release, project, "series", series, size)
        except BaseException:
            images.turns.give_back()
            raise
        return Turned(images.turns, _streamed(images, given, header, places), media_type=STREAM_TYPE)

    @router.get("/studies/{study}/series/{series}/instances", summary="影像列表 / instances")
    def instances(request: Request, code: str, study: Uid, series: Uid) -> JSONResponse:
        """可提供的影像，以及未提供的原因与数量。 The objects that are given out, and how many are not, by reason. `bytes` is what an object's pixels take in the stream."""
        _, given = images.given(request, code, study, series)
        sizes: dict[str, int] = {}
        if given.images:
            header, _ = images.header(given)
            for frame in header["frames"]:
                sizes[frame["sop_uid"]] = sizes.get(frame["sop_uid"], 0) + _bytes(frame)
        listed = [{"sop_uid": sop, "number": image.number, "bytes": sizes.get(sop)} for sop, image in given.images.items()]
        return JSONResponse({"instances": listed, "blocked": given.blocked}, headers=PRIVATE)

    @router.get("/studies/{study}/series/{series}/instances/{sop}", summary="下载一幅影像 / download an instance")
    async def instance(request: Request, code: str, study: Uid, series: Uid, sop: Uid) -> Response:
        """DICOM 文件；支持 ETag 与一个 Range。 One object as a DICOM file; `ETag`, one `Range`."""
        project, given = await run_sync(images.given, request, code, study, series)
        async with images.turns.one():
            content = await run_sync(images.instance, given, sop)
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}-{VERSION}"'
            if tag in request.headers.get("if-none-match", ""):
                return Response(status_code=304, headers={"ETag": tag, **PRIVATE})
            part = _part(request, tag, len(content))
            sent = content if part is None else content[part[0] : part[1] + 1]
            await run_sync(images.release, project, "series", series, len(sent))
        headers = {"ETag": tag, "Accept-Ranges": "bytes", **PRIVATE}
        if part is not None:
            headers["Content-Range"] = f"bytes {part[0]}-{part[1]}/{len(content)}"
        return Response(sent, 200 if part is None else 206, headers, DICOM_TYPE)

    @router.get("/studies/{study}/series/{series}/volume", summary="体数据 / volume")
    async def volume(request: Request, code: str, study: Uid, series: Uid) -> StreamingResponse:
        """整个序列的体数据；不是规则体数据时以 409 说明原因。 The series as one block of voxels; 409 with the reason for what is no regular volume."""
        project, given = await run_sync(images.given, request, code, study, series)
        header, places = await run_sync(images.header, given.some())
        if given.reasons:
            raise Problem("volume.partly_blocked", blocked=given.blocked)
        block = volumes.block_of(header["frames"], given.identity.modality)
        await images.volumes.take()
        try:
            await run_sync(images.release, project, "series", series, block.size)
            stored = await _gathered(images, given, places, block)
        except BaseException:
            images.volumes.give_back()
            raise
        return Turned(images.volumes, _voxels(block, stored), media_type=volumes.TYPE)

    return router


def _bytes(frame: dict[str, Any]) -> int:
    return int(frame["rows"] * frame["columns"] * frame["samples"] * frame["bits"] // 8)


async def _streamed(images: Images, given: Given, header: dict[str, Any], places: dict[int, int]) -> AsyncIterator[bytes]:
    """`[u32 length][header]`, then `[u32 index][u32 length][pixels]` per frame; a reader who is gone ends the node's stream."""
    parts = images.parts(given)
    try:
        head = orjson.dumps(header)
        yield struct.pack("<I", len(head)) + head
        while (part := await run_sync(next, parts, None)) is not None:
            index, data = part
            if index in places:
                yield struct.pack("<II", places[index], len(data)) + data
    finally:
        with CancelScope(shield=True):
            await run_sync(parts.close)


async def _gathered(images: Images, given: Given, places: dict[int, int], block: volumes.Block) -> np.ndarray[Any, Any]:
    """Stored values of the block in its order, frame by frame, so that a reader who is gone ends it."""
    slots = {frame: slot for slot, frame in enumerate(block.order)}
    stored = np.zeros(block.shape, block.stored)
    missing = set(slots)
    parts = images.parts(given)
    try:
        while (part := await run_sync(_next_of, parts)) is not None:
            index, data = part
            if not data or len(data) != stored[0].nbytes or index not in places:
                raise Problem("volume.undecodable")
            stored[slots[places[index]]] = np.frombuffer(data, block.stored).reshape(block.shape[1:])
            missing.discard(places[index])
    finally:
        with CancelScope(shield=True):
            await run_sync(parts.close)
    if missing:
        raise Problem("volume.undecodable")
    return stored


def _next_of(parts: Generator[tuple[int, bytes], None, None]) -> tuple[int, bytes] | None:
    with giving.asking():
        return next(parts, None)


async def _voxels(block: volumes.Block, stored: np.ndarray[Any, Any]) -> AsyncIterator[bytes]:
    dtype = block.dtype(float(stored.min()), float(stored.max()))
    yield block.head(dtype)
    for picture in stored:
        yield await run_sync(block.voxels, picture, dtype)


def _part(request: Request, tag: str, size: int) -> tuple[int, int] | None:
    """First and last byte that is asked for; None for all. Problem `range.invalid` (416) beyond the end."""
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if found is None or request.headers.get("if-range", tag) != tag or not (found[1] or found[2]):
        return None
    if not found[1]:
        first, last = max(0, size - int(found[2])), size - 1
    else:
        first, last = int(found[1]), min(int(found[2] or size - 1), size - 1)
    if first > last:
        raise Problem("range.invalid")
    return first, last
