"""`GET /status`: one page that says whether the node is well, for whoever keeps it running; and the retry of quarantined files."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from jinja2 import Environment, StrictUndefined
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from dicom_node.index.retry import Outcome
from dicom_node.receive.devices import Device, read_devices
from dicom_node.web.condition import Condition, VolumeCondition, condition
from dicom_node.web.context import Context, Node, context
from dicom_node.web.gate import PREFIX
from dicom_node.web.problems import WORDS as PROBLEMS
from dicom_node.web.problems import ProblemError
from dicom_node.web.status_template import PAGE, STYLE
from dicom_node.web.status_words import FAULTS, REASONS, WORDS

router = APIRouter(tags=["operating"])
SHOWN = 200  # entries of the quarantine on the page
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CSP = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": CSP, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
}  # fmt: skip
_environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_page = _environment.from_string(PAGE)


def language(request: Request) -> str:
    """`en` when the client prefers it; Chinese otherwise."""
    return "en" if request.headers.get("accept-language", "zh").lower().startswith("en") else "zh"


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"


def _moment(at: float | str | None) -> str:
    """Local time of the machine to the second; empty when there is none."""
    if at is None:
        return ""
    moment = datetime.fromtimestamp(at, UTC) if isinstance(at, float) else datetime.fromisoformat(at)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _devices(node: Node, now: Condition) -> list[dict[str, Any]]:
    """Known devices, and those that once sent, with last contact and counts."""
    try:
        known = read_devices(node.settings.devices_file)
    except (OSError, ValueError):
        known = []
    rows: dict[tuple[str, str], dict[str, Any]] = {}

    def row(aet: str, institution: str, device: Device | None = None) -> dict[str, Any]:
        return rows.setdefault(
            (institution, aet),
            {"aet": aet, "institution": institution, "listed": device is not None, "may": sorted(device.may) if device else [],
             "bound": bool(device and device.certificate), "images": 0, "last_image": "", "contact": "", "open": 0, "failed": 0},
        )  # fmt: skip

    for device in known:
        row(device.aet.strip(), device.institution, device)
    counted = node.database.rows(
        "SELECT calling_aet, institution, count(*) AS n, max(received_at) AS last FROM instance GROUP BY calling_aet, institution"
    )
    for found in counted:
        row(found["calling_aet"], found["institution"]).update(images=found["n"], last_image=_moment(found["last"]))
    failed: dict[str, int] = {}
    for aet, status, count in now.receive["statuses"]:
        if status != "0000":
            failed[aet] = failed.get(aet, 0) + count
    for device_row in rows.values():
        aet = device_row["aet"]
        device_row["contact"] = _moment(now.receive["contact"].get(aet)) or device_row["last_image"]
        device_row["open"], device_row["failed"] = now.receive["open"].get(aet, 0), failed.get(aet, 0)
    return [rows[key] for key in sorted(rows)]


def _volume(volume: VolumeCondition, words: dict[str, str]) -> dict[str, Any]:
    state = "away" if volume.fault else "full" if volume.full else "usable"
    checked = _moment(volume.checked_at) if volume.checked_at is not None and volume.files else "–"
    return {
        "name": volume.name, "tier": words[volume.tier], "state": words[state], "ill": state != "usable", "why": volume.fault,
        "files": volume.files, "bytes": _size(volume.bytes), "bad": volume.bad, "checked": checked,
    }  # fmt: skip


@router.get(PREFIX + "/status")
def status(here: Annotated[Context, Depends(context)], request: Request, tried: Outcome | None = None) -> Response:
    """The page; it holds no patient data and no UIDs. `tried` is the outcome of a retry that led back here."""
    node, now, lang = here.node, condition(here.node), language(request)
    words = {name: pair[lang == "en"] for name, pair in WORDS.items()}
    faults = []
    for code, given in now.faults.items():
        shown = given | ({"free": _size(given["free"])} if "free" in given else {})
        title, action = (text.format(**shown) for text in FAULTS[code][lang == "en"])
        faults.append({"code": code, "title": title, "action": action})
    quarantine = node.database.rows(
        "SELECT arrival, calling_aet, institution, reason, detail, received_at FROM quarantine ORDER BY arrival DESC LIMIT ?", [SHOWN]
    )
    for entry in quarantine:
        entry["when"] = _moment(entry["received_at"])
        entry["words"] = REASONS.get(entry["reason"], (entry["reason"],) * 2)[lang == "en"]
    figures: list[tuple[str, Any]] = [
        (words["open"], sum(now.receive["open"].values())),
        (words["received"], sum(now.receive["instances"].values())),
        (words["refused"], sum(now.receive["refused"].values())),
        (words["backlog"], now.backlog),
        (words["feed"], now.feed_head),
        (words["disk"], f"{_size(now.disk_free)} / {_size(now.disk_total)}"),
        *((f"{words['memory']} · {words[name]}", _size(process.resident)) for name, process in sorted(now.processes.items())),
        (words["restarts"], sum(now.restarts.values())),
    ]
    if now.expires is not None:
        figures.append((words["expires"], now.expires.date().isoformat()))
    told = (
        WORDS["indexed"]
        if tried == "indexed"
        else None
        if tried is None
        else [": ".join(pair) for pair in PROBLEMS[f"quarantine.{tried}"][1:]]
    )
    html = _page.render(
        lang="zh-CN" if lang == "zh" else "en", w=words, style=STYLE, faults=faults, figures=figures, devices=_devices(node, now),
        volumes=[_volume(volume, words) for volume in now.volumes], quarantine=quarantine, quarantined=sum(now.quarantined.values()), at=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        since=_moment(float(now.receive["started"])), aet=node.settings.aet,
        told=None if told is None else told[lang == "en"],
    )  # fmt: skip
    return Response(html, media_type="text/html; charset=utf-8", headers=HEADERS | {"Content-Language": lang, "Vary": "Accept-Language"})


@router.post(PREFIX + "/quarantine/{arrival}/retry")
def retry(here: Annotated[Context, Depends(context)], request: Request, arrival: int) -> Response:
    """Read a quarantined file again and index it when it can be read now; a browser is led back to the page."""
    outcome, why = here.node.follower.retry(arrival).result(30)
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"../../status?tried={outcome}", 303)
    if outcome != "indexed":
        raise ProblemError(f"quarantine.{outcome}", why)
    return JSONResponse({"arrival": arrival, "outcome": outcome})
