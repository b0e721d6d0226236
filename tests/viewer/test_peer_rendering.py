"""Pictures on the screen against dcmtk's own rendering of the same files: every pixel, across transfer syntaxes and photometric interpretations."""

from __future__ import annotations

import base64
import csv
import io
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset
from pydicom.uid import generate_uid

from .conftest import Bench
from .node import Node

JPEG = "1.2.840.10008.1.2.4."
JPEG_LS = {JPEG + "80", JPEG + "81"}
LOSSY_JPEG = {JPEG + "50", JPEG + "51"}
# What dcmtk renders: it has no JPEG 2000.
SYNTAXES = {
    "1.2.840.10008.1.2",
    *(f"1.2.840.10008.1.2.{last}" for last in ("1", "1.99", "2", "5")),
    *LOSSY_JPEG,
    JPEG + "57",
    JPEG + "70",
    *JPEG_LS,
}
# Its palette is not in the file; its class is retired, which dcmsend refuses; its values are below what dcmtk takes as a window.
WITHOUT_PEER = {"us-still/aloka-palette-16bit.dcm", "nm-pt/nm-heart-13f.dcm", "rtstruct-phantom/rtdose.dcm"}
LEAST_SIDE = 118  # CSS pixels of a cell's picture

CANVAS = """() => {
  const canvas = bench.viewers.a.canvas();
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const rgb = new Uint8Array(canvas.width * canvas.height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4) for (let i = 0; i < 3; i += 1) rgb[to++] = data[from + i];
  let text = '';
  for (let at = 0; at < rgb.length; at += 32768) text += String.fromCharCode(...rgb.subarray(at, at + 32768));
  return [canvas.width, canvas.height, btoa(text)];
}"""


@dataclass(frozen=True)
class Case:
    """A copy of a corpus file as an examination of its own: some of them share a SOP Instance UID."""

    name: str
    path: Path
    data: FileDataset

    @property
    def syntax(self) -> str:
        return str(self.data.file_meta.TransferSyntaxUID)

    @property
    def colour(self) -> bool:
        return bool(self.data.SamplesPerPixel == 3 or self.data.PhotometricInterpretation == "PALETTE COLOR")


@pytest.fixture(scope="module")
def cases(corpus: Path, node: Node, tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """The first file of each kind in each set, sent to the node by dcmtk."""
    folder = tmp_path_factory.mktemp("copies")
    kinds: set[tuple[str, ...]] = set()
    found = []
    for row in csv.DictReader((corpus / "index.csv").open(encoding="utf-8")):
        kind = (row["path"].split("/")[0], row["transfer_syntax"], row["photometric"], row["bits"])
        if row["transfer_syntax"] not in SYNTAXES or not row["rows"] or kind[0] == "broken" or kind in kinds or row["path"] in WITHOUT_PEER:
            continue
        data = pydicom.dcmread(corpus / row["path"])
        if "PixelData" not in data:
            continue
        kinds.add(kind)
        data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID = (generate_uid() for _ in range(3))
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        case = Case(row["path"], folder / f"{len(found)}.dcm", data)
        data.save_as(case.path)
        found.append(case)
    send = ["dcmsend", "-aet", "CT_A", "-aec", "HUB", "127.0.0.1", str(node.dicom), *(str(case.path) for case in found)]
    subprocess.run(send, check=True, capture_output=True, timeout=100)
    for case in found:
        node.wait_for(str(case.data.StudyInstanceUID), str(case.data.SeriesInstanceUID), 1)
    return found


def on_screen(bench: Bench, case: Case) -> tuple[np.ndarray, dict | None] | None:
    """The first frame as drawn, one value for each image pixel, and its window; None where the pixels are not square on the screen."""
    rows, columns = int(case.data.Rows), int(case.data.Columns)
    # An odd number of screen pixels for each image pixel: the middle one is the middle of it, where interpolation changes nothing.
    times = next(n for n in range(1, 999, 2) if n * min(rows, columns) >= LEAST_SIDE)
    size = [columns * times + 2, rows * times + 2]  # with the border of the cell
    bench.run("([w, h]) => Object.assign(document.getElementById('a').style, { width: `${w}px`, height: `${h}px` })", size)
    bench.run("bench.events.length = 0")
    request = {"study": str(case.data.StudyInstanceUID), "series": str(case.data.SeriesInstanceUID), "index": 0}
    bench.run("request => bench.viewers.a.show(request)", request)
    bench.until("bench.events.some(e => e.name === 'a.shown' || e.name === 'a.failed')", 30)
    assert not bench.run("bench.events.some(e => e.name === 'a.failed')"), (case.name, bench.text(".px-notice"))
    bench.settle()
    (x0, y0), (x1, _), (_, y1) = bench.screen(0, 0), bench.screen(1, 0), bench.screen(0, 1)
    if abs((x1 - x0) / (y1 - y0) - 1) > 1e-3:
        return None
    width, height, text = bench.run(CANVAS)
    drawn = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 3)
    assert (width, height) == (columns * times, rows * times)
    return drawn[times // 2 :: times, times // 2 :: times].astype(int), bench.state()["window"]


def by_peer(case: Case, window: dict | None) -> np.ndarray:
    """dcmtk's rendering of the first frame, through the same window; colour has none."""
    program = "dcml2pnm" if case.syntax in JPEG_LS else "dcmj2pnm"
    how = ["+Wl", "1"] if window is None else ["+Ww", str(window["center"]), str(window["width"])]
    command = [program, *([] if case.colour else how), "--no-overlays", "+F", "1", "--write-raw-pnm", str(case.path)]
    picture = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def allowed(case: Case, window: dict | None) -> tuple[float, float]:
    """Greatest and mean difference: rounding, or where decoders may differ (JPEG's inverse transform, half-size colour planes) that."""
    if case.syntax in LOSSY_JPEG and case.colour:
        return 16, 0.3
    if case.syntax in LOSSY_JPEG and window:
        return 2 + 255 / window["width"] * float(case.data.get("RescaleSlope") or 1), 0.75
    return (2, 1) if "YBR" in case.data.PhotometricInterpretation else (1, 1)


@pytest.mark.timeout(400)
@pytest.mark.clause("V-2", "S-1", "H-5")
def test_every_pixel_is_as_dcmtk_draws_it(bench: Bench, node: Node, cases: list[Case]) -> None:
    bench.mount()
    bench.server.node = (node.address, node.ticket)
    compared, wrong = set(), []
    for case in cases:
        drawn = on_screen(bench, case)
        if drawn is None:
            continue
        ours, window = drawn
        theirs = by_peer(case, window)
        assert ours.shape == theirs.shape, case.name
        most, mean = allowed(case, window)
        off = np.abs(ours - theirs)
        if off.max() > most or off.mean() > mean:
            wrong.append((case.name, case.syntax, int(off.max()), float(off.mean()), window))
        elif case.data.get("WindowCenter") not in (None, "") and window and not case.colour:
            first = float(np.atleast_1d(case.data.WindowCenter)[0])
            if window["center"] != first:
                wrong.append((case.name, "window", window, first))
        compared.add((case.name, case.syntax, case.data.PhotometricInterpretation))
    assert wrong == []
    assert len(compared) >= 40
    assert len({syntax for _, syntax, _ in compared}) >= 10
    assert {photometric for _, _, photometric in compared} >= {
        "MONOCHROME1",
        "MONOCHROME2",
        "RGB",
        "PALETTE COLOR",
        "YBR_FULL",
        "YBR_FULL_422",
    }
