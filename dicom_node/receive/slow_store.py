"""C-STORE outside the fast lane: requests whose command was split or came together with data. Stored in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset

from dicom_node import logs
from dicom_node.receive import command as c

if TYPE_CHECKING:
    from dicom_node.receive.association import NodeAssociation

log = logs.get(__name__)


def on_store(event: Any) -> Any:
    """EVT_C_STORE: the status of one instance, with a comment where it was refused."""
    request = event.request
    assoc: NodeAssociation = event.assoc
    context = event.context
    reception = assoc.begin_store(
        str(context.abstract_syntax),
        str(request.AffectedSOPClassUID or ""),
        str(request.AffectedSOPInstanceUID or ""),
        str(context.transfer_syntax),
    )
    try:
        if request.DataSet is not None:
            reception.write([request.DataSet.getvalue()], whole=True)
        answer = reception.finish()
    finally:
        reception.discard()
    if answer.status == c.SUCCESS:
        return answer.status
    log.warning("store.refused", status=f"{answer.status:04X}", reason=answer.comment, aet=assoc.device_aet)
    status = Dataset()
    status.Status = answer.status
    status.ErrorComment = answer.comment[:64]
    return status
