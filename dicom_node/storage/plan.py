"""The storage plan: volumes and rules, from one TOML file that is read again when it changes.

The rules are looked at in their order; all whose conditions a study meets apply. Without the file everything stays online.
"""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dicom_node import logs
from dicom_node.storage.bucket import Credentials
from dicom_node.storage.copies import ONLINE
from dicom_node.storage.volume import Volume
from dicom_node.storage.volumes import open_volume

log = logs.get(__name__)
Tier = Literal["nearline", "backup"]
CREDENTIAL_KEYS = {"access_key", "secret_key"}


class VolumePlan(BaseModel):
    """A volume of the plan."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")
    url: str
    tier: Tier = "nearline"
    credentials: Path | None = Field(None, description="JSON {access_key, secret_key}; default: the environment's AWS_… variables")
    free_percent: float = Field(5.0, ge=0, le=100, description="nothing more is copied to it when less is free")


class Conditions(BaseModel):
    """What a study must meet; a condition that is not there is met."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    age_days: float | None = Field(None, ge=0, description="its last image came so long ago")
    unopened_days: float | None = Field(None, ge=0, description="nobody has opened it for so long (nor has it been there for less)")
    report: frozenset[str] | None = Field(None, min_length=1, description="report states of the annotations, `none`: it has none")
    modality: frozenset[str] | None = Field(None, min_length=1)
    institution: frozenset[str] | None = Field(None, min_length=1)
    online_free_below: float | None = Field(None, ge=0, le=100, description="less of the online disk is free, in percent")


@dataclass(frozen=True, slots=True)
class Subject:
    """What the conditions look at: one study."""

    arrived: datetime
    opened: datetime | None
    report: str
    modality: str | None
    institution: str


class Rule(BaseModel):
    """What becomes of the studies that meet the conditions: a copy, a move, or deletion for a reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=80)
    when: Conditions = Conditions()
    copy_to: str | None = None
    move_to: str | None = None
    copies: int = Field(1, ge=1, description="checked copies elsewhere that must be there before the online file goes")
    delete: bool = False
    reason: str | None = Field(None, min_length=10, max_length=500)

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        if sum((self.copy_to is not None, self.move_to is not None, self.delete)) != 1:
            raise ValueError("每条规则只能有 copy_to、move_to、delete 之一 | a rule has exactly one of copy_to, move_to, delete")
        if self.delete and (self.reason is None or (self.when.age_days is None and self.when.institution is None)):
            raise ValueError(
                "删除规则必须写明 reason, 并有 age_days 或 institution 条件 | a delete rule needs a reason and age_days or institution"
            )
        return self

    def meets(self, subject: Subject, now: datetime, online_free: float) -> bool:
        """Whether the rule applies to a study now; `online_free`: percent of the online disk that is free."""
        when = self.when
        last = max(subject.arrived, subject.opened or subject.arrived)
        return all(
            (
                when.age_days is None or (now - subject.arrived).total_seconds() >= when.age_days * 86400,
                when.unopened_days is None or (now - last).total_seconds() >= when.unopened_days * 86400,
                when.report is None or subject.report in when.report,
                when.modality is None or subject.modality in when.modality,
                when.institution is None or subject.institution in when.institution,
                when.online_free_below is None or online_free < when.online_free_below,
            )
        )


class Scrub(BaseModel):
    """How copies are read again to see whether they are still whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    megabytes_per_second: float = Field(20.0, gt=0)
    every_days: float = Field(30.0, gt=0, description="a copy that was checked longer ago is read again")


class StoragePlan(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pause_seconds: float = Field(60.0, gt=0, description="between two looks at all studies")
    settled_minutes: float = Field(60.0, ge=0, description="a file stays online so long after it came or came back, whatever the rules say")
    reserve_percent: float = Field(2.0, ge=0, le=100, description="of the online disk, left free by what is brought back from volumes")
    volume: tuple[VolumePlan, ...] = ()
    rule: tuple[Rule, ...] = ()
    scrub: Scrub = Scrub()

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [volume.name for volume in self.volume]
        if ONLINE in names or len(set(names)) != len(names):
            raise ValueError(f"存储卷名称重复, 或使用了保留名 {ONLINE} | names of volumes are unique, and not {ONLINE!r}")
        for rule in self.rule:
            for target in (rule.copy_to, rule.move_to):
                if target is not None and target not in names:
                    raise ValueError(f"规则 {rule.name!r}: 没有存储卷 {target} | rule: there is no volume {target}")
        return self


class PlanError(ValueError):
    """The plan cannot be used; the message says why."""


def read_plan(path: Path, identity: Callable[[str], str | None] | None = None) -> tuple[StoragePlan, dict[str, Volume]]:
    """The plan in the file `path` and its volumes by name, in its order; `identity`: that of a volume, as it is remembered. PlanError."""
    try:
        plan = StoragePlan.model_validate(tomllib.loads(path.read_text("utf-8")))
        return plan, {volume.name: _open(volume, identity) for volume in plan.volume}
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or '*'}: {e['msg']}" for e in error.errors()]
        raise PlanError(f"存储方案 {path.name} 有误 | the storage plan has faults: " + "; ".join(lines)[:800]) from error
    except (OSError, ValueError) as error:
        raise PlanError(f"存储方案 {path.name} 无法使用 | the storage plan cannot be used: {error}") from error


def _open(volume: VolumePlan, identity: Callable[[str], str | None] | None) -> Volume:
    keys = None
    if volume.credentials is not None:
        found = orjson.loads(volume.credentials.read_bytes())
        if not isinstance(found, dict) or found.keys() != CREDENTIAL_KEYS or not all(isinstance(value, str) for value in found.values()):
            raise ValueError(f"{volume.name}: credentials 文件应为 {{access_key, secret_key}} | the credentials file is JSON of these two")
        keys = Credentials(**found)
    try:
        opened = open_volume(volume.name, volume.url, keys)
    except ValueError as error:
        raise ValueError(f"{volume.name}: {error}") from error
    if identity is not None:
        opened.identity = partial(identity, volume.name)
    return opened


class Plans:
    """The current plan of one process. A file with a fault keeps the last good one (none at start)."""

    def __init__(self, path: Path, identity: Callable[[str], str | None] | None = None) -> None:
        self._path, self._identity = path, identity
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._current: tuple[StoragePlan, dict[str, Volume]] = (StoragePlan(), {})
        self.fault = ""
        """Why the newest file is not used; empty when it is."""

    def current(self) -> tuple[StoragePlan, dict[str, Volume]]:
        """The plan, and its volumes by name."""
        with self._lock:
            self._refresh()
            return self._current

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            if self._stamp is not None:
                log.warning("storage.plan_missing", action="the last good plan stays in force; an empty file ends it")
            self._stamp = None
            return
        except OSError as error:
            self.fault = str(error)
            return
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._current = read_plan(self._path, self._identity)
        except PlanError as error:
            self.fault = str(error)
            log.warning("storage.plan_invalid", reason=str(error), action="correct the file; the last good plan stays in force")
            return
        self.fault = ""
        log.info("storage.plan_loaded", volumes=list(self._current[1]), rules=len(self._current[0].rule))
