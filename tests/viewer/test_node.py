"""The viewer on a real node: files sent by dcmtk's storescu, shown through the node's own stream and summary."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pydicom
import pytest

from .conftest import Bench
from .node import Node

Filled = dict[str, tuple[str, str]]

# Name → folder of the corpus, files, and the option with which storescu proposes the syntax they are stored in.
SETS = {
    "ct-chest-ffs": ("ct-chest-ffs", "*.dcm", "-xe"),
    "us-cine": ("us-cine", "echo-child*", "-xy"),
    "ct-head-tilt": ("ct-head-tilt", "*.dcm", "-xe"),
    "cr-chest": ("cr-chest", "chest-rg1*", "-xw"),
    "us-shrunken": ("us-cine", "us-30f*", "-xy"),
}


@pytest.fixture(scope="module")
def filled(node: Node, corpus: Path) -> Filled:
    """Study and series of each set, which the node has whole."""
    held = {}
    for name, (folder, pattern, syntax) in SETS.items():
        files = sorted((corpus / folder).glob(pattern))
        send = ["storescu", "-R", syntax, "-aet", "CT_A", "-aec", "HUB", "127.0.0.1", str(node.dicom)]
        subprocess.run([*send, *map(str, files)], check=True, capture_output=True, timeout=60)
        first = pydicom.dcmread(files[0], stop_before_pixels=True)
        held[name] = (str(first.StudyInstanceUID), str(first.SeriesInstanceUID))
        node.wait_for(*held[name], len(files))
    return held


def open_series(bench: Bench, node: Node, study: str, series: str) -> None:
    """Shows a series from the node and waits for its first picture."""
    bench.server.node = (node.address, node.ticket)
    bench.run(
        """([study, series]) => new Promise((resolve, reject) => {
        const off = bench.viewers.a.on('shown', () => { off(); resolve(); });
        bench.viewers.a.on('failed', ({words}) => reject(new Error(words)));
        bench.viewers.a.show({study, series}); })""",
        [study, series],
    )


@pytest.mark.clause("V-8", "V-26", "H-5")
def test_ct_from_the_node(bench: Bench, node: Node, filled: Filled, corpus: Path) -> None:
    bench.mount()
    open_series(bench, node, *filled["ct-chest-ffs"])
    bench.until("bench.viewers.a.state().phase === 'complete' && bench.viewers.a.state().modality === 'CT'")
    files = {str(pydicom.dcmread(path).SOPInstanceUID): path for path in (corpus / "ct-chest-ffs").glob("*.dcm")}
    assert bench.state()["count"] == len(files) == 20
    header = httpx.get(
        "{}/services/images/series/{}/{}/header".format(node.address, *filled["ct-chest-ffs"]),
        headers={"Authorization": f"Bearer {node.ticket}"},
    ).json()
    for frame in header["frames"]:
        data = pydicom.dcmread(files[frame["sop_uid"]])
        hu = data.pixel_array * float(data.RescaleSlope) + float(data.RescaleIntercept)
        places = [(256, 256), (100, 300), (400, 77)]
        assert bench.run("([p, i]) => p.map(one => bench.viewers.a.valueAt(one, i))", [places, frame["index"]]) == [
            hu[y, x] for x, y in places
        ]
    bench.settle()
    assert {edge: bench.text(f".px-edge-{edge}") for edge in ("left", "right", "top", "bottom")} == {
        "left": "R",
        "right": "L",
        "top": "A",
        "bottom": "P",
    }
    assert "CMB-CRC-MSB-01068" in bench.text(".px-topLeft")
    assert bench.state()["warnings"] == []
    assert (bench.state()["window"]["center"], bench.state()["window"]["width"]) == (-700, 1500)


@pytest.mark.clause("V-26", "H-5")
def test_tilted_ct_from_the_node_warns(bench: Bench, node: Node, filled: Filled) -> None:
    bench.mount()
    open_series(bench, node, *filled["ct-head-tilt"])
    bench.until("bench.viewers.a.state().phase === 'complete'")
    bench.wait_text(".px-warnings", "机架倾斜")
    bench.wait_text(".px-warnings", "层间距不均匀")


@pytest.mark.clause("V-9", "H-5")
def test_ultrasound_and_film_from_the_node_have_honest_units(bench: Bench, node: Node, filled: Filled) -> None:
    bench.mount()
    open_series(bench, node, *filled["us-cine"])
    bench.until("bench.viewers.a.state().phase === 'complete'")
    assert bench.state()["count"] == 34
    bench.call("setTool", "length")
    # Region (42, 4)…(438, 353) with 0.02857 cm per pixel; below it is a time strip, where there are no mm.
    bench.drag(bench.screen(100, 100), bench.screen(300, 100))
    bench.drag(bench.screen(100, 200), bench.screen(100, 440))
    inside, across = bench.run("bench.viewers.a.measurements()")
    assert inside["unit"] == "mm (US)"
    assert inside["value"] == pytest.approx(200 * 0.2857, abs=0.6)
    assert across["unit"] == "px"
    # Shrunk after calibration: its region reaches beyond the picture, so no mm anywhere.
    open_series(bench, node, *filled["us-shrunken"])
    bench.drag(bench.screen(120, 60), bench.screen(220, 60))
    shrunken = bench.run("bench.viewers.a.measurements()")[-1]
    assert shrunken["unit"] == "px"
    assert shrunken["value"] == pytest.approx(100, abs=1)
    bench.wait_text(".px-warnings", "不显示毫米")
    open_series(bench, node, *filled["cr-chest"])
    bench.drag(bench.screen(500, 500), bench.screen(1100, 1300))
    assert bench.run("bench.viewers.a.measurements()")[-1]["unit"] == "px"
