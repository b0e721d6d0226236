"""Who may do what, on whose rows: plain tables and pure functions. Everything not named here is denied.

Vocabulary: an *assignment* is (role, institution). A role gives *operations*. Where the institution is the centre
the operations reach all institutions, else only that one: this is the *data scope*, kept per operation, so that a
radiologist of hospital A who is a clinician of hospital B writes no reports in B.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

CLINICAL_VIEW = frozenset({"exam.view", "report.view", "image.view", "knowledge.view"})

OPERATIONS: dict[str, frozenset[str]] = {
    "radiologist": CLINICAL_VIEW | {"atlas.view", "report.write", "marking.edit", "template.edit"},
    "reviewer": CLINICAL_VIEW | {"atlas.view", "report.write", "report.review", "marking.edit", "template.edit", "knowledge.edit"},
    "technician": CLINICAL_VIEW | {"exam.perform", "study.link", "image.store"},
    "registrar": CLINICAL_VIEW | {"exam.register", "order.place", "study.link"},
    "clinician": CLINICAL_VIEW | {"atlas.view"},
    "nurse": CLINICAL_VIEW,
    "administrator": frozenset(
        {
            "exam.view",
            "report.view",
            "image.view",
            "knowledge.view",
            "knowledge.edit",
            "statistics.view",
            "account.manage",
            "audit.view",
            "catalogue.edit",
            "project.manage",
        }
    ),
    "operator": frozenset({"system.operate"}),
    "researcher": frozenset({"research.use"}),
    "patient": frozenset({"own.view"}),
}
"""Role → operations."""

SERVICE_OPERATIONS: dict[str, frozenset[str]] = {
    "hub": frozenset(),
    "pages": frozenset({"feed.follow"}),
    "mart": frozenset({"feed.follow"}),
    "research": frozenset({"feed.follow", "audit.write", "image.view"}),
    "followers": frozenset({"feed.follow", "node.annotate", "audit.write", "study.link"}),
}
"""Service → operations; a service that is not here has none."""

WITHOUT_ROWS = frozenset({"operator", "researcher", "patient"})
"""Roles whose data scope is empty wherever they are."""

ROLE_NAMES: dict[str, tuple[str, str]] = {
    "radiologist": ("放射科医生", "Radiologist"),
    "reviewer": ("审核医生", "Reviewer"),
    "technician": ("技师", "Technician"),
    "registrar": ("登记员", "Registrar"),
    "clinician": ("临床医生", "Clinician"),
    "nurse": ("护士", "Nurse"),
    "administrator": ("管理员", "Administrator"),
    "operator": ("运维", "Operator"),
    "researcher": ("科研人员", "Researcher"),
    "patient": ("患者", "Patient"),
}

DESKS: dict[str, tuple[str, ...]] = {
    "radiologist": ("reading", "knowledge"),
    "reviewer": ("reading", "knowledge"),
    "administrator": ("statistics", "knowledge"),
    "registrar": ("registration",),
    "technician": ("technician",),
    "clinician": ("clinical", "knowledge"),
    "nurse": ("clinical", "knowledge"),
    "operator": ("operations",),
    "researcher": ("research",),
    "patient": ("patient",),
}
"""Role → desks, the first is where it lands. The order of roles decides for somebody with several."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role in an institution; `centre` when the institution is the reading centre."""

    role: str
    institution: str
    centre: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """Institutions without a database: all of them, or the codes."""

    everywhere: bool = False
    codes: frozenset[str] = frozenset()

    def covers(self, institution: str) -> bool:
        """Say whether rows of the institution are inside."""
        return self.everywhere or institution in self.codes

    def claim(self) -> tuple[str, ...]:
        """Return it as a ticket says it."""
        return ("*",) if self.everywhere else tuple(sorted(self.codes))


def operations_of(assignments: Iterable[Assignment]) -> frozenset[str]:
    """Return all operations of all assignments."""
    return frozenset().union(*(OPERATIONS.get(one.role, frozenset()) for one in assignments))


def reach_of(assignments: Iterable[Assignment], operation: str | None = None) -> Reach:
    """Return the institutions in which `operation` may be done; None: whose rows may be read at all."""
    codes: set[str] = set()
    for one in assignments:
        if one.role in WITHOUT_ROWS or one.role not in OPERATIONS:
            continue
        if operation is not None and operation not in OPERATIONS[one.role]:
            continue
        if one.centre:
            return Reach(everywhere=True)
        codes.add(one.institution)
    return Reach(codes=frozenset(codes))


def desks_of(assignments: Iterable[Assignment]) -> tuple[str, ...]:
    """Return the desks an account may open, the landing first."""
    roles = {one.role for one in assignments}
    return tuple(dict.fromkeys(desk for role, desks in DESKS.items() if role in roles for desk in desks))


_NAME = re.compile(r"[^\W_][\w.@-]{0,63}", re.UNICODE)


def normal_username(typed: str) -> str | None:
    """Return the one form of a user name (`Ｗang `, `WANG` and `wang` are one account), None if it cannot be a name."""
    name = unicodedata.normalize("NFKC", typed[:1000]).strip().casefold()
    name = unicodedata.normalize("NFKC", name)
    return name if _NAME.fullmatch(name) else None


def acceptable_password(password: str, username: str) -> bool:
    """Say whether a password may be set: 8 to 256 characters, not the user name."""
    return 8 <= len(password) <= 256 and password.casefold() != username
