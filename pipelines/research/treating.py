"""From a declared column to the expression that gives its value: the only way by which a value reaches a published table.

Expressions are over `b`, a row of the source, joined with `p` (institution, patient_key → patient, institution_name, shift), one
`u_<source>` for each column that is a UID (real → name), and `e` (real → name) for an exam. Texts in them are constants of the declaration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipelines.research import terms
from pipelines.research.tables import Column, Treatment, type_of
from pipelines.research.terms import BANDS, DAYS_OF_A_YEAR

SQL_TYPES = {"text": "VARCHAR", "int32": "INTEGER", "int64": "BIGINT", "double": "DOUBLE", "date": "DATE", "bool": "BOOLEAN"}


def quoted(text: str) -> str:
    """A constant as SQL text."""
    return "'" + text.replace("'", "''") + "'"


def _list(words: Iterable[str]) -> str:
    return ", ".join(quoted(word) for word in sorted(words))


def _plain(source: str) -> str:
    """A word of a header in one form; nothing for an empty one."""
    return f"nullif(upper(trim(b.{source})), '')"


def _band(source: str) -> str:
    whens = " ".join(f"WHEN b.{source} < {years * DAYS_OF_A_YEAR} THEN {quoted(name)}" for name, years in BANDS)
    return f"CASE WHEN b.{source} IS NULL OR b.{source} < 0 THEN {quoted(terms.UNKNOWN)} {whens} ELSE {quoted(terms.ADULT)} END"


def _years(source: str) -> str:
    return f"CASE WHEN b.{source} >= 0 AND b.{source} < {terms.YEARS_LIMIT * DAYS_OF_A_YEAR} THEN floor(b.{source} / {DAYS_OF_A_YEAR}) END"


def _terms(column: Column) -> str:
    word = _plain(column.source)
    return f"CASE WHEN {word} IS NULL THEN NULL WHEN {word} IN ({_list(column.terms)}) THEN {word} ELSE {quoted(terms.OTHER)} END"


def _words(column: Column) -> str:
    kept = f"list_filter(b.{column.source}, lambda word: word IN ({_list(column.terms)}))"
    return f"nullif(array_to_string(list_sort(list_distinct({kept})), '\\'), '')"


def _begins(column: Column) -> str:
    word = _plain(column.source)
    # the longest beginning first, so that a longer one is not hidden by a shorter
    known = sorted(column.begins, key=lambda pair: (-len(pair[0]), pair[0]))
    whens = " ".join(f"WHEN starts_with({word} || ' ', {quoted(begin)}) THEN {quoted(name)}" for begin, name in known)
    return f"CASE WHEN {word} IS NULL THEN NULL {whens} ELSE {quoted(terms.OTHER)} END"


def _number(column: Column) -> str:
    return f"CASE WHEN b.{column.source} BETWEEN {column.least} AND {column.most} THEN round(b.{column.source}, {column.digits}) END"


def _minutes(column: Column) -> str:
    first, last = column.source.split(",")
    minutes = f"round((b.{last} - b.{first}) / 60)"
    return f"CASE WHEN {minutes} BETWEEN 0 AND {column.most} THEN {minutes} END"


def expression(column: Column) -> str:
    """SQL of a column's published value."""
    treatment, source = column.treatment, column.source
    ways: dict[Treatment, Callable[[], str]] = {
        Treatment.KEEP: lambda: f"b.{source}",
        Treatment.PATIENT: lambda: "p.patient",
        Treatment.INSTITUTION: lambda: "p.institution_name",
        Treatment.UID: lambda: f"u_{source}.name",
        Treatment.EXAM: lambda: "e.name",
        Treatment.SHIFT: lambda: f"b.{source} - p.shift",
        Treatment.BAND: lambda: _band(source),
        Treatment.YEARS: lambda: _years(source),
        Treatment.TERMS: lambda: _terms(column),
        Treatment.WORDS: lambda: _words(column),
        Treatment.BEGINS: lambda: _begins(column),
        Treatment.NUMBER: lambda: _number(column),
        Treatment.MINUTES: lambda: _minutes(column),
    }
    return f"CAST({ways[treatment]()} AS {SQL_TYPES[type_of(column)]}) AS {column.name}"


def joins(columns: Iterable[Column]) -> str:
    """The joins that the expressions need beside `p`."""
    columns = list(columns)
    uids = dict.fromkeys(column.source for column in columns if column.treatment is Treatment.UID)
    parts = [f"JOIN uids u_{source} ON u_{source}.real = b.{source}" for source in uids]
    if any(column.treatment is Treatment.EXAM for column in columns):
        parts.append("JOIN exam_names e ON e.real = b.exam_id")
    return " ".join(parts)
