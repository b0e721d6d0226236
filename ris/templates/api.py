"""Routes of report templates."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from ris.access.guard import Db, Needs
from ris.access.scope import Caller
from ris.idempotency import Key, once
from ris.templates import service

router = APIRouter(tags=["templates"])


class TemplateText(BaseModel):
    """A template to add, or with its changes (`version` is the one that was read)."""

    name: str = Field(min_length=1, max_length=128)
    modality: str | None = Field(default=None, max_length=16)
    body_part: str | None = Field(default=None, max_length=64)
    findings: str = Field(default="", max_length=60_000)
    impression: str = Field(default="", max_length=60_000)
    public: bool = False
    version: int | None = None


@router.get("/templates")
def templates(
    db: Db,
    caller: Annotated[Caller, Depends(Needs("report.write"))],
    modality: Annotated[str | None, Query(max_length=16)] = None,
    body_part: Annotated[str | None, Query(max_length=64)] = None,
    q: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> dict[str, Any]:
    """Find templates for an exam."""
    with db.read() as session:
        scope = caller.scope("report.write")
        rows = service.list_templates(
            session, scope, caller.username, modality=modality or None, body_part=body_part or None, typed=q, limit=limit
        )
        return {"rows": rows}


@router.post("/templates", status_code=201)
def add_template(body: TemplateText, db: Db, caller: Annotated[Caller, Depends(Needs("template.edit"))], key: Key = None) -> dict[str, Any]:
    """Add a template."""
    what = {"route": "templates", **body.model_dump()}
    done: dict[str, Any] = once(db, caller, key, what, lambda session: service.add_template(session, caller, body.model_dump()))
    return done


@router.put("/templates/{template_id}")
def change_template(
    template_id: int, body: TemplateText, db: Db, caller: Annotated[Caller, Depends(Needs("template.edit"))]
) -> dict[str, Any]:
    """Change a template."""
    with db.write() as session:
        return service.change_template(session, caller, template_id, body.model_dump())


@router.delete("/templates/{template_id}", status_code=204)
def remove_template(template_id: int, db: Db, caller: Annotated[Caller, Depends(Needs("template.edit"))]) -> Response:
    """Remove a template."""
    with db.write() as session:
        service.remove_template(session, caller, template_id)
    return Response(status_code=204)
