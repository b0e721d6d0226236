"""Routes of projects, their tables and studies."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from pipelines.research.projects import ProjectRecord
from pipelines.serving.problems import Problem

if TYPE_CHECKING:
    from pipelines.research.app import Service

Code = Annotated[str, Path(max_length=64, description="项目代码 / code of the project")]
Uid = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$", description="项目内的编号 / UID of this project")]
Name = Annotated[str, Path(pattern=r"^[a-z_]{1,32}$")]
Word = Annotated[str, Field(max_length=64)]
PRIVATE = {"Cache-Control": "private, no-store"}
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


class Asked(BaseModel):
    """Filters of the studies. An unknown name is refused: a misspelt filter must not silently give everything."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    limit: int = Field(default=100, ge=1, le=1000, description="每页行数 / rows of a page")
    after: Annotated[str, Field(pattern=r"^[0-9.]{0,64}$")] = Field(default="", description="上一页的 next / `next` of the page before")
    modality: Word | None = None
    body_part: Word | None = None
    sex: Word | None = None
    age_band: Word | None = None
    institution: Word | None = None
    patient: Word | None = None
    first: date | None = Field(default=None, alias="from", description="平移后的检查日期 / first moved study day")
    last: date | None = Field(default=None, alias="to", description="平移后的检查日期 / last moved study day")
    age_from: int | None = Field(default=None, ge=0, le=120, description="周岁 / whole years")
    age_to: int | None = Field(default=None, ge=0, le=120, description="周岁 / whole years")

    def condition(self) -> tuple[str, list[Any]]:
        """SQL over the columns of `studies`, and its values."""
        compared = [
            ("study_uid > ?", self.after or None), ("modality = ?", self.modality), ("body_part = ?", self.body_part), ("sex = ?", self.sex),
            ("age_band = ?", self.age_band), ("institution = ?", self.institution), ("patient = ?", self.patient),
            ("study_date >= ?", self.first), ("study_date <= ?", self.last), ("age_years >= ?", self.age_from), ("age_years <= ?", self.age_to),
        ]  # fmt: skip
        given = [(text, value) for text, value in compared if value is not None]
        return " AND ".join(["true", *(text for text, _ in given)]), [value for _, value in given]


def said(body: dict[str, Any], status: int = 200) -> JSONResponse:
    """A JSON answer that nothing keeps."""
    return JSONResponse(_plain(body), status, PRIVATE)


def _plain(value: Any) -> Any:
    """Dates as text, at any depth."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


def about(project: ProjectRecord) -> dict[str, Any]:
    """A project as its members see it."""
    return {
        "code": project.code,
        "title": project.title,
        "title_en": project.title_en,
        "purpose": project.purpose,
        "expires_on": project.expires_on.isoformat(),
        "pixels": project.pixels,
        "tables": list(project.tables),
        "least": project.least,
        "cut_on": project.cut_on.isoformat() if project.cut_on else None,
    }


def asked_bytes(request: Request, size: int) -> int:
    """How many bytes of a file an answer to this request will have."""
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if request.method == "HEAD":
        return 0
    if found is None or found.groups() == ("", ""):
        return size
    first, last = found.groups()
    if not first:
        return min(size, int(last))
    return max(0, min(size - 1, int(last) if last else size - 1) - int(first) + 1)


def is_held(request: Request, etag: str) -> bool:
    """Whether the asker says that it has the file already: nothing is given out then."""
    return f'"{etag}"' in request.headers.get("if-none-match", "")


def one_file(request: Request, path: Any, etag: str, media: str, name: str) -> Response:
    """A file with a strong ETag that obeys one Range; several ranges are answered by the whole."""
    headers = {**PRIVATE, "ETag": f'"{etag}"', "Accept-Ranges": "bytes", "Content-Disposition": f'attachment; filename="{name}"'}
    if is_held(request, etag):
        return Response(status_code=304, headers=headers)
    if "," in request.headers.get("range", ""):
        request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
    return FileResponse(path, media_type=media, headers=headers)


def study_summary(study: dict[str, Any], series: list[dict[str, Any]]) -> dict[str, Any]:
    """A study in the form of the node's summary (docs/interfaces.md §5), beside the columns of its row."""
    shown = [
        {
            **one,
            "description": "",
            "body_part": study["body_part"],
            "renderable": one["showable"] > 0,
            "middle_instance": None,
            "warnings": [],
        }
        for one in series
    ]
    child = {"patient_id": study["patient"], "name": study["patient"], "sex": study["sex"], "birth_date": None}
    return {**study, "description": "", "pseudonym": study["patient"], "patient": child, "series": shown}


def router(service: Service) -> APIRouter:
    """The routes, below the prefix of the API."""
    routes = APIRouter(tags=["tables"])
    library = service.library

    @routes.get("/projects", summary="我的项目 / my projects")
    def projects(request: Request) -> JSONResponse:
        """已批准且未到期的项目。 Projects that are approved and not over."""
        if not service.ready:
            raise Problem("research.catching_up")
        caller = service.door.enter(request)
        service.limits.ask(caller.username)
        return said({"projects": [about(project) for project in service.door.projects_of(caller)]})

    @routes.get("/projects/{code}/tables", summary="项目的表 / tables of a project")
    def tables(request: Request, code: Code) -> JSONResponse:
        """表、列、含义与单位，以及因分组过小而未显示的检查数。 Tables, columns, meanings, units; how many studies small groups leave out."""
        project = service.project_of(request, code)
        manifest = library.manifest(project.record)
        listed = [
            {"name": name, **{key: found[key] for key in ("rows", "bytes", "sha256", "columns")}}
            for name in project.record.tables
            if (found := manifest["tables"].get(name))
        ]
        return said({"tables": listed, "told": manifest["told"]})

    @routes.head("/projects/{code}/tables/{name}", include_in_schema=False)
    @routes.get("/projects/{code}/tables/{name}", summary="下载表 / download a table")
    def table(request: Request, code: Code, name: Name) -> Response:
        """Parquet；支持 ETag 与一个 Range。 Parquet; `ETag`, one `Range`."""
        project = service.project_of(request, code)
        path, found = library.table(project.record, name)
        if not is_held(request, found["sha256"]):
            service.release(project, "table", name, asked_bytes(request, found["bytes"]), sha256=found["sha256"][:16])
        return one_file(request, path, found["sha256"], "application/vnd.apache.parquet", f"{code}-{name}.parquet")

    @routes.get("/projects/{code}/studies", summary="检查列表 / studies")
    def studies(request: Request, code: Code, asked: Annotated[Asked, Query()]) -> JSONResponse:
        """按条件列出，`next` 是下一页的 `after`。 By filters; `next` is the `after` of the next page."""
        project = service.project_of(request, code)
        if "studies" not in project.record.tables:
            raise Problem("table.unknown")
        where, values = asked.condition()
        rows = library.rows(project.record, "studies", where, values, "study_uid", asked.limit)
        body = {"studies": rows, "next": rows[-1]["study_uid"] if len(rows) == asked.limit else None}
        answer = said(body)
        service.release(project, "table", "studies", len(answer.body))
        return answer

    @routes.get("/projects/{code}/studies/{study}", summary="一个检查及其序列 / a study with its series")
    def study(request: Request, code: Code, study: Uid) -> JSONResponse:
        """检查与序列的摘要。 Summary of a study and its series."""
        project = service.project_of(request, code)
        found = library.rows(project.record, "studies", "study_uid = ?", [study], "study_uid", 1)
        if not found:
            raise Problem("study.unknown")
        series = library.rows(project.record, "series", "study_uid = ?", [study], "number, series_uid", 10_000)
        answer = said(study_summary(found[0], series))
        service.release(project, "study", study, len(answer.body))
        return answer

    return routes
