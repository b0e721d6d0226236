"""What each kind of measurement is in DICOM: the concept of its value, the shape of its geometry, and its units. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

SCHEME = "99RADHUB"
"""Coding scheme of this project (PS3.16 8.2: private schemes begin with 99): one code for each kind, as the measurement's method."""

Shape = Literal["point", "path", "pairs", "ellipse", "parallelogram", "polygon"]


@dataclass(frozen=True)
class Kind:
    """One kind of measurement."""

    meaning: str
    concept: Code
    shape: Shape
    """`path`: one open line; `pairs`: lines of two points; the last three are regions (TID 1410)."""

    @property
    def region(self) -> bool:
        """Whether it encloses pixels."""
        return self.shape in {"ellipse", "parallelogram", "polygon"}


VALUE = Code("pixel-value", SCHEME, "Pixel value")
KINDS: dict[str, Kind] = {
    "probe": Kind("Value of one pixel", VALUE, "point"),
    "length": Kind("Distance of two points", codes.SCT.Length, "path"),
    "polyline": Kind("Length along a line of several points", codes.SCT.Length, "path"),
    "angle": Kind("Angle at the middle of three points", codes.SCT.Angle, "path"),
    "cobb": Kind("Angle between two end plates", codes.SCT.CobbAngle, "pairs"),
    "ratio": Kind("Shorter of two lines over the longer", codes.SCT.Ratio, "pairs"),
    "cardiothoracic": Kind(
        "Width of the heart over width of the thorax", Code("cardiothoracic-ratio", SCHEME, "Cardiothoracic ratio"), "pairs"
    ),
    "ellipse": Kind("Ellipse", codes.SCT.Area, "ellipse"),
    "rectangle": Kind("Rectangle", codes.SCT.Area, "parallelogram"),
    "polygon": Kind("Polygon", codes.SCT.Area, "polygon"),
}
"""Kinds of apps/viewer/measure/kinds.ts by name. A kind that is not here is left out of an export, and the export says so."""

UNITS: dict[str, Code] = {
    "mm": codes.UCUM.Millimeter,
    "mm²": codes.UCUM.SquareMillimeter,
    # annotations in braces do not change a unit (UCUM 2.3): a length at the detector stays one that says so
    "mm (detector)": Code("mm{detector}", "UCUM", "mm at the detector"),
    "mm² (detector)": Code("mm2{detector}", "UCUM", "mm² at the detector"),
    "mm (US)": codes.UCUM.Millimeter,
    "mm² (US)": codes.UCUM.SquareMillimeter,
    "px": Code("{pixels}", "UCUM", "pixels"),
    "px²": Code("{square pixels}", "UCUM", "square pixels"),
    "°": codes.UCUM.Degree,
    "": codes.UCUM.NoUnits,
    "HU": codes.UCUM.HounsfieldUnit,
    "GY": Code("Gy", "UCUM", "Gy"),
}
STATISTICS: dict[str, Code] = {
    "mean": codes.SCT.Mean,
    "sd": codes.SCT.StandardDeviation,
    "min": codes.SCT.Minimum,
    "max": codes.SCT.Maximum,
}
"""Values of the pixels in a region, as derivations of the pixel value."""


def method_of(name: str) -> Code:
    """The kind as the measurement method of its group (SCT 370129005)."""
    return Code(name, SCHEME, KINDS[name].meaning)


def unit_of(name: str) -> Code:
    """The unit a viewer writes, in UCUM; an unknown one (of pixel values) is its own annotation, so that no number changes its meaning."""
    plain = "".join(letter for letter in name if 32 < ord(letter) < 127 and letter not in "{}")
    return UNITS.get(name) or Code("{" + (plain[:14] or "unit") + "}", "UCUM", name[:64])
