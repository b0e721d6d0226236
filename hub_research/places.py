"""Studies, series and instances of a project, and how one of them is named in a call.

A series is named by its pseudonymous UID, by (study UID, series UID), or by anything with `study_uid` and `series_uid`: a row of a cohort, a
row of `series()`, a `Volume`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub_research.membership import code_of
from hub_research.problems import PlaceError, RefusedError
from hub_research.querying import cohort
from hub_research.service import service

if TYPE_CHECKING:
    import pandas as pd

PAGE = 500
"""Studies asked for at once."""
ZH_NAME = "请给出序列 UID、(检查 UID, 序列 UID)，或人群表中的一行"
EN_NAME = "give a series UID, (study UID, series UID), or a row of a cohort"


@dataclass(frozen=True, slots=True)
class Place:
    """One series of a project, by its pseudonymous UIDs."""

    project: str
    study_uid: str
    series_uid: str

    @property
    def route(self) -> str:
        """Its route below the service's address."""
        return f"/projects/{self.project}/studies/{self.study_uid}/series/{self.series_uid}"


def uid_of(value: object) -> str:
    """The value as a UID (PS3.5 9.1: up to 64 of 0–9 and dots). PlaceError: it is none."""
    text = str(value)
    if not 0 < len(text) <= 64 or set(text) - set("0123456789."):
        raise PlaceError(f"“{text}”不是 UID。{ZH_NAME}", f"{text!r} is no UID. {EN_NAME}")
    return text


def _fact(what: object, name: str) -> Any:
    if isinstance(what, Mapping):
        return what.get(name)
    getter = getattr(what, "get", None)  # a row of a DataFrame
    return getter(name) if callable(getter) else getattr(what, name, None)


def place_of(what: object, project: str | None = None) -> Place:
    """The series that is meant. PlaceError: it is none of the project, or names none."""
    if isinstance(what, Place):
        return what
    own = _fact(what, "project")
    code = code_of(project or (own if isinstance(own, str) else None))
    if isinstance(what, str):
        wanted = uid_of(what)
        found = cohort("SELECT study_uid FROM series WHERE series_uid = ?", project=code, parameters=[wanted])
        if found.empty:
            raise PlaceError(f"项目 {code} 中没有序列 {wanted}。{ZH_NAME}", f"project {code} has no series {wanted}. {EN_NAME}")
        return Place(code, uid_of(found["study_uid"].iloc[0]), wanted)
    if isinstance(what, tuple) and len(what) == 2:
        return Place(code, uid_of(what[0]), uid_of(what[1]))
    study, one = _fact(what, "study_uid"), _fact(what, "series_uid")
    if study is None or one is None:
        raise PlaceError(f"缺少 study_uid 或 series_uid。{ZH_NAME}", f"study_uid or series_uid is missing. {EN_NAME}")
    return Place(code, uid_of(study), uid_of(one))


def _each_study(code: str, filters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    after: str | None = None
    while True:
        page = service().json(f"/projects/{code}/studies", limit=PAGE, after=after, **filters)
        yield from page["studies"]
        after = page.get("next")
        if after is None or not page["studies"]:
            return


def studies(project: str | None = None, *, limit: int | None = None, **filters: Any) -> pd.DataFrame:
    """Studies of the project, one a row. `filters`: as the service knows them (`modality="CT"`, `body_part="CHEST"` …); `limit`: at most so many."""
    import itertools

    import pandas as pd

    return pd.DataFrame(list(itertools.islice(_each_study(code_of(project), filters), limit)))


def series(study: object, project: str | None = None) -> pd.DataFrame:
    """Series of a study, one a row: `study_uid`, `series_uid`, `number`, `modality`, `description`, `instances`, `frames` … in their order.

    `study`: its pseudonymous UID, or a row with `study_uid`.
    """
    import pandas as pd

    uid = uid_of(study if isinstance(study, str) else _fact(study, "study_uid"))
    rows = service().json(f"/projects/{code_of(project)}/studies/{uid}").get("series", [])
    return pd.DataFrame([{"study_uid": uid} | one for one in rows])


def instances(series: object, project: str | None = None) -> pd.DataFrame:
    """Instances of a series, one a row: `sop_uid`, `number`, `bytes`.

    What the service holds back is in `.attrs["blocked"]`: `[{reason, zh, en, count}]` (burned-in text, for example).
    """
    import pandas as pd

    answer = service().json(place_of(series, project).route + "/instances")
    table = pd.DataFrame(answer["instances"], columns=["sop_uid", "number", "bytes"])
    table.attrs["blocked"] = list(answer.get("blocked") or [])
    return table


def header(place: Place) -> dict[str, Any]:
    """The series' header as the node gives it (docs/interfaces.md, §5), de-identified: `frames`, `order`, `warnings`, `luts`."""
    return dict(service().json(place.route))


def first_series(study: object, project: str | None = None) -> Place:
    """The first series of a study that has pictures. PlaceError: it has none."""
    uid = uid_of(study)
    code = code_of(project)
    try:
        listed = service().json(f"/projects/{code}/studies/{uid}").get("series", [])
    except RefusedError as problem:
        if problem.status == 404:
            raise PlaceError(f"项目 {code} 中没有检查 {uid}：请核对编号", f"project {code} has no study {uid}: check the UID") from problem
        raise
    for one in listed:
        if one.get("renderable", True):
            return Place(code, uid, uid_of(one["series_uid"]))
    raise PlaceError(f"检查 {uid} 中没有可显示的序列", f"study {uid} has no series that can be shown")
