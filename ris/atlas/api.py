"""Routes of the bone-age atlas. A plate is named by the digest of its bytes: no name of a file is ever asked for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel

from ris.access.guard import PEOPLE, Needs
from ris.access.scope import Caller
from ris.atlas.service import AtlasFolder

router = APIRouter(tags=["atlas"])
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Sex = Literal["M", "F"]
PICTURES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture", "content": {"image/png": {}, "image/jpeg": {}}},
    304: {"description": "The caller has it (`If-None-Match`)"},
}
KEPT = "private, max-age=31536000, immutable"
"""Other bytes have another address."""


class AtlasName(BaseModel):
    """What the centre calls its atlas."""

    zh: str
    en: str


class PlateData(BaseModel):
    """A plate: for whom it stands, and the digest that its picture is asked by."""

    sex: Sex
    months: int
    digest: str


class FaultData(BaseModel):
    """What the operator has to put right: in the whole atlas, or in one entry of `atlas.toml` (counted from 1)."""

    code: str
    entry: int | None
    file: str | None
    words: AtlasName


class AtlasData(BaseModel):
    """The atlas for a sex, the plates from young to old. Not installed: the folder is empty."""

    installed: bool
    name: AtlasName | None
    plates: list[PlateData]
    faults: list[FaultData]


def atlas_of(request: Request) -> AtlasFolder:
    """Return the folder of the running application."""
    folder: AtlasFolder = request.app.state.atlas
    return folder


Folder = Annotated[AtlasFolder, Depends(atlas_of)]
Reader = Annotated[Caller, Depends(Needs("atlas.view", PEOPLE))]


@router.get("/atlas/bone-age")
def bone_age(folder: Folder, _reader: Reader, sex: Annotated[Sex | None, Query()] = None) -> AtlasData:
    """Return the plates for a sex (none given: all), and what is wrong with the atlas."""
    atlas = folder.read()
    return AtlasData(
        installed=atlas.installed,
        name=AtlasName(**atlas.name) if atlas.name else None,
        plates=[
            PlateData(sex="M" if one.sex == "M" else "F", months=one.months, digest=one.picture.digest)
            for one in atlas.plates
            if sex in {None, one.sex}
        ],
        faults=[FaultData(code=one.code, entry=one.entry, file=one.file, words=AtlasName(zh=one.zh, en=one.en)) for one in atlas.faults],
    )


@router.get("/atlas/bone-age/plates/{digest}", response_class=Response, responses=PICTURES)
def plate(digest: Digest, request: Request, folder: Folder, _reader: Reader) -> Response:
    """Return the picture of a plate."""
    content, media_type = folder.content(digest)
    headers = {"ETag": f'"{digest}"', "Cache-Control": KEPT}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if f'"{digest}"' in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
