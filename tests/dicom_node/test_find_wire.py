"""C-FIND on the wire: identifiers as pydicom reads them, small PDUs, order of answers, cancel, more matches than fit."""

from __future__ import annotations

import re
import struct
import time
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.dsutils import decode
from running_node import RunningNode, encoded, image

from bench.sender import Finder, Sender
from dicom_node.index.database import Database
from dicom_node.query.find import answer_find
from dicom_node.query.identifiers import encoder
from dicom_node.query.keys import KEYS, up_to
from dicom_node.query.link import Blobs
from dicom_node.query.search import MAX_ROWS

STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
STUDIES = 600

_text = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\\=^"), max_size=20).map(str.strip)
_uid = st.from_regex(r"\A1(\.[1-9][0-9]{0,6}){1,6}\Z")
_number = st.integers(0, 60_000)


def _values(vr: str, keyword: str) -> st.SearchStrategy:
    if keyword in {"ModalitiesInStudy", "SOPClassesInStudy"}:
        return st.lists(_uid if vr == "UI" else st.sampled_from(["CT", "MR", "SR"]), max_size=5)
    ascii_only = st.from_regex(r"\A[A-Z0-9]{0,16}\Z")
    return {
        "CS": ascii_only,
        "AE": ascii_only,
        "UI": _uid,
        "DA": st.dates(date(1900, 1, 1)),
        "TM": st.just("101500"),
        "IS": _number,
        "US": _number,
    }.get(vr, _text)


@pytest.mark.clause("S-3")
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first values compile patterns
@given(st.data(), st.booleans())
def test_identifiers_read_back_as_they_were(data: st.DataObject, explicit: bool) -> None:
    keys = data.draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=1))
    row = {key.keyword: data.draw(st.none() | _values(key.vr, key.keyword)) for key in keys}
    fixed = {"00080005": ("CS", "ISO_IR 192"), "00080052": ("CS", "STUDY"), "00080054": ("AE", "HUB")}
    raw = encoder(keys, fixed, explicit=explicit)(row)
    read = decode(BytesIO(raw), not explicit, True)
    tags = [element.tag for element in read]
    assert tags == sorted(tags)
    assert (read.QueryRetrieveLevel, read.RetrieveAETitle) == ("STUDY", "HUB")
    assert len(read) == len(keys) + 3
    for key in keys:
        value, found = row[key.keyword], read[key.keyword].value
        assert len(encoder([key], {}, explicit=explicit)(row)) % 2 == 0
        if value in (None, "", []):
            assert not found
        elif isinstance(value, list):
            assert list(found if len(value) > 1 else [found]) == value
        elif isinstance(value, date):
            assert found == value.strftime("%Y%m%d")
        else:
            assert str(found) == str(value)


@pytest.mark.clause("S-3")
def test_more_matches_than_fit_are_never_called_all(tmp_path: Path) -> None:
    database = Database(tmp_path / "index.duckdb")
    fill = "INSERT INTO study BY NAME SELECT '1.'||i AS study_uid, 'P' AS patient_id, 'H01' AS institution, i AS first_arrival FROM range(?) t(i)"
    question = {
        "root": "study", "level": "STUDY", "keys": {"00100020": "P"}, "institution": "H01", "relational": False, "combined": False,
        "explicit": True, "aet": "HUB",
    }  # fmt: skip
    database.writer.execute(fill, [MAX_ROWS])
    exact = answer_find(database, question)
    assert isinstance(exact, Blobs)
    assert (len(exact.parts), exact.whole) == (MAX_ROWS, True)
    database.writer.execute(fill, [1])
    cut = answer_find(database, question)
    assert isinstance(cut, Blobs)
    assert (len(cut.parts), cut.whole) == (MAX_ROWS, False)
    database.close()


@pytest.fixture(scope="module")
def furnished(node: RunningNode) -> RunningNode:
    """A node with many studies of one patient."""
    sender = Sender(node.dicom_port, "CT_A", "HUB", CT)
    for number in range(STUDIES):
        ds = image(PatientID="MANY", AccessionNumber=f"M{number}", PixelData=bytes(384))
        sender.store(str(ds.SOPInstanceUID), encoded(ds))
    sender.close()
    node.wait_for(lambda: len(node.get("/dicom-web/studies", params={"PatientID": "MANY", "limit": 1000}).json()) == STUDIES)
    return node


def asked() -> bytes:
    query = Dataset()
    query.QueryRetrieveLevel, query.PatientID = "STUDY", "MANY"
    query.StudyInstanceUID = query.AccessionNumber = query.StudyDescription = None
    return encoded(query)


@pytest.mark.clause("S-3")
@pytest.mark.parametrize("largest", [64, 4096, 0])
def test_every_pdu_keeps_to_the_limit_of_the_peer(furnished: RunningNode, largest: int) -> None:
    ae = AE("CT_A")
    ae.add_requested_context(STUDY_ROOT)
    sizes: list[int] = []
    from pynetdicom import evt

    association = ae.associate(
        "127.0.0.1",
        furnished.dicom_port,
        ae_title="HUB",
        max_pdu=largest,
        evt_handlers=[(evt.EVT_DATA_RECV, lambda event: sizes.append(len(event.data) - 6))],
    )
    query = Dataset()
    query.QueryRetrieveLevel, query.PatientID, query.AccessionNumber, query.StudyInstanceUID = "STUDY", "MANY", "M1*", ""
    found = [answer.AccessionNumber for status, answer in association.send_c_find(query, STUDY_ROOT) if answer is not None]
    association.release()
    assert sorted(found) == sorted(f"M{number}" for number in range(STUDIES) if str(number).startswith("1"))
    if largest:
        assert max(sizes[1:]) <= largest


@pytest.mark.clause("S-3")
def test_all_matches_arrive_whole_again_and_again(furnished: RunningNode) -> None:
    finder = Finder(furnished.dicom_port, "CT_A", "HUB", STUDY_ROOT)
    for _ in range(20):
        found = [dcmread(BytesIO(raw), force=True) for raw in finder.find(asked())]
        assert {ds.AccessionNumber for ds in found} == {f"M{number}" for number in range(STUDIES)}
        assert len(found) == STUDIES
    finder.close()


@pytest.mark.clause("S-3", "S-8")
def test_the_other_hospital_finds_none_of_them(furnished: RunningNode) -> None:
    finder = Finder(furnished.dicom_port, "CT_B", "HUB", STUDY_ROOT)
    assert finder.find(asked()) == []
    few = Dataset()  # few matches are answered by another way
    few.QueryRetrieveLevel, few.StudyInstanceUID, few.AccessionNumber = "STUDY", "", "M12"
    assert finder.find(encoded(few)) == []
    finder.close()
    own = Finder(furnished.dicom_port, "CT_A", "HUB", STUDY_ROOT)
    assert len(own.find(encoded(few))) == 1
    own.close()


def _cancel(message: int) -> bytes:
    element = lambda number, value: struct.pack("<HHI", 0, number, len(value)) + value
    body = element(0x0100, b"\xff\x0f") + element(0x0120, struct.pack("<H", message)) + element(0x0800, b"\x01\x01")
    command = element(0, struct.pack("<I", len(body))) + body
    return struct.pack(">BxIIBB", 4, len(command) + 6, len(command) + 2, 1, 3) + command


@pytest.mark.clause("S-3")
def test_a_cancel_ends_the_answer_early(furnished: RunningNode) -> None:
    ends = []
    for _ in range(30):
        finder = Finder(furnished.dicom_port, "CT_A", "HUB", STUDY_ROOT)
        send = finder._send

        def send_and_cancel(command: bytes, data: bytes, send=send, finder=finder) -> None:
            send(command, data)
            time.sleep(0.001)
            finder._socket.sendall(_cancel(finder._message))

        finder._send = send_and_cancel  # type: ignore[method-assign]
        try:
            ends.append(str(len(finder.find(asked()))))
        except OSError as error:
            ends.append(str(error))
        finder._send = send  # type: ignore[method-assign]
        assert len(finder.find(asked())) == STUDIES, "the association does not go on after a cancel"
        finder.close()
    assert set(ends) <= {"C-FIND status 0xfe00", str(STUDIES)}  # the latter: the cancel came too late
    assert "C-FIND status 0xfe00" in ends


@pytest.mark.clause("S-3")
def test_keys_of_all_levels_have_an_encoding() -> None:
    for key in up_to("instance"):
        assert key.vr in {"UI", "PN", "LO", "SH", "DA", "TM", "CS", "IS", "US", "AE"}, key.keyword


QUESTIONS = [
    {"AccessionNumber": "M12"}, {"AccessionNumber": "M5*", "PatientID": "MANY"}, {"StudyDate": "20240301-", "AccessionNumber": "M11\\M13"},
    {"PatientName": "wang^x*", "AccessionNumber": "M2?"}, {"PatientName": "*xiao", "AccessionNumber": "M7"}, {"PatientID": "NOBODY"},
    {"StudyTime": "10-11", "AccessionNumber": "M40"}, {"ModalitiesInStudy": "CT", "AccessionNumber": "M41", "NumberOfStudyRelatedSeries": ""},
    {"AccessionNumber": "M42", "InstanceAvailability": ""}, {"AccessionNumber": "M43", "PatientComments": "", "Modality": "MR"},
]  # fmt: skip


@pytest.mark.clause("S-3")
@pytest.mark.parametrize("keys", QUESTIONS)
def test_a_question_in_one_piece_and_in_many_gets_the_same_answer(furnished: RunningNode, keys: dict[str, str]) -> None:
    """One is answered from the register in the thread that reads the socket, the other by the index."""
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID, query.StudyDescription, query.PatientBirthDate = "STUDY", "", "", ""
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    finder = Finder(furnished.dicom_port, "CT_A", "HUB", STUDY_ROOT)
    quick = finder.find(encoded(query))
    finder._largest = 20
    assert finder.find(encoded(query)) == quick
    assert len(quick) == sum(_fits(number, keys) for number in range(STUDIES))
    finder.close()


def _fits(number: int, keys: dict[str, str]) -> bool:
    patterns = keys.get("AccessionNumber", "*").replace("?", "[0-9]").replace("*", ".*").split("\\")
    return keys.get("PatientID") != "NOBODY" and any(re.fullmatch(pattern, f"M{number}") for pattern in patterns)


@pytest.mark.clause("S-3", "O-1")
def test_studies_are_found_while_the_index_process_does_not_answer(furnished: RunningNode) -> None:
    finder = Finder(furnished.dicom_port, "CT_A", "HUB", STUDY_ROOT)
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID, query.AccessionNumber = "STUDY", "", "M77"
    index = furnished.child("index")
    index.suspend()
    try:
        assert len(finder.find(encoded(query))) == 1
    finally:
        index.resume()
    finder.close()


@pytest.mark.clause("S-3")
def test_a_count_that_was_answered_before_grows_with_the_study(furnished: RunningNode) -> None:
    first = image(PatientID="GROWS")
    finder, sender = Finder(furnished.dicom_port, "CT_A", "HUB", STUDY_ROOT), Sender(furnished.dicom_port, "CT_A", "HUB", CT)
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID, query.PatientID = "STUDY", "", "GROWS"
    query.NumberOfStudyRelatedInstances = None

    def counts() -> list[int]:
        return [int(dcmread(BytesIO(raw), force=True).NumberOfStudyRelatedInstances) for raw in finder.find(encoded(query))]

    for number in range(1, 4):
        ds = image(first.StudyInstanceUID, PatientID="GROWS")
        sender.store(str(ds.SOPInstanceUID), encoded(ds))
        furnished.wait_for(lambda number=number: counts() == [number])
    sender.close()
    finder.close()
