"""What each preference document may hold. A document under another key is refused: nobody would read it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

BIGGEST_DOCUMENT = 64_000
"""Bytes of a document as JSON."""
LARGEST = 1e9

Finite = Annotated[float, Field(allow_inf_nan=False)]


class WindowSetting(BaseModel):
    """A window as the standard writes it (PS3.3 C.11.2.1.2, C.11.2.1.3), in modality values."""

    model_config = ConfigDict(extra="forbid")
    center: Annotated[Finite, Field(ge=-LARGEST, le=LARGEST)]
    width: Annotated[Finite, Field(gt=0, le=LARGEST)]
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] = "LINEAR"


class WindowPreset(BaseModel):
    """One window preset of a reader.

    `modality` empty: every one. `pattern`: of the series description, `*` any text, `?` one character, case ignored; empty: every one.
    `window` null: the window of the image's own header. `automatic`: applied when a series that fits is opened.
    """

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
    modality: Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, max_length=16, pattern=r"^[A-Za-z0-9_ ]*$")] = ""
    pattern: Annotated[str, StringConstraints(strip_whitespace=True, max_length=64)] = ""
    window: WindowSetting | None = None
    gamma: Annotated[Finite, Field(ge=0.2, le=5)] = 1
    automatic: bool = False


class WindowPresets(BaseModel):
    """The window presets of a reader, in the order of their number keys."""

    model_config = ConfigDict(extra="forbid")
    presets: Annotated[list[WindowPreset], Field(max_length=100)] = Field(default_factory=list)


CommandId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
KeyName = Annotated[str, StringConstraints(min_length=1, max_length=24, pattern=r"^[^\s\x00-\x1f]+$|^ $")]


class ViewerKeys(BaseModel):
    """The keys a reader has chosen for commands of the viewer, by id of the command; the others keep their usual ones."""

    model_config = ConfigDict(extra="forbid")
    keys: Annotated[dict[CommandId, Annotated[list[KeyName], Field(max_length=6)]], Field(max_length=200)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def one_meaning(self) -> Self:
        """A key means one command."""
        given = [key for keys in self.keys.values() for key in keys]
        if len(given) != len(set(given)):
            raise ValueError("a key is given to two commands")
        return self


Days = Annotated[int, Field(ge=0, le=45_000)]
"""An age; the oldest is older than anybody."""


class HungSeries(BaseModel):
    """Which series a view shows: most like this one, by what it is called, else by number and place in its study (from 0)."""

    model_config = ConfigDict(extra="forbid")
    description: Annotated[str, StringConstraints(max_length=64)] = ""
    number: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None
    position: Annotated[int, Field(ge=0, le=9999)] = 0


class HungView(BaseModel):
    """What stands in one view.

    `prior`: 0 the exam itself, n its n-th comparable prior, the newest first. `view` curved: a CPR, whose curve belongs to a case.
    `window` null: as the header says. `rotation`: clockwise, degrees, after mirroring left and right.
    """

    model_config = ConfigDict(extra="forbid")
    series: HungSeries
    prior: Annotated[int, Field(ge=0, le=9)] = 0
    view: Literal["images", "axial", "coronal", "sagittal", "rendering", "curved"] = "images"
    window: WindowSetting | None = None
    gamma: Annotated[Finite, Field(ge=0.2, le=5)] = 1
    inverted: bool = False
    rotation: Literal[0, 90, 180, 270] = 0
    mirrored: bool = False


class HangingProtocol(BaseModel):
    """A screen a reader saved, and for which cases: what is empty or null is no condition; ages in days, `age_below` not included."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
    modality: Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, max_length=16, pattern=r"^[A-Za-z0-9_ ]*$")] = ""
    body_part: Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, max_length=16, pattern=r"^[A-Za-z]*$")] = ""
    words: Annotated[str, StringConstraints(strip_whitespace=True, max_length=64)] = ""
    age_from: Days | None = None
    age_below: Days | None = None
    layout: Annotated[str, StringConstraints(pattern=r"^[1-4]x[1-4]$")]
    linked: bool = False
    active: Annotated[int, Field(ge=0, le=15)] = 0
    cells: Annotated[list[HungView | None], Field(min_length=1, max_length=16)]

    @model_validator(mode="after")
    def can_be_hung(self) -> Self:
        """Ages have an order, the views are those of the grid, and one of them is of the exam itself."""
        if self.age_from is not None and self.age_below is not None and self.age_from >= self.age_below:
            raise ValueError("age_from is not below age_below")
        if len(self.cells) != int(self.layout[0]) * int(self.layout[2]) or self.active >= len(self.cells):
            raise ValueError("the grid has another number of views")
        if not any(cell is not None and cell.prior == 0 for cell in self.cells):
            raise ValueError("no view is of the exam itself")
        return self


class HangingProtocols(BaseModel):
    """The hanging protocols of a reader, in the order in which they are tried. `automatic`: one is chosen when a case is opened."""

    model_config = ConfigDict(extra="forbid")
    protocols: Annotated[list[HangingProtocol], Field(max_length=50)] = Field(default_factory=list)
    automatic: bool = True


DOCUMENTS: dict[str, type[BaseModel]] = {"window-presets": WindowPresets, "viewer-keys": ViewerKeys, "hanging-protocols": HangingProtocols}
"""Key → shape. A document that was never written is its shape without values."""
