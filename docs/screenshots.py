"""`python -m docs.screenshots [beginning of a name …]`: pictures of every page into docs/screenshots/.

A real hub with its demo is started in a folder that is removed afterwards; `SCREENSHOTS_DATA` names one to be kept and used again.
A picture is called `<scene>-<language>-<width>.png`. The scenes themselves are in docs/scenes.py.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from docs.desk import speak_in
from tests.conftest import CHROMIUM_ARGUMENTS
from tests.running_hub import RunningHub, wait_until

FOLDER = Path(__file__).with_name("screenshots")
ZONE = "Asia/Shanghai"
SIZES = ((1366, 768), (1920, 1080))
GREYS, COLOURS, GROUNDS = 128, 96, 24
"""Entries of a picture's palette: enough for a radiograph and for the desks, at a third of the size of true colour."""


class Album:
    """Takes and keeps the pictures; knows who is signed in where."""

    def __init__(self, browser: Browser, hub: RunningHub, wanted: tuple[str, ...]) -> None:
        self.browser = browser
        self.hub = hub
        self.wanted = wanted
        self.made: list[Path] = []

    def wants(self, *scenes: str) -> bool:
        """Whether one of these scenes is to be made."""
        return not self.wanted or any(
            scene.startswith(self.wanted) or any(one.startswith(scene) for one in self.wanted) for scene in scenes
        )

    @contextmanager
    def visitor(self, *, lang: str = "zh") -> Iterator[Page]:
        """A browser of its own, nobody signed in."""
        width, height = SIZES[0]
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, locale="zh-CN" if lang == "zh" else "en-GB", timezone_id=ZONE
        )
        try:
            page = context.new_page()
            page.set_default_timeout(30_000)
            yield page
        finally:
            context.close()

    @contextmanager
    def person(self, role: str, desk: str | None = None, *, institution: str | None = None) -> Iterator[Page]:
        """A browser in which a demo user has signed in by the login page, and opened `desk` (else his own)."""
        account = self.hub.account(role, institution)
        with self.visitor() as page:
            page.goto(f"{self.hub.base}/hub/login")
            page.locator("#username").fill(account["username"])
            page.locator("#password").fill(account["password"])
            page.locator("button[type=submit]").click()
            page.wait_for_url("**/services/pages/desk/*")
            if desk is not None and not page.url.endswith(f"/{desk}"):
                page.goto(f"{self.hub.base}/services/pages/desk/{desk}")
            page.get_by_test_id("language").wait_for()
            speak_in(page, "zh")
            yield page

    def take(
        self, page: Page, scene: str, *, langs: tuple[str, ...] = ("zh", "en"), large: tuple[str, ...] = ("zh", "en"), settle: int = 500
    ) -> None:
        """The page as it stands, in each language, in both sizes in the languages of `large`; afterwards it is in Chinese and small again."""
        if not self.wants(scene):
            return
        for lang in langs:
            if page.get_by_test_id("language").count():
                speak_in(page, lang)
            for width, height in SIZES if lang in large else SIZES[:1]:
                page.set_viewport_size({"width": width, "height": height})
                page.wait_for_timeout(settle)
                self.keep(page.screenshot(animations="disabled", caret="hide"), f"{scene}-{lang}-{width}")
        width, height = SIZES[0]
        page.set_viewport_size({"width": width, "height": height})
        if page.get_by_test_id("language").count():
            speak_in(page, "zh")

    def keep(self, png: bytes, name: str) -> None:
        """Write one picture with few colours, without dithering: flat grounds stay flat."""
        path = FOLDER / f"{name}.png"
        with_few_colours(Image.open(io.BytesIO(png)).convert("RGB")).save(path, optimize=True)
        self.made.append(path)


def with_few_colours(picture: Image.Image) -> Image.Image:
    """The picture with a palette. Greys and colours are counted apart: else a radiograph leaves none for a green dot."""
    pixels = np.asarray(picture).reshape(-1, 3).astype(np.int32)
    coloured = np.ptp(pixels, axis=1) > 16
    palette: list[int] = []
    for part, most in ((pixels[coloured], COLOURS), (pixels[~coloured], GREYS)):
        if len(part):
            found = Image.fromarray(part[None].astype(np.uint8)).quantize(most, dither=Image.Dither.NONE).getpalette() or []
            palette += found[: 3 * most]
    packed, place, count = np.unique(pixels @ (65536, 256, 1), return_inverse=True, return_counts=True)
    there = np.stack((packed >> 16, packed >> 8 & 255, packed & 255), axis=1)
    # The grounds stay exactly as they are.
    palette += there[np.argsort(count)[-GROUNDS:]].ravel().tolist()
    entries = np.array(palette).reshape(-1, 3)
    nearest = np.concatenate([((part[:, None] - entries) ** 2).sum(axis=2).argmin(axis=1) for part in np.array_split(there, 64)])
    few = Image.fromarray(nearest[place].astype(np.uint8).reshape(picture.height, picture.width), "P")
    few.putpalette(palette)
    return few


def main(wanted: tuple[str, ...]) -> int:
    """Start the hub, make the pictures, stop it."""
    from docs.scenes import SCENES

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        sys.stderr.write("没有 Chromium / no Chromium on this machine: apt-get install chromium\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    kept = os.environ.get("SCREENSHOTS_DATA")
    with tempfile.TemporaryDirectory(prefix="screenshots-") as scratch:
        (Path(kept or scratch) / "var.out").unlink(missing_ok=True)  # what an earlier hub said there is not said by this one
        hub = RunningHub(Path(kept or scratch) / "var", HUB_TIMEZONE=ZONE)
        try:
            hub.wait_ready()
            wait_until("the demo is there", (hub.data_dir / "demo-done").exists, 600, 1)
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
                album = Album(browser, hub, wanted)
                for scene in SCENES:
                    if album.wants(*scene.names):
                        scene.make(album)
                browser.close()
        finally:
            hub.close()
    size = sum(path.stat().st_size for path in FOLDER.glob("*.png")) / 1e6
    sys.stdout.write(f"{len(album.made)} 张图片，共 {size:.1f} MB / {len(album.made)} pictures, {size:.1f} MB in all: {FOLDER}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:])))
