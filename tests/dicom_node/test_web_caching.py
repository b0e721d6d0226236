"""Entity tags, single ranges, HEAD (RFC 9110): a known image costs no body, a known tag opens nothing."""

from __future__ import annotations

import time

import pytest
from pydicom.dataset import Dataset
from running_node import RunningNode
from stowing import EXPLICIT, EXPLICIT_PARTS, ONE_PART, address

pytestmark = pytest.mark.clause("S-3")


def places(stowed: list[Dataset]) -> list[tuple[str, dict[str, str]]]:
    """Addresses and Accept headers of everything that has an entity tag."""
    ds = stowed[0]
    base, octets = address(ds), {"Accept": "application/octet-stream"}
    series = f"/dicom-web/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"
    wado = f"/wado?requestType=WADO&studyUID={ds.StudyInstanceUID}&seriesUID={ds.SeriesInstanceUID}&objectUID={ds.SOPInstanceUID}"
    return [
        (base, ONE_PART), (base, {}), (address(stowed[1]), ONE_PART | {"Accept": f"application/dicom; transfer-syntax={EXPLICIT}"}),
        (series, {}), (series, EXPLICIT_PARTS), (f"/dicom-web/studies/{ds.StudyInstanceUID}", {}), (base + "/frames/1", {}),
        (base + "/frames/1", octets), (address(stowed[1]) + "/frames/2,1", {}), (base + "/bulkdata/7FE00010", octets),
        (base + "/bulkdata/7FE00010", {}), (base + "/bulkdata/00081111/1/00081140/2/00420011", {}), (base + "/rendered", {}),
        (base + "/rendered", {"Accept": "image/png"}), (base + "/rendered?window=40,400", {}), (base + "/thumbnail", {}),
        (base + "/frames/1/rendered", {}), (series + "/thumbnail", {}), (base + "/metadata", {}),
        (base + "/metadata", {"Accept": 'multipart/related; type="application/dicom+xml"'}), (wado, {}),
        (wado + "&contentType=application/dicom", {}),
    ]  # fmt: skip


def test_entity_tags_save_the_body_and_differ_with_the_content(node: RunningNode, stowed: list[Dataset]) -> None:
    bodies: dict[str, bytes] = {}
    for path, accept in places(stowed):
        whole = node.get(path, headers=accept)
        assert whole.status_code == 200, (path, whole.text[:300])
        tag = whole.headers["etag"]
        assert tag.startswith('"')
        assert node.get(path, headers=accept).content == whole.content  # a strong tag promises it
        assert bodies.setdefault(tag, whole.content) == whole.content
        for known in (tag, f'"other", W/{tag}', "*"):
            same = node.get(path, headers=accept | {"If-None-Match": known})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag), path
        assert node.get(path, headers=accept | {"If-None-Match": '"other"'}).content == whole.content
        assert whole.headers["cache-control"] == "private, no-store"  # no copy on a shared workstation's disk
        elsewhere = node.get(path, node.ticket(["H02"]), headers=accept | {"If-None-Match": tag})
        assert elsewhere.status_code == 404  # a known tag opens nothing
    assert len(bodies) >= len(places(stowed)) - 4  # wado gives the very objects and pictures of the others


def test_head_is_get_without_its_body(node: RunningNode, stowed: list[Dataset]) -> None:
    ticket = {"Authorization": "Bearer " + node.ticket()}
    for path, accept in [*places(stowed), ("/dicom-web/studies", {}), ("/dicom-web/studies/1.2.3", {})]:
        whole = node.http.get(node.url + path, headers=ticket | accept)
        head = node.http.head(node.url + path, headers=ticket | accept)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        for name in ("content-type", "etag", "content-length"):
            if "boundary" not in whole.headers.get(name, ""):
                assert head.headers.get(name) == whole.headers.get(name), (path, name)
    assert node.http.head(node.url + places(stowed)[0][0]).status_code == 401


@pytest.mark.clause("O-1")
def test_one_range_is_given_and_many_cost_nothing(node: RunningNode, stowed: list[Dataset]) -> None:
    base, octets = address(stowed[0]), {"Accept": "application/octet-stream"}
    for path, accept in ((base, ONE_PART), (base + "/frames/1", octets), (base + "/bulkdata/7FE00010", octets), (base + "/rendered", {})):
        whole = node.get(path, headers=accept)
        size, data, tag = len(whole.content), whole.content, whole.headers["etag"]
        assert whole.headers["accept-ranges"] == "bytes"
        ranges = {"0-9": (0, 10), "7-": (7, size), "-5": (size - 5, size), f"0-{size + 99}": (0, size), f"{size - 1}-": (size - 1, size),
                  f"-{size + 5}": (0, size)}  # fmt: skip
        for text, (start, end) in ranges.items():
            part = node.get(path, headers=accept | {"Range": f"bytes={text}"})
            assert (part.status_code, part.content) == (206, data[start:end]), (path, text)
            assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
            assert part.headers["etag"] == tag
        for text in (f"{size}-", f"{size + 10}-{size + 20}", "-0", "9" * 18 + "-"):
            beyond = node.get(path, headers=accept | {"Range": f"bytes={text}"})
            assert (beyond.status_code, beyond.json()["code"]) == (416, "range.beyond")
            assert beyond.headers["content-range"] == f"bytes */{size}"
        for text in ("bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=", "bytes=-", "bytes=0-1,4-5", "bytes=" + "9" * 4000 + "-"):
            assert (answer := node.get(path, headers=accept | {"Range": text})).status_code == 200, text
            assert answer.content == data
        assert node.get(path, headers=accept | {"Range": "bytes=0-9", "If-Range": tag}).status_code == 206
        for changed in ('"other"', f"W/{tag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
            assert node.get(path, headers=accept | {"Range": "bytes=0-9", "If-Range": changed}).content == data
    begin = time.monotonic()
    assert node.get(base, headers=ONE_PART | {"Range": "bytes=" + "0-1," * 12_000 + "0-1"}).status_code == 200
    assert time.monotonic() - begin < 1
