"""Extended negotiation of C-FIND (PS3.4 C.5.1.1.1): relational queries and combined date-time matching, only where agreed."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from rawscu import EXPLICIT, RawSCU
from running_node import CT, RunningNode, encoded, image, uid

pytestmark = pytest.mark.clause("S-3", "H-5")
PATIENT_FIND, STUDY_FIND = "1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"


def put(node: RunningNode, *made: Dataset) -> None:
    scu = RawSCU(node.dicom_port, "CT_A", [(CT, [EXPLICIT])])
    for ds in made:
        assert scu.store(1, CT, ds.SOPInstanceUID, encoded(ds)) == (0, "")
    scu.close()
    for ds in made:
        node.wait_instances(ds.StudyInstanceUID, sum(other.StudyInstanceUID == ds.StudyInstanceUID for other in made))


def find(
    node: RunningNode, keys: dict[str, str], asked: dict[str, bytes] | None = None, model: str = STUDY_FIND, aet: str = "CT_A"
) -> tuple[dict[str, bytes], int, list[Dataset]]:
    """The accepted application information, the final status and the matches."""
    ae = AE(aet)
    ae.add_requested_context(model)
    ae.add_requested_context("1.2.840.10008.1.1")
    items = []
    for sop_class, information in (asked or {}).items():
        item = SOPClassExtendedNegotiation()
        item.sop_class_uid, item.service_class_application_information = sop_class, information
        items.append(item)
    assoc = ae.associate("127.0.0.1", node.dicom_port, ae_title="HUB", ext_neg=items)
    assert assoc.is_established
    accepted = {str(name): value for name, value in assoc.acceptor.sop_class_extended.items()}
    identifier = Dataset()
    for name, value in keys.items():
        setattr(identifier, name, value)
    status, matches = -1, []
    if any(model == context.abstract_syntax for context in assoc.accepted_contexts):
        answers = list(assoc.send_c_find(identifier, model))
        status, matches = answers[-1][0].Status, [found for _, found in answers if found is not None]
    assoc.release()
    return accepted, status, matches


@pytest.mark.clause("S-9")
def test_only_what_is_supported_and_allowed_is_accepted(node: RunningNode) -> None:
    keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.3"}
    assert find(node, keys, {STUDY_FIND: b"\1\1\1\1\1"})[0] == {STUDY_FIND: b"\1\1\1\0\0"}
    assert find(node, keys, {STUDY_FIND: b"\0\1\0"})[0] == {STUDY_FIND: b"\0\1\0"}
    assert find(node, keys, {STUDY_FIND: b"\1", STUDY_MOVE: b"\1"})[0] == {STUDY_FIND: b"\1"}  # this device may not move
    assert find(node, keys, {STUDY_FIND: b"\1\1"}, aet="ECHO_ONLY")[:2] == ({}, -1)
    assert find(node, keys)[0] == {}


@pytest.mark.parametrize("level", ["STUDY", "SERIES", "IMAGE"])
def test_a_query_below_the_top_needs_the_keys_above_unless_relational(node: RunningNode, level: str) -> None:
    ds = image(PatientID=uid()[-16:], SeriesDescription=uid()[-16:])
    put(node, ds)
    keys = {"QueryRetrieveLevel": level, "PatientName": "", "SOPInstanceUID": "", "SeriesInstanceUID": "", "StudyInstanceUID": ""}
    # `PatientID` as a pattern is no single value
    keys |= {"PatientID": f"{ds.PatientID[:-1]}?"} | ({"SeriesDescription": ds.SeriesDescription} if level != "STUDY" else {})
    for asked in ({}, {PATIENT_FIND: b"\0\1"}):
        _, status, matches = find(node, keys, asked, PATIENT_FIND)
        assert (status, matches) == (0xA900, [])
    _, status, matches = find(node, keys, {PATIENT_FIND: b"\1"}, PATIENT_FIND)
    assert (status, [found.StudyInstanceUID for found in matches]) == (0, [ds.StudyInstanceUID])
    assert find(node, keys, {PATIENT_FIND: b"\1"}, PATIENT_FIND, aet="CT_B")[1:] == (0, [])


def test_lists_of_keys_above_the_level_are_relational_too(node: RunningNode) -> None:
    one, two = image(), image()
    put(node, one, two)
    keys = {"QueryRetrieveLevel": "SERIES", "StudyInstanceUID": f"{one.StudyInstanceUID}\\{two.StudyInstanceUID}", "SeriesInstanceUID": ""}
    assert find(node, keys)[1] == 0xA900
    _, status, matches = find(node, keys, {STUDY_FIND: b"\1"})
    assert (status, {found.SeriesInstanceUID for found in matches}) == (0, {one.SeriesInstanceUID, two.SeriesInstanceUID})


def test_a_night_is_one_range_only_when_agreed(node: RunningNode) -> None:
    label = uid()[-12:]
    moments = {"evening": ("20240301", "230000"), "night": ("20240302", "010000"), "noon": ("20240302", "120000"),
               "early": ("20240301", "215959.9"), "edge": ("20240302", "015959"), "untimed": ("20240302", None)}  # fmt: skip
    made = {name: image(StudyDate=day, StudyTime=hour, StudyID=name, AccessionNumber=label) for name, (day, hour) in moments.items()}
    put(node, *made.values())
    night = {"StudyDate": "20240301-20240302", "StudyTime": "220000-0159"}

    def names(asked: dict[str, bytes], **keys: str) -> set[str]:
        query = {"QueryRetrieveLevel": "STUDY", "AccessionNumber": label, "StudyID": "", "StudyInstanceUID": ""} | keys
        _, status, matches = find(node, query, asked)
        assert status == 0
        return {str(found.StudyID) for found in matches}

    combined = {STUDY_FIND: b"\0\1"}
    assert names({}, **night) == set()  # each for itself: no time of day is after 22:00 and before 02:00
    assert names(combined, **night) == {"evening", "night", "edge", "untimed"}
    assert names(combined, StudyDate="20240302-", StudyTime="0200-") == {"noon", "untimed"}
    assert names(combined, StudyDate="-20240301", StudyTime="-2200") == {"early"}
    assert names(combined, StudyDate="-20240302", StudyTime="-2200") == set(moments)
    assert names({}, StudyDate="-20240302", StudyTime="-2200") == {"early", "night", "noon", "edge"}
    # a single day and a range of hours are not of the same form: each for itself
    assert names(combined, StudyDate="20240302", StudyTime="0000-0300") == {"night", "edge"}


def test_availability_is_answered_when_asked(node: RunningNode) -> None:
    ds = image()
    put(node, ds)
    keys = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": ds.StudyInstanceUID}
    assert [found.InstanceAvailability for found in find(node, keys | {"InstanceAvailability": ""})[2]] == ["ONLINE"]
    assert ["InstanceAvailability" in found for found in find(node, keys)[2]] == [False]
