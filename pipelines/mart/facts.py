"""What a feed row means for the tables: pure functions from rows to `Changes`.

Only what is counted passes. Names, birth dates, patient numbers and free text of a row stop here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.mart.rejects import REASONS
from pipelines.mart.store import STATES, TIMES, Changes

Row = Mapping[str, Any]
PRIORITIES = frozenset({"stat", "urgent", "routine"})


def moment(value: object) -> datetime | None:
    """ISO 8601 text (a missing offset means UTC) as UTC without a zone, as the tables hold it; nothing for nothing."""
    if not value:
        return None
    read = datetime.fromisoformat(str(value))
    return read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read


def local_day(at: datetime | None, zone: ZoneInfo) -> date | None:
    """Calendar day of a UTC moment in the mart's time zone."""
    return None if at is None else at.replace(tzinfo=UTC).astimezone(zone).date()


def exam(data: Row, zone: ZoneInfo) -> dict[str, Any]:
    """One row of `exams`. Its day is the day its first image arrived; an exam without images counts on the day it was performed."""
    entered = data.get("state_times") or {}
    times = {time: moment(data.get(time)) for time in TIMES} | {f"{state}_at": moment(entered.get(state)) for state in STATES}
    patient = data.get("patient") or {}
    age = patient.get("age") or {}
    days = age.get("days")
    known = isinstance(days, int) and 0 <= days < 130 * 366
    return {
        "exam_id": str(data["exam_id"]),
        "institution": str(data["institution"]["code"]),
        "modality": str(data.get("modality") or "") or None,
        "body_part": str(data.get("body_part") or "") or None,
        "exam_state": data.get("exam_state"),
        "report_state": data.get("report_state"),
        "stage": data.get("stage"),
        "priority": data.get("priority") if data.get("priority") in PRIORITIES else "routine",
        "complex": bool(data.get("complex")),
        "scheduled": bool(data.get("scheduled", True)),
        "sex": str(patient.get("sex") or "") or None,
        "age_days": days if known else None,
        "age_value": age["value"] if known else None,
        "age_unit": age["unit"] if known else None,
        "age_months": age["months"] if known else None,
        "images": int(data.get("images") or 0),
        "report_id": str(data["report_id"]) if data.get("report_id") is not None else None,
        **times,
        "day": local_day(times["arrived_at"] or times["performed_at"], zone),
    }


def _exam_changed(changes: Changes, row: Row, zone: ZoneInfo) -> None:
    data = row["data"]
    key = (str(data["exam_id"]),)
    changes.put("exams", key, [exam(data, zone)])
    studies = sorted({str(uid) for uid in data.get("study_uids") or ()})
    changes.put("exam_studies", key, [{"exam_id": key[0], "study_uid": uid} for uid in studies])


def _report_changed(changes: Changes, row: Row, _zone: ZoneInfo) -> None:
    data = row["data"]
    report_id = str(data["id"])
    entered = data.get("state_times") or {}
    signed = moment(data.get("signed_at"))
    life = str(entered.get("recalled") or "")
    times = {f"{state}_at": moment(entered.get(state)) for state in ("drafting", "written")}
    held = {
        "report_id": report_id,
        "state": data.get("state"),
        "positive": data.get("positive"),
        **times,
        "signed_at": signed,
        "life": life,
    }
    changes.put("reports", (report_id,), [held])
    if signed is not None:
        changes.put("signatures", (report_id, life), [{"report_id": report_id, "life": life, "signed_at": signed}])


def _institution_changed(changes: Changes, row: Row, _zone: ZoneInfo) -> None:
    data = row["data"]
    code = str(data["code"])
    name = data.get("name") or code
    held = {"code": code, "name": name, "name_en": data.get("name_en") or name, "kind": data.get("kind")}
    changes.put("institutions", (code,), [held])


def _account_changed(changes: Changes, row: Row, _zone: ZoneInfo) -> None:
    data = row["data"]
    subject = str(data["username"])
    held = [{"subject": subject, "kind": "account", "not_before": float(data["not_before"])}] if data.get("not_before") else []
    changes.put("revocations", (subject, "account"), held)


def _session_ended(changes: Changes, row: Row, _zone: ZoneInfo) -> None:
    # a session that has ended never comes back: every ticket of it is dead, whenever it was issued
    sid = str(row["data"]["sid"])
    changes.put("revocations", (sid, "session"), [{"subject": sid, "kind": "session", "not_before": math.inf}])


def _study_opened(changes: Changes, row: Row, zone: ZoneInfo) -> None:
    data = row["data"]
    if "aet" in data:
        return  # a device's retrieve (C-MOVE, C-GET) is no access by a person
    at = moment(row["at"])
    key = (str(data["username"]), str(data.get("sid") or ""), str(row["study_uid"]))
    changes.put(
        "accesses",
        key,
        [
            {
                "username": key[0],
                "sid": key[1],
                "study_uid": key[2],
                "institution": row.get("institution"),
                "opened_at": at,
                "day": local_day(at, zone),
            }
        ],
    )


def _instance_hidden(changes: Changes, row: Row, zone: ZoneInfo) -> None:
    data = row["data"]
    reason = str(data["reason"]["code"])
    if reason not in REASONS:
        return  # an expired retention is no reject
    held = {
        "sop_uid": str(row["sop_uid"]),
        "study_uid": str(row["study_uid"]),
        "institution": row.get("institution"),
        "modality": str(data.get("instance_modality") or "") or None,
        "reason": reason,
        "qualifier": next((str(one["code"]) for one in data.get("qualifiers") or ()), None),
        "day": local_day(moment(row["at"]), zone),
    }
    changes.put("rejects", (held["sop_uid"],), [held])


Reading = Callable[[Changes, Row, ZoneInfo], None]
# Kinds that are not here are nothing to count; they only move the cursor.
RECORDS: Mapping[str, Reading] = {
    "exam.changed": _exam_changed,
    "report.changed": _report_changed,
    "institution.changed": _institution_changed,
    "account.changed": _account_changed,
    "session.ended": _session_ended,
}
IMAGES: Mapping[str, Reading] = {"study.opened": _study_opened, "instance.hidden": _instance_hidden}
SCHEMA_READ = 1


def read(kinds: Mapping[str, Reading], rows: Iterable[Row], zone: ZoneInfo) -> Changes:
    """What a batch means, in its order; a row of a newer schema than we know is refused rather than half understood."""
    changes = Changes()
    for row in rows:
        reading = kinds.get(str(row["kind"]))
        if reading is None:
            continue
        if int(row.get("schema", 1)) > SCHEMA_READ:
            raise ValueError(f"row {row['seq']} has schema {row['schema']}; this version of the mart reads up to {SCHEMA_READ}")
        reading(changes, row, zone)
    return changes
