"""Text of headers, also where the character set is declared wrongly or not at all (PS3.5 6.1, annexes H, J, K).

Chinese devices often send GBK bytes and declare nothing or ISO_IR 100. What cannot be is never guessed: an explicit
multi-byte declaration is trusted, and a guess is always flagged; the original bytes stay in the file.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.valuerep import PersonName

GB = "GB18030"
_CODECS = {"GB18030": "gb18030", "GBK": "gb18030", "ISO_IR 192": "utf-8"}
_WEAK = {"", "ISO_IR 6", "ISO 2022 IR 6", "ISO_IR 100", "ISO 2022 IR 100"}  # what devices declare without meaning it
_ESCAPE_58 = re.compile(rb"\x1b\$\)A|\x1b\(B|\x1b\)B")
_STRAY_ESCAPE = re.compile(r"\x1b[\x20-\x2f]*[\x30-\x7e]")


def effective(declared: Iterable[str], samples: Iterable[bytes]) -> tuple[list[str], str | None]:
    """(character sets to decode with, the guess or None), from the declared terms and raw text values of the header."""
    terms = [str(term).strip() for term in declared]
    if any(term not in _WEAK for term in terms):
        return terms, None
    high = [sample for sample in samples if not sample.isascii()]
    if not high:
        return terms, None
    if all(_decodes(sample, "utf-8") for sample in high):
        return ["ISO_IR 192"], "ISO_IR 192"
    strict = any("100" in term for term in terms)
    if all(_is_chinese(sample) for sample in high) and any(_has_common(sample, level_one=strict) for sample in high):
        return [GB], GB
    return terms, None


def _decodes(sample: bytes, codec: str) -> bool:
    try:
        sample.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _is_chinese(sample: bytes) -> bool:
    """Valid GB18030 whose non-ASCII characters are all Han, CJK punctuation or full width forms."""
    try:
        text = sample.decode("gb18030")
    except UnicodeDecodeError:
        return False
    return all(c < "\x80" or "㐀" <= c <= "鿿" or "　" <= c <= "〿" or "＀" <= c <= "￯" or c in "·—…“”‘’" or c >= "\U00020000" for c in text)


def _has_common(sample: bytes, *, level_one: bool) -> bool:
    """Whether a character of GB 2312 is in it (both bytes high): single accented letters before ASCII never give one.

    Where Latin-1 was declared, one of the frequent 3,755 (first byte B0-D7) is asked for.
    """
    last = 0xD7 if level_one else 0xF7
    at = 0
    while at < len(sample) - 1:
        if sample[at] < 0x80:
            at += 1
            continue
        if 0xB0 <= sample[at] <= last and sample[at + 1] >= 0xA1:
            return True
        at += 2
    return False


def decode_text(raw: bytes, charsets: list[str]) -> str:
    """One text value. Never raises: what cannot be decoded becomes U+FFFD."""
    raw = raw.rstrip(b"\0 ")
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    codec = _CODECS.get(charsets[0] if charsets else "")
    if codec is not None:
        return raw.decode(codec, "replace")
    if any("58" in term for term in charsets) or b"\x1b$)A" in raw:
        # pydicom leaves these escapes in the string; G1 stays designated, so the rest is GB 2312
        return _ESCAPE_58.sub(b"", raw).decode("gb18030", "replace")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = decode_bytes(raw, convert_encodings(charsets or [""]), {0x5E, 0x3D, 0x5C, 0x0A, 0x0C, 0x0D})
        except Exception:
            text = raw.decode("latin-1")
    return _STRAY_ESCAPE.sub("", str(text))


def name_groups(raw: bytes, charsets: list[str]) -> tuple[str, str, str]:
    """(alphabetic, ideographic, phonetic) groups of a person name (PS3.5 6.2.1). `=` is never a second byte of GB18030."""
    parts = [decode_text(part, charsets) for part in raw.rstrip(b"\0 ").split(b"=", 2)]
    if any("58" in term or "149" in term for term in charsets) and len(parts) < 2 and raw.count(b"=") == 0:
        parts = [str(PersonName(parts[0]))]
    parts += [""] * (3 - len(parts))
    return parts[0].rstrip("^ "), parts[1].rstrip("^ "), parts[2].rstrip("^ ")
