"""Markings as softcopy presentation states (PS3.3 A.33): lines and texts on the images, in the window of the header.

One object for the images of a series that are shown alike (rescale, polarity, size). Markings on computed planes belong to no image
and are not in it; the SR document has them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from highdicom import PresentationLUTTransformation, pr
from numpy.typing import NDArray
from PIL import ImageCms
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from pipelines.evidence.markings import MAKER, Drawn, Unexportable

LAYER = "MARKINGS"
UNITS = "PIXEL"


def presentation_states(drawn: Sequence[Drawn], zone: ZoneInfo) -> list[Dataset]:
    """Presentation states of the markings on images of one study, in the order of the first marking of each.

    Unexportable: no marking lies on an image, or the header of an image cannot be made one.
    """
    groups: dict[tuple[Any, ...], list[Drawn]] = defaultdict(list)
    for one in drawn:
        if one.plane is None:
            groups[_alike(one.header)].append(one)
    if not groups:
        raise Unexportable(
            "没有画在图像上的标注可以导出（重建平面上的标注请用 SR 导出）| no marking lies on an image: export those on planes as SR"
        )
    series = generate_uid(prefix=None)
    return [_state(list(group), series, number, zone) for number, group in enumerate(groups.values(), 1)]


def inverse(header: Dataset) -> bool:
    """Whether least values are drawn white: Presentation LUT Shape where given, else the Photometric Interpretation (PS3.3 C.11.6)."""
    shape = str(header.get("PresentationLUTShape") or "").upper()
    return shape == "INVERSE" if shape in {"IDENTITY", "INVERSE"} else header.get("PhotometricInterpretation") == "MONOCHROME1"


def _alike(header: Dataset) -> tuple[Any, ...]:
    several = header.SOPInstanceUID if "PerFrameFunctionalGroupsSequence" in header else ""
    named = ("SeriesInstanceUID", "Rows", "Columns", "SamplesPerPixel", "RescaleSlope", "RescaleIntercept", "RescaleType", "PixelSpacing")
    return (*(str(header.get(name)) for name in named), inverse(header), several)


def _state(group: list[Drawn], series: str, number: int, zone: ZoneInfo) -> Dataset:
    headers = list({one.header.SOPInstanceUID: one.header for one in group}.values())
    layer = pr.GraphicLayer(LAYER, order=1, description="Measurements")
    common: dict[str, Any] = {
        "referenced_images": headers,
        "series_instance_uid": series,
        "series_number": 9902,
        "sop_instance_uid": generate_uid(prefix=None),
        "instance_number": number,
        "manufacturer": MAKER,
        "manufacturer_model_name": MAKER,
        "software_versions": version("highdicom"),
        "device_serial_number": "1",
        "series_description": "Measurements",
        "content_label": LAYER,
        "content_description": "Measurements",
        "content_creator_name": group[0].person if len({one.author for one in group}) == 1 else None,
        "graphic_layers": [layer],
        "graphic_annotations": [_annotation(one, layer) for one in group],
        "specific_character_set": "ISO_IR 192",
    }
    grey = headers[0].get("SamplesPerPixel", 1) == 1
    try:
        if grey:
            shape = PresentationLUTTransformation(presentation_lut_shape="INVERSE" if inverse(headers[0]) else "IDENTITY")
            state: Dataset = pr.GrayscaleSoftcopyPresentationState(**common, presentation_lut_transformation=shape)
        else:
            state = pr.ColorSoftcopyPresentationState(**common, icc_profile=_srgb())
    except (ValueError, AttributeError, KeyError) as error:
        raise Unexportable("图像文件头不完整，无法生成 GSPS | the image header is not complete enough for a presentation state") from error
    now = datetime.now(zone)
    state.PresentationCreationDate, state.PresentationCreationTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    spacing = headers[0].get("PixelSpacing")
    if spacing is not None and len(spacing) == 2 and all(part > 0 for part in spacing):
        for area in state.DisplayedAreaSelectionSequence:
            area.PresentationPixelSpacing = list(spacing)
            del area.PresentationPixelAspectRatio
    return state


def _srgb() -> bytes:
    """The profile that PS3.3 C.11.15 wants also where the image has none: sRGB, of the class of input devices (ICC.1 7.2.5)."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:12] + b"scnr" + profile[16:]


def _annotation(one: Drawn, layer: pr.GraphicLayer) -> pr.GraphicAnnotation:
    graphic = {"point": "POINT", "ellipse": "ELLIPSE"}.get(one.kind.shape, "POLYLINE")
    known: dict[str, Any] = {"units": UNITS, "tracking_id": one.id, "tracking_uid": one.uid}
    lines = one.lines
    # highdicom takes no place outside the picture, where a hand may well draw: it is given a place inside, then what was drawn
    objects = [pr.GraphicObject(graphic_type=graphic, graphic_data=_inside(line, one.header), **known) for line in lines]
    text = pr.TextObject(text_value=label(one), anchor_point=tuple(_inside(lines[0][:1], one.header)[0]), **known)
    made = pr.GraphicAnnotation(
        referenced_images=[one.header], graphic_layer=layer, referenced_frame_number=one.frame, graphic_objects=objects, text_objects=[text]
    )
    for item, line in zip(made["GraphicObjectSequence"].value, lines, strict=True):
        item.GraphicData = [float(part) for part in line.ravel()]
    made["TextObjectSequence"].value[0].AnchorPoint = [float(part) for part in lines[0][0]]
    return made


def _inside(line: NDArray[np.float64], header: Dataset) -> NDArray[np.float64]:
    return np.clip(line, 0, [header.Columns, header.Rows])


def label(one: Drawn) -> str:
    """Value and unit as they stand beside the line; `-` where there is none."""
    value, unit = one.measurement.get("value"), str(one.measurement.get("unit") or "")
    if isinstance(value, list | tuple):
        return " ".join(f"{part:g}" for part in value)
    if value is None:
        return "-"
    return f"{value:.2f} {unit}".strip() if abs(value) < 10 and not float(value).is_integer() else f"{value:.1f} {unit}".strip()
