"""What a route needs: the node's parts and the reader whom the gate let in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter
from starlette.requests import Request

from dicom_node.annotations import Annotations
from dicom_node.archive.files import Archive
from dicom_node.feed import Feed
from dicom_node.index.database import Database
from dicom_node.index.register import NAME
from dicom_node.query.registered import Registered
from dicom_node.receive.devices import Devices
from dicom_node.settings import Settings
from dicom_node.web.gate import WEB
from dicom_node.web.library import Library, Row
from dicom_node.web.problems import ProblemError
from dicom_node.web.tickets import Reader

if TYPE_CHECKING:
    from dicom_node.index.process import Follower
    from dicom_node.storage.keeper import Keeper

STORING_THREADS = 8  # objects of STOW-RS that are written or synced at once: reading keeps the other threads


@dataclass
class Node:
    """The parts of the index process that the web uses."""

    settings: Settings
    archive: Archive
    database: Database
    feed: Feed
    annotations: Annotations
    alive: Callable[[], bool]
    follower: Follower
    run_folder: Path
    keeper: Keeper
    devices: Devices = field(init=False)
    library: Library = field(init=False)
    pool: ThreadPoolExecutor = field(init=False)
    storing: CapacityLimiter = field(init=False)
    registered: Registered = field(init=False)
    studies_json: dict[tuple[int, int, str], bytes] = field(default_factory=dict)
    """Studies of QIDO-RS by number, stamp and address, while all files are online."""

    def __post_init__(self) -> None:
        self.devices = Devices(self.settings.devices_file)
        self.registered = Registered(self.database.path.with_name(NAME))
        self.library = Library(self.database, self.feed, self.archive)
        self.storing = CapacityLimiter(STORING_THREADS)
        self.pool = ThreadPoolExecutor(self.settings.decode_threads, "decode")


@dataclass(frozen=True, slots=True)
class Context:
    """One request's node, reader and outside address of DICOMweb."""

    node: Node
    reader: Reader
    base_url: str

    def find(self, study: str, series: str | None = None, instance: str | None = None) -> list[Row]:
        """Visible instances in the reader's scope; that the study was opened is recorded. ProblemError 404 when there are none."""
        rows = self.node.library.instances(self.reader.scope, study, series, instance)
        self.node.library.opened(self.reader, study, rows[0]["institution"])
        return rows

    def frames(self, row: Row) -> list[dict[str, Any]]:
        """The frames of one instance in their own order; ProblemError 422 when it cannot be shown."""
        frames = self.node.library.series(self.reader.scope, row["study_uid"], row["series_uid"]).frames_of.get(row["sop_uid"])
        if not frames:
            raise ProblemError("image.unshowable", f"reason: {row['unshowable']}")
        return frames

    def luts(self, row: Row) -> dict[str, dict[str, Any]]:
        """The VOI LUTs of the instance's series by key."""
        return self.node.library.series(self.reader.scope, row["study_uid"], row["series_uid"]).luts

    def path(self, row: Row) -> Path:
        """The instance's file."""
        return self.node.archive.path(row["digest"])

    def url(self, row: Row) -> str:
        """The instance's address in DICOMweb."""
        return f"{self.base_url}/studies/{row['study_uid']}/series/{row['series_uid']}/instances/{row['sop_uid']}"


async def context(request: Request) -> Context:
    """The context of a request behind the gate."""
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip()
    host = request.headers.get("x-forwarded-host", request.headers.get("host", "")).split(",")[0].strip()
    return Context(request.app.state.node, request.state.reader, f"{scheme}://{host}{WEB}")
