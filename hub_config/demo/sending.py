"""Sending images as a modality does: C-STORE over the network, as the device that took them, in their own transfer syntax."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.dataset import FileDataset
from pynetdicom import AE, _config

from dicom_node.receive.pause import thread_paused

MAX_PDU = 131_072


class SendingError(Exception):
    """The node refused the association or an image."""


def send(images: Iterable[FileDataset], aet: str, port: int, *, host: str = "127.0.0.1", called: str = "HUB") -> int:
    """Send one study (all images of one SOP class and transfer syntax) as `aet`; return how many the node has now on disk.

    An image counts only when its answer is success (0x0000): the node then holds it, fsynced. Sending it again is harmless.
    """
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False  # names of patients stay out of logs
    waiting = iter(images)
    first = next(waiting)
    entity = AE(ae_title=aet)
    entity.maximum_pdu_size = MAX_PDU
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
    entity.add_requested_context(first.SOPClassUID, first.file_meta.TransferSyntaxUID)
    association = entity.associate(host, port, ae_title=called)
    if not association.is_established:
        raise SendingError(f"DICOM 端口 {port} 拒绝了 {aet} 的连接 / the DICOM port {port} refused the association of {aet}")
    sent = 0
    try:
        with thread_paused(association):
            image: FileDataset | None = first
            while image is not None:
                answer = association.send_c_store(image)
                status = answer.get("Status")
                if status != 0:
                    said = "no answer" if status is None else f"0x{status:04X}"
                    raise SendingError(f"{aet} 的图像未被接收 / an image of {aet} was not stored: {said}")
                sent += 1
                image = next(waiting, None)
    finally:
        association.release()
    return sent
