"""The four charts as plotly figures. Pure: a table of figures in, a figure out.

Each bar carries in `customdata[0]` the key of what it counts (institution code, modality, day), by which the page asks for its exams.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from apps.statistics.look import Theme, go, template
from apps.statistics.words import Lang, say

ROW = 26
"""Height of a horizontal bar with its gap, px: a long list of hospitals scrolls inside its card instead of shrinking."""
FEW_DAYS = 7
"""Fewer days than these leave room on both sides, so that a bar stays a bar."""
DAY_MS = 24 * 60 * 60 * 1000
LINE_FROM = 93
"""From this many days on, days are a line: bars would be thinner than a pixel or two."""


def label(row: pd.Series[Any], lang: Lang) -> str:
    """Name of what a row stands for; an empty modality has a word."""
    name = row.get("name") if lang == "zh" else row.get("name_en")
    return str(name or row["key"] or say("unknown", lang))


def labels(frame: pd.DataFrame, lang: Lang) -> list[str]:
    """Names of all rows. Two hospitals of one name keep their own bars: the code is added to both."""
    plain = [label(row, lang) for _, row in frame.iterrows()]
    return [f"{name}（{key}）" if plain.count(name) > 1 else name for name, key in zip(plain, frame.get("key", []), strict=True)]


def short(name: str, most: int = 30) -> str:
    """A name that fits beside its bar (a Chinese character is two wide); the whole name is in the hover and in the table."""
    wide = 0
    for place, letter in enumerate(name):
        wide += 2 if ord(letter) > 0x2E7F else 1
        if wide > most:
            return f"{name[: max(1, place - 1)]}…"
    return name


def whole_numbers(most: float) -> dict[str, Any]:
    """Axis settings of a count: from zero, and no tick at half an exam."""
    return {"rangemode": "tozero", **({"dtick": 1} if most <= 6 else {})}


def unit(minutes: pd.Series[float]) -> tuple[str, float]:
    """Unit of a turnaround axis and the minutes in it: seconds below three minutes, minutes up to three hours, hours up to three days."""
    most = minutes.max(skipna=True)
    if most < 3:
        return "seconds", 1 / 60
    if pd.isna(most) or most <= 180:
        return "minutes", 1.0
    return ("hours", 60.0) if most <= 72 * 60 else ("days", 24 * 60.0)


def _bars_across(names: list[str]) -> dict[str, Any]:
    """Layout of horizontal bars, first row on top."""
    return {
        "yaxis": {
            "autorange": "reversed",
            "tickmode": "array",
            "tickvals": list(range(len(names))),
            "ticktext": [short(name) for name in names],
            "showgrid": False,
        },
        "xaxis": {"rangemode": "tozero"},
        "height": max(160, 40 + ROW * len(names)),
        "bargap": 0.35 if len(names) > 3 else 0.6,
    }


def institutions(frame: pd.DataFrame, lang: Lang, theme: Theme) -> Any:
    """Exams of each institution; columns key, name, name_en, exams, signed, waiting."""
    names = labels(frame, lang)
    figure = go.Figure(
        go.Bar(
            y=list(range(len(names))),
            x=frame["exams"].tolist(),
            orientation="h",
            text=[f"{count:,}" for count in frame["exams"]],
            textposition="outside",
            constraintext="none",
            cliponaxis=False,
            textangle=0,
            customdata=[
                [key, name, signed, waiting]
                for key, name, signed, waiting in zip(frame["key"], names, frame["signed"], frame["waiting"], strict=True)
            ],
            hovertemplate=f"<b>%{{customdata[1]}}</b><br>{say('exams', lang)} %{{x:,}}<br>{say('signed', lang)} %{{customdata[2]:,}} · "
            f"{say('waiting', lang)} %{{customdata[3]:,}}<extra></extra>",
        )
    )
    layout = _bars_across(names)
    layout["xaxis"] = whole_numbers(max(frame["exams"], default=0))
    return figure.update_layout(template=template(theme), **layout)


def modalities(frame: pd.DataFrame, lang: Lang, theme: Theme) -> Any:
    """Exams of each modality; columns key, exams, signed, waiting."""
    names = labels(frame, lang)
    figure = go.Figure(
        go.Bar(
            x=names,
            y=frame["exams"].tolist(),
            text=[f"{count:,}" for count in frame["exams"]],
            textposition="outside",
            constraintext="none",
            cliponaxis=False,
            textangle=0,
            customdata=[
                [key, signed, waiting] for key, signed, waiting in zip(frame["key"], frame["signed"], frame["waiting"], strict=True)
            ],
            hovertemplate=f"<b>%{{x}}</b><br>{say('exams', lang)} %{{y:,}}<br>{say('signed', lang)} %{{customdata[1]:,}} · "
            f"{say('waiting', lang)} %{{customdata[2]:,}}<extra></extra>",
            width=0.5 if len(names) > 2 else 0.25,
        )
    )
    return figure.update_layout(
        template=template(theme), xaxis={"type": "category", "showgrid": False}, yaxis=whole_numbers(max(frame["exams"], default=0))
    )


def days(frame: pd.DataFrame, opened: pd.DataFrame, lang: Lang, theme: Theme) -> Any:
    """Exams and image accesses of each day; both with columns key (ISO day) and their count."""
    counts = frame["exams"].tolist()
    common: dict[str, Any] = {
        "x": frame["key"].tolist(),
        "y": counts,
        "name": say("exams", lang),
        "customdata": [[day] for day in frame["key"]],
        "hovertemplate": f"<b>%{{x|%Y-%m-%d}}</b><br>{say('exams', lang)} %{{y:,}}<extra></extra>",
    }
    bars = len(frame) < LINE_FROM
    figure = go.Figure(
        go.Bar(width=DAY_MS * (0.5 if len(frame) <= FEW_DAYS else 0.8), **common)
        if bars
        else go.Scatter(mode="lines", line={"width": 2}, **common)
    )
    figure.add_scatter(
        x=opened["key"].tolist(),
        y=opened["accesses"].tolist(),
        name=say("accesses", lang),
        mode="lines" if len(opened) >= LINE_FROM else "lines+markers",
        line={"width": 1.5},
        marker={"size": 7 if len(opened) <= FEW_DAYS else 4},
        customdata=[[day] for day in opened["key"]],
        hovertemplate=f"<b>%{{x|%Y-%m-%d}}</b><br>{say('accesses', lang)} %{{y:,}}<extra></extra>",
    )
    # A few days as dates of their own; plotly would otherwise invent hours between them.
    axis: dict[str, Any] = {"type": "date", "tickformat": "%m-%d", "showgrid": False, "hoverformat": "%Y-%m-%d"}
    if len(frame) <= 10:
        axis |= {"tickmode": "array", "tickvals": frame["key"].tolist()}
        spare = pd.Timedelta(days=max(0.5, (FEW_DAYS - len(frame)) / 2 + 0.5))
        if len(frame):
            axis["range"] = [
                (pd.Timestamp(frame["key"].iloc[0]) - spare).isoformat(),
                (pd.Timestamp(frame["key"].iloc[-1]) + spare).isoformat(),
            ]
    elif len(frame) > 180:
        axis["tickformat"] = "%Y-%m"
    return figure.update_layout(
        template=template(theme), xaxis=axis, yaxis=whole_numbers(max([*counts, *opened["accesses"]], default=0)), showlegend=True
    )


def turnaround(frame: pd.DataFrame, lang: Lang, theme: Theme) -> Any:
    """Median and 90th percentile of each institution; columns key, name, name_en, signed, waiting, p50, p90 (minutes, may be null)."""
    names = labels(frame, lang)
    word, minutes = unit(frame["p90"])
    figure = go.Figure()
    for column, title in (("p50", "median"), ("p90", "p90")):
        values = frame[column].astype(float) / minutes
        figure.add_bar(
            y=list(range(len(names))),
            x=[None if pd.isna(value) else round(float(value), 2) for value in values],
            orientation="h",
            name=say(title, lang),
            text=["" if pd.isna(value) else f"{value:,.1f}" for value in values],
            textposition="outside",
            constraintext="none",
            cliponaxis=False,
            textangle=0,
            customdata=[
                [key, name, signed, waiting]
                for key, name, signed, waiting in zip(frame["key"], names, frame["signed"], frame["waiting"], strict=True)
            ],
            hovertemplate=f"<b>%{{customdata[1]}}</b><br>{say(title, lang)} %{{x:,.1f}} {say(word, lang)}<br>{say('signed', lang)} "
            f"%{{customdata[2]:,}} · {say('waiting', lang)} %{{customdata[3]:,}}<extra></extra>",
        )
    layout = _bars_across(names)
    layout["xaxis"] |= {"title": {"text": say(word, lang)}}
    layout["height"] = max(180, 76 + (ROW + 8) * len(names))
    return figure.update_layout(template=template(theme), showlegend=True, **layout)
