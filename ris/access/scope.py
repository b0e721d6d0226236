"""The reader's scope, which every function that reads rows takes as an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, false, true
from sqlalchemy.orm import InstrumentedAttribute

from ris.access.rules import Assignment, Reach, desks_of, operations_of, reach_of
from ris.problems import Problem
from ris.tickets import Kind


@dataclass(frozen=True, slots=True)
class Scope(Reach):
    """A reach that can be put into a query."""

    def condition(self, column: InstrumentedAttribute[Any] | ColumnElement[Any]) -> ColumnElement[bool]:
        """Return the SQL condition that keeps a query inside of the scope."""
        if self.everywhere:
            return true()
        return column.in_(sorted(self.codes)) if self.codes else false()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, looked up in the accounts for this request."""

    username: str
    name: str
    kind: Kind
    sid: str
    assignments: tuple[Assignment, ...] = ()
    service_operations: frozenset[str] = frozenset()
    desk: str | None = None

    @property
    def operations(self) -> frozenset[str]:
        """All operations, wherever."""
        return self.service_operations if self.kind == "service" else operations_of(self.assignments)

    def scope(self, operation: str) -> Scope:
        """Return the institutions in which the caller may do `operation`."""
        if self.kind == "service":
            return Scope(everywhere=operation in self.service_operations)
        reach = reach_of(self.assignments, operation)
        return Scope(reach.everywhere, reach.codes)

    def may(self, operation: str, institution: str) -> bool:
        """Say whether the caller may do `operation` on rows of `institution`."""
        return self.scope(operation).covers(institution)

    def require(self, operation: str, institution: str) -> None:
        """Raise `right.missing` unless the caller may do it there."""
        if not self.may(operation, institution):
            raise Problem("right.missing", operation=operation)

    @property
    def homes(self) -> frozenset[str]:
        """Institutions the caller belongs to (not merely sees)."""
        return frozenset(one.institution for one in self.assignments)

    @property
    def data_scope(self) -> Reach:
        """Whose rows and images may be read at all."""
        return Reach(everywhere=True) if self.kind == "service" else reach_of(self.assignments)

    @property
    def desks(self) -> tuple[str, ...]:
        """Desks the caller may open."""
        return desks_of(self.assignments)
