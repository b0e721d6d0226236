"""One demo hub with small limits for all tests of the researchers' rooms, and one open room in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from hub_config.lab.sandbox import Means, find_means
from hub_config.settings import ROOT
from tests.lab.workbench import Workbench
from tests.running_hub import RunningHub

SECOND, THIRD = "researcher.second", "researcher.third"
PASSWORD = "Second-researcher-7"


@pytest.fixture(scope="session")
def means() -> Means:
    """How this machine makes sandboxes; skips in words where it cannot."""
    found = find_means(ROOT / ".venv-lab")
    if not isinstance(found, Means):
        pytest.skip(str(found))
    return found


@pytest.fixture(scope="package")
def hub(means: Means, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A ready hub with three researchers and place for two rooms."""
    running = RunningHub(
        tmp_path_factory.mktemp("lab") / "data",
        HUB_LAB_MEMORY="1",
        HUB_LAB_HOME="0.1",
        HUB_LAB_PROCESSES="120",
        HUB_LAB_THREADS="1",
        HUB_LAB_ROOMS="2",
    )
    try:
        running.wait_ready()
        with running.login_as("administrator", "XACH") as administrator:
            for username in (SECOND, THIRD):
                body = {"username": username, "name": "科研", "password": PASSWORD}
                body |= {"assignments": [{"role": "researcher", "institution": "XACH"}]}
                made = administrator.post("/services/ris/api/v1/accounts", json=body, headers={"Sec-Fetch-Site": "same-origin"})
                assert made.status_code in {200, 201}, made.text
        yield running
    finally:
        running.close()
        shutil.rmtree(running.data_dir, ignore_errors=True)


class Benches:
    """The open rooms of the tests: one for each researcher, opened anew where a test has ended it."""

    def __init__(self, hub: RunningHub) -> None:
        self.hub = hub
        self.open: dict[str, Workbench] = {}

    def of(self, username: str, password: str, *, kernel: bool) -> Workbench:
        found = self.open.get(username)
        if found is None or not found.works():
            if found is not None:
                found.close()
            found = self.open[username] = Workbench(self.hub, username, password)
        return found.start_kernel() if kernel and not found.kernel else found


@pytest.fixture(scope="package")
def benches(hub: RunningHub) -> Iterator[Benches]:
    """All of them."""
    all_of_them = Benches(hub)
    yield all_of_them
    for one in all_of_them.open.values():
        one.close()


@pytest.fixture
def bench(hub: RunningHub, benches: Benches) -> Workbench:
    """The demo's researcher in his room, with a kernel."""
    account = hub.account("researcher")
    return benches.of(account["username"], account["password"], kernel=True)


@pytest.fixture
def second(benches: Benches) -> Workbench:
    """Another researcher in his own room, without a kernel."""
    return benches.of(SECOND, PASSWORD, kernel=False)
