"""The plotly template of the desk: the colours and sizes of `apps/desk/components/tokens.css`, light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from plotly import graph_objects

go: Any = graph_objects
"""plotly's figures; the package's own types do not export them."""
Theme = Literal["light", "dark"]
FONT = "Noto Sans SC, Microsoft YaHei, PingFang SC, Noto Sans CJK SC, Source Han Sans SC, sans-serif"


@dataclass(frozen=True)
class Colours:
    """What a chart needs of the tokens, by their names there."""

    surface: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    second: str
    hover: str


COLOURS: dict[Theme, Colours] = {
    "light": Colours("#ffffff", "#ffffff", "#dcdfe3", "#1c2126", "#5b646d", "#1f6f8b", "#c2703d", "#195c73"),
    "dark": Colours("#16191c", "#1e2226", "#2c3238", "#dde2e7", "#9aa4ad", "#4aa3bf", "#e09a6a", "#63b5cf"),
}


def template(theme: Theme) -> Any:
    """Layout defaults of every chart; the card around it draws title and frame."""
    colours = COLOURS[theme]
    axis = {
        "gridcolor": colours.line,
        "zerolinecolor": colours.line,
        "linecolor": colours.line,
        "tickcolor": colours.line,
        "tickfont": {"color": colours.muted, "size": 12},
        "title": {"font": {"color": colours.muted, "size": 12}, "standoff": 6},
        "automargin": True,
        "fixedrange": True,
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 12, "color": colours.text},
            "paper_bgcolor": colours.surface,
            "plot_bgcolor": colours.surface,
            "colorway": [colours.accent, colours.second],
            "margin": {"l": 8, "r": 28, "t": 14, "b": 8},
            "xaxis": axis,
            "yaxis": axis | {"ticks": "outside", "ticklen": 6, "tickcolor": colours.surface},
            "bargap": 0.35,
            "bargroupgap": 0.08,
            "barcornerradius": 2,
            "hoverlabel": {
                "bgcolor": colours.raised,
                "bordercolor": colours.line,
                "font": {"family": FONT, "color": colours.text, "size": 12},
            },
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"color": colours.muted}},
            "hovermode": "closest",
            "dragmode": False,
            "separators": ".,",
        }
    )
