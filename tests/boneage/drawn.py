"""Hands as a child would draw them, for a bone-age atlas and a film of tests and pictures: no real atlas is anywhere in this project."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from pydicom.dataset import Dataset

from tests.cardiothoracic.dicom import radiograph_image
from tests.cardiothoracic.phantom import Device, Radiograph

SIZE = (600, 800)
FINGERS = ((-62, 210), (-24, 250), (0, 265), (22, 245), (42, 195))
"""Angle from the upright and length of each finger; the thumb first."""
NAME = "试验图谱"
NAME_EN = "Trial atlas"


def hand(months: int, sex: str, *, note: bool = True) -> Image.Image:
    """A left hand from behind: the older, the larger, with more bones in the wrist and narrower growth plates."""
    picture = Image.new("L", SIZE, 8)
    draw = ImageDraw.Draw(picture)
    grown = min(1.0, 0.55 + 0.45 * months / 216)
    palm = (SIZE[0] / 2, SIZE[1] * 0.56)
    for place, (angle, length) in enumerate(FINGERS, -2):
        turn = math.radians(angle)
        away = (math.sin(turn), -math.cos(turn))
        base = 70 if angle == FINGERS[0][0] else 95
        at = base * grown
        for share in (0.42, 0.3, 0.24) if angle != FINGERS[0][0] else (0.5, 0.36):
            bone = length * share * grown
            ends = [(palm[0] + away[0] * (at + along), palm[1] + away[1] * (at + along)) for along in (0, bone)]
            draw.line(ends, fill=205, width=int(26 * grown))
            for x, y in ends:
                draw.ellipse([x - 15 * grown, y - 15 * grown, x + 15 * grown, y + 15 * grown], fill=215)
            at += bone + (24 - 14 * min(1, months / 200)) * grown
        knuckle = (palm[0] + away[0] * (base - 16) * grown, palm[1] + away[1] * (base - 16) * grown)
        draw.line([(palm[0] + place * 17 * grown, palm[1] + 34 * grown), knuckle], fill=195, width=int(17 * grown))
    for number in range(min(8, 1 + months // 14)):
        x, y = palm[0] + (number % 4 - 1.5) * 42 * grown, palm[1] + (60 + number // 4 * 36) * grown
        draw.ellipse([x - 18 * grown, y - 15 * grown, x + 18 * grown, y + 15 * grown], fill=190)
    for side, width in ((-1, 44), (1, 30)):
        x = palm[0] + side * 38 * grown
        draw.rectangle([x - width * grown / 2, palm[1] + 160 * grown, x + width * grown / 2, SIZE[1]], fill=200)
        if months > 12:
            draw.ellipse([x - width * grown / 2, palm[1] + 135 * grown, x + width * grown / 2, palm[1] + 155 * grown], fill=210)
    picture = picture.filter(ImageFilter.GaussianBlur(2))
    if note:
        ImageDraw.Draw(picture).text((16, 14), f"drawn for tests  {sex}  {months} mo", fill=235, font_size=20)
    return picture


def plate(months: int, sex: str, kind: str = "PNG") -> bytes:
    """The bytes of a plate."""
    out = io.BytesIO()
    hand(months, sex).save(out, kind)
    return out.getvalue()


def install(folder: Path, plates: Iterable[tuple[str, int]], more: str = "") -> dict[tuple[str, int], Path]:
    """Put an atlas into the folder of the centre; `more` goes behind its entries. Returns the plates' files."""
    folder.mkdir(parents=True, exist_ok=True)
    lines, files = [f'name = {{ zh = "{NAME}", en = "{NAME_EN}" }}\n'], {}
    for number, (sex, months) in enumerate(plates):
        kind = ("PNG", "JPEG")[number % 2]
        file = folder / f"{sex}-{months:03d}.{kind.lower()}"
        file.write_bytes(plate(months, sex, kind))
        lines.append(f'[[plates]]\nfile = "{file.name}"\nsex = "{sex}"\nmonths = {months}\n')
        files[sex, months] = file
    (folder / "atlas.toml").write_text("\n".join(lines) + more, encoding="utf-8")
    return files


def remove(folder: Path) -> None:
    """Take the atlas away again; the folder stays."""
    for file in folder.iterdir():
        file.unlink()


def film(months: int, study: str, series: str) -> Dataset:
    """The left hand of a child as a CR image."""
    stored = (np.asarray(hand(months, "", note=False), dtype=np.uint16) * 16).astype("<u2")
    device = Device()
    return radiograph_image(Radiograph(stored, False), device, study, series, BodyPartExamined="HAND", ViewPosition="PA")
