"""One house with data for the tests that only read; a fresh one for those that kill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.mart.house import House
from tests.worker import take_free_port

MODALITIES = ("CT", "MR", "DX")


@dataclass
class Furnished:
    """The house, and what was done in it: exam id → facts, as the test did them."""

    house: House
    exams: dict[int, dict[str, Any]]
    reports: dict[int, int]


def study(number: int, institution: str, modality: str) -> dict[str, Any]:
    return {
        "study_uid": f"1.2.826.0.1.99.{number}",
        "institution": institution,
        "accession": None,
        "patient_id": f"SECRETPID{number}",
        "patient_name": f"机密{number}^名",
        "birth_date": "20250301",
        "sex": "F" if number % 2 else "M",
        "modality": modality,
        "description": f"机密{number} chest",
        "body_part": "CHEST",
        "study_date": "20260505",
    }


@pytest.fixture(scope="package")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    house = House(tmp_path_factory.mktemp("house"), take_free_port)
    try:
        house.bootstrap()
        house.start("ris")
        exams: dict[int, dict[str, Any]] = {}
        studies = [study(n, "H01" if n % 3 else "H02", MODALITIES[n % len(MODALITIES)]) for n in range(18)]
        for sent, answer in zip(studies, house.arrive(studies), strict=True):
            exams[answer["exam_id"]] = {"institution": sent["institution"], "modality": sent["modality"]}
        reports = {}
        for place, exam_id in enumerate(exams):
            if place % 4 != 3:
                reports[exam_id] = house.report(exam_id, sign=place % 5 != 4, positive=(True, False, None)[place % 3])
        # a booking without images counts nowhere
        person = {"name": "张三", "sex": "M", "birth_date": "2020-01-01"}
        house.call("desk1", "POST", "/orders", json={"institution": "H01", "patient": person, "exams": [{"modality": "CT"}]})
        house.start("mart")
        house.settle()
        yield Furnished(house, exams, reports)
    finally:
        house.stop()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    own = House(tmp_path, take_free_port)
    try:
        own.bootstrap({})  # hashing passwords takes seconds, and nobody logs in here
        own.start("ris")
        yield own
    finally:
        own.stop()
