"""C-FIND of studies, answered in the thread that reads the socket, from the register: most of what workstations ask all day.

Only a request that is whole, plain and has few matches is taken; any other is left unread, and `find` serves it.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dicom_node.index.elements import Elements
from dicom_node.query.find import Plan, fixed_elements, plan
from dicom_node.query.identifiers import AVAILABILITY, LEVEL, Encoder, encoder
from dicom_node.query.matching import QueryError
from dicom_node.query.models import FIND_MODELS
from dicom_node.query.registered import Registered
from dicom_node.query.search import Scope

MOST = 300
"""Matches; more are sent in parts, between which a C-CANCEL is looked for."""
REMEMBERED = 50_000  # identifiers
PLANS = 200
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
Signature = tuple[str, str, frozenset[str]]
"""Transfer syntax, level, tags asked for: all that an identifier's form depends on."""


@dataclass(slots=True)
class _Memory:
    """Identifiers made before, by form, study and stamp."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    values: OrderedDict[tuple[int, int, int], bytes] = field(default_factory=OrderedDict)
    forms: dict[Signature, tuple[int, Encoder]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)  # of forms; none is used twice


class QuickFind:
    """Shared by all associations of the process."""

    def __init__(self, register: Path, aet: str) -> None:
        self._registered, self._aet, self._memory = Registered(register), aet, _Memory()

    def answer(self, sop_class: str, syntax: str, identifier: bytes, extended: bytes, institution: str) -> list[bytes] | None:
        """Encoded identifiers of the matches, newest study first; None: not a question for here."""
        root = FIND_MODELS.get(sop_class)
        if root is None or syntax not in {IMPLICIT, EXPLICIT} or not identifier.isascii() or extended[1:2] == b"\1":
            return None
        try:
            keys = Elements(identifier, 0, len(identifier), explicit=syntax == EXPLICIT).texts()
        except ValueError:
            return None
        level = keys.get(LEVEL, "").strip(" \0")
        if level != "STUDY" or AVAILABILITY in keys:
            return None
        asked = plan(root, level, keys, relational=extended[0:1] == b"\1")
        if isinstance(asked, str):
            return None
        try:
            found = self._registered.find(asked.query, Scope(frozenset({institution})), limit=MOST + 1)
        except QueryError:
            return None
        if found is None or len(found) > MOST:
            return None
        return self._identifiers(found, asked, keys, syntax)

    def _identifiers(self, found: list[tuple[int, int]], asked: Plan, keys: dict[str, str], syntax: str) -> list[bytes] | None:
        form, encode = self._form((syntax, asked.word, frozenset(keys)), asked)
        memory = self._memory
        with memory.lock:
            made = {number: memory.values.get((form, number, stamp)) for number, stamp in found}
        missing = [number for number, value in made.items() if value is None]
        if missing:
            rows = self._registered.read(missing, asked.keys)
            if rows is None or len(rows) != len(missing):
                return None  # a study has changed since it was found
            for number, row in rows.items():
                made[number] = encode(row)
            with memory.lock:
                for number, stamp in found:
                    if (value := made[number]) is not None:
                        memory.values[form, number, stamp] = value
                while len(memory.values) > REMEMBERED:
                    memory.values.popitem(last=False)
        return [value for number, _ in found if (value := made[number]) is not None]

    def _form(self, signature: Signature, asked: Plan) -> tuple[int, Encoder]:
        forms = self._memory.forms
        known = forms.get(signature)
        if known is None:
            fixed = fixed_elements(asked.word, self._aet)
            made = encoder(asked.keys, fixed, explicit=signature[0] == EXPLICIT)
            with self._memory.lock:
                if len(forms) >= PLANS:
                    forms.clear()
                    self._memory.values.clear()
                known = forms[signature] = (next(self._memory.numbers), made)
        return known
