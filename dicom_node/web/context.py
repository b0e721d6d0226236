"""What a route needs: the node's parts and the reader whom the gate let in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request

from dicom_node.annotations import Annotations
from dicom_node.archive.files import Archive
from dicom_node.feed import Feed
from dicom_node.index.database import Database
from dicom_node.settings import Settings
from dicom_node.web.gate import WEB
from dicom_node.web.library import Library
from dicom_node.web.tickets import Reader

if TYPE_CHECKING:
    from dicom_node.index.process import Follower


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
    library: Library = field(init=False)
    pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.library = Library(self.database, self.feed)
        self.pool = ThreadPoolExecutor(self.settings.decode_threads, "decode")


@dataclass(frozen=True, slots=True)
class Context:
    """One request's node, reader and outside address of DICOMweb."""

    node: Node
    reader: Reader
    base_url: str


async def context(request: Request) -> Context:
    """The context of a request behind the gate."""
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip()
    host = request.headers.get("x-forwarded-host", request.headers.get("host", "")).split(",")[0].strip()
    return Context(request.app.state.node, request.state.reader, f"{scheme}://{host}{WEB}")
