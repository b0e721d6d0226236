"""What a check of a display says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

ACTION = "display.check"
ENTITY = "workstation"

Item = Literal["patches", "steps", "gradients", "lines", "letters", "geometry", "uniformity"]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)]
Pixels = Annotated[int, Field(ge=1, le=100_000)]


class DisplayCheck(BaseModel):
    """One check by eye: which items of the pattern were seen as they should be. `width`, `height` in device pixels of the display."""

    model_config = ConfigDict(extra="forbid")
    workstation: Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")]
    """Made by the browser of the workstation, which is all that knows it."""
    name: Words = ""
    """What people call it."""
    width: Pixels
    height: Pixels
    ratio: Annotated[float, Field(gt=0, le=16, allow_inf_nan=False)]
    """Device pixels for one CSS pixel."""
    seen: Annotated[dict[Item, bool], Field(min_length=1)]

    @property
    def passed(self) -> bool:
        """Whether everything was seen."""
        return all(self.seen.values())
