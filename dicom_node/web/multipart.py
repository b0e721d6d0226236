"""A multipart body (RFC 2046 5.1) taken apart as it arrives: no part is ever held whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_BOUNDARY = 70  # RFC 2046 5.1.1
MAX_HEAD = 16 << 10  # bytes of one part's header fields
MAX_OUTSIDE = 64 << 10  # bytes before the first part or on a delimiter's line
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]\Z")

Head = dict[str, str]
Piece = Head | bytes | None
"""Header fields begin a part, bytes are its content, None ends it."""


class MultipartError(ValueError):
    """The bytes are no multipart body; the message says where it broke."""


class Parts:
    """Takes chunks, gives pieces; memory is one chunk and one part's header fields."""

    def __init__(self, boundary: str) -> None:
        if len(boundary) > MAX_BOUNDARY or not _BOUNDARY.match(boundary):
            raise MultipartError("the boundary is not one of RFC 2046")
        self._mark = b"\r\n--" + boundary.encode("ascii")
        self._rest = b"\r\n"  # so that the first delimiter may stand at the very beginning
        self._state = self._preamble
        self._outside = 0
        self.ended = False

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """The pieces that `chunk` completes. MultipartError: nothing after it can be trusted."""
        self._rest += chunk
        while (pieces := self._state()) is not None:
            yield from pieces

    def finish(self) -> None:
        """The body has ended: MultipartError when its last delimiter has not been seen."""
        if not self.ended:
            raise MultipartError("the body ends without its last boundary")

    def _preamble(self) -> list[Piece] | None:
        at = self._rest.find(self._mark)
        if at < 0:
            keep = len(self._mark) - 1
            self._drop(len(self._rest) - keep)
            return None
        self._drop(at + len(self._mark))
        self._outside, self._state = 0, self._delimiter
        return []

    def _drop(self, count: int) -> None:
        """Forget bytes outside the parts; there may not be many."""
        if count > 0:
            self._rest = self._rest[count:]
            self._outside += count
            if self._outside > MAX_OUTSIDE:
                raise MultipartError("the first boundary is not found")

    def _delimiter(self) -> list[Piece] | None:
        """What follows a boundary: `--` ends the body, the end of the line begins a part."""
        if len(self._rest) < 2:
            return None
        if self._rest.startswith(b"--"):
            self.ended, self._rest, self._state = True, b"", self._epilogue
            return []
        end = self._rest.find(b"\r\n")
        if end < 0 and len(self._rest) <= 200:
            return None
        if end < 0 or self._rest[:end].strip(b" \t"):
            raise MultipartError("a boundary is followed by something else than the end of its line")
        self._rest, self._state = self._rest[end:], self._head
        return []

    def _head(self) -> list[Piece] | None:
        end = self._rest.find(b"\r\n\r\n", 0, MAX_HEAD + 4)
        if end < 0:
            if len(self._rest) > MAX_HEAD:
                raise MultipartError("the header fields of a part are too long")
            return None
        head: Head = {}
        for line in self._rest[2:end].split(b"\r\n") if end else []:
            name, colon, value = line.partition(b":")
            if not colon or not name.strip() or name.strip() != name:
                raise MultipartError("a header field of a part is malformed")
            head[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
        # the empty line's own end may be the beginning of the next boundary: a part without content
        self._rest, self._state = self._rest[end + 2 :], self._first
        return [head]

    def _first(self) -> list[Piece] | None:
        if self._rest.startswith(self._mark):
            self._rest, self._state = self._rest[len(self._mark) :], self._delimiter
            return [None]
        if len(self._rest) < len(self._mark) and self._mark.startswith(self._rest):
            return None
        self._rest, self._state = self._rest[2:], self._content
        return []

    def _content(self) -> list[Piece] | None:
        at = self._rest.find(self._mark)
        if at < 0:
            count = len(self._rest) - len(self._mark) + 1
            if count <= 0:
                return None
            content, self._rest = self._rest[:count], self._rest[count:]
            # nothing more can be found in what is left until the next chunk comes
            return [content]
        content, self._rest = self._rest[:at], self._rest[at + len(self._mark) :]
        self._state = self._delimiter
        return [content, None] if content else [None]

    def _epilogue(self) -> list[Piece] | None:
        self._rest = b""
        return None
