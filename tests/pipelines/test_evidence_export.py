"""Markings leave as DICOM SR and GSPS, and our own SR read back gives the same geometry."""

from __future__ import annotations

import itertools
import math
import re
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset

from pipelines.evidence.content import below, concept, graphic_of
from pipelines.evidence.export import file_of
from pipelines.evidence.kinds import KINDS
from pipelines.evidence.markings import Drawn, Unexportable, drawn
from pipelines.evidence.presentation import presentation_states
from pipelines.evidence.reading import read_measurements
from pipelines.evidence.report import measurement_report

pytestmark = [pytest.mark.clause("X-2", "V-9", "C-5"), pytest.mark.filterwarnings("ignore::UserWarning")]
POINTS = {"probe": 1, "length": 2, "angle": 3, "cobb": 4, "ratio": 4, "cardiothoracic": 4, "ellipse": 4, "rectangle": 4}
SHANGHAI = ZoneInfo("Asia/Shanghai")
PLANE = {"origin": [-12.5, 40.25, 7.0], "row": [0.6, 0.8, 0.0], "column": [0.0, 0.0, -1.0], "spacing": [0.7, 0.9]}


def header(number: int = 1, **changes: Any) -> Dataset:
    """The header of one CT slice."""
    made = Dataset()
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    made.SOPInstanceUID, made.StudyInstanceUID, made.SeriesInstanceUID = f"1.2.3.1.1.{number}", "1.2.3.1", "1.2.3.1.1"
    made.FrameOfReferenceUID, made.Modality = "1.2.3.9", "CT"
    made.SpecificCharacterSet, made.PatientName, made.PatientID = "ISO_IR 192", "Li^Xiaoming=李^小明", "P1"
    made.Rows, made.Columns, made.SamplesPerPixel, made.PhotometricInterpretation = 400, 512, 1, "MONOCHROME2"
    made.RescaleSlope, made.RescaleIntercept, made.WindowCenter, made.WindowWidth = 1, -1024, 40, 400
    made.PixelSpacing = [0.5, 0.5]
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def marking(kind: str, points: Any, number: int = 1, author: tuple[str, str] = ("doctor", "李医生"), **more: Any) -> dict[str, Any]:
    """A marking as ris gives it."""
    on_plane = "plane" in more
    measurement = {
        "kind": kind, "study": "1.2.3.1", "series": "1.2.3.1.1", "sop_uid": "" if on_plane else "1.2.3.1.1.1", "frame": 1, "index": 0,
        "points": points, "value": 12.5, "unit": "mm", **more,
    }  # fmt: skip
    return {
        "id": f"marking-{number:04}", "version": 1, "measurement": measurement,
        "author": {"username": author[0], "name": author[1]}, "created_at": "2026-11-26T09:00:00Z",
    }  # fmt: skip


def ready(*rows: dict[str, Any], **changes: Any) -> list[Drawn]:
    found, left_out = drawn(rows, {"1.2.3.1.1.1": header(**changes), "1.2.3.1.1": header(**changes)})
    assert left_out == 0
    return found


def report(ready_ones: list[Drawn]) -> Dataset:
    return measurement_report(ready_ones, SHANGHAI)


def states(ready_ones: list[Drawn]) -> list[Dataset]:
    return presentation_states(ready_ones, SHANGHAI)


def written(document: Dataset, folder: Path, name: str = "one.dcm") -> Path:
    (folder / name).write_bytes(file_of(document))
    return folder / name


def conic(points: Any) -> np.ndarray[Any, Any]:
    """The ellipse of two conjugate diameters as centre and matrix U U^T, which do not depend on which diameters are named."""
    ends = np.asarray(points, float)
    u, v = (ends[1] - ends[0]) / 2, (ends[3] - ends[2]) / 2
    return np.concatenate([ends.mean(axis=0), (np.outer(u, u) + np.outer(v, v)).ravel()])


thousandths = st.integers(-600_000, 3_000_000).map(lambda number: number / 1000)


@st.composite
def shapes(draw: st.DrawFn) -> tuple[str, list[list[float]]]:
    kind = draw(st.sampled_from(sorted(KINDS)))
    count = POINTS.get(kind) or draw(st.integers(3, 12))
    points = [[draw(thousandths), draw(thousandths)] for _ in range(count)]
    if kind == "ellipse":  # two diameters share their middle
        points[3] = [round(points[0][axis] + points[1][axis] - points[2][axis], 3) for axis in (0, 1)]
    return kind, points


@given(shape=shapes(), on_plane=st.booleans(), value=st.none() | st.floats(-1e5, 1e5))
@settings(max_examples=40, deadline=None)
def test_our_own_document_read_back_gives_the_same_geometry(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[str, list[list[float]]], on_plane: bool, value: float | None
) -> None:
    kind, points = shape
    more: dict[str, Any] = {"plane": PLANE} if on_plane else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = report(ready(marking(kind, points, value=value, **more)))
        (found,) = read_measurements(dcmread(written(document, tmp_path_factory.mktemp("sr"))))
    assert (found["id"], found["kind"], found["author"]) == ("marking-0001", kind, "doctor")
    assert (found["sop_uid"], found.get("plane")) == (("", PLANE) if on_plane else ("1.2.3.1.1.1", None))
    assert found["values"] == [None if value is None else pytest.approx(value, rel=1e-12, abs=1e-9)]
    if kind != "ellipse":
        assert found["points"] == points
        return
    # the same ellipse, now by its axes
    wanted, now = conic(points), conic(found["points"])
    assert now[:2] == pytest.approx(wanted[:2], abs=2e-3)
    size = math.sqrt(max(wanted[2], wanted[5]))
    assert now[2:] == pytest.approx(wanted[2:], abs=0.004 * size + 1e-5)


def test_coordinates_are_those_of_the_standard() -> None:
    """PS3.3 C.18.6: the corner of the image is 0\\0, the middle of the first pixel 0.5\\0.5; on a plane LPS mm."""
    document = report(ready(marking("length", [[0, 0], [10, 4]]), marking("length", [[0, 0], [10, 4]], 2, plane=PLANE)))
    flat, deep = [line for item in below(document) if (line := graphic_of(item)) is not None]
    assert flat.points.tolist() == [[0.5, 0.5], [10.5, 4.5]]
    assert (flat.graphic, flat.sop_uid, flat.frames) == ("POLYLINE", "1.2.3.1.1.1", ())
    # 10 columns of 0.9 mm along (0.6, 0.8, 0), 4 rows of 0.7 mm along (0, 0, -1)
    assert deep.points.ravel().tolist() == pytest.approx([-12.5, 40.25, 7.0, -12.5 + 5.4, 40.25 + 7.2, 7.0 - 2.8], abs=1e-4)
    assert (deep.space, deep.sop_uid) == ("1.2.3.9", "")


def test_an_ellipse_drawn_on_a_turned_picture_gets_its_axes() -> None:
    """Conjugate diameters of the circle-like ellipse x = 3 cos t, y = sin t, taken at t = 30° and 120°, give its axes 3 and 1."""
    at = [math.radians(30), math.radians(120)]
    ends = [[sign * 3 * math.cos(t) + 50, sign * math.sin(t) + 60] for t in at for sign in (-1, 1)]
    (line,) = ready(marking("ellipse", ends))[0].lines
    major, minor = line[1] - line[0], line[3] - line[2]
    assert (np.hypot(*major), np.hypot(*minor)) == (pytest.approx(6), pytest.approx(2))
    assert abs(major[1]) < 1e-9
    assert line.mean(axis=0).tolist() == pytest.approx([50.5, 60.5])


def test_values_units_authors_and_times_are_in_the_document() -> None:
    stats = {"mean": 41.5, "sd": 3.25, "min": 30, "max": 55, "count": 90}
    rows = [
        marking("ellipse", [[10, 30], [50, 30], [30, 20], [30, 40]], 1, unit="mm²", value=314.0, stats=stats),
        marking("length", [[1, 2], [3, 4]], 2, ("other", "Zhao Wei"), unit="mm (detector)"),
        marking("probe", [[7, 7]], 3, value=[10, 20, 30], unit=""),
    ]
    document = report(ready(*rows))
    numbers = [item for item in below(document) if item.get("ValueType") == "NUM"]
    told = [
        (float(n.MeasuredValueSequence[0].NumericValue), n.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue)
        for n in numbers
    ]
    hounsfield = [(value, "[hnsf'U]") for value in (41.5, 3.25, 30.0, 55.0)]
    assert told == [(314.0, "mm2"), *hounsfield, (12.5, "mm{detector}"), (10.0, "1"), (20.0, "1"), (30.0, "1")]
    groups = [item for item in below(document) if concept(item) == "125007"]
    people = [str(next(part for part in group.ContentSequence if part.ValueType == "PNAME").PersonName) for group in groups]
    assert people == ["doctor=李医生", "Zhao Wei^", "doctor=李医生"]
    assert {group.ObservationDateTime for group in groups} == {"20261126170000+0800"}
    # several authors: the whole was made by the system; one: by him
    assert "121007" not in {concept(item) for item in document.ContentSequence}
    assert (document.VerificationFlag, document.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert (str(document.PatientName), document.StudyInstanceUID) == ("Li^Xiaoming=李^小明", "1.2.3.1")
    alone = report(ready(rows[0]))
    assert "121008" in {concept(item) for item in alone.ContentSequence}
    assert read_measurements(document)[1]["values"] == [12.5]


def test_markings_that_cannot_leave_are_refused_or_counted() -> None:
    with pytest.raises(Unexportable, match=r"没有可以导出的标注"):
        report([])
    with pytest.raises(Unexportable, match=r"参考坐标系"):
        report(ready(marking("length", [[0, 0], [1, 1]], plane=PLANE), FrameOfReferenceUID=None))
    with pytest.raises(Unexportable, match=r"请用 SR 导出"):
        states(ready(marking("length", [[0, 0], [1, 1]], plane=PLANE)))
    later = marking("hologram", [[0, 0], [1, 1]])
    found, left_out = drawn([later, marking("length", [[0, 0], [1, 1]])], {"1.2.3.1.1.1": header()})
    assert ([one.name for one in found], left_out) == (["length"], 1)


def every_kind() -> list[dict[str, Any]]:
    numbers = itertools.count(1)
    rows = [
        marking(kind, [[30 + 9 * n, 40 + 5 * (n * n % 7)] for n in range(POINTS.get(kind, 5))], next(numbers), ("zhao", "Zhao Wei"))
        for kind in sorted(KINDS)
    ]
    rows[sorted(KINDS).index("ellipse")]["measurement"]["points"] = [[10, 30], [50, 30], [30, 20], [30, 40]]
    return rows


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: the check by that program is left out")


def test_dcmtk_reads_the_document(tmp_path: Path) -> None:
    need("dsrdump")
    rows = [*every_kind(), marking("rectangle", [[0, 0], [9, 0], [0, 5], [9, 5]], 90, plane=PLANE, value=None, unit="mm²")]
    file = written(report(ready(*rows)), tmp_path)
    done = subprocess.run(["dsrdump", str(file)], capture_output=True, text=True, timeout=30, check=False)
    complaints = [line for line in done.stderr.splitlines() if "does not support this Specific Character Set: ISO_IR 192" not in line]
    assert (done.returncode, complaints) == (0, [])
    assert done.stdout.count("Measurement Group") == len(rows)
    assert re.search(r'<contains NUM:\(,,"Length"\)="12\.5" \(mm,UCUM', done.stdout)


def test_dicom3tools_finds_no_error_in_the_document(tmp_path: Path) -> None:
    need("dciodvfy")
    file = written(report(ready(*every_kind())), tmp_path)
    done = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, timeout=30, check=False)
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []


def test_presentation_states_have_the_lines_on_their_frames_and_dcmtk_takes_them(tmp_path: Path) -> None:
    rows = [*every_kind(), marking("length", [[-5, -5], [600, 20]], 91, ("zhao", "Zhao Wei"))]
    (state,) = states(ready(*rows))
    assert len(state.GraphicAnnotationSequence) == len(rows)
    last = state.GraphicAnnotationSequence[-1]
    # what was drawn beyond the picture stays where it was drawn
    assert list(last.GraphicObjectSequence[0].GraphicData) == [-4.5, -4.5, 600.5, 20.5]
    assert last.TextObjectSequence[0].UnformattedTextValue == "12.5 mm"
    assert last.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.1.1.1"
    area = state.DisplayedAreaSelectionSequence[0]
    assert (list(area.DisplayedAreaBottomRightHandCorner), list(area.PresentationPixelSpacing)) == ([512, 400], [0.5, 0.5])
    assert float(state.SoftcopyVOILUTSequence[0].WindowCenter) == 40
    assert state.PresentationLUTShape == "IDENTITY"
    (white,) = states(ready(rows[0], PhotometricInterpretation="MONOCHROME1"))
    assert white.PresentationLUTShape == "INVERSE"
    need("dcmpschk")
    # its tables know no UTF-8
    plain = states(ready(*rows, PatientName="Li^Xiaoming"))[0]
    done = subprocess.run(["dcmpschk", str(written(plain, tmp_path))], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if line.startswith("E:")]) == (0, [])


def test_one_state_for_images_shown_alike() -> None:
    rows = [marking("length", [[0, 0], [9, 9]], number) for number in (1, 2, 3)]
    for number, row in enumerate(rows, 1):
        row["measurement"]["sop_uid"] = f"1.2.3.1.1.{number}"
    headers = {f"1.2.3.1.1.{number}": header(number, RescaleIntercept=0 if number == 3 else -1024) for number in (1, 2, 3)}
    found = states(drawn(rows, headers)[0])
    images = [[str(one.ReferencedSOPInstanceUID) for one in state.ReferencedSeriesSequence[0].ReferencedImageSequence] for state in found]
    assert images == [["1.2.3.1.1.1", "1.2.3.1.1.2"], ["1.2.3.1.1.3"]]
    assert len({state.SOPInstanceUID for state in found}) == 2


def test_colour_and_several_frames() -> None:
    colour = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.3.1", "NumberOfFrames": 5, "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}
    several = ready(marking("length", [[0, 0], [9, 9]], frame=4), Modality="US", **colour)
    (state,) = states(several)
    assert state.SOPClassUID == "1.2.840.10008.5.1.4.1.1.11.2"
    assert state.GraphicAnnotationSequence[0].ReferencedImageSequence[0].ReferencedFrameNumber == 4
    (line,) = [line for item in below(report(several)) if (line := graphic_of(item)) is not None]
    assert line.frames == (4,)
