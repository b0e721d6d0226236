"""Pure rules of exams: the state table, how an arriving study is linked, what the worklist shows and in which order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from ris.patients.rules import Identity, agrees
from ris.search import normal

STATES = ("booked", "checked_in", "called", "in_progress", "images_complete", "cancelled")
BEFORE_IMAGES = ("booked", "checked_in", "called")

TRANSITIONS: dict[str, dict[str, str]] = {
    "check_in": {"booked": "checked_in"},
    "call": {"checked_in": "called", "called": "called"},
    "start": {"booked": "in_progress", "checked_in": "in_progress", "called": "in_progress"},
    "complete": {"in_progress": "images_complete"},
    "cancel": {"booked": "cancelled", "checked_in": "cancelled", "called": "cancelled"},
    "images_arrive": dict.fromkeys((*BEFORE_IMAGES, "in_progress"), "in_progress") | {"images_complete": "images_complete"},
    "images_quiet": dict.fromkeys((*BEFORE_IMAGES, "in_progress", "images_complete"), "images_complete"),
    "images_leave": {"in_progress": "booked", "images_complete": "booked"},
    "dissolve": {state: "cancelled" for state in STATES if state != "cancelled"},
}
"""Action → state before → state after. The `images_…` ones and `dissolve` (its images went to the right exam) happen by linking."""

OPERATION = {
    "check_in": "exam.register",
    "cancel": "exam.register",
    "call": "exam.perform",
    "start": "exam.perform",
    "complete": "exam.perform",
}
"""Actions of people → the operation they need; anything else is done by arrivals only."""

STAGES = ("booked", "arriving", "to_write", "writing", "to_review", "in_review", "returned", "signed", "cancelled")
OPEN_STAGES = STAGES[:-2]

VIEWS: dict[str, tuple[str, ...]] = {
    "to_write": ("arriving", "to_write", "writing", "returned"),
    "to_review": ("to_review", "in_review"),
    "mine": ("writing", "returned", "to_review", "in_review"),
    "stat": tuple(stage for stage in OPEN_STAGES if stage != "booked"),
    "unscheduled": tuple(stage for stage in STAGES if stage != "cancelled"),
    "done": ("signed",),
    "all": STAGES,
}
"""View → stages; `mine`, `stat` and `unscheduled` have a further condition in the query."""

REASONS = {
    "no_accession": ("图像没有检查号", "The images have no accession number"),
    "accession_unknown": ("没有此检查号的登记", "No exam is registered under this accession number"),
    "identity_differs": ("检查号相同，但患者信息不一致", "The accession number is known, but the patient differs"),
    "exam_cancelled": ("此检查号的检查已取消", "The exam of this accession number was cancelled"),
}
"""Why a study is unscheduled."""

_REPORT_STAGE = {
    "drafting": "writing",
    "recalled": "writing",
    "addendum": "writing",
    "written": "to_review",
    "in_review": "in_review",
    "returned": "returned",
    "signed": "signed",
    "delivered": "signed",
}


def after(action: str, state: str) -> str | None:
    """Return the state after an action, None if it is not allowed."""
    return TRANSITIONS.get(action, {}).get(state)


def stage_of(exam_state: str, images: int, report_state: str | None) -> str:
    """Return what the worklist shows, derived from the states of exam and report."""
    if exam_state == "cancelled":
        return "cancelled"
    if report_state is not None:
        return _REPORT_STAGE[report_state]
    if exam_state == "images_complete":
        return "to_write" if images else "arriving"
    if exam_state == "in_progress" and images:
        return "arriving"
    return "booked"


def order_of(stage: str, priority: str, since: datetime) -> tuple[int, float]:
    """Return the place in the worklist: open before closed, STAT first, then who waits longest; closed ones newest first."""
    moment = since.timestamp()
    if stage not in OPEN_STAGES:
        return 9, -moment
    return ("stat", "urgent", "routine").index(priority) + (3 if stage == "booked" else 0), moment


def accession_key(accession: str | None) -> str | None:
    """Return the one form of an accession number, None when there is none."""
    return normal((accession or "").replace("\x00", "")) or None


@dataclass(frozen=True, slots=True)
class Candidate:
    """The exam that has the accession number of an arriving study, in the institution of the device."""

    state: str
    identity: Identity


def linking(accession: str | None, candidate: Candidate | None, arrived: Identity) -> str | None:
    """Return None when the study belongs to the candidate, else the code of the reason why it is unscheduled."""
    if accession_key(accession) is None:
        return "no_accession"
    if candidate is None:
        return "accession_unknown"
    if candidate.state == "cancelled":
        return "exam_cancelled"
    return None if agrees(candidate.identity, arrived) else "identity_differs"


def dicom_date(text: str | None) -> tuple[date | None, str | None]:
    """Read a DICOM date leniently (DA `20261123`, the retired `2026.11.23`, ISO); return (date, what was wrong)."""
    given = (text or "").strip()
    if not given:
        return None, None
    digits = re.sub(r"[.\-/]", "", given)
    # fullmatch with [0-9]: \d would take digits of other scripts
    if not re.fullmatch(r"[0-9]{8}", digits):
        return None, f"unreadable date ({len(given)} characters)"
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])), None
    except ValueError:
        return None, f"no such day: {digits}"


def dicom_time(text: str | None) -> tuple[time | None, str | None]:
    """Read a DICOM time leniently (TM `hhmmss.ffffff`, parts may be missing, the retired `hh:mm:ss`); return (time, what was wrong)."""
    given = (text or "").strip().replace(":", "")
    if not given:
        return None, None
    found = re.fullmatch(r"([0-9]{2})([0-9]{2})?([0-9]{2})?(?:\.([0-9]{1,6}))?", given)
    if found is None:
        return None, f"unreadable time ({len(given)} characters)"
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    try:
        return time(hour, minute, min(second, 59)), None
    except ValueError:
        return None, "no such time of day"


def study_moment(study_date: str | None, study_time: str | None, zone: ZoneInfo) -> tuple[datetime | None, list[str]]:
    """Return when a study was made (UTC; headers say it in local time), and what in the headers could not be read."""
    day, day_fault = dicom_date(study_date)
    clock, clock_fault = dicom_time(study_time)
    faults = [f"study_date: {day_fault}"] if day_fault else []
    faults += [f"study_time: {clock_fault}"] if clock_fault else []
    if day is None or day.year < 1900:
        return None, faults
    return datetime.combine(day, clock or time(0), zone).astimezone(UTC), faults
