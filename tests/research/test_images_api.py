"""Images of a project from a real node: what goes out, what is blocked, to whom, and when it ends."""

from __future__ import annotations

import io
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pydicom
import pytest
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom.dataset import Dataset

from dicom_node.client import NodeClient
from pipelines.research import images_api
from pipelines.research.app import API, build
from pipelines.research.deidentify.__main__ import main as command
from pipelines.research.deidentify.reasons import WORDS
from pipelines.research.identities import write_identities
from pipelines.research.making import IDENTITIES
from ris.tickets import TicketSigner
from tests.dicom_node.running_node import RunningNode, uid
from tests.research import planted
from tests.research.in_process import Lab, make_lab
from tests.research.planted import SECRETS, child, written
from tests.research.scanning import leaks
from tests.worker import take_free_port

pytestmark = pytest.mark.clause("H-4", "X-5")
KEY = planted.NUMBER
SLICES = 5
LARGE = 24


def numbered(series: str, number: int, **changed: Any) -> Dataset:
    return child(number, SeriesInstanceUID=series, SOPInstanceUID=f"{series}.{number}", **changed)


def stack(**changed: Any) -> list[Dataset]:
    """Five CT slices 2.5 mm apart, the highest one first in number; pixel = 16 · row + column + 100 · slice."""
    series, made = uid(), []
    for place in range(SLICES):
        ds = numbered(series, SLICES - place, ImagePositionPatient=[-10, -20, 50 + 2.5 * place])
        ds.PixelData = (np.arange(16)[:, None] * 16 + np.arange(24) + 100 * place).astype("<u2").tobytes()
        for keyword, value in changed.items():
            setattr(ds, keyword, value(place) if callable(value) else value)
        made.append(ds)
    return made


def tilted(place: int) -> list[float]:
    return [-10, -20 + 0.5 * place, 50 + 2.5 * place]


def ultrasound() -> list[Dataset]:
    picture = np.full((2, 40, 60, 3), 90, np.uint8)
    picture[:, 2:8] = 255
    return [
        numbered(
            uid(), 1, SOPClassUID=planted.US, Modality="US", ImageType=["ORIGINAL", "PRIMARY"], Rows=40, Columns=60, SamplesPerPixel=3,
            PhotometricInterpretation="RGB", PlanarConfiguration=0, NumberOfFrames=2, BitsAllocated=8, BitsStored=8, HighBit=7,
            PixelData=picture.tobytes(),
        )
    ]  # fmt: skip


def overlaid() -> list[Dataset]:
    images = stack()
    images[2].add_new(0x60000102, "US", 15)
    return images


def with_a_capture() -> list[Dataset]:
    images = stack()
    capture = numbered(images[0].SeriesInstanceUID, 9, SOPClassUID=planted.CAPTURE, ConversionType="WSD")
    return [*images, capture]


SERIES = {
    "ct": stack(), "us": ultrasound(), "mixed bag": with_a_capture(),
    "gaps": stack(ImagePositionPatient=lambda place: [-10, -20, 50 + 2.5 * place + (place > 2)]),
    "tilted": stack(ImagePositionPatient=tilted), "mixed": stack(PixelSpacing=lambda place: [0.8, 0.6 + 0.1 * (place == 1)]),
    "turned": stack(ImageOrientationPatient=lambda place: [1, 0, 0, 0, 1, 0] if place else [0, 1, 0, -1, 0, 0]),
    "one": stack()[:1], "overlaid": overlaid(), "large": [],
}  # fmt: skip


@dataclass
class Given:
    lab: Lab
    node: RunningNode
    real: dict[str, str]

    def pseudonym(self, real: str, project: str = "chest") -> str:
        return self.lab.service.library.pseudonyms(project).uid(real)

    def path(self, name: str, more: str = "", project: str = "chest") -> str:
        return f"/projects/{project}/studies/{self.pseudonym(planted.STUDY)}/series/{self.pseudonym(self.real[name])}{more}"

    def get(self, name: str, more: str = "", who: str = "fellow", **given: Any) -> httpx.Response:
        answer: httpx.Response = self.lab.ask(who, self.path(name, more), **given)
        return answer

    def sop(self, name: str, number: int = 1) -> str:
        return self.pseudonym(f"{self.real[name]}.{number}")


def store(node: RunningNode, images: list[Dataset]) -> None:
    mark = "a=boundary"
    parts = b"".join(f"--{mark}\r\nContent-Type: application/dicom\r\n\r\n".encode() + written(ds) + b"\r\n" for ds in images)
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary="{mark}"',
        "Authorization": f"Bearer {node.ticket(['H01'], ['image.store', 'image.view'])}",
    }
    answer = node.http.post(node.url + "/dicom-web/studies", content=parts + f"--{mark}--\r\n".encode(), headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    folder = tmp_path_factory.mktemp("images")
    key = Ed25519PrivateKey.generate()
    node = RunningNode(folder / "node", key).start()
    with pytest.MonkeyPatch.context() as patch:
        lab = make_lab(folder, patch, images_url=node.url, ticket_key=node.data / "public.pem")
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        lab.signer = TicketSigner(pem)
        lab.service.node = NodeClient(node.url, lambda: node.ticket(["*"], ["image.view"], kind="service"))
        SERIES["large"] = [
            numbered(
                "1.2.156.112605.7746213.77",
                number,
                Rows=512,
                Columns=512,
                PixelData=bytes(2 * 512 * 512),
                ImagePositionPatient=[0, 0, number],
            )
            for number in range(1, LARGE + 1)
        ]
        for images in SERIES.values():
            store(node, images)
        node.wait_instances(planted.STUDY, sum(map(len, SERIES.values())))
        real = {name: str(images[0].SeriesInstanceUID) for name, images in SERIES.items()}
        for code in ("chest", "narrow"):
            names = lab.service.library.pseudonyms(code)
            study = names.uid(planted.STUDY)
            write_identities(
                lab.service.library.folder(code) / IDENTITIES,
                [(study, planted.STUDY, "H01", KEY)],
                [(study, names.uid(one), one, str(SERIES[name][0].Modality)) for name, one in real.items()],
            )
        yield Given(lab, node, real)
        node.stop()


def split(content: bytes) -> tuple[dict[str, Any], dict[int, bytes]]:
    """Header and frames of a stream, as docs/interfaces.md says."""
    length = struct.unpack_from("<I", content)[0]
    header, at, frames = json.loads(content[4 : 4 + length]), 4 + length, {}
    while at < len(content):
        index, size = struct.unpack_from("<II", content, at)
        frames[index] = content[at + 8 : at + 8 + size]
        at += 8 + size
    return header, frames


def test_the_stream_is_the_nodes_without_whom_it_is_of(given: Given) -> None:
    answer = given.get("ct", "/stream")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-series-stream")
    header, frames = split(answer.content)
    real, pixels = split(given.node.get(f"/series/{planted.STUDY}/{given.real['ct']}/stream").content)
    assert header["order"] == real["order"]
    assert frames == pixels
    assert header == given.get("ct").json()
    for ours, theirs in zip(header["frames"], real["frames"], strict=True):
        assert ours.keys() == theirs.keys()
        differ = {name for name in ours if ours[name] != theirs[name]}
        assert differ == {"sop_uid", "frame_of_reference"}
        assert ours["sop_uid"] == given.pseudonym(theirs["sop_uid"])
    assert leaks(set(SECRETS), answer.content) == []
    assert header["blocked"] == []


def test_an_object_is_a_valid_file_under_its_pseudonym(given: Given) -> None:
    listed = given.get("ct", "/instances").json()
    assert listed["blocked"] == []
    assert {one["number"]: one["sop_uid"] for one in listed["instances"]} == {n: given.sop("ct", n) for n in range(1, 6)}
    assert {one["bytes"] for one in listed["instances"]} == {16 * 24 * 2}
    answer = given.get("ct", f"/instances/{given.sop('ct', 3)}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom")
    ds = pydicom.dcmread(io.BytesIO(answer.content))
    assert ds.SOPInstanceUID == given.sop("ct", 3)
    assert ds.StudyInstanceUID == given.pseudonym(planted.STUDY)
    assert ds.PatientID == given.lab.service.library.pseudonyms("chest").patient("H01", KEY)
    assert ds.PixelData == SERIES["ct"][2].PixelData
    assert leaks(set(SECRETS), answer.content) == []


def test_a_download_goes_on_where_it_stopped(given: Given) -> None:
    path = f"/instances/{given.sop('ct')}"
    whole = given.get("ct", path)
    tag = whole.headers["etag"]
    rest = given.get("ct", path, headers={"Range": "bytes=500-", "If-Range": tag})
    assert (rest.status_code, rest.content) == (206, whole.content[500:])
    assert rest.headers["content-range"] == f"bytes 500-{len(whole.content) - 1}/{len(whole.content)}"
    assert given.get("ct", path, headers={"Range": "bytes=-20"}).content == whole.content[-20:]
    assert given.get("ct", path, headers={"Range": "bytes=5-9", "If-Range": '"other"'}).content == whole.content
    assert given.get("ct", path, headers={"Range": f"bytes={len(whole.content)}-"}).status_code == 416
    assert given.get("ct", path, headers={"If-None-Match": tag}).status_code == 304


def test_a_volume_has_its_place_and_values(given: Given) -> None:
    answer = given.get("ct", "/volume")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-hub-volume")
    length = struct.unpack_from("<I", answer.content)[0]
    header = json.loads(answer.content[4 : 4 + length])
    voxels = np.frombuffer(answer.content, f"<{np.dtype(header['dtype']).str[1:]}", offset=4 + length).reshape(header["shape"])
    assert (header["shape"], header["unit"], header["dtype"]) == ([5, 16, 24], "HU", "int16")
    assert header["spacing"] == [2.5, 0.8, 0.6]
    assert header["origin"] == [-10, -20, 50]
    assert header["direction"] == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert header["positions"] == [[-10, -20, 50 + 2.5 * place] for place in range(5)]
    place, row, column = np.indices((5, 16, 24))
    assert (voxels == 16 * row + column + 100 * place - 1024).all()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("gaps", "volume.gaps"), ("tilted", "volume.tilted"), ("mixed", "volume.mixed"), ("turned", "volume.mixed"),
        ("one", "volume.few_images"), ("mixed bag", "volume.partly_blocked"), ("us", "images.blocked"),
    ],
)  # fmt: skip
def test_what_is_no_regular_volume_is_refused_in_words(given: Given, name: str, code: str) -> None:
    answer = given.get(name, "/volume")
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    words = answer.json()["words"]
    assert words["zh"]["title"]
    assert words["en"]["action"]


def test_blocked_images_are_counted_never_silent(given: Given) -> None:
    listed = given.get("mixed bag", "/instances").json()
    zh, en = WORDS["secondary_capture"]
    assert len(listed["instances"]) == SLICES
    assert listed["blocked"] == [{"reason": "secondary_capture", "zh": zh, "en": en, "count": 1}]
    header, frames = split(given.get("mixed bag", "/stream").content)
    assert len(frames) == len(header["frames"]) == SLICES
    assert [frame["index"] for frame in header["frames"]] == list(range(SLICES))
    assert sorted(header["order"]) == list(range(SLICES))
    assert header["blocked"] == listed["blocked"]
    assert given.get("mixed bag", f"/instances/{given.sop('mixed bag', 9)}").status_code == 404
    assert [one["reason"] for one in given.get("overlaid").json()["blocked"]] == ["overlay_in_pixels"]
    assert len(split(given.get("overlaid", "/stream").content)[1]) == SLICES - 1
    for more in ("", "/stream", "/volume"):
        refused = given.get("us", more)
        assert (refused.status_code, refused.json()["code"]) == (409, "images.blocked")
        assert refused.json()["blocked"][0]["reason"] == "burnt_in"


def test_a_person_releases_a_series_and_what_is_marked_is_black(given: Given, capsys: pytest.CaptureFixture[str]) -> None:
    series = given.pseudonym(given.real["us"])
    at = ["--data", str(given.lab.service.settings.data)]
    assert command([*at, "release", "chest", series, "--by", "admin", "--seen", "bar with a name", "--black", "9,9"]) == 2
    assert command([*at, "release", "chest", series, "--by", "admin", "--seen", "bar with a name", "--black", "0,0,59,9"]) == 0
    try:
        assert command([*at, "list", "chest"]) == 0
        assert capsys.readouterr().out == f"{series} [[0, 0, 59, 9]]\n"
        header, frames = split(given.get("us", "/stream").content)
        assert len(header["frames"]) == 2
        for pixels in frames.values():
            picture = np.frombuffer(pixels, np.uint8).reshape(40, 60, 3)
            assert (picture[:10] == picture.min()).all()
            assert (picture[10:] == 90).all()
        stored = pydicom.dcmread(io.BytesIO(given.get("us", f"/instances/{given.sop('us')}").content)).pixel_array
        assert not stored[:, :10].any()
        assert (stored[:, 10:] == 90).all()
    finally:
        assert command([*at, "withdraw", "chest", series]) == 0
    assert given.get("us", "/stream").status_code == 409


ROUTES = ("", "/stream", "/instances", "/instances/1.2.3", "/volume")


@pytest.mark.parametrize("more", ROUTES)
def test_every_route_refuses_whom_it_must(given: Given, more: str) -> None:
    lab = given.lab
    nurse = lab.ticket("fellow", desk="clinical")
    reader = lab.ticket("fellow", operations=("image.view",))
    browser = lab.ticket("fellow", kind="browser", desk=None)
    path = given.path("ct", more)
    assert lab.http.get(API + path).status_code == 401
    for bearer, status, code in (
        (nurse, 403, "right.missing"), (reader, 403, "right.missing"), (browser, 401, "ticket.invalid"),
        ("stranger", 404, "project.unknown"), ("rt_foreign", 404, "project.unknown"), ("rt_dead", 401, "token.invalid"),
    ):  # fmt: skip
        answer = lab.ask(bearer, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code), bearer
    for code in ("sketch", "gone", "nothing"):
        assert lab.ask("fellow", path.replace("/chest/", f"/{code}/")).status_code == 404
    no_pixels = lab.ask("fellow", path.replace("/chest/", "/narrow/"))
    assert (no_pixels.status_code, no_pixels.json()["code"]) == (403, "project.no_pixels")
    # a pseudonym of another project, and the real UIDs, are nobody's here
    other = given.pseudonym(given.real["ct"], "other")
    for study, series in (
        (given.pseudonym(planted.STUDY), other), (planted.STUDY, given.real["ct"]), (given.pseudonym(planted.STUDY), given.real["ct"]),
    ):  # fmt: skip
        answer = lab.ask("fellow", f"/projects/chest/studies/{study}/series/{series}{more}")
        assert (answer.status_code, answer.json()["code"]) == (404, "series.unknown")
    lab.pass_days(100)
    try:
        assert lab.ask("fellow", path).status_code == 404
    finally:
        lab.today = type(lab.today)(2026, 11, 27)


def test_each_release_is_one_entry_for_a_person_series_and_hour(given: Given) -> None:
    def entries() -> list[dict[str, Any]]:
        of = given.pseudonym(given.real["gaps"])
        return [entry for _, entry in given.lab.service.store.waiting(10_000) if entry["entity"]["id"] == of]

    assert entries() == []
    for number in (1, 2, 3):
        given.get("gaps", f"/instances/{given.sop('gaps', number)}")
    given.get("gaps", "/stream")
    assert [(entry["username"], entry["action"], entry["entity"]["type"]) for entry in entries()] == [
        ("fellow", "research.released", "research.series")
    ]
    assert leaks(set(SECRETS), json.dumps(entries(), ensure_ascii=False).encode()) == []


def test_a_reader_who_leaves_ends_the_work_and_makes_room(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images_api, "AT_ONCE", 1)
    monkeypatch.setattr(images_api, "PATIENCE", 0.3)
    port = take_free_port()
    server = uvicorn.Server(uvicorn.Config(build(given.lab.service), host="127.0.0.1", port=port, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    headers = {"Authorization": f"Bearer {given.lab.ticket('fellow')}"}
    url = f"http://127.0.0.1:{port}{API}{given.path('large', '/stream')}"
    try:
        given.node.wait_for(lambda: server.started)
        with socket.socket() as slow:
            # a small window, so that the rest of the series waits in the service
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
            slow.connect(("127.0.0.1", port))
            slow.settimeout(20)
            asked = f"GET {url.split(str(port))[1]} HTTP/1.1\r\nHost: here\r\nAuthorization: {headers['Authorization']}\r\n\r\n"
            slow.sendall(asked.encode())
            assert slow.recv(1000).startswith(b"HTTP/1.1 200")
            busy = httpx.get(url, headers=headers, timeout=20)
            assert busy.status_code == 503
            assert busy.json()["code"] == "images.busy"
            assert busy.headers["retry-after"]
        until = time.monotonic() + 10
        while (again := httpx.get(url, headers=headers, timeout=30)).status_code == 503 and time.monotonic() < until:
            time.sleep(0.1)
        assert again.status_code == 200
        assert len(split(again.content)[1]) == LARGE
    finally:
        server.should_exit = True
        thread.join(10)


def test_the_command_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("RESEARCH_DATA", raising=False)
    with pytest.raises(SystemExit):
        command(["list", "chest"])
    assert "RESEARCH_DATA" in capsys.readouterr().err
    assert command(["--data", str(tmp_path), "withdraw", "chest", "1.2"]) == 1
