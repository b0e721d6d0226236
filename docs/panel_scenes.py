"""The pictures of tools that need more than a stroke or a key: planes, curves, masks, renderings, panels, editors, dialogs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from playwright.sync_api import Page
from pydicom import FileDataset
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from docs.desk import CASES, by, list_ready, speak_in
from docs.screenshots import SIZES, Album
from docs.tool_scenes import BETWEEN, Places, opened, press
from hub_config.demo.sending import send
from tests.cardiothoracic.dicom import radiograph_image
from tests.cardiothoracic.no_chests import abdomen
from tests.cardiothoracic.phantom import Body, Device, chest
from tests.dicom_node.running_node import uid

COMPUTED = 60_000
"""Milliseconds that a mask or a proposal may take."""
DEVICE, SENDER = Device(inverse=True), "HZET_DR1"


@dataclass(frozen=True)
class Panel:
    """One picture: on which case, what is done, and how much of the page is shown."""

    name: str
    case: str
    act: Callable[[Page], None]
    whole: bool = False
    """The whole page instead of the images with their toolbar."""
    english: bool = False
    """Once more in English, 1920 wide."""
    settle: int = 1200


def view(page: Page, number: int = 0) -> dict[str, float]:
    """The place of one view on the page."""
    box = page.locator(".px-cell").nth(number).bounding_box()
    if box is None:
        raise LookupError("no such view")
    return dict(box)


def clicks(page: Page, places: Places, number: int = 0) -> None:
    """Click at fractions of a view."""
    box = view(page, number)
    for x, y in places:
        at = (box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.mouse.move(*at, steps=4)
        page.mouse.click(*at)
        page.wait_for_timeout(BETWEEN)


def stroke(page: Page, places: Places, number: int = 0) -> None:
    """Draw with the button held."""
    box = view(page, number)
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*at[0])
    page.mouse.down()
    for one in at[1:]:
        page.mouse.move(*one, steps=6)
    page.mouse.up()
    page.wait_for_timeout(BETWEEN)


# Tools of the images


def magnifier(page: Page) -> None:
    """Held down beside the heart."""
    press(page, "n")
    box = view(page)
    page.mouse.move(box["x"] + 0.42 * box["width"], box["y"] + 0.52 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.43 * box["width"], box["y"] + 0.52 * box["height"], steps=4)


def cine(page: Page) -> None:
    """Playing, with its panel."""
    by(page, "tool-cine").click()
    by(page, "cine-play").click()
    page.wait_for_timeout(1500)


def text_dialog(page: Page) -> None:
    """The question for the words of an annotation."""
    press(page, "Shift+t")
    clicks(page, ((0.44, 0.5),))
    page.keyboard.insert_text("右肺下叶实变")


def calibrating(page: Page) -> None:
    """The question for the known length of a line."""
    press(page, "Shift+l")
    clicks(page, ((0.22, 0.8), (0.78, 0.8)))
    page.keyboard.insert_text("180")


def screen_size(page: Page) -> None:
    """Measuring the screen."""
    by(page, "tool-measures").click()
    by(page, "tool-screen").click()


def true_size(page: Page) -> None:
    """1:1 on a screen that was measured."""
    screen_size(page)
    page.keyboard.press("Enter")
    page.wait_for_timeout(BETWEEN)
    press(page, "Shift+z")


def proposal(page: Page) -> None:
    """The cardiothoracic ratio, proposed."""
    press(page, "t")
    by(page, "ratio-propose").click()
    by(page, "ratio-waiting").wait_for(timeout=COMPUTED)


def refused(page: Page) -> None:
    """No proposal, and why."""
    press(page, "t")
    by(page, "ratio-propose").click()
    by(page, "ratio-problem").wait_for(timeout=COMPUTED)


def measures(page: Page) -> None:
    """All tools that measure and annotate."""
    by(page, "tool-measures").click()


# Planes, curves, masks


def crosshair(page: Page) -> None:
    """The 3D point set on the axial plane."""
    press(page, "m", "x")
    clicks(page, ((0.58, 0.52),))


def slab(page: Page) -> None:
    """A slab of the largest values."""
    press(page, "m")
    clicks(page, ((0.3, 0.3),), 1)
    by(page, "tool-slab").click()
    by(page, "slab-max").click()
    by(page, "slab-thickness").fill("30")
    by(page, "slab-thickness").press("Enter")
    page.wait_for_timeout(2000)


def curve(page: Page, mode: str) -> None:
    """A curve along the spine, and what lies on it laid flat."""
    press(page, "m", "d")
    clicks(page, ((0.5, 0.1), (0.52, 0.35), (0.5, 0.6), (0.48, 0.9)), 2)
    page.keyboard.press("Enter")
    page.wait_for_timeout(3000)
    by(page, "tool-cpr").click()
    by(page, f"cpr-{mode}").click()
    page.wait_for_timeout(1500)


def masks(page: Page) -> None:
    """Table and bone taken out of the planes."""
    press(page, "m")
    by(page, "tool-masks").click()
    for kind in ("table", "bone"):
        by(page, f"mask-{kind}").click()
        page.locator(f'[data-testid="mask-{kind}"][aria-pressed="true"]').wait_for(timeout=COMPUTED)


def masks_rendered(page: Page) -> None:
    """The rendering without its table."""
    press(page, "f")
    by(page, "tool-masks").click()
    by(page, "mask-table").click()
    page.locator('[data-testid="mask-table"][aria-pressed="true"]').wait_for(timeout=COMPUTED)


# The rendering


def templates(page: Page) -> None:
    """The templates, each as it shows this series."""
    press(page, "f")
    page.locator("[data-vr='template']").click()
    page.locator(".px-vr-panel[data-painted='true']").wait_for(timeout=COMPUTED)


def crop(page: Page) -> None:
    """The crop box, with its left half gone."""
    press(page, "f")
    page.locator("[data-vr='crop']").click()
    page.locator("[data-crop='01']").fill("0.55")


def cut(page: Page) -> None:
    """Cut out what a lasso encloses."""
    press(page, "f")
    page.locator("[data-vr='mode-cut-inside']").click()
    stroke(page, ((0.3, 0.3), (0.45, 0.3), (0.45, 0.6), (0.3, 0.6), (0.3, 0.3)))
    page.wait_for_timeout(1500)


# What stands beside the images


def key_images(page: Page) -> None:
    """A key image with its caption in the strip."""
    press(page, "Shift+i")
    page.locator('[data-testid="key-image"][data-saved="true"]').wait_for()
    by(page, "key-image-caption").first.fill("右肺下叶大片实变，内见支气管充气征")


def markings(page: Page) -> None:
    """The list of what was measured."""
    press(page, "l")
    stroke(page, ((0.32, 0.5), (0.68, 0.52)))
    press(page, "e")
    stroke(page, ((0.56, 0.5), (0.6, 0.54)))


def hanging(page: Page) -> None:
    """Which protocol, why, and others."""
    by(page, "tool-hanging").click()


def hanging_editor(page: Page) -> None:
    """The screen as a protocol of the reader's own."""
    by(page, "tool-hanging").click()
    by(page, "hanging-save").click()
    by(page, "hanging-name").first.wait_for()


def presets(page: Page) -> None:
    """The editor of window presets, with one made of the present window."""
    if by(page, "preset-edit").count():
        by(page, "preset-edit").click()
    else:
        by(page, "preset-more").select_option("edit")
    by(page, "preset-take").click()


def shortcuts(page: Page) -> None:
    """Every key there is."""
    page.keyboard.press("?")


def key_editor(page: Page) -> None:
    """Keys of the reader's own."""
    page.keyboard.press("?")
    by(page, "edit-keys").click()


def display(page: Page) -> None:
    """The check of the display."""
    page.keyboard.press("?")
    by(page, "check-display").click()
    by(page, "display-check").wait_for()


PANELS = (
    Panel("magnifier", "ct", magnifier),
    Panel("cine", "ct", cine),
    Panel("text-dialog", "ct", text_dialog),
    Panel("calibration-dialog", "film", calibrating),
    Panel("screen-size", "film", screen_size),
    Panel("true-size", "film", true_size),
    Panel("proposal", "chest", proposal, english=True),
    Panel("proposal-refused", "belly", refused, english=True),
    Panel("measures", "film", measures),
    Panel("crosshair", "ct", crosshair),
    Panel("slab", "ct", slab),
    Panel("cpr-straightened", "ct", lambda page: curve(page, "straightened")),
    Panel("cpr-stretched", "ct", lambda page: curve(page, "stretched"), english=True),
    Panel("masks", "ct", masks, english=True),
    Panel("masks-rendering", "ct", masks_rendered),
    Panel("templates", "ct", templates, english=True),
    Panel("crop", "ct", crop),
    Panel("cut", "ct", cut),
    Panel("key-images", "ct", key_images, whole=True, english=True),
    Panel("markings", "ct", markings, whole=True),
    Panel("hanging", "ct", hanging),
    Panel("hanging-editor", "ct", hanging_editor, whole=True, english=True),
    Panel("presets", "ct", presets, whole=True, english=True),
    Panel("shortcuts", "ct", shortcuts, whole=True, english=True),
    Panel("key-editor", "ct", key_editor, whole=True),
    Panel("display", "ct", display, whole=True, english=True),
)

PANEL_SCENES = tuple(f"tool-{one.name}" for one in PANELS)


def send_film(made: Dataset, port: int, **said: str) -> None:
    """Send a computed radiograph as one of the demo's devices; nobody has ordered it."""
    made.SpecificCharacterSet, made.StudyDate = "GB18030", f"{datetime.now(UTC):%Y%m%d}"
    for keyword, value in said.items():
        setattr(made, keyword, value)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID, made.file_meta.MediaStorageSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    send([FileDataset("", made, file_meta=made.file_meta)], SENDER, port)


def send_chest(port: int) -> None:
    """A heart of known width, on which a ratio is proposed."""
    send_film(
        radiograph_image(chest(Body(), DEVICE), DEVICE, uid(), uid()), port, PatientName="郑知行", PatientID="HZ311120", PatientBirthDate="20190315",
        PatientSex="M", AccessionNumber=CASES["chest"], StudyDescription="胸部正位片", SeriesDescription="胸部正位",
    )  # fmt: skip


def send_belly(port: int) -> None:
    """A radiograph without lungs, on which none can be proposed."""
    send_film(
        radiograph_image(abdomen(DEVICE), DEVICE, uid(), uid(), BodyPartExamined="ABDOMEN", ViewPosition="AP"), port, PatientName="郑知远",
        PatientID="HZ311121", PatientBirthDate="20180402", PatientSex="M", AccessionNumber=CASES["belly"], StudyDescription="腹部平片",
        SeriesDescription="腹部正位",
    )  # fmt: skip


def panels(album: Album) -> None:
    """Each on its case; what was made is taken back after its picture."""
    if album.wants("tool-proposal"):
        send_chest(album.hub.dicom_port)
    if album.wants("tool-proposal-refused"):
        send_belly(album.hub.dicom_port)
    with album.person("radiologist", "reading") as page:
        list_ready(page)
        for case in CASES:
            for one in PANELS:
                if one.case == case and album.wants(f"tool-{one.name}"):
                    with opened(page, case):
                        one.act(page)
                        page.wait_for_timeout(one.settle)
                        picture(album, page, one)
                        put_away(page)


def picture(album: Album, page: Page, one: Panel) -> None:
    """Chinese and small; in English and large as well where the panel says so."""

    def keep(name: str) -> None:
        target = page if one.whole else page.locator(".stage")
        album.keep(target.screenshot(animations="disabled"), name)

    keep(f"tool-{one.name}")
    if one.english:
        speak_in(page, "en")
        page.set_viewport_size(dict(zip(("width", "height"), SIZES[1], strict=True)))
        page.wait_for_timeout(1500)
        keep(f"tool-{one.name}-en-1920")
        page.set_viewport_size(dict(zip(("width", "height"), SIZES[0], strict=True)))
        speak_in(page, "zh")


def put_away(page: Page) -> None:
    """Leave dialogs, panels, the rendering; take key images back."""
    page.mouse.up()
    if by(page, "display-close").count():
        by(page, "display-close").click()
    for editor in ("hanging-editor", "preset-editor"):
        for button in ("取消", "放弃修改"):  # the first asks, where something would be lost
            if by(page, editor).get_by_role("button", name=button).count():
                by(page, editor).get_by_role("button", name=button).click()
                page.wait_for_timeout(300)
    for name in ("dialog[open]", ".px-dialog"):
        if page.locator(name).count():
            page.keyboard.press("Escape")
            page.wait_for_timeout(300)
    if page.locator(".popover .panel").count():
        page.keyboard.press("Escape")
    if by(page, "ratio-drop").count():
        by(page, "ratio-drop").click()
    if by(page, "tool-masks").count():
        by(page, "tool-masks").click()
        for kind in ("table", "bone"):
            if by(page, f"mask-{kind}").get_attribute("aria-pressed") == "true":
                by(page, f"mask-{kind}").click()
        page.keyboard.press("Escape")
    if page.locator("[data-vr='close']").count():
        page.locator("[data-vr='close']").click()
    while by(page, "key-image-remove").count():
        by(page, "key-image-remove").first.click()
        page.wait_for_timeout(1000)
