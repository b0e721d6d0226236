"""Devices that may speak to the node: AE title, institution, rights per service, addresses. Re-read when the file changes."""

from __future__ import annotations

import ipaddress
import threading
from pathlib import Path
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from dicom_node import logs

log = logs.get(__name__)
Verb = Literal["echo", "store", "find", "move", "get", "worklist", "mpps", "commit"]


class Device(BaseModel):
    """One modality, workstation or PACS of an institution."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    aet: str = Field(min_length=1, max_length=16)
    institution: str = Field(min_length=1)
    may: frozenset[Verb] = frozenset()
    addresses: tuple[str, ...] = Field((), description="addresses or networks (10.1.0.0/16); empty: any")
    host: str | None = Field(None, description="where the node opens associations to: C-MOVE, storage commitment")
    port: int | None = Field(None, ge=1, le=65535)

    @property
    def reachable(self) -> bool:
        """Whether the node can open an association to it."""
        return self.host is not None and self.port is not None

    def at(self, address: str) -> bool:
        """Whether the device may connect from `address`."""
        if not self.addresses:
            return True
        peer = ipaddress.ip_address(address)
        return any(peer in ipaddress.ip_network(allowed, strict=False) for allowed in self.addresses)


_DEVICES = TypeAdapter(list[Device])


class Devices:
    """The current list. A file that cannot be read keeps the last good list (none at start: nobody may connect)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._by_title: dict[str, list[Device]] = {}

    def find(self, aet: str, address: str) -> Device | None:
        """The device that calls itself `aet` at `address`, if there is one."""
        with self._lock:
            self._refresh()
            known = self._by_title.get(aet.strip(), [])
        return next((device for device in known if device.at(address)), None)

    def of(self, institution: str, aet: str) -> Device | None:
        """The device `aet` of `institution`, at whatever address it calls from."""
        with self._lock:
            self._refresh()
            known = self._by_title.get(aet.strip(), [])
        return next((device for device in known if device.institution == institution), None)

    def destination(self, aet: str, institution: str) -> Device | None:
        """The device `aet` of `institution` that the node may open associations to, if there is one."""
        device = self.of(institution, aet)
        return device if device is not None and device.host and device.port else None

    def institutions(self) -> frozenset[str]:
        """Institutions that have a device."""
        with self._lock:
            self._refresh()
            return frozenset(device.institution for known in self._by_title.values() for device in known)

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
        except OSError:
            if self._stamp != (0, 0, 0):
                log.warning("devices.missing", action="write the file of devices; until then every AE is refused")
            self._stamp, self._by_title = (0, 0, 0), {}
            return
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            devices = _DEVICES.validate_python(orjson.loads(self._path.read_bytes()))
            for device in devices:
                for address in device.addresses:
                    ipaddress.ip_network(address, strict=False)
        except (OSError, ValueError, ValidationError) as error:
            log.warning("devices.invalid", reason=str(error)[:500], action="correct the file; the last good list stays in force")
            return
        table: dict[str, list[Device]] = {}
        for device in devices:
            table.setdefault(device.aet.strip(), []).append(device)
        self._by_title = table
        log.info("devices.loaded", count=len(devices))
