"""Pictures that people or pages hand in: PNG or JPEG, decided and checked from the bytes. Pure."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass

from PIL import Image

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}


class PictureError(ValueError):
    """The bytes are no picture that can be kept; the message says why."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken: most bytes, and pixels of the sides."""

    largest: int
    shortest_side: int
    longest_side: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What was found by decoding the bytes."""

    digest: str
    media_type: str
    width: int
    height: int


def _fault_of(image: Image.Image, limits: Limits) -> str | None:
    """Return why an opened picture is not kept, from its header alone."""
    if min(image.size) < limits.shortest_side or max(image.size) > limits.longest_side:
        return f"{image.width}×{image.height}: sides must be {limits.shortest_side} to {limits.longest_side} pixels"
    return None if image.format in MEDIA_TYPES and getattr(image, "n_frames", 1) == 1 else "has more than one frame"


def picture_of(content: bytes, limits: Limits) -> Picture:
    """Decode a whole PNG or JPEG; raise PictureError for anything else. The size is looked at before the pixels are."""
    if len(content) > limits.largest:
        raise PictureError(f"larger than {limits.largest} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=tuple(MEDIA_TYPES)) as image:
                fault = _fault_of(image, limits)
                if fault is None:
                    image.load()
                width, height, kind = image.width, image.height, image.format or ""
    except Exception as error:  # a broken file raises whatever its decoder meets
        raise PictureError("is no PNG or JPEG that can be decoded") from error
    if fault is not None:
        raise PictureError(fault)
    return Picture(hashlib.sha256(content).hexdigest(), MEDIA_TYPES[kind], width, height)
