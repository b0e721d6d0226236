"""SOP class extended negotiation of Query/Retrieve (PS3.4 C.5.1.1, C.5.2.1): what a peer asked for and may rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicom_node.query.models import FIND_MODELS

if TYPE_CHECKING:
    from dicom_node.receive.association import NodeAssociation

RELATIONAL, COMBINED, FUZZY = 0, 1, 2  # bytes of the service class application information
_FIND_OFFERS = (RELATIONAL, COMBINED, FUZZY)  # names are always matched in any case and by their pinyin
_RETRIEVE_OFFERS = (RELATIONAL,)


def on_extended(event: Any) -> dict[str, bytes]:
    """EVT_SOP_EXTENDED: each byte that was asked for and is supported is answered with 1, any other with 0."""
    from dicom_node.receive.services import RIGHTS

    assoc: NodeAssociation = event.assoc
    may = assoc.device.may if assoc.device else frozenset()
    answer = {}
    for sop_class, asked in event.app_info.items():
        verb = RIGHTS.get(str(sop_class))
        if verb in {"find", "move", "get"} and verb in may:
            offers = _FIND_OFFERS if str(sop_class) in FIND_MODELS else _RETRIEVE_OFFERS
            answer[str(sop_class)] = bytes(int(i in offers and asked[i] == 1) for i in range(len(asked)))
    assoc.extended = answer
    return answer
