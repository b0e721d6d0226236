"""Text search by own token tables: what is searched is cut into grams written beside the row.

A *haystack* is the normalised text of a row: for a Chinese name also its pinyin and its initials. Grams of one to three
characters narrow the search by index; the haystack itself then decides, so that there are no false finds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import islice, product
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute

SURNAMES = {
    "单": "shan", "曾": "zeng", "仇": "qiu", "解": "xie", "查": "zha", "任": "ren", "区": "ou", "朴": "piao", "盖": "ge", "缪": "miao", "翟": "zhai",
    "尉": "wei", "乐": "yue", "员": "yun", "种": "chong", "召": "shao", "华": "hua", "纪": "ji", "宁": "ning", "燕": "yan", "覃": "qin", "黑": "he",
    "秘": "bi", "冼": "xian", "折": "she", "冯": "feng", "卜": "bu", "尹": "yin", "乜": "nie", "洗": "xian", "晟": "cheng", "逄": "pang", "郇": "xun",
}  # fmt: skip
"""Surnames that are read otherwise than the character alone."""
COMPOUND_SURNAMES = {
    "尉迟": ("yu", "chi"),
    "万俟": ("mo", "qi"),
    "长孙": ("zhang", "sun"),
    "澹台": ("tan", "tai"),
    "单于": ("chan", "yu"),
    "令狐": ("ling", "hu"),
}

_CJK = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
LONGEST_GRAM = 3
MOST_READINGS = 8
"""Readings kept of one name."""
MOST_TOKENS = 4000
"""Tokens kept of one row: a long text is found by its beginning."""


def normal(text: str) -> str:
    """Full width and half width, capitals and small letters, spaces: all one."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text).casefold())


def _each(text: str) -> Any:
    """Keep what has no pinyin character by character (pypinyin's own annotation knows only text here)."""
    return list(text)


def pinyin_of(name: str) -> tuple[str, str]:
    """Return (pinyin, initials) of a Chinese name, surname readings first; a Latin name comes back as it is."""
    joined = re.sub(r"[\s^=]+", "", unicodedata.normalize("NFKC", name))
    if not _CJK.search(joined):
        words = [word for word in re.split(r"[\s^=,]+", unicodedata.normalize("NFKC", name).casefold()) if word]
        return " ".join(words), "".join(word[0] for word in words)
    from pypinyin import Style, lazy_pinyin  # half a second and 50 MB of dictionaries: from the first Chinese name on

    head: list[str] = []
    if joined[:2] in COMPOUND_SURNAMES:
        head, joined = list(COMPOUND_SURNAMES[joined[:2]]), joined[2:]
    elif joined[:1] in SURNAMES:
        head, joined = [SURNAMES[joined[0]]], joined[1:]
    syllables = [one.casefold() for one in (*head, *lazy_pinyin(joined, style=Style.NORMAL, errors=_each))]
    return " ".join(syllables), "".join(one[0] for one in syllables if one)


def readings_of(name: str) -> list[str]:
    """Return what may be typed for a name: pinyin and initials, also of other readings of the given name (曾: zeng, ceng)."""
    first, initials = pinyin_of(name)
    found = [first, initials]
    joined = re.sub(r"[\s^=]+", "", unicodedata.normalize("NFKC", name))
    syllables = first.split(" ")
    if _CJK.search(joined) and len(syllables) == len(joined):
        from pypinyin import Style, pinyin

        surname = 2 if joined[:2] in COMPOUND_SURNAMES else 1
        others = pinyin(joined[surname:], style=Style.NORMAL, heteronym=True, errors=_each)
        for choice in islice(product(*(dict.fromkeys(one) for one in others)), MOST_READINGS):
            whole = [*syllables[:surname], *(one.casefold() for one in choice)]
            found += [" ".join(whole), "".join(one[0] for one in whole if one)]
    return list(dict.fromkeys(found))


def haystack_of(texts: Iterable[str | None], names: Iterable[str | None] = ()) -> str:
    """Join normalised texts, and of names also pinyin and initials; fields are kept apart by spaces."""
    parts = [normal(text) for text in texts if text]
    for name in names:
        if name:
            parts += [normal(name), *(normal(one) for one in readings_of(name[:64]))]
    return " ".join(dict.fromkeys(part for part in parts if part))


def tokens_of(haystack: str) -> set[str]:
    """Return all grams of one to three characters inside of each field."""
    tokens: set[str] = set()
    for field in haystack.split(" "):
        for size in range(1, LONGEST_GRAM + 1):
            tokens.update(field[start : start + size] for start in range(len(field) - size + 1))
            if len(tokens) > MOST_TOKENS:
                return tokens
    return tokens


def terms_of(typed: str) -> list[str]:
    """Cut what somebody typed into at most six normalised terms, all of which must be found."""
    words = unicodedata.normalize("NFKC", typed[:200]).casefold().split()
    return [word for word in dict.fromkeys(words) if word][:6]


def grams_for(term: str) -> list[str]:
    """Return at most four grams that every row with `term` has."""
    if len(term) <= LONGEST_GRAM:
        return [term]
    places = sorted({0, len(term) - LONGEST_GRAM, (len(term) - LONGEST_GRAM) // 2})
    return [term[place : place + LONGEST_GRAM] for place in places]


def narrowed(
    query: Select[Any], typed: str, id_column: ColumnElement[Any] | InstrumentedAttribute[Any], haystack: InstrumentedAttribute[str],
    token: InstrumentedAttribute[str], owner: InstrumentedAttribute[Any],
) -> Select[Any]:  # fmt: skip
    """Narrow `query` to rows that contain every typed term; `token`, `owner` are the columns of the token table."""
    for term in terms_of(typed):
        for gram in grams_for(term):
            query = query.where(id_column.in_(select(owner).where(token == gram)))
        if len(term) > LONGEST_GRAM:
            query = query.where(haystack.contains(term, autoescape=True))
    return query
