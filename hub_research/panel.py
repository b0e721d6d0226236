"""A bar of tools above the viewer in a notebook, where there is no desk around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub_research.viewer import DicomViewer

TOOLS: dict[str, tuple[str, str]] = {
    "window": ("窗宽窗位", "Window"),
    "scroll": ("翻页", "Scroll"),
    "zoom": ("缩放", "Zoom"),
    "pan": ("移动", "Pan"),
    "probe": ("点值", "Probe"),
    "length": ("长度", "Length"),
    "angle": ("角度", "Angle"),
    "ellipse": ("椭圆", "Ellipse"),
    "polygon": ("多边形", "Polygon"),
}
"""Tools of the bar, in the words of the viewer; the others are reached by their keys or by the trait `tool`."""
CT_WINDOWS: dict[tuple[str, str], tuple[float, float]] = {
    ("软组织", "Soft tissue"): (40, 400),
    ("肺", "Lung"): (-600, 1500),
    ("骨", "Bone"): (300, 1500),
    ("脑", "Brain"): (35, 80),
}
"""(center, width) in HU."""


def with_tools(viewer: DicomViewer, *, ct: bool) -> Any:
    """The viewer below a bar of tools, and of windows where the values are HU (`ct`)."""
    import ipywidgets
    import traitlets

    widgets: Any = ipywidgets  # whose names its annotations do not tell
    own = 1 if viewer.lang == "en" else 0
    narrow = widgets.Layout(width="auto")
    names = [(words[own], tool) for tool, words in TOOLS.items()]
    tools = widgets.ToggleButtons(options=names, value=viewer.tool if viewer.tool in TOOLS else None, style={"button_width": "auto"})
    # A tool chosen by its key may have no button: then none is pressed.
    traitlets.dlink((viewer, "tool"), (tools, "value"), lambda tool: tool if tool in TOOLS else None)

    def chosen(change: dict[str, Any]) -> None:
        if change["new"] is not None:
            viewer.tool = change["new"]

    tools.observe(chosen, "value")
    buttons = []
    for words, (center, width) in CT_WINDOWS.items() if ct else ():
        button = widgets.Button(description=words[own], tooltip=f"W {width:g}  L {center:g}", layout=narrow)
        button.on_click(lambda _button, center=center, width=width: viewer.set_window(center, width))
        buttons.append(button)
    windows = widgets.HBox(buttons, layout=widgets.Layout(margin="0 0 0 12px"))
    bar = widgets.HBox([tools, windows], layout=widgets.Layout(flex_flow="row wrap", align_items="center"))
    return widgets.VBox([bar, viewer])
