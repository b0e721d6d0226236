"""`GET /metrics`: figures for Prometheus. AE titles are the only names in it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from dicom_node.receive.counters import BOUNDS
from dicom_node.web.condition import Condition, condition
from dicom_node.web.context import Context, context
from dicom_node.web.exposition import CONTENT_TYPE, Exposition
from dicom_node.web.gate import PREFIX

router = APIRouter(tags=["operating"])


@router.get(PREFIX + "/metrics")
def metrics(here: Annotated[Context, Depends(context)]) -> Response:
    """Counters of both processes in Prometheus text format."""
    return Response(exposition(condition(here.node)), media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def exposition(now: Condition) -> str:
    """The whole text."""
    out, receive = Exposition(), now.receive

    def by(label: str, values: dict[str, int] | dict[str, float]) -> list[tuple[dict[str, str], float]]:
        return [({label: name}, value) for name, value in sorted(values.items())]

    out.family("node_associations_open", "gauge", "Open associations.", by("aet", receive["open"]))
    out.family("node_associations_accepted_total", "counter", "Accepted associations.", by("aet", receive["accepted"]))
    out.family("node_associations_refused_total", "counter", "Refused associations.", by("reason", receive["refused"]))
    out.family("node_instances_received_total", "counter", "Instances kept.", by("aet", receive["instances"]))
    out.family("node_bytes_received_total", "counter", "Bytes of the files kept.", by("aet", receive["bytes"]))
    statuses = [({"aet": aet, "status": status}, float(count)) for aet, status, count in sorted(receive["statuses"])]
    out.family("node_store_answers_total", "counter", "C-STORE responses by status.", statuses)
    out.histogram(
        "node_store_seconds", "From the C-STORE request's command to its response.", BOUNDS, receive["latency"], receive["latency_sum"]
    )
    out.family("node_contact_timestamp_seconds", "gauge", "Last association or C-STORE.", by("aet", receive["contact"]))
    if now.silent is not None:
        out.gauge("node_receive_published_seconds", "Age of the receive process's figures.", now.silent)
    out.gauge("node_journal_backlog", "Arrivals not yet indexed.", now.backlog)
    out.gauge("node_journal_lag_seconds", "Age of the oldest arrival not yet indexed.", now.lag)
    out.gauge("node_headers_waiting", "Instances whose header JSON is not written yet.", now.headers_waiting)
    out.family("node_index_batches_total", "counter", "Batches indexed.", [({}, now.batches)])
    out.family("node_index_batch_seconds_total", "counter", "Time spent on indexing batches.", [({}, now.batch_seconds)])
    out.gauge("node_index_held_bytes", "Part of the index that DuckDB has in memory, 1 GB at most.", now.index_held)
    out.family("node_quarantine", "gauge", "Files in quarantine.", by("reason", now.quarantined))
    out.family("node_conflicts", "gauge", "Conflicts found.", by("reason", now.conflicts))
    out.gauge("node_feed_head", "Number of the images feed's last row.", now.feed_head)
    out.gauge("node_disk_size_bytes", "Size of the data folder's disk.", now.disk_total)
    out.gauge("node_disk_free_bytes", "Free bytes of the data folder's disk.", now.disk_free)
    stock = receive["stock"]
    out.gauge("node_stock_files", "Files prepared for a burst of images.", stock["files"])
    out.gauge("node_stock_bytes", "Bytes of the files prepared for a burst.", stock["bytes"])
    out.gauge("node_stock_missing", "Files that will be prepared when nothing arrives.", stock["missing"])
    volumes = now.volumes
    out.family("node_volume_up", "gauge", "Whether a volume can be used.", [({"volume": v.name}, float(not v.fault)) for v in volumes])
    out.family("node_volume_files", "gauge", "Whole copies on a volume.", [({"volume": v.name}, v.files) for v in volumes])
    out.family("node_volume_bytes", "gauge", "Bytes of the whole copies on a volume.", [({"volume": v.name}, v.bytes) for v in volumes])
    out.family("node_volume_bad_copies", "gauge", "Damaged or missing copies.", [({"volume": v.name}, v.bad) for v in volumes])
    out.family("node_scrub_bytes_total", "counter", "Bytes of copies read by the scrub.", [({}, now.scrubbed_bytes)])
    out.family("node_copies_repaired_total", "counter", "Copies made anew from a whole one.", [({}, now.repaired)])
    out.gauge("node_copies_hopeless", "Files of which no whole copy is known.", now.hopeless)
    found = by("volume", now.rescanning)
    out.family("node_volume_rescanned_files", "gauge", "Copies found so far on a volume that is being gone through.", found)
    undeleted = [({"volume": name}, float(count)) for name, count, _ in now.undeleted]
    out.family("node_copies_undeleted", "gauge", "Copies of deleted files that cannot be removed now.", undeleted)
    out.gauge("node_studies_waiting", "Studies that the storage plan cannot be followed for now.", now.studies_waiting)
    processes = sorted(now.processes.items())
    out.family("node_process_resident_memory_bytes", "gauge", "Resident memory.", [({"process": n}, p.resident) for n, p in processes])
    out.family("node_process_cpu_seconds_total", "counter", "User and system time.", [({"process": n}, p.cpu) for n, p in processes])
    out.family("node_process_restarts_total", "counter", "Restarts by the parent.", by("process", now.restarts))
    if now.expires is not None:
        out.gauge("node_tls_certificate_expiry_timestamp_seconds", "End of the TLS certificate's validity.", now.expires.timestamp())
    out.family(
        "node_fault", "gauge", "What is not as it should be (see the status page).", by("fault", dict.fromkeys(map(str, now.faults), 1))
    )
    return out.text()
