"""Routes of the results that are sent back."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from pipelines.research.access import Project
from pipelines.research.results import told
from pipelines.research.tables_api import Code, Uid, asked_bytes, one_file, said
from pipelines.serving.problems import Problem

if TYPE_CHECKING:
    from pipelines.research.app import Service

DICOM = {"content": {"application/dicom": {"schema": {"type": "string", "format": "binary"}}}, "required": True}


async def _received(request: Request, fresh: FilePath, most: int) -> None:
    """The body of a request in a file of its own."""
    size = 0
    with fresh.open("xb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise Problem("result.too_large")
            await asyncio.to_thread(file.write, chunk)


def router(service: Service) -> APIRouter:
    """The routes, below the prefix of the API."""
    routes = APIRouter(tags=["results"])
    incoming = service.settings.data / "results" / ".incoming"

    def take(project: Project, fresh: FilePath) -> tuple[dict[str, Any], bool]:
        identities = service.identities(project.code)
        return service.results.take(project.code, project.pseudonyms, identities, project.username, fresh)

    @routes.post("/projects/{code}/results", status_code=201, summary="提交结果 / send a result", openapi_extra={"requestBody": DICOM})
    async def send(request: Request, code: Code) -> JSONResponse:
        """One DICOM object (SEG, SR) that refers to the project's own UIDs only; kept apart as *not confirmed*. The same again is 200.

        一个 DICOM 对象（SEG、SR），只能引用本项目的编号；单独保存，状态为“未确认”。重复提交同一对象得到 200。
        """
        project = await asyncio.to_thread(service.project_of, request, code)
        await asyncio.to_thread(service.library.manifest, project.record)
        incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = incoming / secrets.token_hex(12)
        try:
            await _received(request, fresh, service.settings.result_bytes)
            row, new = await asyncio.to_thread(take, project, fresh)
        finally:
            fresh.unlink(missing_ok=True)
        if new:
            detail = {"study": row["study_uid"], "modality": row["modality"]}
            await asyncio.to_thread(service.releases.note, project.username, "research.result", "result", row["sop_uid"], code, **detail)
        return said(row, 201 if new else 200)

    @routes.get("/projects/{code}/results", summary="已提交的结果 / results")
    def listed(
        request: Request,
        code: Code,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        after: Annotated[str, Query(pattern=r"^[0-9.]{0,64}$")] = "",
    ) -> JSONResponse:
        """均为未确认；`next` 是下一页的 `after`。 None is confirmed; `next` is the `after` of the next page."""
        project = service.project_of(request, code)
        rows = service.store.results(project.code, after, limit)
        return said({"results": [told(row) for row in rows], "next": rows[-1]["sop_uid"] if len(rows) == limit else None})

    @routes.head("/projects/{code}/results/{sop}", include_in_schema=False)
    @routes.get("/projects/{code}/results/{sop}", summary="下载结果 / download a result")
    def one(request: Request, code: Code, sop: Uid) -> Response:
        """DICOM 文件；支持 ETag 与一个 Range。 The object (PS3.10); `ETag`, one `Range`."""
        project = service.project_of(request, code)
        row = service.store.result(project.code, sop)
        if row is None:
            raise Problem("result.unknown")
        service.release(project, "result", sop, asked_bytes(request, row["bytes"]))
        return one_file(request, service.results.path(project.code, sop), row["sha256"], "application/dicom", f"{sop}.dcm")

    return routes
