"""Real images without whom they are of: nothing of them is found, no tool sees a new fault, the pixels are the same bytes."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest

from pipelines.research.deidentify.deidentifier import Deidentifier
from pipelines.research.deidentify.reasons import BlockedError
from pipelines.research.pseudonyms import Pseudonyms
from tests.research.scanning import leaks, words_of

pytestmark = pytest.mark.clause("H-4", "X-5")
RULES = Deidentifier(Pseudonyms(b"c" * 32), "H01", "whoever")
ALIKE = {"ct-chest-ffs": 3, "mr-sag-brain-child": 3, "ct-head-tilt": 4, "ct-abdomen-arterial": 3}
"""Series of which a few images are enough."""
EXCESS = {"MR_small_padded.dcm": 128}
"""Bytes behind the last frame, which go."""
# equal UIDs in the file are equal afterwards, with other values; dciodvfy does not inflate
SAME = re.compile(r"has same value as")
NOT_READ = {"deflated.dcm"}


@dataclass(frozen=True)
class Pair:
    name: Path
    before: bytes
    after: bytes


@pytest.fixture(scope="module")
def pairs(corpus: Path) -> list[Pair]:
    """Images of the corpus that are given out, before and after."""
    found = [pair for folder in sorted(corpus.iterdir()) if folder.is_dir() for pair in _of(folder)]
    assert len(found) > 60
    return found


def _of(folder: Path) -> Iterator[Pair]:
    files = [file for file in sorted(folder.iterdir()) if file.is_file()]
    for file in files[: ALIKE.get(folder.name)]:
        before = file.read_bytes()
        if before[128:132] == b"DICM":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    yield Pair(file, before, RULES.file(before))
                except BlockedError:
                    continue


def test_nobody_is_found_in_the_raw_bytes(pairs: list[Pair]) -> None:
    found = {pair.name: leaks(words_of(pair.before), pair.after) for pair in pairs}
    assert {name: words for name, words in found.items() if words} == {}


def test_the_scan_sees_what_is_there(pairs: list[Pair]) -> None:
    assert sum(bool(leaks(words_of(pair.before), pair.before)) for pair in pairs) == len(pairs)


def test_pixels_and_syntax_are_as_stored(pairs: list[Pair]) -> None:
    for pair in pairs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before, after = pydicom.dcmread(io.BytesIO(pair.before)), pydicom.dcmread(io.BytesIO(pair.after))
            assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
            if "PixelData" in before:
                size = len(before.PixelData) - EXCESS.get(pair.name.name, 0)
                assert after.PixelData == before.PixelData[:size], pair.name


def test_what_shows_a_name_is_blocked(corpus: Path) -> None:
    reasons = {}
    for name in (
        "us-still/thyroid-ybr-full-rle.dcm",
        "xa-cine/xa-96f-jpeg.dcm",
        "sc-colour/SC_rgb_small_odd.dcm",
        "one-bit-overlay/sc-six-overlays.dcm",
    ):
        with pytest.raises(BlockedError) as caught:
            RULES.file((corpus / name).read_bytes())
        reasons[name.split("/")[0]] = caught.value.reason
    assert reasons == {
        "us-still": "burnt_in",
        "xa-cine": "burnt_in",
        "sc-colour": "secondary_capture",
        "one-bit-overlay": "secondary_capture",
    }


def test_a_released_picture_has_no_name_in_its_bar(corpus: Path) -> None:
    """The invented "DOE, JOHN" stands in the first rows, the date at the right; both are black in what is given out."""
    content = (corpus / "us-still" / "thyroid-ybr-full-rle.dcm").read_bytes()
    before = pydicom.dcmread(io.BytesIO(content))
    series = RULES.pseudonyms.uid(before.SeriesInstanceUID)
    released = Deidentifier(RULES.pseudonyms, "H01", "whoever", released={series: ((110, 370, 150, 392),)})
    after = pydicom.dcmread(io.BytesIO(released.file(content)))
    picture = after.pixel_array
    assert picture.shape == (480, 640, 3)
    assert after.PhotometricInterpretation == "RGB"
    assert not picture[:47].any()
    assert not picture[370:393, 110:151].any()  # the name typed into the image, which the person has marked
    assert picture[60:360, 100:480].std() > 10
    assert leaks(words_of(content), released.file(content)) == []


def _faults(file: Path) -> set[str]:
    said = subprocess.run(["dciodvfy", "-new", str(file)], capture_output=True, check=False).stderr.decode("latin-1")
    # what is wrong, and where; not the value
    return {re.sub(r"= <.*", "", line) for line in said.splitlines() if line.startswith("Error") and not SAME.search(line)}


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (apt-get install dicom3tools) is not there")
def test_dciodvfy_finds_no_new_fault(pairs: list[Pair], tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    new = {}
    for pair in pairs:
        folder = pair.name.parent.name
        seen[folder] += 1
        # what one device sends is wrong in the same way
        if folder == "broken" or pair.name.name in NOT_READ or seen[folder] > 2:
            continue
        file = tmp_path / "after.dcm"
        file.write_bytes(pair.after)
        if faults := _faults(file) - _faults(pair.name):
            new[pair.name] = faults
    assert len(seen) > 15
    assert new == {}
