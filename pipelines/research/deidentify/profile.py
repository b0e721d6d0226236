"""Table E.1-1 of PS3.15 as `profile.csv` has it, and what becomes of an attribute under the options that are chosen here."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

from pydicom.datadict import dictionary_VR

EDITION = "2026c"
TABLE = Path(__file__).with_name("profile.csv")
REPEATING = (0x50, 0x60)
"""First byte of the groups of curves and overlays; all of them are removed."""
TYPE_2 = frozenset({0x00400555})
"""Acquisition Context Sequence: X/Z in the table, and must be there in every image of CR, DX, MG and the enhanced kinds."""


class Action(Enum):
    """What is done with an attribute."""

    REMOVE = "X"
    EMPTY = "Z"
    DUMMY = "D"
    KEEP = "K"
    """Kept as far as its value representation allows: `attributes.Attributes` says how."""
    CLEAN = "C"
    SHIFT = "S"
    UID = "U"
    WALK = "W"
    """A sequence that stays, its items treated by the same rules."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table; an empty option changes nothing."""

    keyword: str
    basic: str
    dates: str
    patient: str
    descriptors: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done, and what when it cannot be done: a text without an allowed phrase, a date that is none."""

    action: Action
    otherwise: Action = Action.REMOVE


@cache
def table() -> dict[int, Row]:
    """Rows by tag; those of repeating groups are not among them, as all such elements go."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(line for line in file if not line.startswith("#"))
        next(lines)
        return {int(tag, 16): Row(*rest) for tag, *rest in lines if "x" not in tag}


def _basic(tag: int, code: str, *, sequence: bool) -> Action:
    """The action of the basic profile. Where the IOD decides, the one that is valid whatever the attribute's type is in it."""
    if sequence:
        # A dummy of a sequence would be made of what it held: it goes instead.
        # One that may be absent does not stay empty: where it is optional it must have items.
        return Action.WALK if "U" in code else Action.EMPTY if code == "Z" or tag in TYPE_2 else Action.REMOVE
    if code.startswith("U"):
        return Action.UID
    return Action.DUMMY if "D" in code else Action.EMPTY if "Z" in code else Action.REMOVE


@cache
def rule(tag: int) -> Rule:
    """The rule of a standard tag; private, unknown, repeating and command elements, and file meta, are removed."""
    group = tag >> 16
    if group % 2 or group <= 0x0002 or tag & 0xFFFF == 0 or group >> 8 in REPEATING:
        return Rule(Action.REMOVE)
    try:
        sequence = dictionary_VR(tag) == "SQ"
    except KeyError:
        return Rule(Action.REMOVE)
    row = table().get(tag)
    if row is None:
        return Rule(Action.WALK if sequence else Action.KEEP, Action.EMPTY)
    basic = _basic(tag, row.basic, sequence=sequence)
    if sequence:
        return Rule(basic, basic)
    if row.patient == "K":
        return Rule(Action.KEEP, basic)
    if row.dates:
        return Rule(Action.SHIFT, basic)
    if row.descriptors or row.patient == "C":
        return Rule(Action.CLEAN, basic)
    return Rule(basic, basic)
