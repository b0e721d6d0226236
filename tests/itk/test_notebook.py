"""`from itkwidgets import view` in a researcher's notebook, as its documentation says, and no request to anybody else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from .conftest import brightest

pytestmark = [pytest.mark.clause("H-6"), pytest.mark.timeout(300)]

PLANE = (0.0, 0.22, 1.0, 0.8)
"""Of a picture: without the words above and the axes below."""

CELLS = [
    """
import numpy as np
from itkwidgets import view
z, y, x = np.indices((40, 48, 56))
ball = lambda cx, cy, cz: ((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2 < 36)
body = ((x - 28) ** 2 + (y - 24) ** 2 + (z - 20) ** 2 < 400) * 300
image = np.where(ball(44, 24, 20), 1000, body).astype(np.int16)
v = view(image=image, view_mode="ZPlane", cmap="Grayscale", bg_color=[0, 0, 0])
""",
    # the same body in an image whose rows run to the right and whose cuts run to the feet
    """
import itk
turned = itk.image_from_array(np.ascontiguousarray(image[::-1, :, ::-1]))
turned.SetDirection(itk.matrix_from_array(np.diag([-1.0, 1.0, -1.0])))
v = view(image=turned, view_mode="ZPlane", cmap="Grayscale", bg_color=[0, 0, 0])
""",
    """
v = view(image=image, label_image=ball(12, 24, 20).astype(np.uint8), view_mode="ZPlane", cmap="Grayscale", bg_color=[0, 0, 0], label_blend=0.9)
""",
    """
points = np.array([[20.0, 0, 0], [22, 2, 0], [24, 0, 2], [23, 1, 1], [22, 0, 1], [-25, -20, -10], [-25, 20, 10]])
v = view(point_set=points.astype(np.float32), bg_color=[0, 0, 0])
""",
]


def notebook(folder: Path) -> None:
    cells = [
        {"cell_type": "code", "id": f"c{n}", "execution_count": None, "metadata": {}, "outputs": [], "source": source.strip()}
        for n, source in enumerate(CELLS)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    (folder / "three.ipynb").write_text(
        json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})
    )


def test_view_shows_arrays_images_labels_and_points(lab: tuple[str, Path], browser: Browser, tmp_path: Path) -> None:
    address, folder = lab
    notebook(folder)
    context = browser.new_context(viewport={"width": 1366, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(90_000)
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        page.goto(f"{address}lab/tree/three.ipynb")
        expect(page.locator("#jp-main-statusbar")).to_contain_text(re.compile(r"\| Idle"), timeout=90_000)
        pictures = []
        for number in range(len(CELLS)):
            cell = page.locator(".jp-CodeCell").nth(number)
            cell.locator(".cm-content").click()
            page.keyboard.press("Shift+Enter")
            expect(cell.locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[[*\d]\]"))
            frame = cell.locator("iframe[data-itk]")
            frame.wait_for()
            frame.scroll_into_view_if_needed()
            inner = frame.content_frame
            if number < 3:
                inner.locator("html[data-rendered]").wait_for()
                expect(inner.locator("#container")).not_to_have_class("tiny")
            else:
                inner.locator("canvas").first.wait_for()
            page.wait_for_timeout(2500)
            pictures.append(frame.screenshot(timeout=90_000))
            (tmp_path / f"{number}.png").write_bytes(pictures[-1])
        for picture in pictures[:2]:
            across, down = brightest(picture, part=PLANE)
            assert across > 0.55, "the ball on the left of the body is on the viewer's right"
            assert abs(down - 0.5) < 0.15
        assert brightest(pictures[2], red=True, part=PLANE)[0] < 0.45, "the label lies on the other side"
        assert brightest(pictures[3], over=200, part=PLANE)[0] > 0.55, "most points lie to the left"
    finally:
        context.close()
    assert errors == []
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []
