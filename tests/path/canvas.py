"""What is drawn in a viewer cell, without what lies over it, and the two markers of the demo's CT phantom in it."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

PICTURE = """canvas => {
  const { width, height } = canvas, box = canvas.getBoundingClientRect();
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i += 1) grey[i] = data[4 * i];
  let text = '';
  for (let i = 0; i < grey.length; i += 0x8000) text += String.fromCharCode(...grey.subarray(i, i + 0x8000));
  return { width, height, scale: box.width / width, left: box.left, top: box.top, grey: btoa(text) };
}"""


class Drawn:
    """The picture of the first viewer cell: `grey` (rows × columns, 0…255) and where it stands on the page."""

    def __init__(self, page: Page) -> None:
        facts = page.locator('[data-testid="viewer"] canvas').first.evaluate(PICTURE)
        self.grey: NDArray[np.uint8] = np.frombuffer(base64.b64decode(facts["grey"]), np.uint8).reshape(facts["height"], facts["width"])
        self._scale, self._left, self._top = facts["scale"], facts["left"], facts["top"]

    def on_page(self, row: float, column: float) -> tuple[float, float]:
        """CSS pixels (x, y) of a place of the picture; pixel middles are at whole numbers."""
        return self._left + (column + 0.5) * self._scale, self._top + (row + 0.5) * self._scale

    def markers(self) -> list[tuple[float, float]]:
        """Page coordinates of the middles of the two bright spots in the air before (above) the body, left one first."""
        bright = self.grey > 200
        body = int(np.argmax(bright.mean(axis=1) > 0.03)) or bright.shape[0]
        places = np.argwhere(bright[:body])
        assert len(places) > 8, "no bright spots above the body"
        middle = (places[:, 1].min() + places[:, 1].max()) / 2
        sides = (places[places[:, 1] < middle], places[places[:, 1] >= middle])
        for side in sides:
            assert np.ptp(side, axis=0).max() < bright.shape[1] / 20, "not two small spots"
        return [self.on_page(*side.mean(axis=0)) for side in sides]
