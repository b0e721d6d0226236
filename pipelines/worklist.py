"""The modality worklist: what an exam of the records says to the devices of its hospital.

records feed (`exam.changed`) → annotation `worklist` of the node, key `exam:<exam id>`; null as soon as there is nothing left to do.
What the exam's row does not have is derived, always in the same way, or left empty:

* requested procedure id and step id: the exam's number;
* study UID: `2.25.` and the UUID made of sha256 of institution and accession number, so that every device gets the same;
* scheduled start: when the patient checked in, until then when the exam was booked or ordered (local time): the records hold no
  appointment;
* stations: none, any device of the hospital may take the exam;
* patient id: `HUB-` and the records' own number of the patient;
* alphabetic group of a Chinese name: its pinyin, surname first.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.following import Row

STATES = {"booked": "scheduled", "checked_in": "arrived", "called": "arrived", "in_progress": "started"}
"""State of an exam that is still to be done → state of the entry."""
_CHINESE = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_DOUBLE_SURNAMES = {
    "欧阳", "司马", "上官", "诸葛", "宇文", "皇甫", "令狐", "慕容", "夏侯", "尉迟", "万俟", "长孙", "单于", "澹台", "东方", "公孙", "轩辕",
    "钟离", "端木", "百里", "南宫", "闻人", "申屠", "呼延", "鲜于", "司徒", "司空", "太史", "独孤", "拓跋",
}  # fmt: skip


def study_uid_of(institution: str, accession: str) -> str:
    """Return the study UID (PS3.5 B.2) of an exam that has none yet."""
    digest = hashlib.sha256(f"{institution}\0{accession}".encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def person_name(name: str, pinyin: str | None) -> str:
    """Return a DICOM person name (PS3.5 6.2.1): pinyin as the alphabetic group, Chinese as the ideographic one."""
    plain = re.sub(r"[\s^=\\]+", "", name) if _CHINESE.search(name) else ""
    if not plain:
        return name.replace("\\", " ")
    surname = 2 if plain[:2] in _DOUBLE_SURNAMES else 1
    ideographic = f"{plain[:surname]}^{plain[surname:]}".rstrip("^")
    syllables = (pinyin or "").upper().split()
    if len(syllables) != len(plain):  # no pinyin for each character: nothing is guessed
        return f"={ideographic}" if not syllables else f"{' '.join(syllables)}={ideographic}"
    return f"{''.join(syllables[:surname])}^{''.join(syllables[surname:])}".rstrip("^") + f"={ideographic}"


def is_scheduled(data: dict[str, Any]) -> bool:
    """Whether an exam was booked and can have an entry at all; one made from images that came unasked cannot."""
    return bool(data.get("origin") == "order" and data.get("accession") and data.get("exam_id") is not None)


def entry_of(row: Row, zone: ZoneInfo) -> dict[str, Any] | None:
    """Return the entry of an `exam.changed` row, None when the exam is not, or no longer, to be done."""
    data = row["data"]
    state = STATES.get(data.get("exam_state") or "")
    modality = data.get("modality")
    if state is None or not modality:  # a device asks by modality, and may not be answered without one
        return None
    institution, patient, number = row["institution"], data["patient"], str(data["exam_id"])
    times = data.get("state_times") or {}
    moment = datetime.fromisoformat(times.get("checked_in") or times.get("booked") or data.get("ordered_at") or row["at"])
    return {
        "institution": institution,
        "institution_name": data["institution"]["name"],
        "state": state,
        "accession": data["accession"],
        "patient": {
            "id": patient["patient_id"] or f"HUB-{patient['id']}",
            "name": person_name(patient["name"] or "", patient.get("pinyin")),
            "birth_date": patient.get("birth_date"),
            "sex": patient["sex"] if patient.get("sex") in {"M", "F", "O"} else None,
        },
        "requested_procedure": {"id": number, "description": data.get("description") or ""},
        "study_uid": study_uid_of(institution, data["accession"]),
        "step": {
            "id": number,
            "aet": [],
            "modality": modality,
            "start": moment.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds"),
            "description": data.get("description") or "",
            "body_part": data.get("body_part") or "",
        },
    }
