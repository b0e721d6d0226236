"""What `atlas.toml` must say, and the words for what is wrong with it. Pure.

name = { zh = "…", en = "…" }

[[plates]]
file = "boys/042.png"
sex = "M"
months = 42
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ris.pictures import Limits

MANIFEST = "atlas.toml"
LARGEST_MANIFEST = 1024 * 1024
MOST_PLATES = 1000
OLDEST = 252
"""Months: no hand grows beyond 21 years."""
LONGEST_NAME = 60
LIMITS = Limits(largest=20 * 1024 * 1024, shortest_side=16, longest_side=8192)
SEXES = ("M", "F")

FAULTS: dict[str, tuple[str, str]] = {
    "manifest_absent": ("文件夹中没有 atlas.toml", "There is no atlas.toml in the folder"),
    "manifest_unreadable": ("atlas.toml 无法读取，请检查文件权限", "atlas.toml cannot be read: check its permissions"),
    "manifest_large": ("atlas.toml 超过 1 MB", "atlas.toml is larger than 1 MB"),
    "manifest_encoding": ("atlas.toml 不是 UTF-8 编码，请另存为 UTF-8", "atlas.toml is not UTF-8: save it as UTF-8"),
    "manifest_syntax": ("atlas.toml {where}有语法错误", "atlas.toml has a mistake{where_en}"),
    "name": (
        '缺少图谱名称：name = { zh = "…", en = "…" }，各不超过 60 字',
        'The atlas has no name: name = { zh = "…", en = "…" }, each at most 60 characters',
    ),
    "key": ("不认识的键“{key}”，请检查拼写", "Unknown key “{key}”: check its spelling"),
    "plates": ("没有图片条目：每幅图片写一段 [[plates]]", "There are no plates: write one [[plates]] for each picture"),
    "many": ("图片条目超过 1000 个，其余未读", "There are more than 1000 plates: the rest were not read"),
    "file": ("缺少 file（图片文件名）", "file is missing (the name of the picture)"),
    "sex": ('sex 须为 "M"（男）或 "F"（女）', 'sex must be "M" or "F"'),
    "months": ("months 须为 0 至 252 的整数（月龄）", "months must be a whole number from 0 to 252"),
    "double": ("与第 {other} 项性别和月龄相同，未采用", "Same sex and age as entry {other}: not used"),
    "outside": ("图片必须在图谱文件夹内，已拒绝", "The picture must be inside of the atlas folder: refused"),
    "absent": ("没有这个文件，请检查文件名（区分大小写）", "There is no such file: check its name (upper and lower case differ)"),
    "unreadable": ("文件无法读取，请检查文件权限", "The file cannot be read: check its permissions"),
    "picture": (
        "不是可以显示的 PNG 或 JPEG 图片（单幅，边长 16 至 8192 像素，不超过 20 MB）",
        "Not a PNG or JPEG that can be shown (one picture, sides of 16 to 8192 pixels, at most 20 MB)",
    ),
}  # fmt: skip
"""Code → what the operator has to put right, in both languages."""

_PLACE = re.compile(r"line (\d+), column (\d+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong: with the whole file, or with one of its entries (counted from 1)."""

    code: str
    zh: str
    en: str
    entry: int | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A plate as it is written; whether its file is a picture is seen later."""

    number: int
    file: str
    sex: str
    months: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was understood of `atlas.toml`."""

    name: dict[str, str] | None
    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]


def fault(code: str, *, entry: int | None = None, file: str | None = None, **values: object) -> Fault:
    """Return a fault with its words."""
    zh, en = FAULTS[code]
    for key, value in values.items():
        zh, en = zh.replace(f"{{{key}}}", str(value)), en.replace(f"{{{key}}}", str(value))
    return Fault(code, zh, en, entry, file)


def inside(file: str) -> bool:
    """Say whether a name stays in the folder as far as it can be seen from the name."""
    path = PurePosixPath(file)
    return not path.is_absolute() and ".." not in path.parts and "\x00" not in file


def manifest_of(content: bytes) -> Manifest:
    """Read `atlas.toml`: what is right in it is used, everything else is named."""
    if len(content) > LARGEST_MANIFEST:
        return Manifest(None, (), (fault("manifest_large"),))
    try:
        said = tomllib.loads(content.decode("utf-8-sig"))  # Windows' editor begins a file with a mark
    except UnicodeDecodeError:
        return Manifest(None, (), (fault("manifest_encoding"),))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return Manifest(None, (), (_syntax(str(error)),))
    faults = [fault("key", key=_short(key)) for key in said if key not in {"name", "plates"}]
    name = _name(said.get("name"))
    if name is None:
        faults.append(fault("name"))
    plates = said.get("plates")
    if not isinstance(plates, list) or not plates:
        return Manifest(name, (), (*faults, fault("plates")))
    entries: dict[tuple[str, int], Entry] = {}
    for number, plate in enumerate(plates[:MOST_PLATES], 1):
        faults += _put(entries, number, plate if isinstance(plate, dict) else {})
    if len(plates) > MOST_PLATES:
        faults.append(fault("many"))
    return Manifest(name, tuple(entries.values()), tuple(faults))


def _syntax(why: str) -> Fault:
    place = _PLACE.search(why)
    line, column = place.groups() if place else ("", "")
    return fault(
        "manifest_syntax",
        where=f"第 {line} 行第 {column} 列" if place else "",
        where_en=f" in line {line}, column {column}" if place else "",
    )


def _name(said: Any) -> dict[str, str] | None:
    """Return the name in both languages; one that is missing is the other."""
    given = said if isinstance(said, dict) else {}
    words = [" ".join(one.split()) if isinstance(one := given.get(lang), str) else "" for lang in ("zh", "en")]
    zh, en = (one if len(one) <= LONGEST_NAME else "" for one in words)
    return {"zh": zh or en, "en": en or zh} if zh or en else None


def _put(entries: dict[tuple[str, int], Entry], number: int, plate: dict[str, Any]) -> list[Fault]:
    """Add an entry that is right; return what is wrong with one that is not."""
    file, sex, months = plate.get("file"), plate.get("sex"), plate.get("months")
    named = _short(file) if isinstance(file, str) and file.strip() else None
    wrong: list[Fault] = [fault("key", key=_short(key), entry=number, file=named) for key in plate if key not in {"file", "sex", "months"}]
    bad = []
    if named is None:
        bad.append("file")
    elif not inside(str(file)):
        bad.append("outside")
    if sex not in SEXES:
        bad.append("sex")
    if not isinstance(months, int) or isinstance(months, bool) or not 0 <= months <= OLDEST:
        bad.append("months")
    wrong += [fault(code, entry=number, file=named) for code in bad]
    if not bad:
        entry = Entry(number, str(file), str(sex), int(str(months)))
        before = entries.setdefault((entry.sex, entry.months), entry)
        if before is not entry:
            wrong.append(fault("double", entry=number, file=named, other=before.number))
    return wrong


def _short(text: str) -> str:
    return "".join(letter if letter.isprintable() else "�" for letter in text[:80])
