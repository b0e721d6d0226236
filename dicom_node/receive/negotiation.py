"""Which transfer syntax a C-GET's storage contexts get, when the peer offers several in one.

A context has one syntax for all that is sent in it, and it is chosen before the peer says what it wants. So the choice is made by what
the device's institution has stored: bytes go out as they are wherever all instances of a class are in one syntax that is offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydicom.uid import UID
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from dicom_node import logs
from dicom_node.query import link
from dicom_node.receive.devices import Device
from dicom_node.receive.recoding import NATIVE
from dicom_node.receive.services import verb_of

log = logs.get(__name__)
ASKING = 3.0  # seconds for the index to name the syntaxes; a native one is chosen without its answer


def receives(abstract: str, device: Device, roles: Mapping[UID, SCP_SCU_RoleSelectionNegotiation]) -> bool:
    """Whether the peer wants to be the storage SCP of a class (C-GET, PS3.7 D.3.3.4) and may."""
    role = roles.get(UID(abstract)) if verb_of(abstract) == "store" else None
    return role is not None and bool(role.scp_role) and "get" in device.may


def stored_syntaxes(
    run_folder: Path, device: Device, requested: Iterable[PresentationContext], roles: Mapping[UID, SCP_SCU_RoleSelectionNegotiation]
) -> dict[str, dict[str, int]]:
    """SOP class → transfer syntax → instances of the device's institution, for classes with a context that offers a choice."""
    open_choice = (context for context in requested if len(context.transfer_syntax) > 1)
    classes = sorted({str(c.abstract_syntax) for c in open_choice if receives(str(c.abstract_syntax), device, roles)})
    if not classes:
        return {}
    question = {"ask": "stored_syntaxes", "institution": device.institution, "classes": classes}
    try:
        stored: dict[str, dict[str, int]] = link.ask(run_folder, question, ASKING).get("stored", {})
    except link.LinkError:
        log.warning("retrieve.syntaxes_unknown", aet=device.aet, action="native syntaxes are chosen; the index is starting")
        return {}
    return stored


def by_use(offered: Sequence[Any], stored: Mapping[str, int]) -> list[Any]:
    """The offered syntaxes, the one to choose first.

    The one in which all instances are stored; else a native one, the more frequent first: into it any image can be brought, while what
    is stored in another syntax could not be sent at all.
    """

    def rank(syntax: Any) -> tuple[int, int, int]:
        name = str(syntax)
        if len(stored) == 1 and name in stored:
            return 0, 0, 0
        if name in NATIVE:
            return 1, -stored.get(name, 0), NATIVE.index(name)
        return 2, 0, 0

    return sorted(offered, key=rank)
