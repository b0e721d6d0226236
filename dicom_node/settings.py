"""The node's settings: one TOML file, overridden by environment variables `NODE_…`; unknown keys are errors."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

PREFIX = "NODE_"


class Settings(BaseModel):
    """Everything the node is told from outside."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path = Field(description="folder of files, journal, index and feed")
    dicom_port: int = Field(11112, ge=0, le=65535, description="DICOM port without TLS; 0: none")
    dicom_tls_port: int = Field(0, ge=0, le=65535, description="DICOM port with TLS; 0: none")
    dicom_host: str = Field("0.0.0.0", description="address the DICOM ports listen on")
    http_port: int = Field(8042, ge=1, le=65535, description="HTTP port on 127.0.0.1 (DICOMweb, feed, metrics, status page)")
    aet: str = Field("HUB", min_length=1, max_length=16, description="called AE title")
    devices: Path | None = Field(
        None, description="JSON list of {aet, institution, may, addresses?, host?, port?, tls?, certificate?}; default <data>/devices.json"
    )
    tls_cert: Path | None = Field(
        None, description="certificate chain (PEM) of the TLS port; the node shows it also to devices that it calls over TLS"
    )
    tls_key: Path | None = Field(None, description="private key (PEM, no password) of the TLS port")
    tls_ca: Path | None = Field(
        None, description="CA certificates (PEM); when set every TLS client, and every device called over TLS, must show one of theirs"
    )
    tls_handshake_timeout: float = Field(10.0, gt=0, description="seconds a TLS handshake may take")
    tls_verify_host: bool = Field(True, description="whether the certificate of a device that the node calls must be for its `host`")
    ticket_key: Path | None = Field(None, description="Ed25519 public key (PEM) that tickets are checked with; default: an own pair")
    annotations: Path | None = Field(None, description="JSON {table: {key: data}} for a node that stands alone")
    storage: Path | None = Field(None, description="storage plan (TOML): volumes and rules, see storage.md; default <data>/storage.toml")
    worklist_files: Path | None = Field(None, description="folder of DICOM worklist files (*.wl), a subfolder per institution code")
    commitment_pause: float = Field(
        5.0, gt=0, description="seconds until a report of storage commitment that was not taken is tried again; doubles up to 15 minutes"
    )
    quiet_seconds: float = Field(3.0, gt=0, description="a series without a new image for so long is quiet")
    network_timeout: float = Field(60.0, gt=0, description="seconds of silence before an association is ended")
    maximum_associations: int = Field(300, ge=1, description="open associations; one more is rejected (transient, local limit exceeded)")
    stop_timeout: float = Field(10.0, gt=0, le=12, description="seconds that instances in transfer get to arrive when the node is stopped")
    stock_megabytes: int = Field(
        1024, ge=0, description="disk space for files prepared for bursts of images, at most a hundredth of the disk; 0: none"
    )
    disk_free_percent: float = Field(10.0, ge=0, le=100, description="less free space than this is a fault on the status page")
    store_body_bytes: int = Field(8 << 30, ge=1 << 10, description="largest body of one STOW-RS request; beyond it 413")
    store_part_bytes: int = Field(4 << 30, ge=1 << 10, description="largest object of one STOW-RS request; beyond it 413")
    store_parts: int = Field(20_000, ge=1, description="most objects in one STOW-RS request; beyond it 413")
    publish: Path | None = Field(
        None, description="folder (0700) into which the tables of the index are published as Parquet, for pipelines only; default: none"
    )
    publish_minutes: float = Field(10.0, gt=0, description="minutes between two sets of published tables, when something has changed")
    publish_changes: int = Field(50_000, ge=1, description="so many new instances publish the tables before that time is over")
    decode_threads: int = Field(2, ge=1, le=64, description="threads that decode compressed images")

    @model_validator(mode="after")
    def _some_port(self) -> Self:
        if not self.dicom_port and not self.dicom_tls_port:
            raise ValueError("dicom_port 与 dicom_tls_port 不能都为 0 | one of dicom_port and dicom_tls_port must be set")
        return self

    @property
    def devices_file(self) -> Path:
        """The file of devices that may speak to the node."""
        return self.devices or self.data / "devices.json"

    @property
    def storage_file(self) -> Path:
        """The storage plan."""
        return self.storage or self.data / "storage.toml"

    @property
    def public_key_file(self) -> Path:
        """The public half of the key that signs tickets."""
        return self.ticket_key or self.data / "keys" / "ticket-public.pem"

    @property
    def private_key_file(self) -> Path:
        """The private half: only there when the node stands alone and made the pair itself."""
        return self.data / "keys" / "ticket-private.pem"

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for the child processes."""
        return {PREFIX + name.upper(): str(value) for name, value in self.model_dump().items() if value is not None}


class SettingsError(ValueError):
    """The settings cannot be used; the message says which and why."""


def load(config: Path | None = None) -> Settings:
    """Settings from `config` (TOML) and from the environment, which wins."""
    values: dict[str, object] = {}
    if config is not None:
        try:
            values.update(tomllib.loads(config.read_text("utf-8")))
        except OSError as error:
            raise SettingsError(f"无法读取配置文件 {config} | cannot read the configuration file: {error.strerror}") from error
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"配置文件 {config} 格式错误 | not valid TOML: {error}") from error
    # only known names are taken: Node.js has variables with the same prefix (NODE_ENV, NODE_PATH …)
    for name in Settings.model_fields:
        if value := os.environ.get(PREFIX + name.upper()):
            values[name] = value
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = [f"  {PREFIX}{'.'.join(map(str, e['loc'])).upper() or '*'}: {e['msg']}" for e in error.errors()]
        raise SettingsError("节点设置有误, 请更正后再启动 | settings to correct before the node can start:\n" + "\n".join(lines)) from error
