"""The DIMSE services the node offers: which SOP class needs which right of a device, and who answers.

A service is added here with a line in each table; nothing else decides what a peer may ask for. Deny by default: a class that is
not named, and lies outside the storage branch, is not offered to anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pynetdicom import evt
from pynetdicom.dimse_primitives import C_FIND, C_GET, C_MOVE
from pynetdicom.presentation import PresentationContext
from pynetdicom.service_class import ServiceClass
from pynetdicom.sop_class import _STORAGE_CLASSES, uid_to_service_class

from dicom_node.query.models import FIND_MODELS
from dicom_node.receive.commitment import COMMITMENT, on_action
from dicom_node.receive.devices import Verb
from dicom_node.receive.extended import on_extended
from dicom_node.receive.find import serve_find
from dicom_node.receive.mpps import MPPS, on_create, on_set
from dicom_node.receive.retrieve import GET_MODELS, MOVE_MODELS, serve_get, serve_move
from dicom_node.receive.slow_store import on_store
from dicom_node.receive.worklist import WORKLIST, on_worklist

VERIFICATION = "1.2.840.10008.1.1"
_STORAGE = {str(uid) for uid in _STORAGE_CLASSES.values()}

_FIND: Verb = "find"
_MOVE: Verb = "move"
_GET: Verb = "get"
RIGHTS: dict[str, Verb] = {
    VERIFICATION: "echo",
    **dict.fromkeys(FIND_MODELS, _FIND),
    **dict.fromkeys(MOVE_MODELS, _MOVE),
    **dict.fromkeys(GET_MODELS, _GET),
    WORKLIST: "worklist",
    MPPS: "mpps",
    COMMITMENT: "commit",
}
"""SOP class UID of a service other than storage → the right it needs."""

HANDLERS: tuple[tuple[evt.EventType, Callable[[Any], Any]], ...] = (
    (evt.EVT_C_STORE, on_store),
    (evt.EVT_C_FIND, on_worklist),
    (evt.EVT_N_CREATE, on_create),
    (evt.EVT_N_SET, on_set),
    (evt.EVT_N_ACTION, on_action),
    (evt.EVT_SOP_EXTENDED, on_extended),
)
"""What pynetdicom's service classes ask."""

Server = Callable[[Any, Any, Any], None]
SERVERS: dict[type, Server] = {C_FIND: serve_find, C_GET: serve_get, C_MOVE: serve_move}
"""Requests that are answered by (association, request, context) in place of pynetdicom's service class."""


def server_of(request: Any, context: PresentationContext | None) -> Server | None:
    """Who answers a request in place of pynetdicom's service class; None: that class, with the handlers above."""
    if context is None or str(context.abstract_syntax) == WORKLIST:
        return None
    return SERVERS.get(type(request))


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
