"""C-FIND SCP (PS3.4 C.4.1): the keys go to the index process; the scope is the calling AE's institution.

The matches come back encoded and go out as they are, many in one call: pynetdicom's own path costs half a millisecond for each.
Most questions about studies do not come here: `quick_find` answers them.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.dsutils import decode
from pynetdicom.presentation import PresentationContext

from dicom_node import logs
from dicom_node.query import link
from dicom_node.query.models import FIND_MODELS
from dicom_node.receive.find_responses import CANCELLED, NO_RESOURCES, NOT_MATCHING, SUCCESS, UNABLE, FindResponses

if TYPE_CHECKING:
    from dicom_node.receive.association import NodeAssociation

log = logs.get(__name__)

_ERRORS = {"level": NOT_MATCHING, "query": UNABLE}


def serve_find(assoc: NodeAssociation, request: C_FIND, context: PresentationContext) -> None:
    """One C-FIND: a pending response for each match, then the final one."""
    device = assoc.device
    root = FIND_MODELS.get(str(context.abstract_syntax))
    if device is None or "find" not in device.may or root is None or request.AffectedSOPClassUID != context.abstract_syntax:
        assoc.abort()
        return
    responses = FindResponses(
        str(context.abstract_syntax), request.MessageID or 0, context.context_id or 0, assoc.requestor.maximum_length or 0
    )
    try:
        level, keys = _keys(request, context)
    except Exception:
        _refuse(assoc, responses, UNABLE, "identifier cannot be decoded")
        return
    accepted = assoc.extended.get(str(context.abstract_syntax), b"")  # relational, combined (PS3.4 C.5.1.1.1)
    question = {
        "ask": "find", "root": root, "level": level, "keys": keys, "institution": device.institution,
        "relational": accepted[0:1] == b"\1", "combined": accepted[1:2] == b"\1",
        "explicit": not context.transfer_syntax[0].is_implicit_VR, "aet": assoc.receiver.settings.aet,
    }  # fmt: skip
    try:
        found = link.ask_blobs(assoc.receiver.run_folder, question)
    except link.LinkError:
        _refuse(assoc, responses, NO_RESOURCES, "index is starting, try again")
        return
    if not isinstance(found, link.Blobs):
        _refuse(assoc, responses, _ERRORS.get(found.get("error", ""), UNABLE), found.get("detail", "query cannot be answered"))
        return
    log.info("find", aet=device.aet, level=level, matches=len(found.parts))
    if not found.whole:
        log.warning("find.cut", aet=device.aet, level=level, matches=len(found.parts))
    _send(assoc, request, responses, found)


def _send(assoc: NodeAssociation, request: C_FIND, responses: FindResponses, found: link.Blobs) -> None:
    """Pending responses, then the final one: success only when these were all. A C-CANCEL ends them early."""
    final = SUCCESS, ""
    for part in responses.pending(found.parts):
        if not assoc.dul.send_now(part):
            return
        if request.MessageID in assoc.dimse.cancel_req:
            final = CANCELLED, ""
            break
    else:
        if not found.whole:
            final = NO_RESOURCES, "too many matches, narrow the query"
    assoc.dul.send_now(responses.final(*final))


def _refuse(assoc: NodeAssociation, responses: FindResponses, status: int, comment: str) -> None:
    log.warning("find.refused", aet=assoc.device_aet, status=f"{status:04X}", reason=comment)
    assoc.dul.send_now(responses.final(status, comment))


def _keys(request: C_FIND, context: PresentationContext) -> tuple[str, dict[str, str]]:
    """(level, tag → text) of the identifier; values are joined by backslashes, sequences ask nothing."""
    syntax = context.transfer_syntax[0]
    identifier = decode(request.Identifier or BytesIO(), syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    level = str(identifier.get("QueryRetrieveLevel", "") or "").strip(" \0")
    return level, {f"{element.tag:08X}": _text(element) for element in identifier if element.VR != "SQ"}


def _text(element: Any) -> str:
    value = element.value
    if value is None:
        return ""
    if isinstance(value, str | bytes):
        return value if isinstance(value, str) else ""
    return "\\".join(str(part) for part in value) if element.VM > 1 else str(value)
