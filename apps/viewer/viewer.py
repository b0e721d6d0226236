"""The image viewer as a Jupyter widget, whose state Python can read and set."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

if TYPE_CHECKING:
    import pandas as pd

STATIC = "/services/pages/static/"
"""Prefix under which the pages service gives out built files."""

DIST = Path(os.environ.get("HUB_DIST") or Path(__file__).resolve().parent.parent / "dist")
"""Folder of the built front end."""

# The widget's module is only a door: the bundle (megabytes) is imported by its address, once for the page, instead of
# travelling as text in the state of every widget. `server:` before an address: below the base URL of the notebook server whose page this is,
# which the page knows and the kernel does not.
LOADER = """
const bundles = (globalThis.__viewerBundles ??= new Map());
function place(address) {
  if (!address.startsWith("server:")) return address;
  const config = document.getElementById("jupyter-config-data");
  const base = config ? JSON.parse(config.textContent).baseUrl : document.body.dataset.baseUrl;
  return (base ?? "/") + address.slice("server:".length);
}
function load(address) {
  const url = new URL(place(address), globalThis.location.href).href;
  if (!bundles.has(url)) {
    bundles.set(url, import(url).catch((problem) => { bundles.delete(url); throw problem; }));
  }
  return bundles.get(url);
}
async function render({ model, el }) {
  try {
    const bundle = await load(model.get("bundle"));
    return bundle.render({ model, el, place });
  } catch (problem) {
    const zh = model.get("lang") !== "en";
    const words = document.createElement("p");
    words.setAttribute("role", "alert");
    const said = zh ? "影像模块载入失败，请刷新页面：" : "The image module could not be loaded; reload the page: ";
    words.textContent = said + problem.message;
    el.append(words);
    return () => words.remove();
  }
}
export default { render };
"""


def bundle_name() -> str:
    """File name of the built bundle in `DIST`, from its `viewer.json`; empty when the front end is not built."""
    listing = DIST / "viewer.json"
    return str(json.loads(listing.read_text(encoding="utf-8"))["js"]) if listing.is_file() else ""


def bundle_address() -> str:
    """Address of the built bundle at the pages service; empty when the front end is not built."""
    name = bundle_name()
    return STATIC + name if name else ""


TOOLS = [
    "window",
    "scroll",
    "zoom",
    "pan",
    "probe",
    "length",
    "angle",
    "cobb",
    "ellipse",
    "rectangle",
    "polyline",
    "polygon",
    "ratio",
    "cardiothoracic",
]
TOOLS += ["rectangle_annotation", "circle_annotation", "arrow", "freehand", "text"]
TOOLS += ["lasso", "calibration", "acetabular_index", "graf", "leg_length"]
TOOLS += ["crosshair", "curve", "magnifier", "turn"]

# columns of `DicomViewer.table`, as the measurements name them
FACTS = ["id", "kind", "study", "series", "sop_uid", "frame", "index", "value", "unit", "text", "author", "created"]
STATISTICS = ["mean", "sd", "min", "max"]


class DicomViewer(anywidget.AnyWidget):
    """One image viewer: `DicomViewer(study="1.2…", series="1.2…")`.

    All traits are synced both ways; what the browser writes (`index`, `count`, `window`, `gamma`, `tool`, `layout`, `measurements`) is user
    input.
    Pixels never pass through the kernel: the browser fetches them from `base` with the user's own right.
    """

    _esm = LOADER

    bundle = traitlets.Unicode(help="address of the built viewer").tag(sync=True)
    base = traitlets.Unicode("/services/images", help="prefix of the image service; `server:…` below the notebook server's base URL").tag(
        sync=True
    )
    study = traitlets.Unicode("", help="Study Instance UID").tag(sync=True)
    series = traitlets.Unicode("", help="Series Instance UID").tag(sync=True)
    index = traitlets.Int(-1, help="image shown, 0-based; −1 before the first (opens in the middle)").tag(sync=True)
    count = traitlets.Int(0, help="images in the series").tag(sync=True)
    window: traitlets.Dict[str, Any] = traitlets.Dict(help="{center, width, function}: LINEAR, LINEAR_EXACT or SIGMOID (PS3.3 C.11.2)").tag(
        sync=True
    )
    gamma = traitlets.Float(1, min=0.2, max=5, help="grey' = grey^(1/gamma) after the window, before inversion; 1: none").tag(sync=True)
    tool = traitlets.Enum(TOOLS, "window", help="tool of the left mouse button").tag(sync=True)
    layout_name = traitlets.Enum(
        [f"{rows}x{columns}" for rows in range(1, 5) for columns in range(1, 5)], "1x1", help="grid of views, rows × columns"
    ).tag(sync=True)
    measurements: traitlets.List[dict[str, Any]] = traitlets.List(traitlets.Dict(), help="what is measured, as plain data").tag(sync=True)
    key_images: traitlets.List[dict[str, Any]] = traitlets.List(
        traitlets.Dict(),
        help="chosen pictures: {study, series, sop_uid ('' for reconstructions), frame, made, caption, window, …}; Shift+I adds what is shown",
    ).tag(sync=True)
    overlay: traitlets.Dict[str, Any] = traitlets.Dict(help="{layers, shapes} drawn over the images (docs/interfaces.md, §6a)").tag(
        sync=True
    )
    tools: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(),
        ["*"],
        help="functions the user has, by their ids in toolset.ts; `*`: all. A convenience, no protection of data",
    ).tag(sync=True)
    lang = traitlets.Enum(["zh", "en"], "zh", help="language of the texts").tag(sync=True)
    author = traitlets.Unicode("", help="written into new measurements").tag(sync=True)
    height = traitlets.Unicode("480px", help="CSS height").tag(sync=True)

    def table(self) -> pd.DataFrame:
        """The measurements, one a row, in the order they were made.

        `value` in `unit` (mm, °, px, mm², HU …; a list where a kind has several values), `mean`, `sd`, `min`, `max` of the modality values
        inside a region, `points` as [column, row] in image pixels, (0, 0) the middle of the first one.
        """
        import pandas as pd  # a desk that shows images only does not need it

        rows = [
            {name: one.get(name) for name in FACTS}
            | {name: (one.get("stats") or {}).get(name) for name in STATISTICS}
            | {"points": one.get("points")}
            for one in self.measurements
        ]
        return pd.DataFrame(rows, columns=[*FACTS, *STATISTICS, "points"])

    @traitlets.default("bundle")
    def _built(self) -> str:
        return bundle_address()

    @traitlets.validate("key_images")
    def _named(self, proposal: dict[str, Any]) -> list[dict[str, Any]]:
        """References that name a series; without one nothing can be found again."""
        images: list[dict[str, Any]] = proposal["value"]
        if not all(isinstance(one.get("series"), str) and one["series"] for one in images):
            raise traitlets.TraitError("关键图像须有序列 UID / a key image needs its series (UID)")
        return images

    @traitlets.validate("window")
    def _usable(self, proposal: dict[str, Any]) -> dict[str, Any]:
        """An empty window (as the header says) or one with numbers; anything else is refused in words."""
        window: dict[str, Any] = proposal["value"]
        if window and not all(isinstance(window.get(name), int | float) for name in ("center", "width")):
            raise traitlets.TraitError("窗宽窗位须为数字 / a window needs the numbers center and width")
        return window
