"""JupyterLab of the researchers' environment in a real browser: the doctors' viewer in a notebook, and what it gives back to Python."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page

from tests.research.client.stand_in import BAR, BAR_MM, BONE, COLUMN, LOOKED_AT, PROJECT, ROW, SHAPE, WATER, StandIn
from tests.worker import take_free_port

pytestmark = pytest.mark.clause("H-2", "H-4")
ROOT = Path(__file__).resolve().parents[3]
TOKEN = "lab-token"
STUDY, SERIES = LOOKED_AT


@dataclass
class Lab:
    """A running JupyterLab."""

    url: str
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def lab(lab_environment: Path, stand_in: StandIn, front_end: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("jupyterlab")
    work = folder / "home"
    shutil.copytree(ROOT / "notebooks", work)
    shutil.copytree(ROOT / "hub_research" / "server" / "jupyter_server_config.d", folder / "config" / "jupyter_server_config.d")
    port = take_free_port()
    settings = {
        "HOME": str(work), "PYTHONPATH": str(ROOT), "HUB_DIST": str(front_end), "HUB_RESEARCH": stand_in.address,
        "JUPYTER_CONFIG_DIR": str(folder / "own"), "JUPYTER_CONFIG_PATH": str(folder / "config"), "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "run"),
    }  # fmt: skip
    command = [
        str(lab_environment / "bin" / "jupyter-lab"), "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        f"--IdentityProvider.token={TOKEN}", "--ServerApp.base_url=/room/", f"--ServerApp.root_dir={work}", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.extension_manager=readonly",
    ]  # fmt: skip
    with (folder / "lab.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=work, env=os.environ | settings, stdout=log, stderr=log)
    running = Lab(f"http://127.0.0.1:{port}/room/", process)
    end = time.monotonic() + 60
    while True:
        try:
            if httpx.get(running.url + "api", timeout=5).status_code == 200:
                break
        except httpx.HTTPError:
            pass
        assert process.poll() is None and time.monotonic() < end, (folder / "lab.log").read_text()
        time.sleep(0.2)
    yield running
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()


IMAGES = f"hub-research/images/{PROJECT}"


def test_the_relay_gives_images_to_the_person_signed_in_and_nothing_else(lab: Lab, stand_in: StandIn) -> None:
    signed_in = {"Authorization": f"token {TOKEN}"}
    stream = f"{IMAGES}/series/{STUDY}/{SERIES}/stream"

    def status(path: str, method: str = "GET", **headers: str) -> int:
        return httpx.request(method, lab.url + path, headers=headers).status_code

    stand_in.research.asked.clear()
    assert status(stream) == 403 and status(f"{IMAGES}/studies/{STUDY}/summary") == 403
    assert status("hub-research/static/viewer-0123456789abcdef.js") == 403
    assert status(stream, "POST", **signed_in) == 405 and status(stream, "DELETE", **signed_in) == 405
    for path in (
        f"{IMAGES}/series/{STUDY}/{SERIES}/volume", f"{IMAGES}/studies/{STUDY}", f"hub-research/{PROJECT}/tables/series", "hub-research/projects",
        f"{IMAGES}/studies/..%2f..%2ftables/summary", f"hub-research/images/%2e%2e/studies/{STUDY}/summary", f"{IMAGES}/studies/a/summary",
        "hub-research/static/viewer.json", "hub-research/static/..%2fviewer.json", "hub-research/static/viewer-0123456789abcdef.js",
    ):  # fmt: skip
        assert status(path, **signed_in) == 404, path
    assert stand_in.research.asked == [], "something else than an image was asked of the service"
    got = httpx.get(lab.url + stream, headers=signed_in)
    assert got.status_code == 200 and got.content == b"".join(stand_in.research.phantoms[SERIES].stream().parts())
    assert got.headers["cache-control"] == "private, no-store"
    # an image stream that breaks off is not passed for a whole one
    stand_in.research.cut[f"/projects/{PROJECT}/studies/{STUDY}/series/{SERIES}/stream"] = 60_000
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(lab.url + stream, headers=signed_in)
    missing = httpx.get(f"{lab.url}{IMAGES}/series/{STUDY}/2.25.99/stream", headers=signed_in)
    assert missing.status_code == 404 and missing.json()["words"]["zh"]["action"] == "请核对项目与编号"


def grey(value: float, center: float, width: float) -> float:
    """PS3.3 C.11.2.1.2.1, to 0…255."""
    return min(255.0, max(0.0, ((value - (center - 0.5)) / (width - 1) + 0.5) * 255))


class Notebook:
    """A notebook in JupyterLab's own page."""

    def __init__(self, page: Page, lab: Lab, name: str) -> None:
        self.page = page
        self.outside: list[str] = []
        page.on(
            "request",
            lambda request: None if request.url.startswith((lab.url, "data:", "blob:", "ws:")) else self.outside.append(request.url),
        )
        page.goto(f"{lab.url}lab/tree/{name}?token={TOKEN}")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
        # before the kernel is there, JupyterLab asks which one to run with
        page.locator(".jp-Toolbar-kernelName", has_text="Python 3").first.wait_for(timeout=60_000)
        page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first.wait_for(timeout=60_000)

    def run_all(self) -> None:
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def cell(self, text: str) -> Locator:
        return self.page.locator(".jp-CodeCell", has_text=text).last

    def run(self, cell: Locator) -> None:
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def type_and_run(self, code: str) -> None:
        """A new cell below the selected one."""
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("b")
        self.page.keyboard.press("Enter")
        self.page.keyboard.insert_text(code)
        self.page.keyboard.press("Control+Enter")


class Canvas:
    """The image in the viewer: where a pixel of the phantom is on the screen."""

    def __init__(self, viewer: Locator) -> None:
        self.canvas = viewer.locator("canvas").first
        box = self.canvas.bounding_box()
        assert box is not None
        self.box = box
        # the whole image fits, mm for mm
        self.scale = min(box["width"] / (SHAPE[2] * COLUMN), box["height"] / (SHAPE[1] * ROW))

    def place(self, row: float, column: float) -> tuple[float, float]:
        """CSS pixels from the canvas' corner."""
        across = (column - (SHAPE[2] - 1) / 2) * COLUMN * self.scale
        down = (row - (SHAPE[1] - 1) / 2) * ROW * self.scale
        return self.box["width"] / 2 + across, self.box["height"] / 2 + down

    def screen(self, row: float, column: float) -> tuple[float, float]:
        box = self.canvas.bounding_box()
        assert box is not None
        x, y = self.place(row, column)
        return box["x"] + x, box["y"] + y

    def grey(self, row: float, column: float) -> list[int]:
        take = """(canvas, [x, y]) => {
            const scale = canvas.width / canvas.getBoundingClientRect().width;
            return [...canvas.getContext('2d').getImageData(Math.floor(x * scale), Math.floor(y * scale), 1, 1).data.slice(0, 3)];
        }"""
        return list(self.canvas.evaluate(take, list(self.place(row, column))))

    def shown(self, row: float, column: float) -> tuple[int, ...]:
        """Colour on the screen, with all that lies over the image."""
        picture = Image.open(BytesIO(self.canvas.page.screenshot())).convert("RGB")
        x, y = self.screen(row, column)
        return tuple(picture.getpixel((round(x), round(y))))

    def until(self, row: float, column: float, wanted: float, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while max(abs(one - wanted) for one in self.grey(row, column)) > 1:
            assert time.monotonic() < end, f"({row}, {column}) is {self.grey(row, column)}, not {wanted}"
            time.sleep(0.1)


def shot(page: Page, name: str) -> None:
    """A picture for the eyes of whoever asks for it."""
    if folder := os.environ.get("HUB_SHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.mark.timeout(300)
def test_the_doctors_viewer_in_a_notebook(browser: Browser, lab: Lab) -> None:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    errors: list[Any] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    notebook = Notebook(page, lab, "01_cohort_and_viewer.ipynb")
    notebook.run_all()
    viewer = page.locator(".px-viewer")
    viewer.wait_for(timeout=120_000, state="attached")
    viewer.scroll_into_view_if_needed()
    viewer.get_by_text(f"{SHAPE[0] // 2 + 1}/{SHAPE[0]}").wait_for(timeout=30_000)
    image = Canvas(viewer)
    # the notebook's own window and mask, then a window from a new cell; water and bone in the picture as the formula says
    image.until(40, 40, grey(WATER, 300, 1500))
    disc = 31.5 + 12 / ROW, (SHAPE[2] - 1) / 2
    red, _, blue = image.shown(*disc)
    assert red - blue > 40, "the mask is not drawn"
    shot(page, "lab-viewer")
    notebook.type_and_run("viewer.clear_masks(); viewer.set_window(40, 400)")
    image.until(40, 40, grey(WATER, 40, 400))
    row, first, last = BAR
    image.until(row, (first + last) / 2, grey(BONE, 40, 400))
    red, _, blue = image.shown(*disc)
    assert red == blue == 255, "the mask is gone, and bone is white"
    # a length from end to end of the bar
    page.get_by_role("button", name="长度", exact=True).click()
    viewer.scroll_into_view_if_needed()
    start, end = image.screen(row, first), image.screen(row, last)
    page.mouse.move(*start)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(start[0] + (end[0] - start[0]) * step / 5, start[1] + (end[1] - start[1]) * step / 5)
    page.mouse.up()
    viewer.get_by_text("mm").first.wait_for()
    shot(page, "lab-length")
    table = notebook.cell("viewer.table()")
    notebook.run(table)
    measured = table.locator("td").filter(has_text="length")
    measured.wait_for(timeout=15_000)
    kind, value, unit, index = table.locator("tbody td").all_inner_texts()
    assert (kind, unit, index) == ("length", "mm", str(SHAPE[0] // 2))
    assert float(value) == pytest.approx(BAR_MM, abs=1.5 / image.scale)
    shot(page, "lab-table")
    assert notebook.outside == [], "a request left the machine"
    assert errors == []
    context.close()
