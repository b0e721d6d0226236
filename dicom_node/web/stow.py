"""STOW-RS (PS3.18 10.5): objects come in over HTTP, are written as they arrive and handed to the receive process, which journals them.

An object is answered as stored only when the receive process has answered: then it is on disk and in the journal.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import AsyncIterator
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from dicom_node import logs
from dicom_node.archive.identity import uid_fault
from dicom_node.index.database import Database
from dicom_node.query import link
from dicom_node.web import negotiation as n
from dicom_node.web.context import Context, context
from dicom_node.web.gate import WEB
from dicom_node.web.incoming import CANNOT_UNDERSTAND, OUT_OF_RESOURCES, IncomingObject, RefusedError, Subject
from dicom_node.web.multipart import Head, MultipartError, Parts
from dicom_node.web.problems import ProblemError
from dicom_node.web.store_report import StoreReport

log = logs.get(__name__)
router = APIRouter(tags=["STOW-RS"])
Here = Annotated[Context, Depends(context)]
INSTITUTION_HEADER = "hub-institution"
ANSWER_WITHIN = 60.0  # seconds the receive process may take for one object
INDEXED_WITHIN = 2.0  # seconds the answer waits for the index, to tell what was kept aside
PROCESSING_FAILURE = 0x0110  # PS3.7 C.5
_FILE = {"schema": {"type": "string", "format": "binary"}}
_BODY = {"requestBody": {"required": True, "content": {"multipart/related": _FILE, n.DICOM: _FILE}}}


@router.post(WEB + "/studies", openapi_extra=_BODY)
async def store(here: Here, request: Request) -> Response:
    """Store objects of any studies."""
    return await _store(here, request, None)


@router.post(WEB + "/studies/{study}", openapi_extra=_BODY)
async def store_in_study(here: Here, request: Request, study: str) -> Response:
    """Store objects of one study; those of another are refused."""
    if fault := uid_fault(study):
        raise ProblemError("request.invalid", f"study is {fault}")
    return await _store(here, request, study)


async def _store(here: Context, request: Request, study: str | None) -> Response:
    form = n.choose(request, n.DICOM_JSON, n.DICOM_XML)
    institution = await run_in_threadpool(_institution, here, request)
    boundary = _check_head(here, request)
    storing = _Storing(here, request, institution, study)
    report = storing.report
    try:
        if boundary is None:
            await storing.begin({"content-type": n.DICOM})
            async for chunk in _body(here, request):
                await storing.content(chunk)
            await storing.end()
        else:
            await _take_parts(here, request, boundary, storing)
    except ProblemError as problem:
        log.warning("stow.broken", code=problem.code, aet=storing.aet, stored=len(report.kept), failed=report.failures)
        problem.extra["response"] = report.document()
        raise
    except ClientDisconnect:
        log.warning("stow.broken", code="disconnected", aet=storing.aet, stored=len(report.kept), failed=report.failures)
        return Response(status_code=400)  # nobody reads it
    finally:
        storing.discard()
    await run_in_threadpool(_wait_for_index, here.node.database, institution, report)
    log.info("stow", aet=storing.aet, institution=institution, stored=len(report.kept), failed=report.failures)
    return report.response(form)


def _check_head(here: Context, request: Request) -> str | None:
    """The boundary of a multipart body, None for a single object; ProblemError when the body is nothing to read."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ProblemError("store.media", "Content-Encoding is not accepted")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > here.node.settings.store_body_bytes:
        raise ProblemError("store.too_large", f"at most {here.node.settings.store_body_bytes} bytes")
    sent = n.content_type_of(request)
    if sent is None or sent.media_type not in {n.DICOM, "*/*" if sent.multipart else n.DICOM}:
        raise ProblemError("store.media")
    if not sent.multipart:
        return None
    boundary = sent.parameters.get("boundary", "")
    if not boundary:
        raise ProblemError("store.broken", "Content-Type has no boundary")
    return boundary


def _institution(here: Context, request: Request) -> str:
    """Whose the images are: the one institution of the ticket, or the one that is named."""
    named = {*request.query_params.getlist("institution"), *request.headers.getlist(INSTITUTION_HEADER)}
    allowed = here.reader.scope.institutions
    if len(named) > 1 or (not named and (allowed is None or len(allowed) != 1)):
        raise ProblemError("store.institution")
    if not named and allowed is not None:
        return next(iter(allowed))
    name = named.pop()
    if allowed is not None and name not in allowed:
        raise ProblemError("store.institution", "not an institution of this ticket")
    if allowed is None and name not in here.node.devices.institutions() and not _has_images(here.node.database, name):
        raise ProblemError("store.institution", "no such institution")
    return name


def _has_images(database: Database, institution: str) -> bool:
    return bool(database.rows("SELECT 1 FROM study WHERE institution = ? LIMIT 1", [institution]))


async def _body(here: Context, request: Request) -> AsyncIterator[bytes]:
    """The body's bytes, within the limits of size and silence."""
    settings, size = here.node.settings, 0
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(settings.network_timeout):
                chunk = await anext(stream, None)
        except TimeoutError as error:
            raise ProblemError("store.silent", f"no bytes in {settings.network_timeout:g} s") from error
        if chunk is None:
            return
        size += len(chunk)
        if size > settings.store_body_bytes:
            raise ProblemError("store.too_large", f"at most {settings.store_body_bytes} bytes")
        if chunk:
            yield chunk


async def _take_parts(here: Context, request: Request, boundary: str, storing: _Storing) -> None:
    try:
        parts = Parts(boundary)
        async for chunk in _body(here, request):
            for piece in parts.feed(chunk):
                if piece is None:
                    await storing.end()
                elif isinstance(piece, bytes):
                    await storing.content(piece)
                else:
                    await storing.begin(piece)
        parts.finish()
    except MultipartError as error:
        raise ProblemError("store.broken", str(error)) from error
    if not storing.count:
        raise ProblemError("store.broken", "the body has no parts")


class _Storing:
    """The objects of one request, one after the other."""

    def __init__(self, here: Context, request: Request, institution: str, study: str | None) -> None:
        self._node, self._institution, self._study = here.node, institution, study
        self._address = _address(request)
        self.aet = "web:" + here.reader.username
        self.report = StoreReport(here.base_url, study)
        self.count = 0
        self._object: IncomingObject | None = None
        self._refused: RefusedError | None = None
        self._declared = ""

    async def begin(self, head: Head) -> None:
        """A part begins."""
        self.count += 1
        if self.count > self._node.settings.store_parts:
            raise ProblemError("store.too_large", f"at most {self._node.settings.store_parts} objects")
        self._object, self._refused = IncomingObject(self._node.archive), None
        self._declared = head.get("content-length", "")
        kind = head.get("content-type", n.DICOM).partition(";")[0].strip().lower()
        coding = head.get("content-encoding", "identity").lower()
        transfer = head.get("content-transfer-encoding", "binary").lower()
        if kind != n.DICOM:
            self._refused = RefusedError(CANNOT_UNDERSTAND, "the part is not application/dicom")
        elif coding != "identity" or transfer not in {"binary", "8bit", "7bit"}:
            self._refused = RefusedError(CANNOT_UNDERSTAND, "the part is encoded")

    async def content(self, piece: bytes) -> None:
        """The next bytes of the part."""
        if self._object is None or self._refused is not None:
            return
        full = self._object.add(piece)
        if self._object.size > self._node.settings.store_part_bytes:
            raise ProblemError("store.too_large", f"at most {self._node.settings.store_part_bytes} bytes an object")
        if full:
            try:
                await to_thread.run_sync(self._object.flush, limiter=self._node.storing)
            except RefusedError as refused:
                self._refused = refused
                self._object.discard()

    async def end(self) -> None:
        """The part is whole: hand it over."""
        current = self._object
        if current is None:
            return
        if self._refused is None and self._declared and self._declared != str(current.size):
            self._refused = RefusedError(CANNOT_UNDERSTAND, "the part is not as long as its Content-Length")
        if self._refused is None:
            await to_thread.run_sync(self._hand_over, current, limiter=self._node.storing)
        else:
            self.report.failed(current.subject, self._refused.status, self._refused.comment)
        self.discard()

    def _hand_over(self, current: IncomingObject) -> None:
        subject: Subject = current.subject
        try:
            file = current.flush()
            question = {
                "ask": "store", "name": file.name, "sop_class": subject.sop_class, "sop_uid": subject.sop_uid,
                "transfer_syntax": subject.transfer_syntax, "study": self._study, "institution": self._institution,
                "aet": self.aet, "address": self._address,
            }  # fmt: skip
            answer = link.ask(self._node.run_folder, question, ANSWER_WITHIN, name=link.STORE_SOCKET)
        except RefusedError as refused:
            self.report.failed(subject, refused.status, refused.comment)
            return
        except link.LinkError:
            self.report.failed(subject, OUT_OF_RESOURCES, "the receive process does not answer, send again")
            return
        if answer.get("status") == 0:
            self.report.stored(subject, file.digest, answer.get("study_uid"), answer.get("series_uid"))
        else:
            self.report.failed(subject, answer.get("status", PROCESSING_FAILURE), answer.get("comment", "processing failed"))

    def discard(self) -> None:
        """Forget the part in hand; nothing of it stays under its temporary name."""
        if self._object is not None:
            self._object.discard()
            self._object = None


def _address(request: Request) -> str:
    """The client's address: what the nearest proxy saw, else the peer of the connection."""
    last = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(last))
    except ValueError:
        return request.client.host if request.client else ""


def _wait_for_index(database: Database, institution: str, report: StoreReport) -> None:
    """Mark what the index keeps aside: other bytes under a known UID, a study of somebody else, an unreadable header, a rejected image.

    A rejection note that is not shown itself was taken all the same.
    """
    missing = {kept.digest for kept in report.kept}
    deadline = time.monotonic() + INDEXED_WITHIN
    while missing:
        asked = sorted(missing)
        rows = database.rows(
            "SELECT digest, visible OR rejected_by = arrival AS visible FROM instance WHERE sop_uid IN (SELECT unnest(?::VARCHAR[])) AND institution = ? "
            "UNION ALL SELECT digest, false FROM quarantine WHERE digest IN (SELECT unnest(?::VARCHAR[])) AND institution = ?",
            [sorted({kept.subject.sop_uid for kept in report.kept}), institution, asked, institution],
        )
        for row in rows:
            if row["digest"] in missing and not row["visible"]:
                report.aside.add(row["digest"])
            missing.discard(row["digest"])
        if missing and time.monotonic() > deadline:
            return
        if missing:
            time.sleep(0.05)
