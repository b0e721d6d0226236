"""What is kept in memory for speed never outlives the truth: changed studies, expired and foreign tickets."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from running_node import RunningNode, encoded, image

from bench.sender import Sender
from dicom_node.annotations import Annotations
from dicom_node.index.database import Database
from dicom_node.web.held import Held
from dicom_node.web.problems import ProblemError
from dicom_node.web.tickets import LEEWAY, Tickets

CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.clause("V-1")
def test_a_series_that_was_read_is_read_again_when_it_grows(node: RunningNode) -> None:
    """Headers, frames, pictures' list and QIDO follow at once what the index knows."""
    first = image()
    at = f"/studies/{first.StudyInstanceUID}/series/{first.SeriesInstanceUID}"
    sender = Sender(node.dicom_port, "CT_A", "HUB", CT)
    for number in range(1, 4):
        ds = image(first.StudyInstanceUID, first.SeriesInstanceUID, InstanceNumber=number, ImagePositionPatient=[0, 0, number])
        sender.store(str(ds.SOPInstanceUID), encoded(ds))
        node.wait_instances(first.StudyInstanceUID, number)
        metadata = node.get(f"/dicom-web{at}/metadata").json()
        assert [one["00200013"]["Value"][0] for one in metadata] == list(range(1, number + 1))
        view = node.get(f"/series/{first.StudyInstanceUID}/{first.SeriesInstanceUID}/header").json()
        assert [frame["position"][2] for frame in view["frames"]] == list(range(1, number + 1))
        assert node.get(f"/dicom-web{at}/instances/{ds.SOPInstanceUID}/frames/1").status_code == 200
        (study,) = node.get("/dicom-web/studies", params={"StudyInstanceUID": first.StudyInstanceUID}).json()
        assert study["00201208"]["Value"] == [number]
    sender.close()


@pytest.mark.clause("S-8", "S-9")
def test_what_is_held_is_held_for_nobody_else(node: RunningNode) -> None:
    first = image()
    sender = Sender(node.dicom_port, "CT_A", "HUB", CT)
    sender.store(str(first.SOPInstanceUID), encoded(first))
    sender.close()
    node.wait_instances(first.StudyInstanceUID, 1)
    study, series, sop = first.StudyInstanceUID, first.SeriesInstanceUID, first.SOPInstanceUID
    at = f"/dicom-web/studies/{study}/series/{series}"
    paths = [f"{at}/metadata", at, f"{at}/instances/{sop}/frames/1", f"/series/{study}/{series}/header", f"/series/{study}/{series}/stream"]
    stranger = node.ticket(["H02"])
    for path in paths:
        assert node.get(path).status_code == 200, path
        assert node.get(path, stranger).status_code == 404, path
    assert node.get("/dicom-web/studies", stranger, params={"StudyInstanceUID": study}).json() == []


@pytest.mark.clause("V-1")
def test_values_go_with_a_change_and_by_weight(tmp_path: Path) -> None:
    database = Database(tmp_path / "index.duckdb")
    held: Held[str] = Held(database, 10, len)
    read: list[str] = []

    def get(study: str, value: str) -> str:
        return held.get(study, study, lambda: read.append(study) or value)

    assert [get("a", "1234"), get("a", "other"), get("b", "5678")] == ["1234", "1234", "5678"]
    with database.changing(["a"]):
        assert get("a", "between") == "between"  # what is read now may be old or new: neither is kept
    assert get("a", "new") == "new"  # read again
    assert get("b", "other") == "5678"  # another study has not changed
    get("c", "12345")  # too much together: the least used goes, which is `a`
    assert (get("b", "other"), get("a", "again")) == ("5678", "again")
    assert get("d", "longer than all") == "longer than all"
    assert read == ["a", "b", "a", "a", "c", "a", "d"]
    database.close()


@pytest.mark.clause("S-9")
def test_a_remembered_ticket_still_expires_and_dies_with_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, place = Ed25519PrivateKey.generate(), tmp_path / "public.pem"

    def publish(of: Ed25519PrivateKey) -> None:
        place.write_bytes(of.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))

    publish(key)
    now = time.time()
    claims = {
        "iss": "ris",
        "aud": "hub",
        "iat": int(now),
        "exp": int(now) + 60,
        "sub": "li",
        "kind": "script",
        "operations": [],
        "institutions": [],
    }
    token = jwt.encode(claims, key, algorithm="EdDSA")
    tickets = Tickets(place, Annotations(tmp_path / "annotations.sqlite", None))
    assert [tickets.verify(token, cookie=False).username for _ in range(2)] == ["li", "li"]
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now + 60 + LEEWAY)
        with pytest.raises(ProblemError, match="expired"):
            tickets.verify(token, cookie=False)
    publish(Ed25519PrivateKey.generate())
    with pytest.raises(ProblemError, match="invalid"):
        tickets.verify(token, cookie=False)


@given(changes=st.lists(st.sets(st.integers(0, 12), min_size=1, max_size=5), max_size=40))
@settings(max_examples=60, deadline=None)
def test_no_number_comes_again_after_a_change_although_the_oldest_are_forgotten(changes: list[set[int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, patch("dicom_node.index.database.CHANGES", 4):
        database = Database(Path(folder) / "index.duckdb")
        studies = [str(study) for study in range(13)]
        seen: dict[str, set[int | None]] = {study: set() for study in studies}
        stale: dict[str, set[int | None]] = {study: set() for study in studies}  # seen before the study's last change
        for study in studies:
            seen[study].add(database.change_of(study))
        for change in changes:
            changed = {str(study) for study in change}
            with database.changing(changed):
                assert {database.change_of(study) for study in changed} == {None}
            for study in changed:
                stale[study] |= seen[study]
            for study in studies:
                assert database.change_of(study) not in stale[study]
                seen[study].add(database.change_of(study))
            assert len(database._changes) <= 4 + 5
        database.close()
