"""Segments, contours and coordinates of others lie where their objects say, or nowhere."""

from __future__ import annotations

import math
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from pipelines.evidence.encapsulated import encapsulated
from pipelines.evidence.overlays.contours import add_contours
from pipelines.evidence.overlays.documents import add_coordinates, tree
from pipelines.evidence.overlays.images import Images
from pipelines.evidence.overlays.keyobjects import key_objects
from pipelines.evidence.overlays.presentations import add_presentation
from pipelines.evidence.overlays.segmentation import Unreadable, add_segmentation
from pipelines.evidence.overlays.series import what_is
from pipelines.evidence.overlays.shapes import MOST_NUMBERS, Overlay, TooLarge, rgb_of_lab
from pipelines.serving.problems import Problem
from tests.pipelines.test_evidence_export import PLANE, header, marking, ready, report, states

pytestmark = [pytest.mark.clause("X-2"), pytest.mark.filterwarnings("ignore::UserWarning")]
ROWS, COLUMNS, STEP = 24, 20, 3.0
ROW, COLUMN = np.array([0.6, 0.8, 0.0]), np.array([0.0, 0.0, -1.0])
NORMAL = np.cross(ROW, COLUMN)
FIRST = np.array([-12.5, 40.25, 7.0])
SPACING = [0.7, 0.9]


def slices(count: int = 3) -> list[Dataset]:
    """Headers of oblique slices with pixels that are not square."""
    made = []
    for number in range(1, count + 1):
        one = header(number, Rows=ROWS, Columns=COLUMNS, PixelSpacing=SPACING, ImageOrientationPatient=[*ROW, *COLUMN], SliceThickness=STEP)
        one.ImagePositionPatient = list(FIRST + NORMAL * STEP * (number - 1))
        one.StudyID = one.AccessionNumber = one.PatientBirthDate = one.PatientSex = one.StudyDate = one.StudyTime = ""
        one.BitsAllocated = one.BitsStored = 16
        one.file_meta = Dataset()
        one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.append(one)
    return made


def images(headers: list[Dataset], **changes: Any) -> Images:
    """As the node describes their frames."""
    frames = [
        {
            "series": "1.2.3.1.1", "sop_uid": one.SOPInstanceUID, "frame": 1, "index": index, "rows": ROWS, "columns": COLUMNS,
            "position": [float(part) for part in one.ImagePositionPatient], "orientation": [float(part) for part in one.ImageOrientationPatient],
            "spacing": SPACING, "frame_of_reference": "1.2.3.9", "thickness": STEP, **changes,
        }
        for index, one in enumerate(headers)
    ]  # fmt: skip
    return Images(frames)


def segmentation(headers: list[Dataset], pixels: np.ndarray[Any, Any], kind: str = "BINARY") -> Dataset:
    """Written by highdicom: labels (slices, rows, columns) 0…2."""
    algorithm = hd.AlgorithmIdentificationSequence("test", codes.DCM.ArtificialIntelligence, "1")
    described = [
        hd.seg.SegmentDescription(number, name, codes.SCT.Organ, codes.SCT.Liver, hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC, algorithm)
        for number, name in ((1, "One"), (2, "Two"))
    ]
    return hd.seg.Segmentation(
        headers, pixels, kind, described, "1.2.3.7", 7, "1.2.3.7.1", 1, "m", "m", "1", "1", omit_empty_frames=True
    )  # fmt: skip


def back(shape: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The mask of a shape as an array."""
    flat = np.zeros(shape["rows"] * shape["columns"], bool)
    for start, length in zip(shape["runs"][::2], shape["runs"][1::2], strict=True):
        flat[start : start + length] = True
    return flat.reshape(shape["rows"], shape["columns"])


def labels() -> np.ndarray[Any, Any]:
    made = np.random.default_rng(7).integers(0, 3, (3, ROWS, COLUMNS)).astype(np.uint8)
    made[1][made[1] == 2] = 0
    return made


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_each_pixel_of_a_segment_is_on_its_own_image(kind: str) -> None:
    headers, pixels = slices(), labels()
    overlay = Overlay()
    add_segmentation(overlay, segmentation(headers, pixels, kind), images(headers))
    assert [layer["label"] for layer in overlay.layers] == ["One", "Two"]
    assert overlay.warnings == {}
    found = {(shape["sop_uid"], shape["layer"]): back(shape) for shape in overlay.shapes}
    wanted = {(one.SOPInstanceUID, n - 1): pixels[at] == n for at, one in enumerate(headers) for n in (1, 2) if (pixels[at] == n).any()}
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[key], wanted[key]) for key in wanted)


def moved(headers: list[Dataset], shift: np.ndarray[Any, Any]) -> list[Dataset]:
    for one in headers:
        one.ImagePositionPatient = list(np.asarray(one.ImagePositionPatient, float) + shift)
    return headers


def test_a_segment_is_shifted_by_whole_pixels_and_never_stretched() -> None:
    pixels = labels()
    made = segmentation(slices(), pixels)
    place = {  # where the images really are, from where the segments were made → origin of the masks, None: on no image
        (0.0, 0.0, 0.0): [0, 0],
        (-2.0, 3.0, 0.0): [2, -3],
        (0.5, 0.0, 0.0): None,
        (0.0, 0.0, 0.4): None,
    }
    for (x, y, z), origin in place.items():
        shift = ROW * x * SPACING[1] + COLUMN * y * SPACING[0] + NORMAL * z * STEP
        overlay = Overlay()
        add_segmentation(overlay, made, images(moved(slices(), shift)))
        assert {tuple(shape["origin"]) for shape in overlay.shapes} == ({tuple(origin)} if origin else set()), (x, y, z)
        assert bool(overlay.warnings["segment_off_grid"]) is (origin is None)
    for other in ({"spacing": [0.7, 0.95]}, {"orientation": [*COLUMN, *ROW]}, {"orientation": [*-ROW, *COLUMN]}, {"position": None}):
        overlay = Overlay()
        add_segmentation(overlay, made, images(slices(), **other))
        assert overlay.shapes == [], other
    # the images it names are not here, but others of the same place are; in another space nothing is the same place
    for space, count in (("1.2.3.9", len({(at, n) for at in range(3) for n in (1, 2) if (pixels[at] == n).any()})), ("1.2.3.8", 0)):
        others = slices()
        for number, one in enumerate(others):
            one.SOPInstanceUID = f"1.9.{number}"
        overlay = Overlay()
        add_segmentation(overlay, made, images(others, frame_of_reference=space))
        assert len(overlay.shapes) == count


def test_a_segmentation_that_contradicts_itself_is_not_shown() -> None:
    made = segmentation(slices(), labels())
    made.SegmentSequence = made.SegmentSequence[:1]
    with pytest.raises(Unreadable, match="not described"):
        add_segmentation(Overlay(), made, images(slices()))
    huge = segmentation(slices(), labels())
    huge.Rows = huge.Columns = 60000
    with pytest.raises(Unreadable, match="size"):
        add_segmentation(Overlay(), huge, images(slices()))
    full = Overlay(numbers=MOST_NUMBERS)
    with pytest.raises(TooLarge):
        add_segmentation(full, segmentation(slices(), labels()), images(slices()))


def structures(points: np.ndarray[Any, Any], kind: str = "CLOSED_PLANAR", image: str = "") -> Dataset:
    made, roi, contour, outline, reference = (Dataset() for _ in range(5))
    roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = 5, "肝", "1.2.3.9"
    outline.ContourGeometricType, outline.ContourData = kind, [round(float(part), 4) for part in points.ravel()]
    if image:
        reference.ReferencedSOPInstanceUID = image
        outline.ContourImageSequence = [reference]
    contour.ReferencedROINumber, contour.ROIDisplayColor, contour.ContourSequence = 5, [255, 128, 0], [outline]
    made.StructureSetROISequence, made.ROIContourSequence = [roi], [contour]
    return made


@pytest.mark.parametrize("named", [True, False])
def test_a_contour_lies_in_the_pixels_of_its_slice_or_nowhere(named: bool) -> None:
    headers = slices()
    wanted = np.array([[3.0, 4.5], [9.25, 4.5], [9.25, 17.0], [2.0, 16.0]])
    at = FIRST + NORMAL * STEP + wanted[:, :1] * SPACING[1] * ROW + wanted[:, 1:] * SPACING[0] * COLUMN
    image = headers[1].SOPInstanceUID if named else ""
    overlay = Overlay()
    add_contours(overlay, structures(at, image=image), images(headers))
    assert [(layer["label"], layer["colour"]) for layer in overlay.layers] == [("肝", "#ff8000")]
    (shape,) = overlay.shapes
    assert (shape["sop_uid"], shape["kind"], shape["index"]) == (headers[1].SOPInstanceUID, "polygon", 1)
    assert np.allclose(shape["points"], wanted, atol=1e-3)
    for wrong, code in (
        (structures(at + NORMAL * 0.6, image=image), "contour_off_plane"),
        (structures(at, "OPEN_NONPLANAR"), "contour_unusable"),
    ):
        nothing = Overlay()
        add_contours(nothing, wrong, images(headers))
        assert (nothing.shapes, dict(nothing.warnings)) == ([], {code: 1})
    # one corner out of the plane: not a contour of this slice
    at[2] += NORMAL * 2
    bent = Overlay()
    add_contours(bent, structures(at, image=image), images(headers))
    assert bent.shapes == []


def test_coordinates_of_a_report_lie_where_they_were_drawn() -> None:
    points = [[3.0, 4.5], [9.25, 6.125]]
    on_plane = {**PLANE, "origin": [float(part) for part in FIRST], "spacing": SPACING}
    document = report(ready(marking("length", points), marking("length", points, 2, plane=on_plane), marking("probe", [[1, 2]], 3)))
    overlay = Overlay()
    add_coordinates(overlay, document, images(slices()))
    assert [(shape["kind"], shape["points"], shape["label"]) for shape in overlay.shapes] == [
        ("polyline", points, "Length 12.5 mm"), ("polyline", pytest.approx(np.array(points), abs=1e-3), "Length 12.5 mm"), ("point", [[1, 2]], "Pixel value 12.5 mm"),
    ]  # fmt: skip
    assert {shape["sop_uid"] for shape in overlay.shapes} == {"1.2.3.1.1.1"}
    elsewhere = Overlay()
    add_coordinates(elsewhere, document, images(moved(slices(), NORMAL), sop_uid="1.9"))
    assert (elsewhere.shapes, dict(elsewhere.warnings)) == ([], {"coordinates_elsewhere": 3})
    rows = tree(document)
    assert rows[0] == {"level": 0, "type": "CONTAINER", "relation": "", "name": "Imaging Measurement Report", "value": ""}
    assert ("Person Observer Name", "李医生") in {(row["name"], row["value"]) for row in rows}
    assert ("Length", "12.5 mm") in {(row["name"], row["value"]) for row in rows}


def test_colours_are_those_of_the_standard() -> None:
    """CIELab of sRGB's red, green and blue under D50 (Lindbloom), packed as PS3.3 C.10.7.1.1 says."""
    told = {(54.29, 80.81, 69.89): "#ff0000", (87.82, -79.27, 80.99): "#00ff00", (29.57, 68.30, -112.03): "#0000ff", (100, 0, 0): "#ffffff"}
    for (lightness, a, b), wanted in told.items():
        packed = [round(lightness * 655.35), round((a + 128) * 257), round((b + 128) * 257)]
        found = rgb_of_lab(packed)
        parts = [[int(text[at : at + 2], 16) for at in (1, 3, 5)] for text in (found, wanted)]
        assert max(abs(x - y) for x, y in zip(*parts, strict=True)) <= 2, (found, wanted)
    assert math.isclose(int(rgb_of_lab([32768, 32896, 32896])[1:3], 16), 119, abs_tol=1)


def test_what_an_object_is_and_its_document() -> None:
    common = "1.2.840.10008.5.1.4.1.1."
    kinds = {
        "66.4": "segmentation",
        "481.3": "contours",
        "481.5": "radiotherapy",
        "88.33": "report",
        "88.59": "key_objects",
        "11.1": "presentation",
    }
    kinds |= {
        "104.1": "pdf",
        "104.3": "mesh",
        "9.1.1": "ecg",
        "9.2.1": "waveform",
        "77.1.4.1": "video",
        "77.1.4": "other",
        "2": "other",
        "67": "value_map",
    }
    assert {rest: what_is(common + rest) for rest in kinds} == kinds
    assert what_is("1.2.3") == "other"
    page = Dataset()
    page.MIMETypeOfEncapsulatedDocument, page.EncapsulatedDocument, page.EncapsulatedDocumentLength = "application/pdf", b"%PDF-1.4 \x00", 9
    found = encapsulated(page)
    assert (found.content, found.media, found.shown) == (b"%PDF-1.4 ", "application/pdf", True)
    # what only says that it is one is a file to keep: it may be a page with a script
    page.EncapsulatedDocument, page.EncapsulatedDocumentLength = b"<html><script>", 14
    assert (encapsulated(page).media, encapsulated(page).shown) == ("application/octet-stream", False)
    page.EncapsulatedDocument = b""
    with pytest.raises(Problem):
        encapsulated(page)


def test_a_presentation_state_is_shown_on_its_images_or_says_why_not() -> None:
    points = [[3.0, 4.5], [9.25, 6.125]]
    rows = [marking("length", points), marking("ellipse", [[2, 8], [10, 8], [6, 5], [6, 11]], 2), marking("probe", [[1, 2]], 3)]
    (state,) = states(ready(*rows))
    overlay = Overlay()
    add_presentation(overlay, state, images(slices(), slope=1.0, intercept=-1024.0))
    lines = [(shape["kind"], shape["points"]) for shape in overlay.shapes if shape["kind"] != "text"]
    assert lines == [("polyline", points), ("ellipse", [[2, 8], [10, 8], [6, 5], [6, 11]]), ("point", [[1, 2]])]
    assert next((shape["points"][0], shape["label"]) for shape in overlay.shapes if shape["kind"] == "text") == (points[0], "12.5 mm")
    assert ([layer["label"] for layer in overlay.layers], overlay.images) == (["MARKINGS"], {"1.2.3.1.1": {0}})
    assert overlay.window == {"center": 40, "width": 400, "function": "LINEAR"}
    assert overlay.warnings == {}
    # of other values its window would show other things
    other = Overlay()
    add_presentation(other, state, images(slices(), slope=1.0, intercept=0.0))
    assert (other.window, dict(other.warnings)) == (None, {"presentation_window": 1})
    state.ImageRotation = 90
    state.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicAnnotationUnits = "DISPLAY"
    turned = Overlay()
    add_presentation(turned, state, images(slices(), slope=1.0, intercept=-1024.0))
    assert (len(turned.shapes), dict(turned.warnings)) == (5, {"presentation_screen": 1, "presentation_turned": 1})
    gone = Overlay()
    add_presentation(gone, state, images(slices(), sop_uid="1.9"))
    assert (gone.shapes, gone.window, dict(gone.warnings)) == ([], None, {"presentation_elsewhere": 1})


def selection(referenced: list[Dataset], title: Any = codes.DCM.ForReferringProvider, **context: Any) -> Dataset:
    """A key object selection as highdicom makes it."""
    content = hd.ko.KeyObjectSelection(title, referenced, description="左肺上叶结节", **context)
    made: Dataset = hd.ko.KeyObjectSelectionDocument(
        slices(), content, "1.2.3.1.8", 8, "1.2.3.1.8.1", 1, manufacturer="ACME", institution_name="X"
    )
    return made


def test_a_key_object_selection_says_what_was_chosen_by_what_and_where_it_is() -> None:
    every = slices()
    device = hd.sr.ObserverContext(codes.DCM.Device, hd.sr.DeviceObserverIdentifyingAttributes(hd.UID(), name="ACME Workstation 4"))
    overlay = Overlay()
    found = key_objects(overlay, selection([every[2], every[0]], observer_device_context=device), images(every))
    assert found == {
        "title": {"code": "113002", "scheme": "DCM", "meaning": "For Referring Provider"},
        "chosen": True,
        "device": "ACME Workstation 4",
        "person": "",
        "description": "左肺上叶结节",
        "images": [
            {"series": "1.2.3.1.1", "sop_uid": "1.2.3.1.1.3", "frame": 1, "index": 2},
            {"series": "1.2.3.1.1", "sop_uid": "1.2.3.1.1.1", "frame": 1, "index": 0},
        ],
    }
    assert (overlay.images, overlay.shapes, dict(overlay.warnings)) == ({"1.2.3.1.1": {0, 2}}, [], {})
    # without an observer the equipment stands for it; an image that is not here is counted
    elsewhere = Overlay()
    told = key_objects(elsewhere, selection([every[2], every[1]]), images(every[:2]))
    assert ([one["index"] for one in told["images"]], told["device"], dict(elsewhere.warnings)) == (
        [1],
        "ACME",
        {"key_objects_elsewhere": 1},
    )


def test_a_rejection_and_a_plain_list_single_no_image_out() -> None:
    every = slices()
    for title in (codes.DCM.RejectedForQualityReasons, codes.DCM.IncorrectModalityWorklistEntry, codes.DCM.Manifest):
        assert not key_objects(Overlay(), selection(every[:1], title), images(every))["chosen"]
    assert key_objects(Overlay(), selection(every[:1], codes.DCM.QualityIssue), images(every))["chosen"]


def test_frames_are_singled_out_one_by_one_and_no_more_than_a_page_can_list(monkeypatch: pytest.MonkeyPatch) -> None:
    every = slices()
    document = selection(every[:1])
    frames = [dict(images(every).frames[0], frame=number, index=number - 1) for number in range(1, 9)]
    reference = next(item for item in document.ContentSequence if item.ValueType == "IMAGE").ReferencedSOPSequence[0]
    reference.ReferencedFrameNumber = [3, 5]
    assert [one["frame"] for one in key_objects(Overlay(), document, Images(frames))["images"]] == [3, 5]
    del reference.ReferencedFrameNumber
    monkeypatch.setattr("pipelines.evidence.overlays.keyobjects.MOST_IMAGES", 5)
    overlay = Overlay()
    assert len(key_objects(overlay, document, Images(frames))["images"]) == 5
    assert dict(overlay.warnings) == {"key_objects_left_out": 3}
