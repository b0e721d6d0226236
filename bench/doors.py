"""The doors of a hub, for the figures: a whole hub with the demo's data, browsers that are signed in, studies through the DICOM port."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Playwright
from pydicom.dataset import FileDataset
from pydicom.uid import generate_uid

from hub_config.demo.hospitals import device_for
from hub_config.demo.phantoms import Subject, chest_ct
from hub_config.demo.sending import send
from tests.running_hub import RunningHub, wait_until

DEMO_SECONDS = 240
SENDER = "H01"
"""The hospital whose CT sends the studies of the figures."""
BROWSER = ("--no-sandbox", "--enable-unsafe-swiftshader", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost")
"""As on an office PC without a graphics card: the processor draws the page, SwiftShader the images. No way to any other machine.

The tests make a browser draw its pages by SwiftShader too, which no PC does: there each picture of the page costs 0.1 s, whatever is on it.
"""
CHILD = Subject(patient_id="BENCH", name="BENCH", birth_date="20220301", sex="F", age="004Y", description="胸部 CT 平扫")


@dataclass(frozen=True)
class Account:
    """Who logs in."""

    username: str
    password: str


@contextmanager
def demo_hub() -> Iterator[RunningHub]:
    """A hub of its own, as `make run` starts it, with all of the demo's data in it; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-hub-") as folder:
        hub = RunningHub(Path(folder) / "var")
        try:
            hub.wait_ready()
            wait_until("the demo's data", (hub.data_dir / "demo-done").exists, DEMO_SECONDS, 0.5)
            yield hub
        finally:
            hub.close()


def accounts_of(hub: RunningHub, *roles: str) -> list[Account]:
    """The demo's accounts of these roles, the centre's first."""
    return [Account(one["username"], one["password"]) for role in roles for one in hub.accounts() if one["role"] == role]


def launch(driver: Playwright) -> Browser:
    """Chromium with a software graphics card and no way to any other machine."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        raise SystemExit("the figures of the desk need Chromium: apt-get install chromium")
    return driver.chromium.launch(executable_path=program, args=list(BROWSER))


def profile(browser: Browser) -> BrowserContext:
    """A fresh browser profile as an office PC has it."""
    return browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")


def sign_in(context: BrowserContext, hub: RunningHub, account: Account) -> None:
    """Log in through the form and hand the cookies to the profile: for figures in which the login does not count."""
    with hub.login(account.username, account.password) as visitor:
        for cookie in visitor.cookies.jar:
            context.add_cookies([{"name": cookie.name, "value": cookie.value or "", "domain": "127.0.0.1", "path": cookie.path}])


def ct_slices(count: int) -> list[FileDataset]:
    """Images of 512 × 512 pixels, to be sent as often as wanted with `send_ct`."""
    return list(chest_ct(CHILD, slices=count))


def send_ct(hub: RunningHub, slices: list[FileDataset], name: str) -> float:
    """Send the images as a new child's study without accession number; the moment (monotonic) of the last C-STORE response."""
    study, series, frame, patient = generate_uid(), generate_uid(), generate_uid(), f"B{time.time_ns()}"
    renamed = []
    for original in slices:
        image = deepcopy(original)
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, frame
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        image.PatientName, image.PatientID, image.AccessionNumber = name, patient, ""
        renamed.append(image)
    send(renamed, device_for(SENDER, "CT"), hub.dicom_port)
    return time.monotonic()
