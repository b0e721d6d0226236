"""Rules of key images: what a picture must be, and who may change whose. Pure."""

from __future__ import annotations

from ris.pictures import Limits

LARGEST_PICTURE = 2 * 1024 * 1024
"""Bytes."""
LIMITS = Limits(largest=LARGEST_PICTURE, shortest_side=16, longest_side=4096)
"""A viewer sends sides of at most 1600."""
MOST_OF_EXAM = 40
"""Key images of an exam that are not removed, and of a report."""
MOST_EVER = 400
"""With those that were removed: their pictures are kept too."""
LONGEST_CAPTION = 200


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
