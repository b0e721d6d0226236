"""DICOM JSON as the Native DICOM Model in XML (PS3.19 A.1), for clients that ask for application/dicom+xml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pydicom.datadict import keyword_for_tag

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")


def encode(data_set: Mapping[str, Any]) -> bytes:
    """One data set as an XML document."""
    body = _attributes(data_set)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xml:space="preserve">{body}</NativeDicomModel>'.encode()


def _text(value: object) -> str:
    """Text without the control characters that XML cannot hold."""
    return escape(_NOT_XML.sub("\ufffd", str(value)))


def _attributes(data_set: Mapping[str, Any]) -> str:
    return "".join(_attribute(tag, element) for tag, element in sorted(data_set.items()))


def _attribute(tag: str, element: Mapping[str, Any]) -> str:
    keyword = keyword_for_tag(int(tag, 16))
    named = f" keyword={quoteattr(keyword)}" if keyword else ""
    vr = str(element.get("vr", "UN"))
    if "BulkDataURI" in element:
        inner = f"<BulkData uri={quoteattr(str(element['BulkDataURI']))}/>"
    elif "InlineBinary" in element:
        inner = f"<InlineBinary>{_text(element['InlineBinary'])}</InlineBinary>"
    else:
        inner = "".join(_value(vr, i, value) for i, value in enumerate(element.get("Value", []), 1))
    return f"<DicomAttribute tag={quoteattr(tag)} vr={quoteattr(vr)}{named}>{inner}</DicomAttribute>"


def _value(vr: str, number: int, value: Any) -> str:
    if vr == "SQ":
        return f'<Item number="{number}">{_attributes(value or {})}</Item>'
    if vr == "PN":
        return f'<PersonName number="{number}">{"".join(_group(name, value[name]) for name in value or {})}</PersonName>'
    return f'<Value number="{number}">{"" if value is None else _text(value)}</Value>'


def _group(name: str, group: str) -> str:
    parts = zip(_NAME_PARTS, group.split("^"), strict=False)
    return f"<{name}>" + "".join(f"<{part}>{_text(value)}</{part}>" for part, value in parts if value) + f"</{name}>"
