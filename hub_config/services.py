"""The process table: which programs make up the hub, how each is started, and how one knows that it works.

Each process gets an environment made from scratch: the common part below plus its own settings, nothing of the supervisor's.
Names and meanings of the settings are in docs/interfaces.md §1.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hub_config.keys import SecretFiles, write_private
from hub_config.settings import ROOT, Settings, SettingsError

PRIVATE_PORT_NAMES = ["ris", "images", "mart", "evidence", "masks", "research", "pages", "hub", "lab", "proxy-api"]


@dataclass(frozen=True)
class Process:
    """One program of the tree."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(repr=False)
    health: str = ""
    """URL that answers 200 when the program can work, spoken to directly; empty: no HTTP."""
    ready_file: Path | None = None
    """Without HTTP: exists when the program can work."""
    first: bool = False
    """Started before the demo is prepared and before the public port opens."""


@dataclass(frozen=True)
class Plan:
    """Everything one start needs to know."""

    settings: Settings
    secrets: SecretFiles
    ports: dict[str, int]

    def url(self, service: str) -> str:
        """Direct address of a service (`ris`, `images`, `mart`, `evidence`, `masks`, `research`, `pages`), without a trailing slash."""
        return f"http://127.0.0.1:{self.ports[service]}/services/{service}"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.settings.data_dir

    @property
    def routes_file(self) -> Path:
        """JSON read by the proxy when it starts."""
        return self.data / "run" / "routes.json"

    @property
    def lab_control(self) -> Path:
        """Socket on which the Hub asks for researchers' rooms."""
        return self.data / "run" / "lab.sock"

    def public_health(self) -> dict[str, str]:
        """Address behind the public port → name, for everything a user needs."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.settings.hub_host, self.settings.hub_host)
        scheme = "https" if self.settings.tls else "http"
        base = f"{scheme}://{host}:{self.settings.hub_port}"
        return {f"{base}/hub/health": "hub"} | {
            f"{base}/services/{service}/healthz": service for service in ("ris", "images", "pages", "mart", "evidence", "masks", "research")
        }


def find_node() -> str:
    """Path of a Node ≥ 20: the one that set-up put into the virtual environment, else the machine's."""
    name = shutil.which("node", path=os.pathsep.join([str(Path(sys.prefix) / "node" / "bin"), os.environ.get("PATH", os.defpath)]))
    if name is None:
        raise SettingsError("缺少 Node.js，请运行 make setup / Node.js is missing: run make setup")
    return name


def common_environment(settings: Settings) -> dict[str, str]:
    """What every process may know: where programs are, language, time zone, a home of its own."""
    home = settings.data_dir / "run" / "home"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.prefix) / "bin"), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TZ": settings.hub_timezone,  # "today" in a report is the hospitals' day, wherever the machine stands
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(ROOT),
        "MALLOC_ARENA_MAX": "2",
    }
    for name in ("TMPDIR", "FONTCONFIG_PATH"):
        if os.environ.get(name):
            environment[name] = os.environ[name]
    return environment


def records_environment(plan: Plan) -> dict[str, str]:
    """Settings of ris; also for its administrative commands (`python -m ris administrator`, `bootstrap`)."""
    settings = plan.settings
    return common_environment(settings) | {
        "RIS_PORT": str(plan.ports["ris"]),
        "RIS_DATABASE": settings.records_database,
        "RIS_ATLAS": str(plan.data / "atlas"),
        "RIS_TICKET_KEY": str(plan.secrets.ticket_private),
        "RIS_SERVICES": str(plan.secrets.service_hashes),
        "RIS_HUB_API": f"http://127.0.0.1:{plan.ports['hub']}/hub/api",
        "RIS_LOGIN_TRIES": str(settings.hub_login_tries),
        "RIS_LOCK_MINUTES": str(settings.hub_lock_minutes),
        "RIS_SESSION_HOURS": str(settings.hub_login_hours),
        "RIS_SECURE_COOKIES": "1" if settings.tls else "0",
        "RIS_TIMEZONE": settings.hub_timezone,
    }


def demo_environment(plan: Plan) -> dict[str, str]:
    """Settings of `python -m hub_config.demo`, which makes the demo hospitals and sends the demo studies."""
    return records_environment(plan) | {
        "RIS_URL": plan.url("ris"),
        "IMAGES_URL": plan.url("images"),
        "DICOM_PORT": str(plan.settings.dicom_port),
        "DATA_DIR": str(plan.data),
        "SERVICE_NAME": "demo",
        "SERVICE_SECRET_FILE": str(plan.secrets.service("demo")),
    }


def write_routes(plan: Plan) -> None:
    """The proxy's fixed routes. `jupyterhub` marks the one the Hub owns, so that it finds it right and leaves the others alone."""
    routes: dict[str, dict[str, object]] = {
        f"/services/{service}": {"target": f"http://127.0.0.1:{plan.ports[service]}"}
        for service in ("ris", "images", "mart", "evidence", "masks", "research", "pages")
    }
    routes["/"] = {"target": f"http://127.0.0.1:{plan.ports['hub']}", "hub": True, "jupyterhub": True}
    if plan.settings.lab_name:
        # a host name of its own: everything under it goes to the doors of the rooms, and nothing else does
        routes[f"//{plan.settings.lab_name}"] = {"target": f"http://127.0.0.1:{plan.ports['lab']}"}
    write_private(plan.routes_file, json.dumps(routes, indent=1))


def process_table(plan: Plan) -> list[Process]:
    """Every process in the order of starting; stopping goes the other way."""
    makers: list[Callable[[Plan], Process]] = [
        _records,
        _zygote,
        _images,
        _proxy,
        _lab,
        _hub,
        _pages,
        _mart,
        _evidence,
        _masks,
        _research,
        _followers,
    ]
    if isolated_python():
        makers.insert(makers.index(_pages), _isolated_zygote)
    return [make(plan) for make in makers]


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


def _records(plan: Plan) -> Process:
    return Process("ris", _python("ris"), records_environment(plan), health=plan.url("ris") + "/healthz", first=True)


def _published(plan: Plan) -> Path:
    """Where the node publishes its tables for the pipelines."""
    return plan.data / "node" / "published"


def _publish_minutes(plan: Plan) -> str:
    """Research data are not of this minute; who tries the demo should not have to wait."""
    return "1" if plan.settings.demo else "10"


def _images(plan: Plan) -> Process:
    settings = plan.settings
    environment = common_environment(settings) | {
        "NODE_DATA": str(plan.data / "node"),
        "NODE_DICOM_PORT": str(settings.dicom_port),
        "NODE_DICOM_HOST": settings.dicom_host,
        "NODE_HTTP_PORT": str(plan.ports["images"]),
        "NODE_AET": settings.dicom_aet,
        "NODE_DEVICES": str(settings.devices),
        "NODE_TICKET_KEY": str(plan.secrets.ticket_public),
        "NODE_PUBLISH": str(_published(plan)),
        "NODE_PUBLISH_MINUTES": _publish_minutes(plan),
    }
    if settings.dicom_tls_port:
        environment["NODE_DICOM_TLS_PORT"] = str(settings.dicom_tls_port)
    # also without a TLS port of its own: the node may call devices over TLS
    files = {"CERT": settings.dicom_tls_cert, "KEY": settings.dicom_tls_key, "CA": settings.dicom_tls_ca}
    environment |= {f"NODE_TLS_{name}": str(path.absolute()) for name, path in files.items() if path is not None}
    return Process("node", _python("dicom_node"), environment, health=plan.url("images") + "/healthz")


def _kernel_places(plan: Plan) -> dict[str, str]:
    return {"PAGES_RUN": str(plan.data / "pages"), "PAGES_ZYGOTE": str(plan.data / "run" / "zygote.sock")}


def _page_addresses(plan: Plan) -> dict[str, str]:
    return {"RIS_URL": plan.url("ris"), "IMAGES_URL": plan.url("images"), "MART_URL": plan.url("mart")}


def _zygote(plan: Plan) -> Process:
    environment = common_environment(plan.settings) | _kernel_places(plan) | _page_addresses(plan) | {"OPENBLAS_NUM_THREADS": "1"}
    return Process("zygote", _python("hub_config.pages.zygote"), environment, ready_file=plan.data / "run" / "zygote.sock", first=True)


def isolated_python() -> Path | None:
    """The interpreter of the notebooks' environment, when itkwidgets is in it: its desks' kernels run there."""
    python = ROOT / ".venv-lab" / "bin" / "python"
    return python if python.exists() and _viewer_assets().is_dir() else None


def _viewer_assets() -> Path:
    return ROOT / ".venv-lab" / "share" / "jupyter" / "labextensions" / "hub-itk"


def _isolated_zygote(plan: Plan) -> Process:
    environment = _zygote(plan).environment | {"PAGES_ZYGOTE": str(plan.data / "run" / "isolated.sock"), "PAGES_ISOLATED": "1"}
    command = (str(isolated_python()), "-m", "hub_config.pages.zygote")
    return Process("isolated-zygote", command, environment, ready_file=plan.data / "run" / "isolated.sock")


def _pages(plan: Plan) -> Process:
    isolated = {"PAGES_ISOLATED_ZYGOTE": str(plan.data / "run" / "isolated.sock"), "PAGES_VIEWER_ASSETS": str(_viewer_assets())}
    environment = (
        common_environment(plan.settings)
        | _kernel_places(plan)
        | _page_addresses(plan)
        | {"PAGES_PORT": str(plan.ports["pages"]), "PAGES_TICKET_KEY": str(plan.secrets.ticket_public), "OPENBLAS_NUM_THREADS": "1"}
        | (isolated if isolated_python() else {})
    )
    return Process("pages", _python("hub_config.pages"), environment, health=plan.url("pages") + "/healthz")


def _proxy(plan: Plan) -> Process:
    settings = plan.settings
    script = ROOT / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
    command = [find_node(), str(script), "--ip", settings.hub_host, "--port", str(settings.hub_port)]
    command += ["--api-ip", "127.0.0.1", "--api-port", str(plan.ports["proxy-api"]), "--log-level", "warn"]
    command += ["--host-routing", "--storage-backend", str(ROOT / "hub_config" / "proxy_routes.cjs")]
    command += ["--error-path", str(ROOT / "hub_config" / "templates" / "proxy")]
    if settings.tls:
        command += ["--ssl-cert", str(settings.hub_tls_cert), "--ssl-key", str(settings.hub_tls_key)]
    environment = common_environment(settings) | {
        "CONFIGPROXY_AUTH_TOKEN": plan.secrets.proxy_token.read_text(encoding="utf-8").strip(),
        "HUB_ROUTES": str(plan.routes_file),
    }
    return Process("proxy", tuple(command), environment)


def _hub(plan: Plan) -> Process:
    settings = plan.settings
    command = _python("hub_config.hub", "-f", str(ROOT / "hub_config" / "jupyterhub_config.py"))
    environment = common_environment(settings) | {
        "FRONT_HUB_PORT": str(plan.ports["hub"]),
        "FRONT_PROXY_API": f"http://127.0.0.1:{plan.ports['proxy-api']}",
        "FRONT_PUBLIC_PORT": str(settings.hub_port),
        "FRONT_DATA": str(plan.data / "hub"),
        "FRONT_SECRETS": str(plan.secrets.folder),
        "FRONT_SECURE": "1" if settings.tls else "0",
        "FRONT_LOGIN_HOURS": str(settings.hub_login_hours),
        "FRONT_LAB_CONTROL": str(plan.lab_control),
        "RIS_URL": plan.url("ris"),
    }
    return Process("hub", command, environment, health=f"http://127.0.0.1:{plan.ports['hub']}/hub/health")


def _lab(plan: Plan) -> Process:
    settings = plan.settings
    environment = common_environment(settings) | {
        "LAB_PORT": str(plan.ports["lab"]),
        "LAB_CONTROL": str(plan.lab_control),
        "LAB_ENVIRONMENT": str(settings.lab_environment),
        "LAB_DATA": str(plan.data / "lab"),
        "LAB_HOST": settings.lab_name,
        "LAB_URL": settings.lab_url,
        "LAB_HUB_URL": settings.public_url,
        "LAB_RESEARCH_URL": f"http://127.0.0.1:{plan.ports['research']}" if "research" in plan.ports else "",
        "LAB_RIS_URL": plan.url("ris"),
        "LAB_UIDS": settings.hub_lab_uids,
        "LAB_MEMORY": str(int(settings.hub_lab_memory * 2**30)),
        "LAB_HOME": str(int(settings.hub_lab_home * 2**30)),
        "LAB_PROCESSES": str(settings.hub_lab_processes),
        "LAB_THREADS": str(settings.hub_lab_threads),
        "LAB_ROOMS": str(settings.hub_lab_rooms),
        "LAB_IDLE": str(settings.hub_lab_idle_minutes * 60),
        "LAB_SECURE": "1" if settings.tls else "0",
        "LAB_TIMEZONE": settings.hub_timezone,
    }
    return Process("lab", _python("hub_config.lab"), environment, health=plan.url("lab") + "/healthz")


def _follower_environment(plan: Plan, name: str) -> dict[str, str]:
    return common_environment(plan.settings) | {
        "RIS_URL": plan.url("ris"),
        "IMAGES_URL": plan.url("images"),
        "SERVICE_NAME": name,
        "SERVICE_SECRET_FILE": str(plan.secrets.service(name)),
    }


def _mart(plan: Plan) -> Process:
    environment = _follower_environment(plan, "mart") | {
        "MART_DATA": str(plan.data / "mart"),
        "MART_PORT": str(plan.ports["mart"]),
        "MART_TICKET_KEY": str(plan.secrets.ticket_public),
    }
    return Process("mart", _python("pipelines.mart"), environment, health=plan.url("mart") + "/healthz")


def _evidence(plan: Plan) -> Process:
    environment = common_environment(plan.settings) | {
        "EVIDENCE_PORT": str(plan.ports["evidence"]),
        "EVIDENCE_TICKET_KEY": str(plan.secrets.ticket_public),
        "EVIDENCE_TIMEZONE": plan.settings.hub_timezone,
        "RIS_URL": plan.url("ris"),
        "IMAGES_URL": plan.url("images"),
        "OPENBLAS_NUM_THREADS": "1",
    }
    return Process("evidence", _python("pipelines.evidence"), environment, health=plan.url("evidence") + "/healthz")


def _masks(plan: Plan) -> Process:
    environment = common_environment(plan.settings) | {
        "MASKS_DATA": str(plan.data / "masks"),
        "MASKS_PORT": str(plan.ports["masks"]),
        "MASKS_TICKET_KEY": str(plan.secrets.ticket_public),
        "IMAGES_URL": plan.url("images"),
        "OPENBLAS_NUM_THREADS": "1",
    }
    return Process("masks", _python("pipelines.masks"), environment, health=plan.url("masks") + "/healthz")


def _research(plan: Plan) -> Process:
    environment = _follower_environment(plan, "research") | {
        "RESEARCH_DATA": str(plan.data / "research"),
        "RESEARCH_PORT": str(plan.ports["research"]),
        "RESEARCH_TICKET_KEY": str(plan.secrets.ticket_public),
        "RESEARCH_PUBLISHED": str(_published(plan)),
        "RESEARCH_TIMEZONE": plan.settings.hub_timezone,
        "RESEARCH_MINUTES": _publish_minutes(plan),
    }
    return Process("research", _python("pipelines.research"), environment, health=plan.url("research") + "/healthz")


def _followers(plan: Plan) -> Process:
    environment = _follower_environment(plan, "followers") | {
        "FOLLOWERS_DATA": str(plan.data / "followers"),
        "FOLLOWERS_TIMEZONE": plan.settings.hub_timezone,
    }
    return Process("followers", _python("pipelines.followers"), environment)
