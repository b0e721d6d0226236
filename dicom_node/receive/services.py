"""The DIMSE services the node offers: which SOP class needs which right of a device, and who answers.

A service is added here with a line in each table; nothing else decides what a peer may ask for. Deny by default: a class that is
not named, and lies outside the storage branch, is not offered to anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pynetdicom import evt
from pynetdicom.service_class import ServiceClass
from pynetdicom.sop_class import _STORAGE_CLASSES, uid_to_service_class

from dicom_node.receive.commitment import COMMITMENT, on_action
from dicom_node.receive.devices import Verb
from dicom_node.receive.find import FIND_MODELS, on_find
from dicom_node.receive.mpps import MPPS, on_create, on_set
from dicom_node.receive.slow_store import on_store
from dicom_node.receive.worklist import WORKLIST, on_worklist

VERIFICATION = "1.2.840.10008.1.1"
_STORAGE = {str(uid) for uid in _STORAGE_CLASSES.values()}

_FIND: Verb = "find"
RIGHTS: dict[str, Verb] = {
    VERIFICATION: "echo",
    **dict.fromkeys(FIND_MODELS, _FIND),
    WORKLIST: "worklist",
    MPPS: "mpps",
    COMMITMENT: "commit",
}
"""SOP class UID of a service other than storage → the right it needs."""


def _on_find(event: Any) -> Any:
    """EVT_C_FIND: each information model has its own answerer."""
    return (on_worklist if str(event.request.AffectedSOPClassUID) == WORKLIST else on_find)(event)


HANDLERS: tuple[tuple[evt.EventType, Callable[[Any], Any]], ...] = (
    (evt.EVT_C_STORE, on_store),
    (evt.EVT_C_FIND, _on_find),
    (evt.EVT_N_CREATE, on_create),
    (evt.EVT_N_SET, on_set),
    (evt.EVT_N_ACTION, on_action),
)


def verb_of(abstract_syntax: str) -> Verb | None:
    """The right that a presentation context needs; None: a service the node does not offer."""
    if abstract_syntax in RIGHTS:
        return RIGHTS[abstract_syntax]
    if abstract_syntax in _STORAGE:
        return "store"
    if not abstract_syntax.startswith("1.2.840.10008."):
        return "store"  # a private class can only be stored
    # a class of the standard that this pynetdicom does not know: stored when it lies in the storage branch
    unknown = uid_to_service_class(abstract_syntax) is ServiceClass
    return "store" if unknown and abstract_syntax.startswith("1.2.840.10008.5.1.4.1.1.") else None
