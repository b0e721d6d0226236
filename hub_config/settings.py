"""Settings of the whole hub, read once by the supervisor.

Every setting is an environment variable of the same name; `HUB_SETTINGS` may name a TOML file with the same names in lower case
(the environment wins). Unknown names are errors, so that a misspelt setting is never silently ignored.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent
"""Folder of the project: where node_modules, apps/dist and the default data folder are."""

OWN_PREFIXES = ("HUB_", "DICOM_")
FOREIGN_NAMES = frozenset({"HUB_SETTINGS", "HUB_CORPUS"})


class SettingsError(Exception):
    """A setting is wrong; the text says which one, why, and what to do (zh first)."""


class Settings(BaseSettings):
    """What an operator may choose. Ports not named here are free ones on 127.0.0.1, chosen at each start."""

    model_config = SettingsConfigDict(extra="forbid", case_sensitive=False)

    hub_port: int = Field(default=8000, ge=1, le=65535, description="the one public HTTP(S) port")
    hub_host: str = Field(default="127.0.0.1", description="address the public port listens on; 0.0.0.0 opens it to the network")
    hub_public_name: str = Field(default="", description="host name users type, when it is not hub_host")
    hub_tls_cert: Path | None = Field(default=None, description="PEM certificate (chain); with hub_tls_key the public port speaks https")
    hub_tls_key: Path | None = Field(default=None, description="PEM private key of hub_tls_cert")
    hub_lab_name: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9.-]*$",
        description="host name of the researchers' JupyterLab, another one than users type for the hub (both lead here); "
        "empty: localhost on a machine of one's own (then the hub is 127.0.0.1), else no Lab",
    )
    hub_lab_uids: str = Field(
        default="22000-22999",
        pattern=r"^\d+-\d+$",
        description="run by root: one of these user numbers for each researcher, used by nobody else",
    )
    hub_lab_memory: float = Field(default=4, ge=0.25, le=4096, description="GiB of memory for one researcher's JupyterLab")
    hub_lab_home: float = Field(default=20, ge=0.01, le=65536, description="GiB in one researcher's home")
    hub_lab_processes: int = Field(default=512, ge=64, le=65536, description="processes and threads of one researcher's JupyterLab")
    hub_lab_threads: int = Field(default=2, ge=1, le=256, description="threads that numerical libraries take in a researcher's JupyterLab")
    hub_lab_rooms: int = Field(default=8, ge=1, le=1000, description="researchers' JupyterLabs at the same time")
    hub_lab_idle_minutes: float = Field(default=60, ge=0.05, le=10080, description="after so long without work a JupyterLab is ended")
    hub_database: str = Field(default="", description="SQLAlchemy URL of the records; empty: SQLite in the data folder")
    hub_login_tries: int = Field(default=5, ge=1, le=100, description="wrong passwords until an account is locked")
    hub_lock_minutes: int = Field(default=15, ge=1, le=1440, description="how long a locked account stays locked")
    hub_login_hours: int = Field(default=12, ge=1, le=72, description="how long a login lasts at most")
    hub_timezone: str = Field(default="Asia/Shanghai", description="where the hospitals are: DICOM times and ages in days are local")
    dicom_port: int = Field(default=11112, ge=1, le=65535, description="port of the DICOM node")
    dicom_host: str = Field(default="127.0.0.1", description="address the DICOM port listens on")
    dicom_tls_port: int = Field(default=0, ge=0, le=65535, description="a second port of the node, with TLS; 0: none")
    dicom_tls_cert: Path | None = Field(default=None, description="PEM certificate (chain) of the TLS port")
    dicom_tls_key: Path | None = Field(default=None, description="PEM private key of dicom_tls_cert, without password")
    dicom_tls_ca: Path | None = Field(
        default=None, description="PEM certificates of the CAs of the devices; when set each must show one of theirs"
    )
    dicom_aet: str = Field(default="HUB", pattern=r"^[A-Z0-9_]{1,16}$", description="called AE title of the node")
    data_dir: Path = Field(default=ROOT / "var", description="folder with everything that must be kept")
    demo: bool = Field(default=True, description="1: make demo hospitals, users and studies at the first start")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `read_settings` hands over counts: it has already merged file and environment and looked for unknown names."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @model_validator(mode="after")
    def _whole(self) -> Settings:
        if (self.hub_tls_cert is None) != (self.hub_tls_key is None):
            raise ValueError("HUB_TLS_CERT and HUB_TLS_KEY belong together: give both or none")
        if self.dicom_tls_port and not (self.dicom_tls_cert and self.dicom_tls_key):
            raise ValueError("DICOM_TLS_PORT needs DICOM_TLS_CERT and DICOM_TLS_KEY")
        for path in (self.hub_tls_cert, self.hub_tls_key, self.dicom_tls_cert, self.dicom_tls_key, self.dicom_tls_ca):
            if path is not None and not path.is_file():
                raise ValueError(f"there is no file {path}")
        first, _, last = self.hub_lab_uids.partition("-")
        if not 1000 <= int(first) <= int(last):
            raise ValueError("HUB_LAB_UIDS is a range like 22000-22999 above 1000")
        if self.hub_lab_name and self.hub_lab_name.lower() in {self.hub_public_name.lower(), self.hub_host.lower()}:
            raise ValueError("HUB_LAB_NAME must be another name than the hub's own: cookies must not reach from one to the other")
        if self.hub_port == self.dicom_port:
            raise ValueError("HUB_PORT and DICOM_PORT are the same number")
        if self.dicom_tls_port in {self.hub_port, self.dicom_port}:
            raise ValueError("DICOM_TLS_PORT is the number of another port")
        self.data_dir = self.data_dir.expanduser().absolute()
        return self

    @property
    def tls(self) -> bool:
        """Whether the public port speaks https."""
        return self.hub_tls_cert is not None

    @property
    def public_url(self) -> str:
        """What a user types, without a trailing slash."""
        local = "127.0.0.1" if self.lab_name == "localhost" else "localhost"
        return self._address(self.hub_public_name or (local if self.hub_host in {"127.0.0.1", "0.0.0.0", "::"} else self.hub_host))

    @property
    def lab_name(self) -> str:
        """Host name of the Lab; empty when none can be had: then no JupyterLab starts.

        On a machine of one's own, without TLS, the hub is 127.0.0.1 and the Lab localhost: two sites for a browser.
        """
        if self.hub_lab_name or self.tls:
            return self.hub_lab_name.lower()
        return "localhost" if self.hub_host == "127.0.0.1" and self.hub_public_name in {"", "127.0.0.1"} else ""

    @property
    def lab_environment(self) -> Path:
        """Virtual environment of the researchers' JupyterLab, made by setup."""
        return ROOT / ".venv-lab"

    @property
    def lab_url(self) -> str:
        """Address of the Lab's host name, without a trailing slash; empty when there is none."""
        return self._address(self.lab_name) if self.lab_name else ""

    def _address(self, name: str) -> str:
        scheme, usual = ("https", 443) if self.tls else ("http", 80)
        return f"{scheme}://{name}" if self.hub_port == usual else f"{scheme}://{name}:{self.hub_port}"

    @property
    def records_database(self) -> str:
        """SQLAlchemy URL of the records database."""
        return self.hub_database or f"sqlite:///{self.data_dir / 'ris' / 'records.sqlite'}"

    @property
    def devices(self) -> Path:
        """JSON file of the node's known devices."""
        return self.data_dir / ("demo-devices.json" if self.demo else "devices.json")


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings from environment and settings file; `SettingsError` names every wrong one."""
    environment = os.environ if environment is None else environment
    names = set(Settings.model_fields)
    values: dict[str, Any] = {}
    file = environment.get("HUB_SETTINGS")
    if file:
        try:
            values.update(tomllib.loads(Path(file).read_text(encoding="utf-8")))
        except (OSError, ValueError) as fault:
            raise SettingsError(f"设置文件无法读取：{file}（{fault}）/ cannot read the settings file {file}: {fault}") from fault
    known = {name.upper(): name for name in names}
    for name, value in environment.items():
        if name in known:
            if value != "":
                values[known[name]] = value
        elif name.startswith(OWN_PREFIXES) and name not in FOREIGN_NAMES:
            wanted = ", ".join(sorted(known))
            raise SettingsError(f"未知设置 {name}；可用的设置 / unknown setting {name}; known ones: {wanted}")
    try:
        return Settings(**values)
    except ValidationError as fault:
        lines = []
        for error in fault.errors():
            where = ".".join(str(part) for part in error["loc"]).upper() or "设置 / settings"
            lines.append(f"{where}: {error['msg'].removeprefix('Value error, ')}")
        raise SettingsError("设置有误 / wrong settings: " + "; ".join(lines)) from fault
