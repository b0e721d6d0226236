"""Key images of the viewer: reference and picture of what is seen, with everything that belongs on it, and without the patient."""

from __future__ import annotations

import base64
import io
import os
from typing import Any

import numpy as np
import pytest
import traitlets
from PIL import Image

from apps.viewer import DicomViewer

from .conftest import Bench
from .streams import Stream, frame_of
from .test_looking import cuts
from .test_rendering import balls, open_rendering
from .test_widget import MODEL

PATIENT = {"name": "Ouyang^Xingchen=欧阳^星辰", "patient_id": "P-SECRET-77", "sex": "M", "birth_date": "20230912"}
WINDOW = [{"center": 500.0, "width": 1000.0, "function": "LINEAR_EXACT"}]
LISTEN = """() => { bench.kept = []; bench.missed = []; const viewer = bench.viewers.a;
  viewer.on('keyImageFailed', words => bench.missed.push(words));
  viewer.on('keyImage', ({image, picture}) => { const reader = new FileReader();
    reader.onload = () => bench.kept.push({image, type: picture.type, data: reader.result.split(',')[1]}); reader.readAsDataURL(picture); }); }"""


def made(bench: Bench, count: int = 1) -> tuple[dict[str, Any], np.ndarray]:
    """The newest key image and its picture."""
    bench.until(f"bench.kept.length === {count}")
    newest = bench.run("bench.kept.at(-1)")
    picture = Image.open(io.BytesIO(base64.b64decode(newest["data"])))
    if folder := os.environ.get("HUB_SCREENSHOTS"):
        picture.save(f"{folder}/viewer-{newest['image']['made']}-{count}.png")
    return newest["image"], np.array(picture.convert("RGB")).astype(int)


def near(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.abs(picture - np.array(colour)).max(axis=2) < 60


@pytest.mark.clause("R-10", "V-9", "V-26")
def test_the_picture_has_what_belongs_on_it_and_not_the_patient(bench: Bench) -> None:
    stream = cuts(5, 2.0)
    stream.warnings = ["lossy"]
    bench.run("Object.assign(document.getElementById('a').style, {width: '800px', height: '500px'})")
    bench.mount()
    bench.show(stream, info={"patient": PATIENT, "accession": "ACC-9", "institution": "甲县医院", "modality": "CT", "series_number": 3})
    bench.run(LISTEN)
    line = {
        "id": "m1", "kind": "length", "study": "s", "series": "x", "sop_uid": "1.2.2", "frame": 0, "index": 2,
        "points": [[12, 20], [52, 20]], "value": 32.0, "unit": "mm", "author": "t", "created": "2026-11-23T09:00:00.000Z",
    }  # fmt: skip
    bench.call("setMeasurements", [line])
    bench.call("rotate", 90)
    bench.call("setWindow", {"center": 100, "width": 400})
    bench.page.locator("#a .px-viewer").focus()
    bench.page.keyboard.press("Shift+I")
    image, picture = made(bench)
    assert (image["study"], image["series"], image["sop_uid"], image["frame"], image["index"], image["made"]) == (
        "s",
        "x",
        "1.2.2",
        0,
        2,
        "image",
    )
    assert (image["window"]["center"], image["window"]["width"], image["rotation"], image["mirrored"]) == (100, 400, 90, False)
    assert image["author"] == "tester"
    box = bench.page.locator("#a .px-cell").bounding_box()
    assert box is not None
    assert abs(picture.shape[1] - box["width"]) <= 2, "as many pixels as the screen has"
    assert abs(picture.shape[0] - box["height"]) <= 2
    # the middle of the image is the slice's own value, 20, in that window
    assert picture[picture.shape[0] // 2 + 40, picture.shape[1] // 2 + 40].tolist() == pytest.approx([(20 + 100) / 400 * 255] * 3, abs=2)
    # the measurement lies where the screen has it: its two ends, turned with the image
    ends = [np.subtract(bench.screen(*point), (box["x"], box["y"])) for point in line["points"]]
    yellow = near(picture, (255, 214, 64))
    for part in np.linspace(0.1, 0.9, 17):
        x, y = ends[0] + (ends[1] - ends[0]) * part
        assert yellow[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4].any(), part
    # letters at all four edges, the scale below, the warning above
    letters = near(picture, (255, 224, 138))
    height, width = letters.shape
    assert letters[:30, width // 2 - 15 : width // 2 + 15].any()
    assert letters[-30:, width // 2 - 15 : width // 2 + 15].any()
    assert letters[height // 2 - 15 : height // 2 + 15, :30].any()
    assert letters[height // 2 - 15 : height // 2 + 15, -30:].any()
    assert near(picture, (232, 232, 230))[-45:-20, width // 2 - 80 : width // 2 + 80].any(axis=0).sum() > 20
    assert near(picture, (255, 207, 102))[4:30, 4:120].any(), "lossy is said"
    # with another patient, institution and number the same picture comes out: nothing of them is on it
    bench.call("setInfo", {"patient": {"name": "Other^Name", "patient_id": "1"}, "accession": "B", "institution": "C"})
    bench.call("keepKeyImage")
    assert (made(bench, 2)[1] == picture).all()
    assert bench.run("JSON.stringify(bench.kept.map(one => one.image))").find("SECRET") < 0
    # the image is marked, the others are not
    bench.wait_text(".px-bottomLeft", "★ 关键图像")
    bench.call("scrollTo", 3)
    assert "★" not in bench.text(".px-bottomLeft")
    bench.call("scrollTo", 2)
    bench.wait_text(".px-bottomLeft", "★ 关键图像")
    bench.call("setKeyImages", [])
    assert "★" not in bench.text(".px-bottomLeft")


@pytest.mark.clause("R-10", "V-27", "V-32")
def test_what_is_computed_says_so_and_names_no_image(bench: Bench) -> None:
    open_rendering(bench, balls())
    bench.run(LISTEN)
    bench.call("keepKeyImage")
    image, picture = made(bench)
    assert (image["made"], image["sop_uid"], image["series"]) == ("rendering", "", "x")
    height, width, _ = picture.shape
    centre = picture[height // 5 : 4 * height // 5, width // 5 : 4 * width // 5]
    assert (np.ptp(centre, axis=2) > 15).any(), "the coloured rendering, not the grey slice under it"
    assert near(picture, (255, 207, 102))[4:30, 4:100].any(), "in words: a volume rendering"
    bench.call("rendering", False)
    bench.call("mpr", True)
    bench.until("bench.viewers.a.state().plane !== null || document.querySelectorAll('#a .px-cell').length > 1")
    bench.call("setActive", 1)
    bench.until("bench.viewers.a.state().plane !== null && bench.viewers.a.state().phase === 'complete'")
    bench.call("keepKeyImage")
    image, _ = made(bench, 2)
    assert (image["made"], image["sop_uid"]) == ("mpr", "")
    assert image["plane"] == bench.state()["plane"]


@pytest.mark.clause("R-10")
def test_without_a_picture_there_is_none_and_it_is_said(bench: Bench) -> None:
    bench.mount()
    bench.run(LISTEN)
    bench.call("keepKeyImage")
    bench.until("bench.missed.length === 1")
    assert "尚未显示" in bench.run("bench.missed[0]")
    assert bench.run("bench.kept.length") == 0


@pytest.mark.clause("R-10")
def test_a_large_screen_gives_a_picture_of_bounded_size(bench: Bench) -> None:
    noise = np.random.default_rng(3).integers(0, 1000, (512, 512)).astype(np.int16)
    bench.mount()
    bench.run("Object.assign(document.getElementById('a').style, {width: '2400px', height: '1500px'})")
    bench.settle()
    bench.show(Stream([frame_of(noise, windows=WINDOW)]))
    bench.run(LISTEN)
    bench.call("keepKeyImage")
    _, picture = made(bench)
    assert max(picture.shape[:2]) == 1600
    assert bench.run("atob(bench.kept[0].data).length") <= 2 * 1024 * 1024


@pytest.mark.clause("R-10", "H-2", "H-4")
def test_python_reads_and_sets_key_images(bench: Bench) -> None:
    bench.server.streams["x"] = cuts(5, 2.0)
    given = {"series": "x", "sop_uid": "1.2.3", "frame": 0, "caption": "结节"}
    bench.run(MODEL, {"index": 3, "key_images": [given]})
    bench.wait_text(".px-bottomLeft", "★ 关键图像")
    bench.run("model.set('key_images', [])")
    bench.settle()
    assert "★" not in bench.text(".px-bottomLeft")
    bench.page.locator(".px-viewer").focus()
    bench.page.keyboard.press("Shift+I")
    bench.until("model.values.key_images.length === 1")
    told = bench.run("model.values.key_images[0]")
    assert (told["series"], told["sop_uid"], told["frame"], told["caption"], told["made"]) == ("x", "1.2.3", 0, "", "image")
    assert set(told["window"]) == {"center", "width", "function"}
    assert bench.run("JSON.stringify(model.values.key_images).length") < 1000, "the picture does not travel in the trait"
    bench.run("leave()")

    viewer = DicomViewer(bundle="x", key_images=[given])
    viewer.key_images = [*viewer.key_images, told]
    assert [one["sop_uid"] for one in viewer.get_state()["key_images"]] == ["1.2.3", "1.2.3"]
    with pytest.raises(traitlets.TraitError, match="序列"):
        viewer.key_images = [{"sop_uid": "1.2.3"}]
