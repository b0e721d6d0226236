"""How fast images are de-identified in bulk, and whether anything of a patient is left in those of the corpus."""

from __future__ import annotations

import io
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pydicom

from bench.corpus import corpus
from bench.result import Result
from pipelines.research.deidentify.deidentifier import Deidentifier
from pipelines.research.deidentify.reasons import BlockedError
from pipelines.research.pseudonyms import Pseudonyms
from tests.research.scanning import leaks, words_of

IDS = ("research-bulk", "deid-leaks-images")
CORES, RUNS = 2, 5
ROUNDS = 20
"""How often a process goes through the CT images of half a megabyte in one run."""
SERIES = ("ct-chest-ffs", "ct-head-tilt", "ct-abdomen-arterial")
RULES = Deidentifier(Pseudonyms(bytes(32)), "H01", "bench")


def _images(folder: Path) -> list[bytes]:
    return [file.read_bytes() for name in SERIES for file in sorted((folder / name).glob("*.dcm"))]


def _work(folder: Path) -> tuple[int, float]:
    """Bytes that one process has de-identified, and the seconds of processor time they took."""
    images = _images(folder)
    begun = time.process_time()
    size = sum(len(RULES.file(content)) for _ in range(ROUNDS) for content in images)
    return size, time.process_time() - begun


def _rates(folder: Path) -> tuple[list[float], float]:
    """MB/s of each run by the clock, all processes together; MB/s of one process by its processor time."""
    with ProcessPoolExecutor(CORES) as pool:
        list(pool.map(_work, [folder] * CORES))  # modules, tables and files are there
        rates, worked = [], []
        for _ in range(RUNS):
            begun = time.perf_counter()
            done = list(pool.map(_work, [folder] * CORES))
            rates.append(sum(size for size, _ in done) / (time.perf_counter() - begun) / 1e6)
            worked += [size / seconds / 1e6 for size, seconds in done]
    return rates, statistics.median(worked)


def _check(images: list[bytes]) -> None:
    """AssertionError when an output of these rules has other pixels than its source, or anything of the patient."""
    for content in images:
        after = RULES.file(content)
        was, now = (pydicom.dcmread(io.BytesIO(one)) for one in (content, after))
        if now.PixelData != was.PixelData or now.file_meta.TransferSyntaxUID != was.file_meta.TransferSyntaxUID:
            raise AssertionError(f"other pixels in an image of {was.Modality}")
        left = leaks(words_of(content), after)
        if left:
            raise AssertionError(f"{len(left)} words of the patient are left in an image of {was.Modality}")


def _found(folder: Path) -> tuple[int, Counter[str], int]:
    """Words of the patients that are in the outputs, objects by outcome, words looked for."""
    found, looked, outcomes = 0, 0, Counter[str]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for file in sorted(one for one in folder.glob("*/*") if one.is_file()):
            content = file.read_bytes()
            if content[128:132] != b"DICM":
                continue
            try:
                after = RULES.file(content)
            except BlockedError as blocked:
                outcomes[blocked.reason] += 1
                continue
            outcomes["given"] += 1
            words = words_of(content)
            looked += len(words)
            found += len(leaks(words, after))
    return found, outcomes, looked


def measure() -> Iterator[Result]:
    """Both figures."""
    folder = corpus()
    images = _images(folder)
    mean = sum(map(len, images)) / len(images) / 1e6
    _check(images)
    rates, worked = _rates(folder)
    yield Result(
        "research-bulk",
        f"CT images of {mean:.2f} MB de-identified, {CORES} processes",
        rates,
        "MB/s",
        100,
        "higher",
        f"{len(images)} images of {len(SERIES)} series, {ROUNDS} times each in both processes; {worked:.0f} MB a second of processor time; "
        "pixels equal byte for byte and nothing of a patient left, looked at in the same run",
        1,
    )
    found, outcomes, looked = _found(folder)
    told = ", ".join(f"{reason} {count}" for reason, count in sorted(outcomes.items()))
    yield Result(
        "deid-leaks-images",
        f"names, numbers, pinyin, birth dates and UIDs of real images in what is given out (raw bytes, {looked} words looked for)",
        [float(found)],
        "leaks",
        0,
        "lower",
        told,
        0,
    )
