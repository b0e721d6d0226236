"""Phantoms: geometry and numbers, read back from the DICOM that was written."""

from __future__ import annotations

import io
import time
from datetime import datetime
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset

from hub_config.demo import chest_model, phantoms
from hub_config.demo.examinations import EXAMINATIONS, dicom_age
from hub_config.demo.phantoms import Subject

CHILD = Subject("P1", "Ce^Shi=测^试", "20200102", "F", "006Y", taken=datetime.fromisoformat("2026-01-05T09:30"), uid_seed="test")


def written(made: FileDataset) -> FileDataset:
    """What another program reads from the file."""
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    file.seek(0)
    return pydicom.dcmread(file)


@pytest.fixture(scope="module")
def chest() -> list[FileDataset]:
    begun = time.process_time()
    images = [written(image) for image in phantoms.chest_ct(CHILD)]
    assert time.process_time() - begun < 20
    return images


def numbers(image: FileDataset) -> Any:
    return image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)


def at(images: list[FileDataset], x: float, y: float, z: float, half: float = 2.0) -> float:
    """Mean HU round a point in the patient (mm), found by the DICOM geometry alone."""
    image = min(images, key=lambda one: abs(one.ImagePositionPatient[2] - z))
    spacing = [float(value) for value in image.PixelSpacing]
    column, row = (x - image.ImagePositionPatient[0]) / spacing[1], (y - image.ImagePositionPatient[1]) / spacing[0]
    reach = round(half / spacing[0])
    part = numbers(image)[round(row) - reach : round(row) + reach + 1, round(column) - reach : round(column) + reach + 1]
    return float(part.mean())


@pytest.mark.clause("S-1", "V-8")
def test_the_chest_has_the_geometry_it_says(chest: list[FileDataset]) -> None:
    assert len(chest) == 120
    assert {(image.Rows, image.Columns) for image in chest} == {(512, 512)}
    assert len({image.SOPInstanceUID for image in chest}) == 120
    assert len({(image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID) for image in chest}) == 1
    z = np.array([float(image.ImagePositionPatient[2]) for image in chest])
    assert np.allclose(np.diff(z), -2.0)
    assert np.allclose(z, [float(image.SliceLocation) for image in chest])
    assert {tuple(image.PixelSpacing) for image in chest} == {(0.5, 0.5)}
    assert {tuple(image.ImageOrientationPatient) for image in chest} == {(1, 0, 0, 0, 1, 0)}
    assert [image.InstanceNumber for image in chest] == list(range(1, 121))


@pytest.mark.clause("V-8")
def test_numbers_are_true_at_known_places(chest: list[FileDataset]) -> None:
    assert at(chest, 0, -110, 0) == pytest.approx(-1000, abs=8)
    assert at(chest, *chest_model.LIVER_POINT) == pytest.approx(60, abs=6)
    assert at(chest, *chest_model.HEART_POINT) == pytest.approx(45, abs=6)
    assert at(chest, *chest_model.BUBBLE_POINT) == pytest.approx(-980, abs=8)
    assert at(chest, *chest_model.WATER_ROD, 10.0) == pytest.approx(0, abs=6)
    assert at(chest, *chest_model.BONE_ROD, 10.0) == pytest.approx(800, abs=6)
    assert at(chest, *chest_model.PNEUMONIA) == pytest.approx(-40, abs=30)
    # Nothing is mirrored: the same places on the other side are something else.
    assert at(chest, 45, 15, -30) < -600
    assert at(chest, 52, -18, -28) == pytest.approx(45, abs=8)
    assert at(chest, -52, -18, -28) < -600


@pytest.mark.clause("V-8")
def test_lungs_ribs_vessels_and_table_are_there(chest: list[FileDataset]) -> None:
    body = numbers(chest[60])
    assert 0.15 < float(((body > -900) & (body < -700)).mean()) < 0.45, "lung"
    assert float((body > 300).sum()) > 1500, "bone"
    middle = numbers(chest[50])
    inside = middle[150:300, 300:400]
    assert (inside > -200).sum() > 150, "vessels in the left lung"
    assert (inside < -700).mean() > 0.5
    column = middle[:, 256]
    table = column[round((chest_model.TABLE_TOP + 128) / 0.5) - 1 :][:60]
    assert table.max() > 60
    assert float(np.median(table)) == pytest.approx(-880, abs=25)
    noise = numbers(chest[50])[20:80, 20:80]
    assert 8 < noise.std() < 16


@pytest.mark.clause("V-6", "V-8")
def test_the_markers_are_exactly_fifty_millimetres_apart(chest: list[FileDataset]) -> None:
    image = chest[60]
    values = np.clip(numbers(image)[:110] + 900, 0, None)  # the air before the chest
    values[values < 200] = 0
    rows, columns = np.nonzero(values)
    assert len(rows) > 2
    centres = []
    for side in (columns < 256, columns >= 256):
        weights = values[rows[side], columns[side]]
        centres.append((np.average(rows[side], weights=weights), np.average(columns[side], weights=weights)))
    (r0, c0), (r1, c1) = centres
    length = np.hypot((r1 - r0) * image.PixelSpacing[0], (c1 - c0) * image.PixelSpacing[1])
    assert length == pytest.approx(phantoms.TEST_LENGTH_MM, abs=0.05)
    for number in (59, 61):
        assert numbers(chest[number])[:110].max() < -800, "the markers are in one slice only"


@pytest.mark.clause("V-8")
def test_the_film_has_detector_spacing_and_the_heart_on_its_right() -> None:
    film = written(phantoms.chest_film(CHILD))
    assert [float(value) for value in film.ImagerPixelSpacing] == [0.2, 0.2]
    assert "PixelSpacing" not in film
    assert list(film.PatientOrientation) == ["L", "F"]
    shade = film.pixel_array.astype(float)
    (r0, c0), (r1, c1) = phantoms.FILM_MARKERS
    assert shade[r0, c0] == shade[r1, c1] == 4000
    assert np.hypot(r1 - r0, c1 - c0) * 0.2 == pytest.approx(50.0)
    # The heart (patient's left, the image's right) is denser than the lung on the other side at the same height.
    assert shade[600:680, 800:880].mean() > shade[600:680, 1280 - 880 : 1280 - 800].mean() + 150
    assert (shade > 4090).mean() < 0.001


@pytest.mark.clause("V-8")
def test_the_head_is_sagittal_and_its_ventricles_bright() -> None:
    images = [written(image) for image in phantoms.head_mr(CHILD)]
    assert len(images) == 24
    assert {tuple(image.ImageOrientationPatient) for image in images} == {(0, 1, 0, 0, 0, -1)}
    x = np.array([float(image.ImagePositionPatient[0]) for image in images])
    assert np.allclose(np.diff(x), 5.0)
    assert x[0] == pytest.approx(-57.5)
    near = min(images, key=lambda image: abs(float(image.ImagePositionPatient[0]) - 17.5))
    row = round((float(near.ImagePositionPatient[2]) - 18) / float(near.PixelSpacing[0]))
    column = round((-4 - float(near.ImagePositionPatient[1])) / float(near.PixelSpacing[1]))
    ventricle = near.pixel_array[row - 3 : row + 4, column - 3 : column + 4].mean()
    assert ventricle == pytest.approx(1500, abs=60)


@pytest.mark.clause("V-8")
def test_the_ultrasound_ring_is_thirty_millimetres_across() -> None:
    loop = written(phantoms.bowel_ultrasound(CHILD))
    assert int(loop.NumberOfFrames) == 24
    (region,) = loop.SequenceOfUltrasoundRegions
    assert (region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection) == (3, 3)  # cm
    assert "PixelSpacing" not in loop
    frames = loop.pixel_array.astype(float)
    across = frames[:, 200:290, 330 - 75 : 330 + 75].mean(axis=0)[35:45].mean(axis=0)
    dark = np.nonzero(across[:75] > 75)[0].min(), np.nonzero(across[75:] > 75)[0].max() + 75
    length = (dark[1] - dark[0] + 1) * float(region.PhysicalDeltaX) * 10
    assert length == pytest.approx(phantoms.US_RING_DIAMETER_MM, abs=1.5)
    assert np.abs(frames[6] - frames[0]).mean() > 1, "it moves"


@pytest.mark.clause("S-1")
def test_phantoms_are_deterministic() -> None:
    twice = [next(iter(phantoms.chest_ct(CHILD, slices=120))) for _ in range(2)]
    assert twice[0].PixelData == twice[1].PixelData
    assert twice[0].SOPInstanceUID == twice[1].SOPInstanceUID
    other = next(iter(phantoms.chest_ct(Subject(**{**vars(CHILD), "uid_seed": "other"}))))
    assert other.SOPInstanceUID != twice[0].SOPInstanceUID
    assert phantoms.chest_film(CHILD).PixelData == phantoms.chest_film(CHILD).PixelData


@pytest.mark.clause("S-1")
@pytest.mark.parametrize(("born", "on", "said"), [
    ("2026-01-01", "2026-01-20", "019D"), ("2026-01-01", "2026-01-28", "027D"), ("2026-01-01", "2026-02-01", "001M"),
    ("2024-02-29", "2026-02-28", "023M"), ("2024-02-29", "2026-03-01", "002Y"), ("2015-06-15", "2026-06-14", "010Y"),
])  # fmt: skip
def test_ages_of_children(born: str, on: str, said: str) -> None:
    assert dicom_age(datetime.fromisoformat(born).date(), datetime.fromisoformat(on).date()) == said


@pytest.mark.clause("S-1")
def test_every_demo_study_is_whole_and_carries_nothing_of_its_source() -> None:
    today = datetime.fromisoformat("2026-11-23T03:10")
    studies = set()
    for exam in EXAMINATIONS:
        if exam.key in {"chest-ct", "head-mr"}:
            continue
        (image,) = (written(one) for one in exam.data_sets(today, "seed"))
        studies.add(image.StudyInstanceUID)
        assert str(image.PatientName) == exam.child.dicom_name
        assert image.PatientID == exam.child.patient_id
        assert image.AccessionNumber == exam.accession
        assert image.StudyDescription == exam.description
        assert image.Modality == exam.modality
        assert image.StudyDate + image.StudyTime <= "20261123031000"
        assert image.SOPInstanceUID == image.file_meta.MediaStorageSOPInstanceUID
        assert not any(element.tag.is_private for element in image)
        assert image.pixel_array.size > 1000
    assert len(studies) == len(EXAMINATIONS) - 2
    again = next(iter(EXAMINATIONS[0].data_sets(today, "seed")))
    assert again.StudyInstanceUID in studies
    assert next(iter(EXAMINATIONS[0].data_sets(today, "another"))).StudyInstanceUID not in studies
