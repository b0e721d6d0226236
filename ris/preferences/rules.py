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


DOCUMENTS: dict[str, type[BaseModel]] = {"window-presets": WindowPresets, "viewer-keys": ViewerKeys}
"""Key → shape. A document that was never written is its shape without values."""
