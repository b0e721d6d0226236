"""Performed procedure steps: states, refusals, what survives a kill, and what the images feed says of each state, once."""

from __future__ import annotations

import copy
import sqlite3
from pathlib import Path

import pytest
from modalities import MPPS, association, hospital_node, refused_contexts
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from running_node import CT, RunningNode, uid

from dicom_node.feed import Feed
from dicom_node.worklist.steps import Steps

pytestmark = pytest.mark.clause("S-2")
NO_SUCH_ATTRIBUTE, INVALID_VALUE, PROCESSING_FAILURE, DUPLICATE = 0x0105, 0x0106, 0x0110, 0x0111
NO_SUCH_INSTANCE, MISSING_ATTRIBUTE, MISSING_VALUE = 0x0112, 0x0120, 0x0121


def begun(study: str, **changed: object) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    item = Dataset()
    item.StudyInstanceUID, item.AccessionNumber, item.RequestedProcedureID, item.ScheduledProcedureStepID = study, "A7", "R7", "S7"
    item.ReferencedStudySequence = Sequence()
    ds.ScheduledStepAttributesSequence = Sequence([item])
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "WANG^XIAODONG=王^小东", "P7", "20190228", "M"
    ds.PerformedProcedureStepID, ds.PerformedStationAETitle, ds.Modality = "PPS7", "MR_A", "MR"
    ds.PerformedProcedureStepStartDate, ds.PerformedProcedureStepStartTime = "20261126", "093100"
    ds.PerformedProcedureStepStatus, ds.PerformedSeriesSequence = "IN PROGRESS", Sequence()
    ds.PerformedProcedureStepEndDate = ds.PerformedProcedureStepEndTime = ""
    for keyword, value in changed.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def ended(state: str = "COMPLETED", counts: tuple[int, ...] = (3, 2)) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PerformedProcedureStepStatus, ds.PerformedProcedureStepEndDate, ds.PerformedProcedureStepEndTime = state, "20261126", "094500"
    ds.PerformedSeriesSequence = Sequence()
    for count in counts:
        series = Dataset()
        series.SeriesInstanceUID, series.ProtocolName, series.RetrieveAETitle = uid(), "T2", "HUB"
        series.ReferencedImageSequence = Sequence()
        for _ in range(count):
            image = Dataset()
            image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CT, uid()
            series.ReferencedImageSequence.append(image)
        ds.PerformedSeriesSequence.append(series)
    return ds


def create(node: RunningNode, step: str | None, ds: Dataset, aet: str = "MR_A") -> Dataset:
    with association(node, aet, MPPS) as assoc:
        return assoc.send_n_create(ds, MPPS, step)[0]


def change(node: RunningNode, step: str, ds: Dataset, aet: str = "MR_A") -> Dataset:
    with association(node, aet, MPPS) as assoc:
        return assoc.send_n_set(ds, MPPS, step)[0]


def told(node: RunningNode, study: str) -> list[dict]:
    return [row for row in node.feed() if row["study_uid"] == study and row["kind"].startswith("step.")]


def test_a_step_begins_goes_on_and_is_completed(hospitals: RunningNode) -> None:
    step, study = uid(), uid()
    assert create(hospitals, step, begun(study)).Status == 0
    going_on = ended("IN PROGRESS", (1,))
    del going_on.PerformedProcedureStepStatus
    assert change(hospitals, step, going_on).Status == 0
    assert change(hospitals, step, ended()).Status == 0
    first, second = told(hospitals, study)
    assert (first["kind"], first["institution"], first["sop_uid"]) == ("step.started", "H01", step)
    assert (second["kind"], second["institution"], second["sop_uid"]) == ("step.completed", "H01", step)
    assert first["data"]["instances"] == 0
    data = second["data"]
    assert (data["accession"], data["step_id"], data["aet"], data["modality"]) == ("A7", "PPS7", "MR_A", "MR")
    assert (data["series"], data["instances"], data["discontinuation_reason"]) == (2, 5, None)
    assert data["scheduled"] == [{"study_uid": study, "accession": "A7", "requested_procedure_id": "R7", "scheduled_step_id": "S7"}]
    assert data["started"] == ["20261126", "093100"]
    assert data["ended"] == ["20261126", "094500"]
    assert "王" not in str(first) + str(second)


@pytest.mark.parametrize("final", ["COMPLETED", "DISCONTINUED"])
def test_a_final_state_stays(hospitals: RunningNode, final: str) -> None:
    step, study = uid(), uid()
    assert create(hospitals, step, begun(study)).Status == 0
    assert change(hospitals, step, ended(final)).Status == 0
    for after in ("COMPLETED", "DISCONTINUED", "IN PROGRESS"):
        refused = change(hospitals, step, ended(after))
        assert (refused.Status, refused.ErrorID) == (PROCESSING_FAILURE, 0xA710)
    assert [row["kind"] for row in told(hospitals, study)] == ["step.started", f"step.{final.lower()}"]


def test_discontinued_before_the_first_image_with_its_reason(hospitals: RunningNode) -> None:
    step, study = uid(), uid()
    assert create(hospitals, step, begun(study)).Status == 0
    ds = ended("DISCONTINUED", ())
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "110514", "DCM", "Incorrect worklist entry selected"
    ds.PerformedProcedureStepDiscontinuationReasonCodeSequence = Sequence([code])
    assert change(hospitals, step, ds).Status == 0
    reason = told(hospitals, study)[1]["data"]["discontinuation_reason"]
    assert reason == {"code": "110514", "scheme": "DCM", "meaning": "Incorrect worklist entry selected"}


def test_instances_are_known_once_and_only_to_their_hospital(hospitals: RunningNode) -> None:
    step, study, elsewhere = uid(), uid(), uid()
    assert change(hospitals, step, ended()).Status == NO_SUCH_INSTANCE
    assert create(hospitals, step, begun(study)).Status == 0
    assert create(hospitals, step, begun(study)).Status == DUPLICATE
    assert change(hospitals, step, ended(), "CT_B").Status == NO_SUCH_INSTANCE
    assert create(hospitals, step, begun(elsewhere), "CT_B").Status == 0, "a UID of another hospital blocks nobody"
    assert change(hospitals, step, ended("DISCONTINUED", ()), "CT_B").Status == 0
    assert change(hospitals, step, ended(), "US_A").Status == 0, "another device of the same hospital may"
    assert [row["kind"] for row in told(hospitals, study)] == ["step.started", "step.completed"]
    mine = hospitals.get("/changes", hospitals.ticket(["H01"]), params={"since": 0, "limit": 5000}).json()["rows"]
    assert elsewhere not in {row["study_uid"] for row in mine}


@pytest.mark.parametrize(
    ("changed", "status", "named"),
    [
        ({"ScheduledStepAttributesSequence": None}, MISSING_ATTRIBUTE, "ScheduledStepAttributesSequence"),
        ({"PerformedProcedureStepID": None}, MISSING_ATTRIBUTE, "PerformedProcedureStepID"),
        ({"Modality": None}, MISSING_ATTRIBUTE, "Modality"),
        ({"PerformedStationAETitle": ""}, MISSING_VALUE, "PerformedStationAETitle"),
        ({"PerformedProcedureStepStartDate": ""}, MISSING_VALUE, "PerformedProcedureStepStartDate"),
        ({"ScheduledStepAttributesSequence": Sequence([Dataset()])}, MISSING_ATTRIBUTE, "StudyInstanceUID"),
        ({"PerformedProcedureStepStatus": "COMPLETED"}, INVALID_VALUE, "PerformedProcedureStepStatus"),
    ],
)
def test_a_step_that_lacks_something_does_not_begin(hospitals: RunningNode, changed: dict, status: int, named: str) -> None:
    step = uid()
    refused = create(hospitals, step, begun(uid(), **copy.deepcopy(changed)))
    assert refused.Status == status
    assert named in refused.ErrorComment
    assert change(hospitals, step, ended()).Status == NO_SUCH_INSTANCE


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"PatientID": "P8"}, NO_SUCH_ATTRIBUTE), ({"Modality": "CT"}, NO_SUCH_ATTRIBUTE), ({"Modality": "MR"}, 0),
        ({"PerformedProcedureStepStatus": "FINISHED"}, INVALID_VALUE), ({"PerformedProcedureStepEndDate": None}, 0x0121),
        ({"PerformedSeriesSequence": None}, MISSING_VALUE), ({"PerformedProcedureStepDescription": "头颅"}, 0),
    ],
)  # fmt: skip
def test_what_n_set_may_say(hospitals: RunningNode, changed: dict, status: int) -> None:
    step, study = uid(), uid()
    assert create(hospitals, step, begun(study)).Status == 0
    ds = ended()
    for keyword, value in changed.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    assert change(hospitals, step, ds).Status == status
    assert len(told(hospitals, study)) == (2 if status == 0 else 1)
    if status:
        assert change(hospitals, step, ended()).Status == 0, "a refused N-SET leaves the step as it was"


def test_the_node_names_a_step_that_comes_without_a_uid(hospitals: RunningNode) -> None:
    study = uid()
    with association(hospitals, "MR_A", MPPS) as assoc:
        status, _ = assoc.send_n_create(begun(study), MPPS, None)
        assert status.Status == 0
    (row,) = told(hospitals, study)
    assert row["sop_uid"].startswith("2.25.")
    assert change(hospitals, row["sop_uid"], ended()).Status == 0


@pytest.mark.clause("S-9")
def test_a_device_without_the_right_gets_no_context(hospitals: RunningNode) -> None:
    assert refused_contexts(hospitals, "STORE_ONLY", MPPS)
    assert not refused_contexts(hospitals, "MR_A", MPPS)


@pytest.mark.clause("O-1")
@pytest.mark.parametrize("images", [3_000, pytest.param(30_000, marks=pytest.mark.long)])
def test_a_step_with_thousands_of_images_is_kept(hospitals: RunningNode, images: int) -> None:
    """Many PDUs in one N-SET; thirty thousand are a perfusion series' worth, megabytes in one message."""
    step, study = uid(), uid()
    assert create(hospitals, step, begun(study)).Status == 0
    assert change(hospitals, step, ended(counts=(images,))).Status == 0
    assert told(hospitals, study)[1]["data"]["instances"] == images


@pytest.mark.clause("O-1")
def test_a_kill_loses_and_doubles_nothing(tmp_path: Path, key) -> None:
    node = hospital_node(tmp_path / "node", key).start()
    try:
        step, study = uid(), uid()
        assert create(node, step, begun(study)).Status == 0
        node.child("index").kill()
        node.child("index")
        node.wait_ready()
        assert change(node, step, ended()).Status == 0
        node.child("index").kill()
        node.child("index")
        node.wait_ready()
        assert [row["kind"] for row in told(node, study)] == ["step.started", "step.completed"]
        assert change(node, step, ended()).Status == PROCESSING_FAILURE
    finally:
        assert node.stop() == 0


@pytest.mark.clause("O-1")
@pytest.mark.parametrize("reached_feed", [False, True])
def test_a_crash_between_step_and_feed_is_made_good_once(tmp_path: Path, reached_feed: bool) -> None:
    """The process ended after the step was written: before the feed had its row, or before the step knew that it has."""

    class EndsHere(BaseException):
        pass

    class Ending(Feed):
        def append(self, events, **more) -> int:
            if reached_feed:
                super().append(events, **more)
            raise EndsHere

    question = {"do": "create", "institution": "H01", "aet": "MR_A", "sop_uid": uid(), "attributes": begun("1.2.7").to_json_dict()}
    with pytest.raises(EndsHere):
        Steps(tmp_path / "mpps.sqlite", Ending(tmp_path / "feed.sqlite")).answer(question)
    feed = Feed(tmp_path / "feed.sqlite")
    steps = Steps(tmp_path / "mpps.sqlite", feed)
    steps.tell()
    steps.tell()
    rows, _ = feed.read(0, 100, None)
    assert [(row["kind"], row["study_uid"]) for row in rows] == [("step.started", "1.2.7")]
    assert steps.answer(question)["status"] == DUPLICATE
    with sqlite3.connect(tmp_path / "mpps.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM untold").fetchone() == (0,)
