"""What each kind of measurement is in DICOM: the concept of its value, the shape of its geometry, and its units. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

SCHEME = "99RADHUB"
"""Coding scheme of this project (PS3.16 8.2: private schemes begin with 99): one code for each kind, as the measurement's method."""

Shape = Literal["point", "lines", "ellipse", "parallelogram", "polygon", "box", "circle"]


@dataclass(frozen=True)
class Kind:
    """One kind of measurement."""

    meaning: str
    concept: Code
    shape: Shape
    """`parallelogram`: a corner, its two neighbours, the opposite one; `box`: two opposite corners; `circle`: middle and a point on it."""
    parts: tuple[tuple[int, ...], ...] = ()
    """Of `lines`: positions of the points that each line joins; none: one line through all."""
    note: bool = False
    """It says words instead of a value."""

    @property
    def beside(self) -> bool:
        """Whether its geometry is the region of its group (TID 1410), and not what one of its values was read from (TID 1501)."""
        return self.note or self.shape in {"ellipse", "parallelogram", "polygon"}


def _own(value: str, meaning: str) -> Code:
    return Code(value, SCHEME, meaning)


VALUE = _own("pixel-value", "Pixel value")
NOTE = _own("note", "Annotation")
TWO = ((0, 1), (2, 3))
KINDS: dict[str, Kind] = {
    "probe": Kind("Value of one pixel", VALUE, "point"),
    "length": Kind("Distance of two points", codes.SCT.Length, "lines"),
    "polyline": Kind("Length along a line of several points", codes.SCT.Length, "lines"),
    "angle": Kind("Angle at the middle of three points", codes.SCT.Angle, "lines"),
    "cobb": Kind("Angle between two end plates", codes.SCT.CobbAngle, "lines", TWO),
    "ratio": Kind("Shorter of two lines over the longer", codes.SCT.Ratio, "lines", TWO),
    "cardiothoracic": Kind(
        "Width of the heart over width of the thorax", _own("cardiothoracic-ratio", "Cardiothoracic ratio"), "lines", TWO
    ),
    "ellipse": Kind("Ellipse", codes.SCT.Area, "ellipse"),
    "rectangle": Kind("Rectangle", codes.SCT.Area, "parallelogram"),
    "polygon": Kind("Polygon", codes.SCT.Area, "polygon"),
    "lasso": Kind("Outline led along edges", codes.SCT.Area, "polygon"),
    "rectangle_annotation": Kind("Rectangle with words", NOTE, "box", note=True),
    "circle_annotation": Kind("Circle with words", NOTE, "circle", note=True),
    "arrow": Kind("Arrow: its tip, then its tail", NOTE, "lines", note=True),
    "freehand": Kind("Line drawn by hand", NOTE, "lines", note=True),
    "text": Kind("Words at a place", NOTE, "point", note=True),
    "calibration": Kind("Line of known length", _own("known-length", "Known length"), "lines"),
    "acetabular_index": Kind("Acetabular index", _own("acetabular-index", "Acetabular index"), "lines", ((0, 1), (0, 2), (1, 3))),
    "graf": Kind("Angles of Graf", _own("graf-angle", "Graf angle"), "lines", ((0, 1), (2, 3), (4, 5))),
    "leg_length": Kind("Lengths of the legs", _own("leg-length", "Leg length"), "lines", ((0, 1, 2), (3, 4, 5))),
}
"""Kinds of apps/viewer/measure/kinds.ts by name. A kind that is not here is left out of an export, and the export says so."""

UNITS: dict[str, Code] = {
    "mm": codes.UCUM.Millimeter,
    "mm²": codes.UCUM.SquareMillimeter,
    # annotations in braces do not change a unit (UCUM 2.3): a length at the detector stays one that says so
    "mm (detector)": Code("mm{detector}", "UCUM", "mm at the detector"),
    "mm² (detector)": Code("mm2{detector}", "UCUM", "mm² at the detector"),
    "mm (calibrated)": Code("mm{calibrated}", "UCUM", "mm by a line of known length"),
    "mm² (calibrated)": Code("mm2{calibrated}", "UCUM", "mm² by a line of known length"),
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
