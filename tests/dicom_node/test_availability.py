"""Instance Availability (0008,0056; PS3.3 C.4.23.1.1) of studies, series and instances, as C-FIND and QIDO-RS say."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from running_node import CT, RunningNode, encoded, image
from test_tiers import MOVE, STUDY_ROOT, Tiers, digests, frame

from bench.sender import Finder, Sender

pytestmark = pytest.mark.clause("S-6")


def _asked(node: RunningNode, study: str, level: str) -> tuple[dict[str, str], dict[str, str]]:
    """UID → availability; C-FIND and QIDO-RS say the same."""
    keyword = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}[level]
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID, query.InstanceAvailability = level, study, ""
    if level != "STUDY":
        query.SeriesInstanceUID = ""
    if level == "IMAGE":
        query.SOPInstanceUID = ""
        series = [row["0020000E"]["Value"][0] for row in node.get(f"/dicom-web/studies/{study}/series").json()]
    found = {}
    finder = Finder(node.dicom_port, "CT_A", "HUB", STUDY_ROOT)
    for one in series if level == "IMAGE" else [None]:
        if one is not None:
            query.SeriesInstanceUID = one
        for raw in finder.find(encoded(query)):
            answer = read_dataset(BytesIO(raw), is_implicit_VR=False, is_little_endian=True)
            found[str(answer[keyword].value)] = str(answer.InstanceAvailability)
    finder.close()
    path = {"STUDY": f"studies?StudyInstanceUID={study}", "SERIES": f"studies/{study}/series", "IMAGE": f"studies/{study}/instances"}[level]
    tag = {"STUDY": "0020000D", "SERIES": "0020000E", "IMAGE": "00080018"}[level]
    web = {row[tag]["Value"][0]: row["00080056"]["Value"][0] for row in node.get(f"/dicom-web/{path}").json()}
    return found, web


def told(node: RunningNode, study: str, level: str) -> dict[str, str]:
    """What C-FIND and QIDO say, which is the same; a volume may come or go between the two questions, so they are put again."""
    for _ in range(3):
        found, web = _asked(node, study, level)
        if found == web:
            return found
    raise AssertionError(f"C-FIND says {found}, QIDO {web}")


def test_each_level_says_what_is_true_of_it(own_node: RunningNode, tmp_path: Path) -> None:
    node, tiers = own_node, Tiers(own_node, tmp_path)
    here = image()
    study = str(here.StudyInstanceUID)
    there, lost = image(study), image(study)
    sender = Sender(node.dicom_port, "CT_A", "HUB", CT)
    for ds in (here, there, lost):
        sender.store(str(ds.SOPInstanceUID), encoded(ds))
    sender.close()
    node.wait_instances(study, 3)
    assert set(told(node, study, "IMAGE").values()) == {"ONLINE"}
    files = node.wait_for(lambda: len(found := digests(node, study)) == 3 and found)
    digest = {row["sop_uid"]: row["data"]["instance"]["digest"] for row in node.feed() if row["kind"] == "instance.stored"}
    tiers.write(MOVE)
    node.wait_for(lambda: not any(tiers.online(one).exists() for one in files))
    tiers.write()
    node.wait_for(lambda: told(node, study, "STUDY") == {study: "NEARLINE"})
    assert set(told(node, study, "SERIES").values()) == {"NEARLINE"}
    assert frame(node, here).status_code == 200
    expected, images = {"here": "ONLINE", "there": "NEARLINE", "lost": "NEARLINE"}, {"here": here, "there": there, "lost": lost}

    def by(uid: str) -> dict[str, str]:
        return {str(images[name][uid].value): word for name, word in expected.items()}

    node.wait_for(lambda: told(node, study, "IMAGE") == by("SOPInstanceUID"))
    node.wait_for(lambda: told(node, study, "SERIES") == by("SeriesInstanceUID"))
    assert told(node, study, "STUDY") == {study: "NEARLINE"}
    tiers.on_nas(digest[str(lost.SOPInstanceUID)]).write_bytes(os.urandom(300))
    tiers.write(scrub="every_days = 0.000001")
    expected["lost"] = "UNAVAILABLE"
    node.wait_for(lambda: told(node, study, "IMAGE") == by("SOPInstanceUID"))
    node.wait_for(lambda: told(node, study, "SERIES") == by("SeriesInstanceUID"))
    assert told(node, study, "STUDY") == {study: "UNAVAILABLE"}
    tiers.nas.rename(tmp_path / "unplugged")
    expected["there"] = "OFFLINE"
    node.wait_for(lambda: told(node, study, "IMAGE") == by("SOPInstanceUID"))
