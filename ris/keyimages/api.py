"""Routes of key images."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from ris.access.guard import Db, Needs
from ris.access.scope import Caller
from ris.keyimages import service
from ris.keyimages.model import KeyPicture
from ris.keyimages.rules import LARGEST_PICTURE, LONGEST_CAPTION
from ris.problems import Problem

router = APIRouter(tags=["key images"])
Uid = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z._-]+$")]
KeyImageId = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{8,64}$")]
PICTURES: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}, "image/jpeg": {}}}}


class ShownWindow(BaseModel):
    """Window of a picture (PS3.3 C.11.2)."""

    center: FiniteFloat
    width: FiniteFloat
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] = "LINEAR"


Place = Annotated[list[FiniteFloat], Field(min_length=3, max_length=3)]
"""LPS mm, or a direction."""


class ShownSlab(BaseModel):
    """Thickness (mm) of a computed picture, and what is drawn of it."""

    mode: Literal["mean", "max", "min"]
    thickness: FiniteFloat = Field(gt=0, le=1000)


class ShownPlane(BaseModel):
    """A computed plane: to the right and down on an upright picture, and a place in the middle of the view."""

    made: Literal["mpr"]
    plane: Literal["axial", "coronal", "sagittal"]
    row: Place
    column: Place
    through: Place
    slab: ShownSlab | None = None


class ShownCurve(BaseModel):
    """A CPR: its curve by the points a reader set, mm across it, and degrees about it."""

    made: Literal["cpr"]
    points: list[Place] = Field(min_length=2, max_length=1000)
    mode: Literal["straightened", "stretched"]
    width: FiniteFloat = Field(ge=10, le=200)
    angle: int = Field(ge=0, lt=360)
    slab: ShownSlab | None = None


class ShownBend(BaseModel):
    """How a template's opacity was moved by hand."""

    shift: FiniteFloat
    stretch: FiniteFloat = Field(gt=0)


class ShownRendering(BaseModel):
    """A volume rendering: from where it was seen (parallel), mm of the patient from top to bottom, template, and the box that was left of it."""

    made: Literal["rendering"]
    onward: Place
    up: Place
    centre: Place
    height: FiniteFloat = Field(gt=0)
    template: str = Field(max_length=32, pattern=r"^[a-z0-9-]+$")
    bend: ShownBend
    crop: Annotated[list[Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)]], Field(min_length=3, max_length=3)]


class KeyReference(BaseModel):
    """What a view showed, as the viewer says it (apps/viewer/keyimages.ts); nothing else is kept."""

    model_config = ConfigDict(extra="ignore")

    study: Uid
    series: Uid
    sop_uid: str = Field(default="", max_length=64, pattern=r"^[0-9A-Za-z._-]*$")
    """'' for what was computed from the series."""
    frame: int = Field(default=0, ge=0, le=10_000_000)
    index: int = Field(default=0, ge=-1, le=10_000_000)
    made: Literal["image", "mpr", "cpr", "rendering"] = "image"
    plane: str | None = Field(default=None, max_length=32, pattern=r"^[a-z]+$")
    reconstruction: Annotated[ShownPlane | ShownCurve | ShownRendering, Field(discriminator="made")] | None = None
    """None for a received image, and for what earlier pages sent."""
    window: ShownWindow | None = None
    gamma: FiniteFloat = 1
    inverted: bool = False
    zoom: FiniteFloat = 1
    rotation: FiniteFloat = 0
    """Clockwise, degrees; after mirroring left and right."""
    mirrored: bool = False

    @model_validator(mode="after")
    def of_one_kind(self) -> Self:
        """What was computed one way did not lie as another does."""
        if self.reconstruction is not None and self.reconstruction.made != self.made:
            raise ValueError("the reconstruction is of another kind")
        return self


class KeyImageText(BaseModel):
    """A key image to keep; `version` is the one that was changed, none for a new one, which brings reference and picture (base64)."""

    version: int | None = Field(default=None, ge=1)
    caption: str = Field(default="", max_length=LONGEST_CAPTION)
    reference: KeyReference | None = None
    picture: str | None = None


def _content(picture: str | None) -> bytes | None:
    if picture is None:
        return None
    # Four characters for three bytes: looked at before anything is decoded.
    if len(picture) > LARGEST_PICTURE // 3 * 4 + 8:
        raise Problem("key_image.no_picture", fields=[{"where": "picture", "what": f"larger than {LARGEST_PICTURE} bytes"}])
    try:
        return base64.b64decode(picture, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Problem("key_image.no_picture", fields=[{"where": "picture", "what": "is not base64"}]) from error


def picture_answer(picture: KeyPicture) -> Response:
    """Return the bytes of a picture as a browser shows them."""
    return Response(picture.content, media_type=picture.media_type, headers={"Cache-Control": "private, no-store"})


@router.get("/exams/{exam_id}/key-images")
def key_images(
    exam_id: int,
    db: Db,
    caller: Annotated[Caller, Depends(Needs("image.view"))],
    removed: Annotated[bool, Query()] = False,
) -> dict[str, Any]:
    """Return the key images of an exam; with `removed` also those that were removed."""
    with db.write() as session:
        return {"rows": service.list_key_images(session, caller.scope("image.view"), caller, exam_id, removed=removed)}


@router.get("/exams/{exam_id}/key-images/{key_image_id}/picture", response_class=Response, responses=PICTURES)
def picture(exam_id: int, key_image_id: KeyImageId, db: Db, caller: Annotated[Caller, Depends(Needs("image.view"))]) -> Response:
    """Return the picture of a key image."""
    with db.read() as session:
        return picture_answer(service.read_picture(session, caller.scope("image.view"), caller, exam_id, key_image_id))


@router.put("/exams/{exam_id}/key-images/{key_image_id}")
def put_key_image(
    exam_id: int, key_image_id: KeyImageId, body: KeyImageText, db: Db, caller: Annotated[Caller, Depends(Needs("report.write"))]
) -> dict[str, Any]:
    """Keep a key image under the id its page gave it; may be sent twice."""
    what = {**body.model_dump(), "picture": _content(body.picture)}
    with db.write() as session:
        return service.put_key_image(session, caller, exam_id, key_image_id, what)


@router.delete("/exams/{exam_id}/key-images/{key_image_id}")
def remove_key_image(
    exam_id: int,
    key_image_id: KeyImageId,
    db: Db,
    caller: Annotated[Caller, Depends(Needs("report.write"))],
    version: Annotated[int | None, Query(ge=1)] = None,
) -> dict[str, Any]:
    """Remove a key image from the exam; may be sent twice. Reports that have it keep it."""
    with db.write() as session:
        return service.remove_key_image(session, caller, exam_id, key_image_id, version)
