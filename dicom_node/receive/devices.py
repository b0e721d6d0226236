"""Devices that may speak to the node: AE title, institution, rights per service, addresses. Re-read when the file changes."""

from __future__ import annotations

import ipaddress
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from dicom_node import logs
from dicom_node.settings import SettingsError

log = logs.get(__name__)
Verb = Literal["echo", "store", "find", "move", "get", "worklist", "mpps", "commit"]


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """A client certificate that the node's authority has signed."""

    fingerprint: str  # sha256 of the DER form, lower case hexadecimal
    common_name: str


class DeviceTLS(BaseModel):
    """How the node opens associations to a device over TLS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verify_host: bool | None = Field(None, description="whether the certificate must be for `host`; default: `tls_verify_host`")


class Device(BaseModel):
    """One modality, workstation or PACS of an institution."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    aet: str = Field(min_length=1, max_length=16)
    institution: str = Field(min_length=1)
    may: frozenset[Verb] = frozenset()
    addresses: tuple[str, ...] = Field((), description="addresses or networks (10.1.0.0/16); empty: any")
    host: str | None = Field(None, description="where the node opens associations to: C-MOVE, storage commitment")
    port: int | None = Field(None, ge=1, le=65535)
    tls: bool | DeviceTLS = Field(
        False,
        description='`true`: the node opens its associations to the device over TLS; `{"verify_host": false}`: its certificate need '
        "not be for `host`",
    )
    certificate: str | None = Field(
        None, min_length=1, description="sha256 fingerprint or subject common name of the client certificate the device must show (TLS)"
    )

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

    def shows(self, certificate: PeerCertificate | None) -> bool:
        """Whether a connection with this client certificate may be the device's."""
        if self.certificate is None:
            return True
        if certificate is None:
            return False
        fingerprint = self.certificate.replace(":", "").strip().lower()
        return fingerprint == certificate.fingerprint or self.certificate == certificate.common_name


_DEVICES = TypeAdapter(list[Device])


def read_devices(path: Path) -> list[Device]:
    """The devices in the file `path`. ValueError or OSError: it cannot be used."""
    devices = _DEVICES.validate_python(orjson.loads(path.read_bytes()))
    for device in devices:
        for address in device.addresses:
            ipaddress.ip_network(address, strict=False)
    return devices


def check_devices(path: Path, *, mutual_tls: bool, authority: bool) -> None:
    """Refuse a start with a file of devices that nobody could use; a missing one may come later. SettingsError says why."""
    try:
        devices = read_devices(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SettingsError(f"无法读取设备清单 {path} | the list of devices cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"设备清单 {path} 有误, 请更正 | the list of devices has a fault: {str(error)[:500]}") from error
    bound = sorted({device.aet for device in devices if device.certificate is not None})
    if bound and not mutual_tls:
        raise SettingsError(
            f"设备 {', '.join(bound)} 绑定了证书, 需要 dicom_tls_port 和 tls_ca | "
            "devices bound to a certificate need NODE_DICOM_TLS_PORT and NODE_TLS_CA"
        )
    called = sorted({device.aet for device in devices if device.tls})
    if called and not authority:
        raise SettingsError(
            f"设备 {', '.join(called)} 要求以 TLS 连接 (tls), 需要设置 tls_ca 以核验对方证书 | "
            "devices with `tls` need NODE_TLS_CA, by which their certificates are checked"
        )


class Devices:
    """The current list. A file that cannot be read keeps the last good list (none at start: nobody may connect)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._by_title: dict[str, list[Device]] = {}

    def find(self, aet: str, address: str, certificate: PeerCertificate | None = None) -> Device | None:
        """The device that calls itself `aet` at `address` and shows `certificate`, if there is one."""
        with self._lock:
            self._refresh()
            known = self._by_title.get(aet.strip(), [])
        return next((device for device in known if device.at(address) and device.shows(certificate)), None)

    def all(self) -> list[Device]:
        """Every device of the current list."""
        with self._lock:
            self._refresh()
            return [device for devices in self._by_title.values() for device in devices]

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
            devices = read_devices(self._path)
        except (OSError, ValueError) as error:
            log.warning("devices.invalid", reason=str(error)[:500], action="correct the file; the last good list stays in force")
            return
        table: dict[str, list[Device]] = {}
        for device in devices:
            table.setdefault(device.aet.strip(), []).append(device)
        self._by_title = table
        log.info("devices.loaded", count=len(devices))
