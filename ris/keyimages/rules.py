"""Rules of key images: what a picture must be, and who may change whose. Pure."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass

from PIL import Image

LARGEST_PICTURE = 2 * 1024 * 1024
"""Bytes."""
LONGEST_SIDE = 4096
"""Pixels; a viewer sends at most 1600."""
SHORTEST_SIDE = 16
MOST_OF_EXAM = 40
"""Key images of an exam that are not removed, and of a report."""
MOST_EVER = 400
"""With those that were removed: their pictures are kept too."""
LONGEST_CAPTION = 200
MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}


class PictureError(ValueError):
    """The bytes are no picture that can be kept; the message says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What was found by decoding the bytes."""

    digest: str
    media_type: str
    width: int
    height: int


def _fault_of(image: Image.Image) -> str | None:
    """Return why an opened picture is not kept, from its header alone."""
    if min(image.size) < SHORTEST_SIDE or max(image.size) > LONGEST_SIDE:
        return f"{image.width}×{image.height}: sides must be {SHORTEST_SIDE} to {LONGEST_SIDE} pixels"
    return None if image.format in MEDIA_TYPES and getattr(image, "n_frames", 1) == 1 else "has more than one frame"


def picture_of(content: bytes) -> Picture:
    """Decode a whole PNG or JPEG; raise PictureError for anything else. The size is looked at before the pixels are."""
    if len(content) > LARGEST_PICTURE:
        raise PictureError(f"larger than {LARGEST_PICTURE} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=tuple(MEDIA_TYPES)) as image:
                fault = _fault_of(image)
                if fault is None:
                    image.load()
                width, height, kind = image.width, image.height, image.format or ""
    except Exception as error:  # a broken file raises whatever its decoder meets
        raise PictureError("is no PNG or JPEG that can be decoded") from error
    if fault is not None:
        raise PictureError(fault)
    return Picture(hashlib.sha256(content).hexdigest(), MEDIA_TYPES[kind], width, height)


def fault_of_caption(caption: str) -> str | None:
    """Return what is wrong with a caption, None when it can be kept and printed."""
    if len(caption) > LONGEST_CAPTION:
        return f"longer than {LONGEST_CAPTION}"
    try:
        caption.encode()
    except UnicodeEncodeError:
        return "text is not Unicode"
    return "text is not Unicode" if "\x00" in caption else None


def may_change(author: str, report_author: str | None, username: str, operations: frozenset[str]) -> bool:
    """Say whether somebody changes or removes a key image: its author, and the author of the exam's present report.

    `operations` are those he has in the institution of the images.
    """
    return "report.write" in operations and username in {author, report_author}
