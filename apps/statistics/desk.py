"""The statistics desk in the kernel: asks the mart, computes with pandas, draws the charts; the page shows them.

All synced traits are user input. Rights and scope are checked by the mart on every question; here only shapes are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import pandas as pd
import traitlets

from apps.desk import Desk, services
from apps.statistics import charts
from apps.statistics.look import Theme
from apps.statistics.words import Lang
from pipelines.mart.client import Answer, MartClient, MartError

CHARTS = ("institutions", "modalities", "days", "turnaround")
RATES = ("positive_rate", "reject_rate")
LONGEST = 3660
WRONG_PERIOD = {
    "zh": {"title": "日期范围不正确", "action": "请让开始日期不晚于结束日期，且不超过十年。"},
    "en": {"title": "The period is not right", "action": "Let it begin before it ends, and be no longer than ten years."},
}
FAILED = {
    "zh": {"title": "统计没有完成", "action": "请重试；若仍出现，请联系运维。"},
    "en": {"title": "The figures could not be made", "action": "Retry; tell the operator if it happens again."},
}


class FiltersError(ValueError):
    """Filters that cannot be asked."""


def checked(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Filters of the page as the mart's client takes them: first, last (days or None), institution, modality (lists of text)."""
    try:
        first, last = (date.fromisoformat(value) if (value := filters.get(name)) else None for name in ("from", "to"))
    except (TypeError, ValueError) as error:
        raise FiltersError("not a day") from error
    if first and last and not 0 <= (last - first).days < LONGEST:
        raise FiltersError("period")
    asked: dict[str, Any] = {"first": first, "last": last}
    for name in ("institution", "modality"):
        values = filters.get(name) or []
        if not isinstance(values, list) or len(values) > 50 or not all(isinstance(value, str) and len(value) <= 64 for value in values):
            raise FiltersError(name)
        asked[name] = values
    return asked


def change(now: float | None, before: float | None) -> float | None:
    """Change as a share of the value before; nothing where there is nothing to compare."""
    return None if now is None or not before else (now - before) / before


def summary(answer: Answer) -> dict[str, Any]:
    """The figures row: for each figure its value, the one before, and the change (of rates in points)."""
    rows = {row["key"]: row for row in answer.rows}
    now, before = rows["current"], rows.get("previous")
    figures = {}
    for name in ("exams", "per_day", "accesses", "p50", "p90", "mean", "waiting", "signed", *RATES):
        value, earlier = now[name], before[name] if before else None
        between = None if value is None or earlier is None else value - earlier
        moved = between if name in RATES else change(value, earlier)
        figures[name] = {"value": value, "previous": earlier, "change": moved}
    return {"figures": figures, "previous": {"from": before["from"], "to": before["to"]} if before else None}


class StatisticsDesk(Desk):
    """Figures, charts and their tables for the chosen period, institutions and modalities."""

    filters = traitlets.Dict(help="from, to (ISO days), institution, modality (lists); set by the page").tag(sync=True)
    theme = traitlets.Enum(["light", "dark"], default_value="light").tag(sync=True)
    state = traitlets.Enum(["loading", "ready", "empty", "failed"], default_value="loading").tag(sync=True)
    problem: Any = traitlets.Dict(allow_none=True, default_value=None, help="status, code, words").tag(sync=True)
    summary = traitlets.Dict(help="figures row, see summary()").tag(sync=True)
    figures = traitlets.Dict(help="chart → plotly JSON text").tag(sync=True)
    tables = traitlets.Dict(help="chart → its numbers as rows").tag(sync=True)
    definitions = traitlets.Dict(help="figure → zh, en").tag(sync=True)
    choices = traitlets.Dict(help="institutions, modalities, first, last, today").tag(sync=True)
    as_of = traitlets.Int(0, help="position of the records feed the figures stand for").tag(sync=True)

    def __init__(self, mart: MartClient | None = None, **traits: Any) -> None:
        self._mart = mart
        self._frames: dict[str, pd.DataFrame] = {}
        super().__init__(**traits)
        self.observe(self._on_look, ["lang", "theme"])

    @property
    def mart(self) -> MartClient:
        """The mart's client; made at the first question, so that opening the desk waits for nothing."""
        if self._mart is None:
            self._mart = MartClient.over(services().mart)
        return self._mart

    def on_message(self, content: Any, buffers: list[Any]) -> None:  # noqa: ARG002 - the base gives them
        """`{"type": "refresh"}`: the page joined, filters or feed moved, or the reader pressed retry. Answered with `refreshed`."""
        if isinstance(content, dict) and content.get("type") == "refresh":
            try:
                self.refresh()
            finally:
                self.send({"type": "refreshed"})

    def _on_look(self, _change: object) -> None:
        if self._frames:
            self.figures = self._drawn()

    def refresh(self) -> None:
        """Ask everything again and show it; a refusal or failure is shown in words, and the last figures stay."""
        try:
            asked = checked(self.filters)
            self._ask(asked)
        except FiltersError:
            self._fail(422, "request.invalid", WRONG_PERIOD)
        except MartError as error:
            self._fail(error.status, error.code, error.words)
        except Exception:
            self._fail(500, "statistics.failed", FAILED)
            raise

    def _fail(self, status: int, code: str, words: Mapping[str, Any]) -> None:
        self.problem = {"status": status, "code": code, "words": dict(words)}
        self.state = "failed"

    def _ask(self, asked: dict[str, Any]) -> None:
        choices = self.mart.choices()
        overview = self.mart.overview(**asked)
        by_institution = self.mart.figure("exams", "institution", **asked)
        by_day = self.mart.figure("exams", "day", **asked)
        timed = self.mart.figure("turnaround", "institution", **asked)
        opened = self.mart.figure("accesses", "day", **asked)
        self._frames = {
            "institutions": frame(by_institution.rows, ["key", "name", "name_en", "exams", "signed", "waiting", "per_day"]),
            "modalities": frame(self.mart.figure("exams", "modality", **asked).rows, ["key", "exams", "signed", "waiting", "per_day"]),
            "days": frame(by_day.rows, ["key", "exams", "signed", "waiting"]),
            "accesses": frame(opened.rows, ["key", "accesses"]),
            "turnaround": frame(timed.rows, ["key", "name", "name_en", "signed", "waiting", "p50", "p90", "mean"]),
        }
        row = summary(overview)
        # one message to the page for all of it: it never shows figures of two periods side by side
        with self.hold_sync():
            self.choices = offered(choices)
            self.summary = row
            self.tables = self._numbers()
            self.figures = self._drawn()
            self.definitions = {
                **(overview.definitions or {}),
                "rows": by_institution.definition,
                "timed": timed.definition,
                "days": {lang: by_day.definition[lang] + opened.definition[lang] for lang in ("zh", "en")},
            }
            self.as_of = overview.as_of_seq
            self.problem = None
            nothing = not row["figures"]["exams"]["value"] and not row["figures"]["accesses"]["value"]
            self.state = "empty" if nothing else "ready"

    def _drawn(self) -> dict[str, str]:
        lang, theme = cast("Lang", self.lang), cast("Theme", self.theme)
        frames = self._frames
        drawing: dict[str, Callable[[], Any]] = {
            "institutions": lambda: charts.institutions(frames["institutions"], lang, theme),
            "modalities": lambda: charts.modalities(frames["modalities"], lang, theme),
            "days": lambda: charts.days(frames["days"], frames["accesses"], lang, theme),
            "turnaround": lambda: charts.turnaround(frames["turnaround"], lang, theme),
        }
        return {name: draw().to_json() for name, draw in drawing.items()}

    def _numbers(self) -> dict[str, list[dict[str, Any]]]:
        """The numbers behind each chart, for the table view and for screen readers."""
        daily = (
            self._frames["days"]
            .merge(self._frames["accesses"], on="key", how="outer")
            .fillna({"exams": 0, "accesses": 0})
            .sort_values("key")
        )
        held = {**{name: self._frames[name] for name in CHARTS}, "days": daily}
        return {name: [_plain(row) for row in table.to_dict("records")] for name, table in held.items()}


def frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """Rows as a table that has its columns even when there are no rows."""
    return pd.DataFrame(rows, columns=columns)


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row as JSON has it: no NaN, no numpy."""
    return {str(name): None if pd.isna(value) else value.item() if hasattr(value, "item") else value for name, value in row.items()}


def offered(answer: Answer) -> dict[str, Any]:
    """What the filters offer, with today as the mart's calendar has it."""
    by_kind: dict[str, list[dict[str, Any]]] = {"institution": [], "modality": [], "first": [], "last": []}
    for row in answer.rows:
        by_kind[row["kind"]].append({"key": row["key"], "name": row["name"], "name_en": row["name_en"]})
    zone = ZoneInfo(answer.timezone or "Asia/Shanghai")
    return {
        "institutions": by_kind["institution"],
        "modalities": by_kind["modality"],
        "first": by_kind["first"][0]["key"] if by_kind["first"] else None,
        "last": by_kind["last"][0]["key"] if by_kind["last"] else None,
        "today": datetime.now(zone).date().isoformat(),
        "timezone": zone.key,
    }
