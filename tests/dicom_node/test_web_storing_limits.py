"""STOW-RS against broken, endless and huge bodies, lost clients and killed processes: memory flat, nothing half stays."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import socket
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from running_node import RunningNode, encoded, image
from stowing import MARK, MULTIPART, body, failed, file_bytes, incoming, kept, stored, stow, tickets

from dicom_node.web.multipart import MultipartError, Parts

pytestmark = pytest.mark.clause("O-1", "S-1")


def memory(node: RunningNode) -> int:
    return sum(node.child(name).memory_info().rss for name in ("receive", "index"))


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, key: Ed25519PrivateKey) -> Iterator[RunningNode]:
    """A node with narrow limits."""
    limits = {"NODE_STORE_PART_BYTES": "100000", "NODE_STORE_BODY_BYTES": "300000", "NODE_STORE_PARTS": "3", "NODE_NETWORK_TIMEOUT": "1"}
    running = RunningNode(tmp_path_factory.mktemp("strict"), key, **limits).start()
    yield running
    assert running.stop() == 0


@pytest.mark.clause("O-1")
@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", {}, 400, "store.broken"),
        (b"x" * 5000, {}, 400, "store.broken"),
        (b"x" * 300_000, {}, 400, "store.broken"),
        (f"--{MARK}--\r\n".encode(), {}, 400, "store.broken"),
        (f"--{MARK}\r\n".encode() + b"A: b\r\n" * 5000, {}, 400, "store.broken"),
        (f"--{MARK}\r\nno colon\r\n\r\n".encode(), {}, 400, "store.broken"),
        (f"--{MARK}garbage\r\n\r\n".encode(), {}, 400, "store.broken"),
        (b"{}", {"Content_Type": 'multipart/related; type="application/dicom"'}, 400, "store.broken"),
        (b"{}", {"Content_Type": 'multipart/related; type="application/dicom"; boundary="' + "x" * 71 + '"'}, 400, "store.broken"),
        (b"{}", {"Content_Type": "application/json"}, 415, "store.media"),
        (b"{}", {"Content_Type": MULTIPART.replace("application/dicom", "application/dicom+json")}, 415, "store.media"),
        (b"{}", {"Content_Type": MULTIPART.replace("related", "form-data")}, 415, "store.media"),
        (b"{}", {"Content_Type": "nonsense;;;=;"}, 415, "store.media"),
        (gzip.compress(bytes(10_000_000)), {"Content_Encoding": "gzip"}, 415, "store.media"),
    ],
)  # fmt: skip
def test_a_body_that_is_none_is_refused_in_words(node: RunningNode, content: bytes, headers: dict, status: int, code: str) -> None:
    before = len(kept(node))
    answer = stow(node, content, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"]
    assert (len(kept(node)), incoming(node)) == (before, [])


@pytest.mark.clause("O-1")
def test_a_body_that_breaks_off_tells_what_is_stored(node: RunningNode) -> None:
    one, two = image(), image()
    answer = stow(node, body(file_bytes(one), file_bytes(two)[:-100], end=False)[:-2])
    assert (answer.status_code, answer.json()["code"]) == (400, "store.broken")
    assert stored(answer.json()["response"]) == [one.SOPInstanceUID]
    assert node.get("/dicom-web/studies", params={"StudyInstanceUID": two.StudyInstanceUID}).json() == []
    assert incoming(node) == []
    assert stow(node, body(file_bytes(one)), "/dicom-web/studies/..%2F..%2Fx").status_code in {400, 404, 405}


@pytest.mark.clause("O-1")
def test_limits_of_part_body_count_and_silence(strict: RunningNode) -> None:
    small, large = image(), image(Rows=300, Columns=300, PixelData=bytes(180_000))
    answer = stow(strict, body(file_bytes(small), file_bytes(large)))
    assert (answer.status_code, answer.json()["code"]) == (413, "store.too_large")
    assert stored(answer.json()["response"]) == [small.SOPInstanceUID]
    assert stow(strict, body(*(file_bytes(image()) for _ in range(4)))).status_code == 413
    assert stow(strict, iter([b"x" * 1000] * 50)).status_code == 400  # chunked garbage: broken before it is large
    filler = image(Rows=200, Columns=200, PixelData=bytes(80_000))
    chunked = body(*(file_bytes(filler) for _ in range(3)), b"\0" * 90_000)
    assert stow(strict, iter([chunked[i : i + 7777] for i in range(0, len(chunked), 7777)])).status_code == 413

    def silent() -> Iterator[bytes]:
        yield body(file_bytes(image()))[:700]
        time.sleep(2.5)
        yield b"late"

    answer = stow(strict, silent())
    assert (answer.status_code, answer.json()["code"]) == (408, "store.silent")
    assert incoming(strict) == []


@pytest.mark.clause("O-1")
def test_memory_stays_flat_whatever_comes(node: RunningNode) -> None:
    stow(node, body(file_bytes(image())))
    before = memory(node)
    head = f"POST /services/images/dicom-web/studies HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tickets(node)}\r\nContent-Type: {MULTIPART}\r\n"
    with socket.create_connection(("127.0.0.1", node.http_port), 10) as raw:
        raw.sendall((head + "Content-Length: 10000000000\r\n\r\n").encode())
        assert b" 413 " in raw.recv(4000).split(b"\r\n")[0]
    tiny = body(b"tiny", end=False)
    many = (tiny * 1000 for _ in range(100))
    begin = time.monotonic()
    answer = stow(node, many)
    assert (answer.status_code, answer.json()["code"]) == (413, "store.too_large")
    assert time.monotonic() - begin < 20
    ds = image(Rows=10_000, Columns=10_000, PixelData=None)
    ds.PixelData = b""
    plain = file_bytes(ds)[:-12]
    size = 200_000_000
    pixels = plain + b"\xe0\x7f\x10\x00OW\0\0" + size.to_bytes(4, "little")
    block = os.urandom(1 << 16)
    peak = 0

    def large() -> Iterator[bytes]:
        nonlocal peak
        yield f"--{MARK}\r\nContent-Type: application/dicom\r\n\r\n".encode() + pixels
        for i in range(size // len(block)):
            if i % 200 == 0:
                peak = max(peak, memory(node))
            yield block
        yield block[: size % len(block)] + f"\r\n--{MARK}--\r\n".encode()

    answer = stow(node, large())
    assert (answer.status_code, stored(answer.json())) == (200, [ds.SOPInstanceUID])
    assert max(peak, memory(node)) - before < 60_000_000
    path = next(p for p in kept(node) if p.stat().st_size > size)
    with path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == path.stem
    path.unlink()  # 200 MB


@pytest.mark.clause("O-1")
def test_a_lost_client_leaves_nothing(node: RunningNode) -> None:
    before = len(kept(node))
    ds = image(Rows=1000, Columns=1000, PixelData=bytes(2_000_000))
    whole = body(file_bytes(ds))
    head = f"POST /services/images/dicom-web/studies HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tickets(node)}\r\nContent-Type: {MULTIPART}\r\n"
    for cut in (100, 1_500_000, len(whole) - 3):
        with socket.create_connection(("127.0.0.1", node.http_port), 10) as raw:
            raw.sendall((head + f"Content-Length: {len(whole)}\r\n\r\n").encode() + whole[:cut])
            if cut > 1_100_000:
                node.wait_for(lambda: incoming(node) or len(kept(node)) > before)
        node.wait_for(lambda: not incoming(node))
    node.wait_for(lambda: not incoming(node))
    # the last one's object was whole; only its last boundary was not
    assert len(kept(node)) <= before + 1


@pytest.mark.timeout(120)
@pytest.mark.clause("O-1")
def test_killed_in_the_middle_nothing_half_stays_and_nothing_is_acknowledged(own_node: RunningNode) -> None:
    ds = image(Rows=1000, Columns=1000, PixelData=os.urandom(2_000_000))
    whole = body(file_bytes(ds))

    def cut_by(name: str) -> Iterator[bytes]:
        yield whole[:1_500_000]
        own_node.wait_for(lambda: incoming(own_node))
        first = own_node.child(name)
        first.kill()
        first.wait(10)
        if name == "receive":
            own_node.wait_ready()
        yield whole[1_500_000:]

    # another receive process takes over the file that the web process was writing all the time
    answer = stow(own_node, cut_by("receive"))
    assert (answer.status_code, failed(answer.json())) == (200, [])
    assert [p.read_bytes().endswith(encoded(ds)) for p in kept(own_node)] == [True]
    assert incoming(own_node) == []
    ds = image(Rows=1000, Columns=1000, PixelData=os.urandom(2_000_000))
    whole = body(file_bytes(ds))
    with pytest.raises(Exception, match=r"(?i)disconnect|reset|broken|closed|refused"):
        stow(own_node, cut_by("index"))
    own_node.wait_ready()
    assert (incoming(own_node), len(kept(own_node))) == ([], 1)
    own_node.http.close()
    own_node.http = type(own_node.http)(timeout=60)
    assert stow(own_node, whole).status_code == 200
    assert sorted(p.read_bytes().endswith(encoded(ds)) for p in kept(own_node)) == [False, True]


def test_parts_are_the_same_however_the_bytes_arrive() -> None:
    dice = random.Random(7)
    contents = [b"", b"\r\n", b"--", b"\r\n--" + MARK.encode()[:-1], bytes(dice.randrange(256) for _ in range(300)), b"\r\n--" * 5, b"x"]
    whole = b"preamble\r\n" + body(*contents) + b"epilogue"

    def parts(pieces: list[bytes]) -> list[bytes]:
        parser, found = Parts(MARK), []
        for chunk in pieces:
            for piece in parser.feed(chunk):
                if isinstance(piece, dict):
                    assert piece == {"content-type": "application/dicom"}
                    found.append(b"")
                elif piece is not None:
                    found[-1] += piece
        parser.finish()
        return found

    for size in (1, 2, 3, 7, 23, 64, len(whole)):
        assert parts([whole[i : i + size] for i in range(0, len(whole), size)]) == contents
    for _ in range(300):
        cuts = sorted(dice.randrange(len(whole)) for _ in range(5))
        assert parts([whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]) == contents
    for end in range(len(whole) - len("--\r\nepilogue")):
        with pytest.raises(MultipartError):
            parts([whole[:end]])
