"""Pinyin of Chinese names for search: surnames that are read differently as surnames come from a table."""

from __future__ import annotations

from functools import lru_cache

# characters with another reading when they are a surname
SURNAMES = {
    "曾": "zeng", "单": "shan", "仇": "qiu", "解": "xie", "任": "ren", "查": "zha", "盖": "ge", "区": "ou", "朴": "piao",
    "翟": "zhai", "缪": "miao", "员": "yun", "黑": "he", "种": "chong", "秘": "bi", "冼": "xian", "折": "she", "乐": "yue",
    "召": "shao", "隗": "wei", "祭": "zhai", "洗": "xian", "尉": "wei", "覃": "qin", "晁": "chao", "佴": "nai", "繁": "po",
    "逄": "pang", "句": "gou", "令": "ling", "那": "na", "哈": "ha", "郇": "xun", "眭": "sui", "牟": "mou", "车": "che",
    "宁": "ning", "燕": "yan", "葛": "ge", "过": "guo", "幺": "yao", "应": "ying", "於": "yu", "纪": "ji", "臧": "zang",
}  # fmt: skip
DOUBLE = {
    "尉迟": ["yu", "chi"], "万俟": ["mo", "qi"], "长孙": ["zhang", "sun"], "单于": ["chan", "yu"], "澹台": ["tan", "tai"],
    "欧阳": ["ou", "yang"], "司马": ["si", "ma"], "上官": ["shang", "guan"], "诸葛": ["zhu", "ge"], "宇文": ["yu", "wen"],
    "皇甫": ["huang", "fu"], "令狐": ["ling", "hu"], "慕容": ["mu", "rong"], "夏侯": ["xia", "hou"], "尉氏": ["yu", "shi"],
}  # fmt: skip


@lru_cache(maxsize=65536)
def pinyin(name: str) -> tuple[str, str]:
    """(syllables joined by spaces, initials) of a Chinese name, lower case; empty when it has no Chinese character."""
    plain = "".join(c for c in name if "㐀" <= c <= "鿿" or c >= "\U00020000")
    if not plain:
        return "", ""
    from pypinyin import Style, lazy_pinyin  # half a second and 40 MB of dictionaries: from the first Chinese name on

    if plain[:2] in DOUBLE:
        syllables = [*DOUBLE[plain[:2]], *lazy_pinyin(plain[2:], style=Style.NORMAL)]
    elif plain[0] in SURNAMES:
        syllables = [SURNAMES[plain[0]], *lazy_pinyin(plain[1:], style=Style.NORMAL)]
    else:
        syllables = lazy_pinyin(plain, style=Style.NORMAL)
    syllables = [syllable.replace("ü", "v") for syllable in syllables]
    return " ".join(syllables), "".join(syllable[0] for syllable in syllables if syllable)
