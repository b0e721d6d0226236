"""What every part's tests share: the corpus of real images, one browser, free ports, loops for asynchronous tests."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.distribution import ByGroup, group_of
from tests.worker import take_free_port

ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    """How `make test` hands out the tests."""
    return ByGroup(config, log)


@pytest.fixture(scope="module", autouse=True)
def _in_one_worker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A group in two workers fails loudly: its tests rely on those before them, and each worker would start the servers again."""
    worker, group = os.environ.get("PYTEST_XDIST_WORKER"), group_of(request.node.nodeid)
    if worker is None:
        return
    owners = tmp_path_factory.getbasetemp().parent / "groups"  # one folder for all workers of this run
    owners.mkdir(exist_ok=True)
    owner = owners / group.replace("/", "+")
    try:
        with owner.open("x") as file:
            file.write(worker)
    except FileExistsError:
        if owner.read_text() != worker:
            pytest.fail(f"tests of {group} run in two workers: tests/distribution.py does not hold")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Folder of real DICOM images (`$HUB_CORPUS`, else `../shared/corpus`); skips in words where it is absent."""
    folder = Path(os.environ.get("HUB_CORPUS") or ROOT.parent / "shared" / "corpus")
    if not (folder / "index.csv").is_file():
        pytest.skip(f"no corpus of real images at {folder}: set HUB_CORPUS to its folder to run this test")
    return folder


FRONT_END_SOURCES = {".ts", ".vue", ".css", ".mjs", ".json", ".js", ".svg", ".html"}


@pytest.fixture(scope="session")
def front_end(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole front end, built: `$HUB_DIST`, else `apps/dist` when it is newer than all of its sources, else made once for the run."""
    if given := os.environ.get("HUB_DIST"):
        return Path(given)
    apps = ROOT / "apps"
    sources = [ROOT / "package.json", ROOT / "package-lock.json"]
    sources += [one for one in apps.rglob("*") if one.suffix in FRONT_END_SOURCES and not {"dist", "node_modules"} & set(one.parts)]
    made = apps / "dist" / "manifest.json"
    if made.is_file() and made.stat().st_mtime > max(one.stat().st_mtime for one in sources):
        return made.parent
    dist = tmp_path_factory.mktemp("dist")
    environment = os.environ | {"HUB_DIST": str(dist), "VIEWER_DIST": str(dist)}
    vite = str(ROOT / "node_modules" / "vite" / "bin" / "vite.js")
    for command in ([vite, "build", "--config", "apps/vite.config.ts"], ["apps/viewer/build.mjs"], ["apps/desk/compress.mjs"]):
        subprocess.run(["node", *command], cwd=ROOT, env=environment, check=True, timeout=120, capture_output=True)
    return dist


# A software graphics card for WebGL 2, and no way to any other machine.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The one Chromium of a test run: Playwright's synchronous driver can be started only once in a process."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        yield launched
        launched.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test in a browser tells what its pages showed: on another machine nobody can look."""
    report = yield
    launched = getattr(item, "funcargs", {}).get("browser")
    if report.when == "call" and report.failed and launched is not None:
        for page in (page for context in launched.contexts for page in context.pages):
            report.sections.append((f"page {page.url}", _shown(page)))
    return report


def _shown(page: Page) -> str:
    try:
        page.set_default_timeout(2000)
        picture = Path(tempfile.gettempdir()) / f"failed-{os.getpid()}-{time.time():.0f}.png"
        page.screenshot(path=picture, timeout=5000)
        return f"{picture}\n{page.locator('body').inner_text()[:3000]}"
    except Error as error:
        return str(error)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an asynchronous test in a thread with a loop of its own: Playwright's driver keeps one in the main thread."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    with ThreadPoolExecutor(1) as own:
        own.submit(lambda: asyncio.run(test(**given))).result()
    return True


@pytest.fixture
def free_port() -> int:
    """A free TCP port on 127.0.0.1 for one server of a test."""
    return take_free_port()
