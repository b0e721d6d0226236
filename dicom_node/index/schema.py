"""Tables of the index. `instance` has one row for each kept copy; `study` and `series` are summaries made from it.

`arrival` is the byte offset in the journal: unique, growing, the same after a rebuild. Values that a header gives in a
malformed way are null here and remain in the file. `header` has the whole header as JSON, written when the node has time
for it (rows behind `cursor.headers` may be missing): it is made from the file and is no part of what a rebuild must repeat.
`rejected_by`: arrival of the rejection note that hides the instance; a note that is not shown itself names itself.
"""

from __future__ import annotations

from typing import Any

import pyarrow  # noqa: ICN001 - `pa` is its untyped form below

VERSION = 5  # another version in the file: the index is rebuilt from the journal
INSTANCE: dict[str, str] = {
    "arrival": "BIGINT", "sop_uid": "VARCHAR", "series_uid": "VARCHAR", "study_uid": "VARCHAR", "institution": "VARCHAR",
    "digest": "VARCHAR", "size": "BIGINT", "visible": "BOOLEAN", "rejected_by": "BIGINT", "received_at": "VARCHAR",
    "calling_aet": "VARCHAR",
    "sop_class": "VARCHAR", "transfer_syntax": "VARCHAR",
    # patient
    "patient_id": "VARCHAR", "issuer": "VARCHAR", "patient_name": "VARCHAR", "name_alphabetic": "VARCHAR",
    "name_ideographic": "VARCHAR", "name_phonetic": "VARCHAR", "pinyin": "VARCHAR", "initials": "VARCHAR",
    "birth_date": "DATE", "sex": "VARCHAR", "age_days": "INTEGER", "patient_weight": "DOUBLE", "patient_size": "DOUBLE",
    # study
    "accession": "VARCHAR", "study_id": "VARCHAR", "study_date": "DATE", "study_time": "VARCHAR", "study_description": "VARCHAR",
    "referring_physician": "VARCHAR", "institution_name": "VARCHAR",
    # series
    "modality": "VARCHAR", "series_number": "INTEGER", "series_description": "VARCHAR", "series_date": "DATE", "series_time": "VARCHAR",
    "body_part": "VARCHAR", "laterality": "VARCHAR", "protocol": "VARCHAR", "patient_position": "VARCHAR",
    "frame_of_reference": "VARCHAR", "manufacturer": "VARCHAR", "model": "VARCHAR", "station": "VARCHAR",
    "performed_step_date": "DATE", "performed_step_time": "VARCHAR",
    # instance
    "number": "INTEGER", "acquisition_number": "INTEGER", "content_date": "DATE", "content_time": "VARCHAR", "image_type": "VARCHAR",
    "rows": "INTEGER", "columns": "INTEGER", "frames": "INTEGER", "bits_stored": "INTEGER", "photometric": "VARCHAR",
    "spacing_row": "DOUBLE", "spacing_column": "DOUBLE", "spacing_kind": "VARCHAR", "thickness": "DOUBLE", "slice_location": "DOUBLE",
    "position_x": "DOUBLE", "position_y": "DOUBLE", "position_z": "DOUBLE",
    "kvp": "DOUBLE", "tube_current": "DOUBLE", "exposure": "DOUBLE", "ctdivol": "DOUBLE", "kernel": "VARCHAR",
    "repetition_time": "DOUBLE", "echo_time": "DOUBLE", "contrast_agent": "VARCHAR",
    # what the node found out
    "charset_guess": "VARCHAR", "unshowable": "VARCHAR", "pixel_offset": "BIGINT", "pixel_length": "BIGINT",
    "frame_json": "VARCHAR",
}  # fmt: skip

# every reference of every rejection note, whether the instance is here or not; `qualifiers` is a JSON list
REJECTION = {
    "arrival": "BIGINT", "institution": "VARCHAR", "note_uid": "VARCHAR", "sop_uid": "VARCHAR", "study_uid": "VARCHAR",
    "series_uid": "VARCHAR", "reason": "VARCHAR", "qualifiers": "VARCHAR",
}  # fmt: skip
# what became hidden, or shown again, after it had arrived or as it did; `note`: arrival of the note that hides it
VISIBILITY = {
    "arrival": "BIGINT", "kind": "VARCHAR", "institution": "VARCHAR", "study_uid": "VARCHAR", "series_uid": "VARCHAR",
    "sop_uid": "VARCHAR", "digest": "VARCHAR", "note": "BIGINT", "on_arrival": "BOOLEAN",
}  # fmt: skip

pa: Any = pyarrow  # its names are made at run time
_ARROW = {
    "VARCHAR": pa.string(), "BIGINT": pa.int64(), "INTEGER": pa.int32(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_(), "DATE": pa.date32(),
}  # fmt: skip


def _arrow(table: dict[str, str]) -> Any:
    return pa.schema([(name, _ARROW[kind]) for name, kind in table.items()])


HEADER_ARROW = pa.schema([("arrival", pa.int64()), ("json", pa.string())])
INSTANCE_ARROW, REJECTION_ARROW, VISIBILITY_ARROW = _arrow(INSTANCE), _arrow(REJECTION), _arrow(VISIBILITY)


def _columns(table: dict[str, str]) -> str:
    return ", ".join(f'"{name}" {kind}' for name, kind in table.items())


CREATE = [
    f"CREATE TABLE IF NOT EXISTS instance ({_columns(INSTANCE)})",
    "CREATE INDEX IF NOT EXISTS instance_sop ON instance (sop_uid)",
    "CREATE INDEX IF NOT EXISTS instance_series ON instance (series_uid)",
    "CREATE INDEX IF NOT EXISTS instance_study ON instance (study_uid)",
    (
        "CREATE TABLE IF NOT EXISTS quarantine (arrival BIGINT, digest VARCHAR, institution VARCHAR, calling_aet VARCHAR, "
        "sop_uid VARCHAR, study_uid VARCHAR, reason VARCHAR, detail VARCHAR, received_at VARCHAR)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS conflict (arrival BIGINT, reason VARCHAR, institution VARCHAR, study_uid VARCHAR, "
        "series_uid VARCHAR, sop_uid VARCHAR, digest VARCHAR, visible_digest VARCHAR, received_at VARCHAR)"
    ),
    f"CREATE TABLE IF NOT EXISTS rejection ({_columns(REJECTION)})",
    "CREATE INDEX IF NOT EXISTS rejection_sop ON rejection (sop_uid)",
    f"CREATE TABLE IF NOT EXISTS visibility ({_columns(VISIBILITY)})",
    "CREATE TABLE IF NOT EXISTS header (arrival BIGINT, json VARCHAR)",
    "CREATE TABLE IF NOT EXISTS cursor (journal BIGINT, version INTEGER, headers BIGINT)",
]

# columns of the summaries: the first value that arrived, so that a later header cannot rename a study
STUDY_FIRST = [
    "institution", "patient_id", "issuer", "patient_name", "name_alphabetic", "name_ideographic", "name_phonetic", "pinyin", "initials",
    "birth_date", "sex", "age_days", "accession", "study_id", "study_date", "study_time", "study_description", "referring_physician",
    "institution_name", "calling_aet", "charset_guess",
]  # fmt: skip
SERIES_FIRST = [
    "institution", "modality", "series_number", "series_description", "series_date", "series_time", "body_part", "laterality", "protocol",
    "patient_position", "frame_of_reference", "manufacturer", "model", "station", "performed_step_date", "performed_step_time",
]  # fmt: skip


def _first(names: list[str]) -> str:
    return ", ".join(f"arg_min({name}, arrival) AS {name}" for name in names)


STUDY_SELECT = f"""
    SELECT study_uid, {_first(STUDY_FIRST)}, arg_min(body_part, arrival) AS body_part,
      list_sort(list_distinct(list(modality) FILTER (WHERE modality IS NOT NULL))) AS modalities,
      arg_min(modality, arrival) FILTER (WHERE modality NOT IN ('SR', 'PR', 'KO', 'DOC', 'SEG', 'OT', 'RWV')) AS modality,
      list_sort(list_distinct(list(sop_class))) AS sop_classes,
      count(DISTINCT series_uid) AS series, count(*) AS instances, sum(size)::BIGINT AS bytes,
      count(DISTINCT coalesce(patient_id, '')) > 1 AS patients_differ,
      min(arrival) AS first_arrival, max(arrival) AS last_arrival, min(received_at) AS arrived_at, max(received_at) AS last_at
    FROM instance WHERE visible AND {{}} GROUP BY study_uid
"""  # noqa: S608 - {{}} is the condition on the studies
HIDDEN_STUDY_SELECT = STUDY_SELECT.replace("WHERE visible AND", "WHERE")
"""What a study was that has nothing left to show."""
SERIES_SELECT = f"""
    SELECT study_uid, series_uid, {_first(SERIES_FIRST)}, count(*) AS instances,
      sum(coalesce(frames, 0))::BIGINT AS frames, count(*) FILTER (WHERE unshowable IS NULL) AS showable,
      max(arrival) AS last_arrival
    FROM instance WHERE visible AND {{}} GROUP BY study_uid, series_uid
"""  # noqa: S608
CREATE += [
    f"CREATE TABLE IF NOT EXISTS study AS SELECT * FROM ({STUDY_SELECT.format('false')}) WHERE false",  # noqa: S608
    f"CREATE TABLE IF NOT EXISTS series AS SELECT * FROM ({SERIES_SELECT.format('false')}) WHERE false",  # noqa: S608
]
CREATE += ["CREATE INDEX IF NOT EXISTS study_study ON study (study_uid)", "CREATE INDEX IF NOT EXISTS series_study ON series (study_uid)"]
TABLES = ("instance", "study", "series", "quarantine", "conflict", "rejection", "visibility")
