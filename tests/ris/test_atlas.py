"""The bone-age atlas of a centre: read from its folder, checked entry by entry, shown to doctors and to nobody else."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from PIL import Image, ImageDraw

from ris.atlas.rules import MOST_PLATES, manifest_of
from ris.atlas.service import AtlasFolder
from tests.ris.conftest import House, Person

NAME = 'name = { zh = "试验图谱", en = "Trial atlas" }\n'


def drawn(text: str, kind: str = "PNG", size: tuple[int, int] = (120, 160)) -> bytes:
    """A plate that says what it is; no real atlas is anywhere in these tests."""
    image = Image.new("L", size, 20)
    ImageDraw.Draw(image).text((10, 10), text, fill=230)
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def entry(file: str, sex: str = "M", months: object = 36) -> str:
    return f'[[plates]]\nfile = "{file}"\nsex = "{sex}"\nmonths = {months}\n'


@pytest.fixture
def folder(house: House) -> Iterator[Path]:
    """The folder of the running service with four plates; empty again afterwards."""
    assert house.settings.atlas is not None
    place = house.settings.atlas / "bone-age"
    (place / "girls").mkdir(parents=True)
    for file, kind in (("m-036.png", "PNG"), ("m-042.jpg", "JPEG"), ("girls/f-036.png", "PNG"), ("girls/f-048.png", "PNG")):
        (place / file).write_bytes(drawn(file, kind))
    (place / "atlas.toml").write_text(
        NAME + "".join([entry("m-042.jpg", "M", 42), entry("m-036.png"), entry("girls/f-036.png", "F"), entry("girls/f-048.png", "F", 48)]),
        encoding="utf-8",
    )
    yield place
    _remove(place)


def _remove(place: Path) -> None:
    for found in sorted(place.rglob("*"), reverse=True):
        found.rmdir() if found.is_dir() and not found.is_symlink() else found.unlink()
    place.rmdir()


def atlas(person: Person, more: str = "") -> dict[str, Any]:
    return dict(person.get(f"/atlas/bone-age{more}"))


def codes(said: dict[str, Any]) -> list[tuple[str, int | None]]:
    return [(one["code"], one["entry"]) for one in said["faults"]]


@pytest.mark.clause("R-12")
def test_the_plates_of_a_sex_from_young_to_old_and_their_pictures(house: House, folder: Path) -> None:
    doctor = house.as_("radiologist.ha")
    said = atlas(doctor, "?sex=M")
    assert (said["installed"], said["name"], said["faults"]) == (True, {"zh": "试验图谱", "en": "Trial atlas"}, [])
    assert [(one["sex"], one["months"]) for one in said["plates"]] == [("M", 36), ("M", 42)]
    assert [(one["sex"], one["months"]) for one in atlas(doctor)["plates"]] == [("F", 36), ("F", 48), ("M", 36), ("M", 42)]
    for plate, file, kind in zip(said["plates"], ("m-036.png", "m-042.jpg"), ("image/png", "image/jpeg"), strict=True):
        answer = doctor.ask("GET", f"/atlas/bone-age/plates/{plate['digest']}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.content == (folder / file).read_bytes()
        assert (answer.headers["etag"], answer.headers["x-content-type-options"]) == (f'"{plate["digest"]}"', "nosniff")
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        for known in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}', "*"):
            again = doctor.ask("GET", f"/atlas/bone-age/plates/{plate['digest']}", headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
        other = doctor.ask("GET", f"/atlas/bone-age/plates/{plate['digest']}", headers={"If-None-Match": '"other"'})
        assert other.status_code == 200
    assert doctor.ask("GET", "/atlas/bone-age?sex=X").json()["code"] == "request.invalid"


@pytest.mark.clause("R-12")
def test_the_type_comes_from_the_bytes_not_from_the_name(house: House, folder: Path) -> None:
    doctor = house.as_("reviewer.c")
    (folder / "m-036.png").write_bytes(drawn("a JPEG called PNG", "JPEG"))
    (folder / "m-042.jpg").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    said = atlas(doctor, "?sex=M")
    assert [one["months"] for one in said["plates"]] == [36]
    assert codes(said) == [("picture", 1)]
    answer = doctor.ask("GET", f"/atlas/bone-age/plates/{said['plates'][0]['digest']}")
    assert answer.headers["content-type"] == "image/jpeg"


@pytest.mark.clause("R-12")
def test_changes_are_seen_without_a_restart(house: House, folder: Path) -> None:
    doctor = house.as_("clinician.ha")
    before = atlas(doctor, "?sex=M")["plates"][0]
    (folder / "m-036.png").write_bytes(drawn("a better one"))
    after = atlas(doctor, "?sex=M")["plates"][0]
    assert after["months"] == before["months"] and after["digest"] != before["digest"]
    gone = doctor.ask("GET", f"/atlas/bone-age/plates/{before['digest']}")
    assert (gone.status_code, gone.json()["code"], gone.headers["content-type"]) == (404, "atlas.plate", "application/problem+json")
    assert {gone.json()["words"][lang]["action"] != "" for lang in ("zh", "en")} == {True}
    assert doctor.ask("GET", f"/atlas/bone-age/plates/{after['digest']}").content == drawn("a better one")
    (folder / "atlas.toml").write_text(NAME + entry("m-036.png", "F", 40), encoding="utf-8-sig")
    now = atlas(doctor)
    assert [(one["sex"], one["months"]) for one in now["plates"]] == [("F", 40)]
    assert now["faults"] == []
    (folder / "m-036.png").unlink()
    assert codes(atlas(doctor)) == [("absent", 1)]
    _remove(folder)
    assert atlas(doctor) == {"installed": False, "name": None, "plates": [], "faults": []}
    folder.mkdir()
    assert atlas(doctor)["installed"] is False
    (folder / "m-036.png").write_bytes(drawn("x"))
    assert codes(atlas(doctor)) == [("manifest_absent", None)]


@pytest.mark.clause("R-12")
def test_a_bad_entry_is_named_and_the_others_are_shown(house: House, folder: Path) -> None:
    (folder / "broken.png").write_bytes(drawn("x")[:-60])
    (folder / "note.png").write_text("no picture")
    (folder / "tiny.png").write_bytes(drawn("x", size=(15, 300)))
    written = [
        entry("m-036.png"), entry("absent.png", "M", 48), entry("note.png", "M", 60), entry("broken.png", "M", 61), entry("tiny.png", "M", 62),
        entry("girls/f-036.png", "X"), entry("girls/f-036.png", "F", 37.5), entry("girls/f-036.png", "F", 253), entry("girls/f-036.png", "F", "true"),
        entry("m-042.jpg"), '[[plates]]\nsex = "M"\nmonths = 3\n', entry("girls/f-048.png", "F", 48) + "note = 1\n", entry("girls", "M", 72),
    ]  # fmt: skip
    (folder / "atlas.toml").write_text(NAME + "".join(written), encoding="utf-8")
    with structlog.testing.capture_logs() as logs:
        said = atlas(house.as_("reviewer.c"))
        again = atlas(house.as_("reviewer.c"))
    assert [(one["sex"], one["months"]) for one in said["plates"]] == [("F", 48), ("M", 36)]
    assert codes(said) == [
        ("absent", 2), ("picture", 3), ("picture", 4), ("picture", 5), ("sex", 6), ("months", 7), ("months", 8), ("months", 9),
        ("double", 10), ("file", 11), ("key", 12), ("absent", 13),
    ]  # fmt: skip
    assert said["faults"][8]["words"]["zh"] == "与第 1 项性别和月龄相同，未采用"
    assert said["faults"][8]["words"]["en"] == "Same sex and age as entry 1: not used"
    assert [one["file"] for one in said["faults"]][:2] == ["absent.png", "note.png"]
    assert again == said
    told = [one for one in logs if one["event"] == "bone-age atlas"]
    assert [(one["code"], one["entry"]) for one in told] == codes(said)  # once, not at each question
    assert {one["log_level"] for one in told} == {"warning"}
    assert told[0]["zh"].startswith("没有这个文件")


@pytest.mark.clause("R-12", "S-9")
def test_what_lies_outside_of_the_folder_is_refused(house: House, folder: Path, tmp_path: Path) -> None:
    secret = drawn("outside")
    (folder.parent / "outside.png").write_bytes(secret)
    (tmp_path / "elsewhere.png").write_bytes(secret)
    (folder / "link.png").symlink_to(tmp_path / "elsewhere.png")
    (folder / "away").symlink_to(tmp_path)
    tricks = [
        "../outside.png",
        "girls/../../outside.png",
        str(tmp_path / "elsewhere.png"),
        "link.png",
        "away/elsewhere.png",
        "m\\u0000.png",
    ]
    (folder / "atlas.toml").write_text(NAME + "".join(entry(one, "M", months) for months, one in enumerate(tricks)), encoding="utf-8")
    doctor = house.as_("reviewer.c")
    said = atlas(doctor)
    assert said["plates"] == []
    assert codes(said) == [("outside", number) for number in range(1, len(tricks) + 1)]
    assert doctor.ask("GET", f"/atlas/bone-age/plates/{hashlib.sha256(secret).hexdigest()}").status_code == 404
    for path in ("..%2F..%2Fkey.pem", "../atlas.toml", "atlas.toml", "m-036.png", "%2e%2e/atlas.toml", "a" * 63, "A" * 64, f"{'a' * 64}/x"):
        answer = doctor.ask("GET", f"/atlas/bone-age/plates/{path}")
        assert answer.status_code in {404, 422}, path
        assert answer.headers["content-type"] == "application/problem+json"
    (folder.parent / "outside.png").unlink()


@pytest.mark.clause("R-12", "S-8", "S-9")
def test_doctors_see_it_and_nobody_else(house: House, folder: Path) -> None:
    digest = atlas(house.as_("reviewer.c"), "?sex=M")["plates"][0]["digest"]
    paths = ("/atlas/bone-age", f"/atlas/bone-age/plates/{digest}")
    for username in ("radiologist.c", "reviewer.ha", "clinician.hb", "radiologist.hb"):
        assert [house.as_(username).ask("GET", path).status_code for path in paths] == [200, 200], username
    for username in ("technician.c", "registrar.ha", "nurse.hb", "administrator.c", "operator", "researcher", "patient"):
        for path in paths:
            answer = house.as_(username).ask("GET", path)
            assert (answer.status_code, answer.json()["code"], answer.json()["operation"]) == (403, "right.missing", "atlas.view"), username
    house.http.cookies.clear()
    for path in paths:
        assert house.http.get(f"/services/ris/api/v1{path}").status_code == 401
        assert house.service("followers", "GET", path).status_code == 403
    for method in ("POST", "PUT", "DELETE"):
        assert house.as_("reviewer.c").ask(method, paths[1], json={}).status_code == 405


@pytest.mark.clause("R-12")
def test_the_api_page_says_it(house: House) -> None:
    app: Any = house.http.app
    said = app.openapi()
    answers = said["paths"]["/services/ris/api/v1/atlas/bone-age/plates/{digest}"]["get"]["responses"]
    assert set(answers["200"]["content"]) == {"image/png", "image/jpeg"} and "304" in answers
    listed = said["paths"]["/services/ris/api/v1/atlas/bone-age"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert set(said["components"]["schemas"][listed["$ref"].rsplit("/", 1)[1]]["properties"]) == {"installed", "name", "plates", "faults"}


@pytest.mark.clause("R-12")
@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b'name = { zh = "x"\n', "manifest_syntax", "atlas.toml 第 1 行第 18 列有语法错误"),
        ('name = { zh = "图谱" }'.encode("gbk"), "manifest_encoding", "atlas.toml 不是 UTF-8 编码，请另存为 UTF-8"),
        (b"#" * (1024 * 1024 + 1), "manifest_large", "atlas.toml 超过 1 MB"),
        (b'name = { zh = "x" }\nplate = 1\n', "key", "不认识的键“plate”，请检查拼写"),
        (b'name = { zh = "x" }\nplates = 3\n', "plates", "没有图片条目：每幅图片写一段 [[plates]]"),
        (b'name = "x"\n[[plates]]\nfile = "a"\nsex = "M"\nmonths = 1\n', "name", '缺少图谱名称：name = { zh = "…", en = "…" }，各不超过 60 字'),
        (b'name = { zh = "x" }\nplates = [1]\n', "file", "缺少 file（图片文件名）"),
    ],
)  # fmt: skip
def test_a_manifest_that_is_wrong_says_where(content: bytes, code: str, words: str) -> None:
    (found,) = [one for one in manifest_of(content).faults if one.code == code]
    assert found.zh == words
    assert "{" not in found.en.replace("{ zh", "") and found.en


@pytest.mark.clause("R-12")
def test_one_language_names_the_atlas_in_both_and_too_much_is_cut_off() -> None:
    assert manifest_of(b'name = { en = "CHN" }').name == {"zh": "CHN", "en": "CHN"}
    many = NAME + "".join(entry("a.png", "M" if n % 2 else "F", n % 252) for n in range(MOST_PLATES + 5))
    read = manifest_of(many.encode())
    assert len(read.entries) == 252
    assert read.faults[-1].code == "many"


@pytest.mark.clause("R-12")
def test_a_folder_that_cannot_be_read_is_no_failure(tmp_path: Path) -> None:
    assert AtlasFolder(None).read().installed is False
    assert AtlasFolder(tmp_path / "nowhere").read().installed is False
    (tmp_path / "file").write_text("x")
    assert AtlasFolder(tmp_path / "file").read().installed is False
    (tmp_path / "atlas.toml").write_text(NAME + entry("loop.png") + entry("x" * 300, "F"), encoding="utf-8")
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert {one.code for one in AtlasFolder(tmp_path).read().faults} == {"unreadable"}
