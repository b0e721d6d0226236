"""What a start promises: ready pages, refusals in words, closed files, secrets that stay where they belong."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.conftest import ROOT
from tests.running_hub import HEALTH, PROGRAMS, RunningHub, outside_environment
from tests.worker import take_free_port


def start_and_wait(**settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hub_config", "run"],
        cwd=ROOT,
        env=outside_environment() | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.clause("H-1")
def test_every_health_page_answers_on_the_public_port(hub: RunningHub) -> None:
    for path in HEALTH:
        assert httpx.get(hub.base + path, timeout=10).status_code == 200, path


@pytest.mark.clause("H-1")
def test_every_program_lives_in_the_hospitals_time_zone(hub: RunningHub) -> None:
    """Else the date in a report written at one in the morning is that of the day before, where the machine's clock shows UTC."""
    zones = {name: psutil.Process(pid).environ().get("TZ") for name, pid in hub.pids().items() if name != "supervisor" and pid}
    assert len(zones) >= len(PROGRAMS)
    assert {name: zone for name, zone in zones.items() if zone != "Asia/Shanghai"} == {}


@pytest.mark.clause("H-1")
def test_a_second_start_refuses_and_harms_nothing(hub: RunningHub) -> None:
    before = hub.pids()
    second = start_and_wait(HUB_PORT=str(take_free_port()), DICOM_PORT=str(take_free_port()), DATA_DIR=str(hub.data_dir))
    assert second.returncode == 1
    assert "已有一个系统在运行" in second.stderr
    assert str(hub.data_dir) in second.stderr
    assert hub.pids() == before
    assert all(hub.is_well(path) for path in HEALTH)


@pytest.mark.clause("H-1")
@pytest.mark.parametrize("name", ["HUB_PORT", "DICOM_PORT"])
def test_a_taken_port_is_named_in_one_line_and_nothing_starts(name: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = {"HUB_PORT": str(take_free_port()), "DICOM_PORT": str(take_free_port()), "DATA_DIR": str(tmp_path / "data")}
        refused = start_and_wait(**(settings | {name: str(port)}))
    assert refused.returncode == 1
    lines = refused.stderr.strip().splitlines()
    assert len(lines) == 1
    assert f"{name} {port}" in lines[0]
    assert "Traceback" not in refused.stderr
    assert not list((tmp_path / "data" / "logs").iterdir())


@pytest.mark.clause("H-1")
@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("HUB_PROT", "8000", "HUB_PROT"),
        ("HUB_PORT", "eight", "HUB_PORT"),
        ("DICOM_AET", "much too long a title", "DICOM_AET"),
        ("HUB_TLS_CERT", "/nowhere/cert.pem", "HUB_TLS_KEY"),
        ("DICOM_TLS_PORT", "2762", "DICOM_TLS_CERT"),
    ],
)
def test_a_wrong_setting_is_named(setting: str, value: str, words: str, tmp_path: Path) -> None:
    refused = start_and_wait(**{"DATA_DIR": str(tmp_path / "data"), setting: value})
    assert refused.returncode == 1
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.clause("S-9")
def test_the_data_folder_is_closed_to_others(hub: RunningHub) -> None:
    assert stat.S_IMODE(hub.data_dir.stat().st_mode) == 0o700
    secrets = hub.data_dir / "secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    files = [*secrets.iterdir(), hub.data_dir / "demo-accounts.json"]
    assert len(files) > 8
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.clause("S-9")
def test_no_process_holds_another_ones_secret(hub: RunningHub) -> None:
    """Secrets travel as file names; only the proxy has its token in its environment."""
    folder = hub.data_dir / "secrets"
    secrets = {file.name: file.read_bytes().strip() for file in folder.iterdir() if file.suffix not in {".pem", ".json"}}
    passwords = {account["username"]: account["password"].encode() for account in hub.accounts()}
    assert set(secrets) >= {
        "proxy-token",
        "hub-cookie",
        "hub-crypt",
        "service-hub",
        "service-mart",
        "service-research",
        "service-followers",
        "service-demo",
    }
    tree = [psutil.Process(hub.process.pid), *psutil.Process(hub.process.pid).children(recursive=True)]
    assert len(tree) > len(PROGRAMS)
    proxy = hub.pids()["proxy"]
    looked_at = 0
    for process in tree:
        try:
            open_text = Path(f"/proc/{process.pid}/environ").read_bytes() + Path(f"/proc/{process.pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue  # a short job, such as a report's print, has ended since
        looked_at += 1
        for name, secret in (secrets | passwords).items():
            if not (name == "proxy-token" and process.pid == proxy):
                assert secret not in open_text, f"{name} in process {process.pid}"
    assert looked_at >= len(PROGRAMS)


@pytest.mark.clause("S-9")
def test_a_program_gets_only_its_own_settings(hub: RunningHub) -> None:
    common = {"PATH", "HOME", "LANG", "PYTHONUNBUFFERED", "PYTHONPATH", "MALLOC_ARENA_MAX", "TZ", "TMPDIR", "FONTCONFIG_PATH"}
    own = {
        "ris": ("RIS_",),
        "node": ("NODE_",),
        "proxy": ("CONFIGPROXY_AUTH_TOKEN", "HUB_ROUTES"),
        "hub": ("FRONT_", "RIS_URL"),
        "pages": ("PAGES_", "RIS_URL", "IMAGES_URL", "MART_URL", "OPENBLAS_NUM_THREADS"),
        "zygote": ("PAGES_", "RIS_URL", "IMAGES_URL", "MART_URL", "OPENBLAS_NUM_THREADS"),
        "mart": ("MART_", "RIS_URL", "IMAGES_URL", "SERVICE_"),
        "masks": ("MASKS_", "IMAGES_URL", "OPENBLAS_NUM_THREADS"),
        "evidence": ("EVIDENCE_", "RIS_URL", "IMAGES_URL", "OPENBLAS_NUM_THREADS"),
        "research": ("RESEARCH_", "RIS_URL", "IMAGES_URL", "SERVICE_"),
        "followers": ("FOLLOWERS_", "RIS_URL", "IMAGES_URL", "SERVICE_"),
    }
    pids = hub.pids()
    for program, prefixes in own.items():
        given = Path(f"/proc/{pids[program]}/environ").read_bytes().decode().rstrip("\0").split("\0")
        strange = {name for name in (line.split("=")[0] for line in given) if name not in common and not name.startswith(prefixes)}
        assert not strange, f"{program}: {strange}"
