"""Descriptions by a list of allowed words: what is on it stays, everything else goes (option Clean Descriptors)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from pipelines.research.deidentify.identifiers import Identifiers

LIST = Path(__file__).with_name("phrases.txt")
DIGITS = 10
"""Digits that a whole description may have: more may be somebody's number."""
_TOKEN = re.compile(r"[A-Za-z0-9]+(?:\.[0-9]+)?|[㐀-鿿]+|[^\sA-Za-z0-9㐀-鿿]|\s+")
_PIECES = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?")
_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,4})?")
JOINTS = frozenset("_-/+.,:;()[]*&=<>%#' ，、。（）")


@cache
def _words() -> tuple[frozenset[str], frozenset[str], int]:
    """English words, Chinese words, length of the longest Chinese one."""
    lines = (line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    words = {word.casefold() for line in lines for word in line.split()}
    han = frozenset(word for word in words if not word.isascii())
    return frozenset(words - han), han, max(map(len, han))


def _latin(token: str) -> bool:
    """Whether a word or number may stay: itself on the list, or made of words of the list and short numbers."""
    english, _, _ = _words()
    if token.casefold() in english:
        return True
    pieces = _PIECES.findall(token)
    return "".join(pieces) == token and all(
        _NUMBER.fullmatch(piece) if piece[0].isdigit() else piece.casefold() in english for piece in pieces
    )


def _han(text: str) -> list[str]:
    """The words of the list in a run of Chinese characters, the longest first at each place."""
    _, chinese, longest = _words()
    found, at = [], 0
    while at < len(text):
        size = next((n for n in range(min(longest, len(text) - at), 1, -1) if text[at : at + n] in chinese), 0)
        if size:
            found.append(text[at : at + size])
        at += size or 1
    return found


def cleaned(text: str, who: Identifiers) -> str:
    """The text as it is where all of it is allowed, else its allowed words with spaces between; empty when none is."""
    kept: list[str] = []
    whole = True
    for token in _TOKEN.findall(text.strip(" \0")):
        if token.isspace() or token in JOINTS:
            continue
        if token[0].isascii() and token[0].isalnum():
            good = [token] if _latin(token) and not who.within(token) else []
        else:
            good = [word for word in _han(token) if not who.within(word)]
        whole = whole and "".join(good) == token
        kept += good
    result = " ".join(text.split()) if whole and kept else " ".join(kept)
    if sum(map(str.isdigit, result)) > DIGITS or who.within(result):
        return ""
    return result
