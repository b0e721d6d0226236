"""The pictures of the bone-age atlas beside a hand: film and plates are drawn, no real atlas is in this project."""

from __future__ import annotations

from docs.desk import CASES, back, by, list_ready, open_case
from docs.panel_scenes import send_film
from docs.screenshots import Album
from tests.boneage.drawn import film, install
from tests.dicom_node.running_node import uid

ATLAS_SCENES = ("reading-atlas", "reading-atlas-other", "reading-atlas-ask", "reading-atlas-none")
UNKNOWN = "HZ24-0902"
"""A hand whose header says neither sex nor birth date."""
MONTHS = (3, 6, 12, 18, 24, 30, 36, 42, 48, 54, 60, 72, 84, 96, 108, 120, 132, 144, 156, 168, 180, 192, 204, 216)


def atlas(album: Album) -> None:
    """None installed; then the nearest plate, one of the other sex with a fault told, and what the record does not say."""
    said = {"StudyDescription": "左手正位（骨龄）", "SeriesDescription": "左手正位"}
    send_film(
        film(58, uid(), uid()), album.hub.dicom_port, PatientName="苏念安", PatientID="HZ311207", PatientBirthDate="20220105", PatientSex="M",
        AccessionNumber=CASES["hand"], **said,
    )  # fmt: skip
    send_film(
        film(80, uid(), uid()), album.hub.dicom_port, PatientName="未详", PatientID="HZ311208", PatientBirthDate="", PatientSex="",
        AccessionNumber=UNKNOWN, **said,
    )  # fmt: skip
    folder = album.hub.data_dir / "atlas" / "bone-age"
    with album.person("radiologist", "reading") as page:
        list_ready(page)
        open_case(page, CASES["hand"])
        by(page, "atlas-open").click()
        by(page, "atlas-none").wait_for()
        album.take(page, "reading-atlas-none")
        install(folder, [(sex, months) for sex in ("M", "F") for months in MONTHS])
        by(page, "atlas-again").click()
        ready = page.locator('[data-testid="atlas-picture"][data-state="ready"]')
        ready.wait_for()
        by(page, "report-findings").fill("左手及左腕诸骨骨质结构未见异常，腕骨骨化中心见图。")
        by(page, "atlas-insert").click()
        album.take(page, "reading-atlas")
        install(
            folder,
            [(sex, months) for sex in ("M", "F") for months in MONTHS],
            '[[plates]]\nfile = "f-228.png"\nsex = "F"\nmonths = 228\n[[plates]]\nfile = "M-036.png"\nsex = "M"\nmonths = 36\n',
        )
        by(page, "atlas-close").click()
        by(page, "atlas-open").click()
        by(page, "atlas-sex-F").click()
        ready.wait_for()
        page.locator("[data-testid=atlas-faults] summary").click()
        for _ in range(3):
            by(page, "atlas-zoom-in").click()
        album.take(page, "reading-atlas-other", large=("zh",))
        back(page)
        open_case(page, UNKNOWN)
        by(page, "atlas-ask").wait_for()
        album.take(page, "reading-atlas-ask", large=())
