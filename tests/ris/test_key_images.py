"""Key images: pictures kept by digest, by whom and where they may be changed, printed in the report, and what was signed stays."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import uuid
from typing import Any

import pytest
from PIL import Image, ImageDraw
from pypdf import PdfReader
from sqlalchemy import update

from ris.exams.model import ExamStudy
from ris.keyimages.rules import LARGEST_PICTURE, LONGEST_CAPTION, MOST_OF_EXAM
from ris.problems import Problem
from ris.reports.paper import html_of
from ris.reports.press import Press
from tests.ris import test_pdf
from tests.ris.conftest import House, Person, book
from tests.ris.test_pdf import facts, one_form, words
from tests.ris.test_reports import TEXT, act

press = test_pdf.press
YELLOW = (255, 214, 64)


def drawn(size: tuple[int, int] = (320, 240), shade: int = 90, kind: str = "PNG") -> bytes:
    """A grey picture with a yellow line, as a viewer draws a measurement."""
    image = Image.new("RGB", size, (shade, shade, shade))
    ImageDraw.Draw(image).line([(40, 120), (280, 120)], fill=YELLOW, width=3)
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def reference(study: str, **changes: Any) -> dict[str, Any]:
    window = {"center": 40, "width": 400, "function": "LINEAR"}
    return {
        "study": study,
        "series": f"{study}.1",
        "sop_uid": f"{study}.1.7",
        "frame": 0,
        "index": 6,
        "made": "image",
        "window": window,
        **changes,
    }


def put(person: Person, exam: int, key: str, **body: Any) -> Any:
    if isinstance(body.get("picture"), bytes):
        body["picture"] = base64.b64encode(body["picture"]).decode()
    # as bytes: a test may send what a careful client never would
    return person.ask("PUT", f"/exams/{exam}/key-images/{key}", content=json.dumps(body), headers={"Content-Type": "application/json"})


def make(person: Person, exam: int, study: str, picture: bytes | None = None, **body: Any) -> dict[str, Any]:
    answer = put(person, exam, str(uuid.uuid4()), reference=reference(study), picture=picture or drawn(), **body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def taken(*images: dict[str, Any], **captions: str) -> list[dict[str, str]]:
    return [{"id": one["id"], "digest": one["digest"], "caption": captions.get("caption", one["caption"])} for one in images]


def rows(person: Person, exam: int, more: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = person.get(f"/exams/{exam}/key-images{more}")["rows"]
    return found


def pictures(pdf: bytes) -> list[list[Image.Image]]:
    """The pictures of a PDF, page by page, as they are painted (pages share one list of resources)."""
    found = []
    for page in PdfReader(io.BytesIO(pdf)).pages:
        painted = re.findall(rb"(/[\w-]+) Do", page.get_contents().get_data())
        named = {one.name.rsplit(".", 1)[0].lstrip("/"): one.image for one in page.images}
        found.append([named[name.decode().lstrip("/")].convert("RGB") for name in painted])
    return found


@pytest.fixture
def case(house: House) -> tuple[int, str]:
    """Exam and study of hospital A."""
    row = house.exam_with_images("HA")
    return row["exam_id"], row["study_uids"][0]


PLANE: dict[str, Any] = {
    "made": "mpr", "plane": "coronal", "row": [0.8, 0.6, 0.0], "column": [0.0, 0.0, -1.0], "through": [1.5, -20.25, 130.0],
    "slab": {"mode": "max", "thickness": 12.0},
}  # fmt: skip
CURVE: dict[str, Any] = {
    "made": "cpr", "points": [[0.0, 0.0, 0.0], [3.0, 1.0, 40.0]], "mode": "stretched", "width": 60.0, "angle": 215, "slab": None,
}  # fmt: skip
RENDERING: dict[str, Any] = {
    "made": "rendering", "onward": [0.0, 1.0, 0.0], "up": [0.0, 0.0, 1.0], "centre": [1.0, 2.0, 3.0], "height": 240.5, "template": "bone-child",
    "bend": {"shift": 0.1, "stretch": 1.5}, "crop": [[0.0, 1.0], [0.25, 1.0], [0.0, 0.5]],
}  # fmt: skip


@pytest.mark.clause("R-10", "V-27", "V-28", "V-29", "V-32")
@pytest.mark.parametrize("lies", [PLANE, CURVE, RENDERING], ids=lambda one: str(one["made"]))
def test_a_key_image_keeps_how_its_picture_lay_in_the_patient(house: House, case: tuple[int, str], lies: dict[str, Any]) -> None:
    exam, study = case
    doctor = house.as_("radiologist.c")
    computed = {"sop_uid": "", "made": lies["made"]}
    made = put(doctor, exam, str(uuid.uuid4()), reference=reference(study, **computed, reconstruction=lies), picture=drawn()).json()
    assert made["reference"]["reconstruction"] == lies
    (row,) = [one for one in rows(house.as_("radiologist.ha"), exam) if one["id"] == made["id"]]
    assert row["reference"]["reconstruction"] == lies
    # an earlier page says nothing of it
    plain = put(doctor, exam, str(uuid.uuid4()), reference=reference(study, **computed), picture=drawn()).json()
    assert plain["reference"]["reconstruction"] is None
    spoilt: list[dict[str, Any]] = [
        {**lies, "made": "mpr" if lies is CURVE else "cpr"}, dict(list(lies.items())[:3]),
        {**lies, **{name: [*part, 0.0] for name, part in lies.items() if isinstance(part, list)}},
    ]  # fmt: skip
    for wrong in spoilt:
        assert (
            put(doctor, exam, str(uuid.uuid4()), reference=reference(study, **computed, reconstruction=wrong), picture=drawn()).status_code
            == 422
        )
    other = {"sop_uid": "", "made": "cpr" if lies is PLANE else "mpr"}
    assert (
        put(doctor, exam, str(uuid.uuid4()), reference=reference(study, **other, reconstruction=lies), picture=drawn()).status_code == 422
    )


@pytest.mark.clause("R-10", "V-9")
def test_a_key_image_is_kept_captioned_removed_and_brought_back(house: House, case: tuple[int, str]) -> None:
    exam, study = case
    doctor, other = house.as_("radiologist.c"), house.as_("radiologist.ha")
    since = house.feed()[-1]["seq"]
    key, picture = str(uuid.uuid4()), drawn()
    body = {
        "reference": {**reference(study), "id": "x", "author": "nobody", "patient": "王小明"},
        "picture": picture,
        "caption": " 右肺上叶结节 ",
    }
    made = put(doctor, exam, key, **body).json()
    assert (made["id"], made["version"], made["caption"], made["changeable"]) == (key, 1, "右肺上叶结节", True)
    assert made["digest"] == hashlib.sha256(picture).hexdigest()
    assert made["reference"]["author"] == "radiologist.c"
    assert made["reference"]["window"] == {"center": 40.0, "width": 400.0, "function": "LINEAR"}
    assert "王小明" not in json.dumps(made, ensure_ascii=False), "only what is known of a reference is kept"
    assert put(doctor, exam, key, **body).json() == made, "the answer to the first one was lost"
    assert rows(other, exam) == [{**made, "changeable": False}]
    shown = other.ask("GET", f"/exams/{exam}/key-images/{key}/picture")
    assert (shown.content, shown.headers["content-type"]) == (picture, "image/png")
    assert "no-store" in shown.headers["cache-control"]

    second = put(doctor, exam, key, version=1, caption="左肺下叶结节").json()
    assert (second["version"], second["caption"]) == (2, "左肺下叶结节")
    stale = put(doctor, exam, key, version=1, caption="x")
    assert (stale.status_code, stale.json()["code"], stale.json()["current"]["caption"]) == (409, "row.version", "左肺下叶结节")
    swapped = put(doctor, exam, key, version=2, picture=drawn(shade=10))
    assert (swapped.status_code, swapped.json()["code"]) == (422, "key_image.picture")
    gone = doctor.ask("DELETE", f"/exams/{exam}/key-images/{key}?version=2").json()
    assert (gone["version"], gone["removed"]) == (3, True)
    assert doctor.ask("DELETE", f"/exams/{exam}/key-images/{key}?version=2").json() == gone, "twice is as once"
    assert rows(other, exam) == []
    back = put(doctor, exam, key, version=3, caption="左肺下叶结节").json()
    assert (back["version"], back["removed"]) == (4, False)
    told = [row for row in house.feed(since) if row["kind"] == "key_image.changed"]
    assert [(row["institution"], row["data"]["version"], row["data"]["removed"]) for row in told] == [
        ("HA", 1, False), ("HA", 2, False), ("HA", 3, True), ("HA", 4, False),
    ]  # fmt: skip
    assert all("content" not in row["data"] and "picture" not in row["data"] for row in told)
    audit = house.as_("administrator.ha").get(f"/audit?entity_type=key_image&entity_id={key}")["rows"]
    assert [one["action"] for one in reversed(audit)] == [f"key_image.{one}" for one in ("add", "change", "remove", "restore")]
    assert audit[2]["detail"]["before"] == "右肺上叶结节"


@pytest.mark.clause("R-10", "S-9")
def test_what_is_no_picture_is_refused_in_words(house: House, case: tuple[int, str]) -> None:
    exam, study = case
    doctor = house.as_("radiologist.c")
    noise = Image.effect_noise((1600, 1600), 90)
    big = io.BytesIO()
    noise.save(big, "PNG")
    assert len(big.getvalue()) > LARGEST_PICTURE
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    gif, moving = io.BytesIO(), io.BytesIO()
    Image.new("L", (64, 64)).save(gif, "GIF")
    Image.new("L", (64, 64)).save(moving, "PNG", save_all=True, append_images=[Image.new("L", (64, 64), 9)])
    bad: list[Any] = [
        svg, gif.getvalue(), moving.getvalue(), b"", drawn()[:-400], drawn()[:200], drawn((4, 240)), drawn((4097, 16)), big.getvalue(), "not base64!", "A" * (LARGEST_PICTURE * 2),
    ]  # fmt: skip
    for content in bad:
        answer = put(doctor, exam, str(uuid.uuid4()), reference=reference(study), picture=content)
        assert (answer.status_code, answer.json()["code"]) == (422, "key_image.no_picture"), content[:20]
        assert "PNG" in answer.json()["words"]["zh"]["action"]
    for changes in (
        {"made": "guess"},
        {"series": "../../etc"},
        {"window": {"center": "x", "width": 1}},
        {"frame": -1},
        {"zoom": float("nan")},
    ):
        assert put(doctor, exam, str(uuid.uuid4()), reference=reference(study, **changes), picture=drawn()).status_code == 422, changes
    for caption in ("x" * (LONGEST_CAPTION + 1), "a\x00b", "\ud800"):
        assert put(doctor, exam, str(uuid.uuid4()), reference=reference(study), picture=drawn(), caption=caption).status_code == 422
    assert put(doctor, exam, "short", reference=reference(study), picture=drawn()).status_code == 422
    assert put(doctor, exam, str(uuid.uuid4()), version=1, caption="of nothing").status_code == 404
    assert rows(doctor, exam, "?removed=true") == []
    assert make(doctor, exam, study, drawn(kind="JPEG"))["digest"]


@pytest.mark.clause("R-10")
def test_their_number_has_a_limit(house: House, case: tuple[int, str]) -> None:
    exam, study = case
    doctor = house.as_("radiologist.c")
    made = [make(doctor, exam, study) for _ in range(MOST_OF_EXAM)]
    assert len({one["digest"] for one in made}) == 1, "the same picture is kept once"
    more = put(doctor, exam, str(uuid.uuid4()), reference=reference(study), picture=drawn())
    assert (more.status_code, more.json()["code"]) == (409, "key_image.too_many")
    assert str(MOST_OF_EXAM) in more.json()["words"]["zh"]["action"]
    doctor.ask("DELETE", f"/exams/{exam}/key-images/{made[0]['id']}")
    make(doctor, exam, study)
    assert put(doctor, exam, made[0]["id"], version=2).json()["code"] == "key_image.too_many", "nor by bringing one back"


@pytest.mark.clause("R-10", "S-8", "S-9")
@pytest.mark.parametrize("role", ["technician", "registrar", "clinician", "nurse", "administrator"])
def test_who_does_not_write_reports_changes_nothing_and_sees_them_with_the_signed_report(
    house: House, case: tuple[int, str], role: str
) -> None:
    exam, study = case
    doctor, person = house.as_("radiologist.c"), house.as_(f"{role}.ha")
    one = make(doctor, exam, study)
    report = doctor.post("/reports", {"exam_ids": [exam]})
    draft = {"version": report["version"], **TEXT, "key_images": taken(one)}
    for answer in (
        put(person, exam, str(uuid.uuid4()), reference=reference(study), picture=drawn()),
        put(person, exam, one["id"], version=1, caption="x"),
        person.ask("DELETE", f"/exams/{exam}/key-images/{one['id']}"),
        person.ask("PUT", f"/reports/{report['id']}/draft", json=draft),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "right.missing")
    addresses = (
        f"/exams/{exam}/key-images",
        f"/exams/{exam}/key-images/{one['id']}/picture",
        f"/reports/{report['id']}/key-images/{one['digest']}",
    )
    for address in addresses:
        assert (person.ask("GET", address).status_code, person.ask("GET", address).json()["code"]) == (403, "report.not_signed")
    report = act(doctor, report, "submit", **TEXT, key_images=taken(one)).json()
    for address in addresses:
        assert person.ask("GET", address).status_code == 403, "submitted is not signed"
    act(house.as_("reviewer.c"), report, "sign")
    assert [(each["id"], each["changeable"]) for each in rows(person, exam)] == [(one["id"], False)]
    for address in addresses[1:]:
        assert person.ask("GET", address).content == drawn()


@pytest.mark.clause("R-10", "S-8", "S-9")
@pytest.mark.parametrize("role", ["radiologist", "reviewer", "clinician"])
def test_another_hospital_finds_no_key_image(house: House, case: tuple[int, str], role: str) -> None:
    exam, study = case
    doctor = house.as_("radiologist.c")
    one = make(doctor, exam, study)
    report = doctor.post("/reports", {"exam_ids": [exam]})
    report = act(doctor, report, "submit", **TEXT, key_images=taken(one)).json()
    act(house.as_("reviewer.c"), report, "sign")
    stranger = house.as_(f"{role}.hb")
    for address in (
        f"/exams/{exam}/key-images",
        f"/exams/{exam}/key-images/{one['id']}/picture",
        f"/reports/{report['id']}/key-images/{one['digest']}",
    ):
        assert stranger.ask("GET", address).status_code == 404, address
    refused = 403 if role == "clinician" else 404
    assert put(stranger, exam, str(uuid.uuid4()), reference=reference(study), picture=drawn()).status_code == refused
    assert stranger.ask("DELETE", f"/exams/{exam}/key-images/{one['id']}").status_code == refused
    # through an exam of its own neither: not the study, not the id, not the digest
    own = house.exam_with_images("HB")
    local = house.as_("radiologist.hb")
    through = put(local, own["exam_id"], str(uuid.uuid4()), reference=reference(study), picture=drawn())
    assert (through.status_code, through.json()["code"]) == (422, "key_image.study")
    assert local.ask("GET", f"/exams/{own['exam_id']}/key-images/{one['id']}/picture").status_code == 404
    theirs = local.post("/reports", {"exam_ids": [own["exam_id"]]})
    stolen = local.ask("PUT", f"/reports/{theirs['id']}/draft", json={"version": theirs["version"], **TEXT, "key_images": taken(one)})
    assert (stolen.status_code, stolen.json()["code"]) == (422, "key_image.unknown")
    assert local.ask("GET", f"/reports/{theirs['id']}/key-images/{one['digest']}").status_code == 404


@pytest.mark.clause("R-10", "S-8")
def test_only_its_author_and_the_author_of_the_report_change_one(house: House, case: tuple[int, str]) -> None:
    exam, study = case
    local, doctor = house.as_("radiologist.ha"), house.as_("radiologist.c")
    one = make(local, exam, study)
    for person in (doctor, house.as_("reviewer.c")):
        for answer in (put(person, exam, one["id"], version=1, caption="x"), person.ask("DELETE", f"/exams/{exam}/key-images/{one['id']}")):
            assert (answer.status_code, answer.json()["code"]) == (403, "key_image.author")
    doctor.post("/reports", {"exam_ids": [exam]})
    assert rows(doctor, exam)[0]["changeable"] is True, "the report's present author"
    assert put(doctor, exam, one["id"], version=1, caption="改").json()["caption"] == "改"
    assert rows(house.as_("reviewer.c"), exam)[0]["changeable"] is False


@pytest.mark.clause("R-10", "R-9")
def test_a_signed_version_keeps_the_pictures_it_was_signed_with(house: House, case: tuple[int, str]) -> None:
    exam, study = case
    doctor, reviewer, clinician = house.as_("radiologist.c"), house.as_("reviewer.c"), house.as_("clinician.ha")
    first, second = make(doctor, exam, study, caption="第一"), make(doctor, exam, study, drawn(shade=30))
    report = doctor.post("/reports", {"exam_ids": [exam]})
    assert report["key_images"] == []
    address = f"/reports/{report['id']}/draft"
    both = [*taken(second), *taken(first)]
    saved = doctor.ask("PUT", address, json={"version": report["version"], **TEXT, "key_images": both}).json()
    assert saved["version"] == report["version"] + 1
    again = doctor.ask("PUT", address, json={"version": report["version"], **TEXT, "key_images": both}).json()
    assert again["version"] == saved["version"], "the same again is no change"
    late = doctor.ask("PUT", address, json={"version": report["version"], **TEXT, "key_images": both[::-1]})
    assert (late.status_code, late.json()["code"]) == (409, "report.version"), "another order is another text"
    assert [each["id"] for each in late.json()["current"]["key_images"]] == [second["id"], first["id"]]
    kept = doctor.ask("PUT", address, json={"version": saved["version"], **TEXT}).json()
    assert kept["version"] == saved["version"], "who says nothing about key images leaves them"
    preview = doctor.ask("GET", f"/reports/{report['id']}/pdf").content
    assert [image.getpixel((0, 0)) for image in pictures(preview)[0]] == [(30, 30, 30), (90, 90, 90)]
    report = doctor.get(f"/reports/{report['id']}")
    report = act(doctor, report, "submit").json()
    report = act(reviewer, report, "sign").json()
    signed = report["key_images"]
    assert [(one["id"], one["digest"], one["caption"], one["made"]) for one in signed] == [
        (second["id"], second["digest"], "", "image"), (first["id"], first["digest"], "第一", "image"),
    ]  # fmt: skip
    # afterwards the exam's own key images go another way
    doctor.ask("DELETE", f"/exams/{exam}/key-images/{first['id']}")
    put(doctor, exam, second["id"], version=1, caption="改了")
    assert clinician.get(f"/reports/{report['id']}")["key_images"] == signed
    assert clinician.ask("GET", f"/reports/{report['id']}/key-images/{first['digest']}").content == drawn()
    final = clinician.ask("GET", f"/reports/{report['id']}/pdf").content
    assert [image.getpixel((0, 0)) for image in pictures(final)[0]] == [(30, 30, 30), (90, 90, 90)]
    text = words(final)
    assert "关键图像" in text
    assert "图2第一" in text
    assert "改了" not in text
    # a recall and a new signature: each version with its own
    report = act(reviewer, reviewer.get(f"/reports/{report['id']}"), "recall", reason="换图").json()
    assert clinician.ask("GET", f"/reports/{report['id']}/key-images/{first['digest']}").status_code == 403, "recalled: nothing is in force"
    report = act(doctor, report, "submit", key_images=taken(second)).json()
    report = act(reviewer, report, "sign").json()
    # an addendum under way changes nothing of what is in force
    report = act(doctor, report, "addendum").json()
    doctor.ask("PUT", address, json={"version": report["version"], **TEXT, "key_images": []}).raise_for_status()
    assert [one["id"] for one in clinician.get(f"/reports/{report['id']}")["key_images"]] == [second["id"]]
    versions = reviewer.get(f"/reports/{report['id']}/versions")["rows"]
    assert [(one["action"], len(one["key_images"])) for one in versions] == [
        ("submit", 2),
        ("sign", 2),
        ("recall", 2),
        ("submit", 1),
        ("sign", 1),
        ("addendum", 1),
    ]
    assert clinician.ask("GET", f"/reports/{report['id']}/key-images/{first['digest']}").status_code == 404, (
        "no longer in the text in force"
    )
    assert reviewer.ask("GET", f"/reports/{report['id']}/key-images/{first['digest']}").content == drawn(), "but in the trail"


@pytest.mark.clause("R-10")
def test_pictures_of_images_linked_elsewhere_do_not_leave_with_the_report(house: House, case: tuple[int, str]) -> None:
    exam, study = case
    doctor = house.as_("radiologist.c")
    one = make(doctor, exam, study)
    report = doctor.post("/reports", {"exam_ids": [exam]})
    draft = {**TEXT, "key_images": taken(one)}
    saved = doctor.ask("PUT", f"/reports/{report['id']}/draft", json={"version": report["version"], **draft}).json()
    right = book(house, "HA")["exams"][0]["exam_id"]
    with house.database.write() as session:  # the images turn out to be another child's
        session.execute(update(ExamStudy).where(ExamStudy.study == study).values(exam=right))
    typed = doctor.ask("PUT", f"/reports/{report['id']}/draft", json={"version": saved["version"], **draft, "findings": "更多文字"})
    assert typed.status_code == 200, "no word is lost"
    refused = act(doctor, typed.json() | {"id": report["id"]}, "submit")
    assert (refused.status_code, refused.json()["code"]) == (422, "key_image.unknown")
    assert act(doctor, typed.json() | {"id": report["id"]}, "submit", key_images=[]).json()["state"] == "written"


@pytest.mark.clause("R-10", "R-0")
def test_two_pictures_a_row_numbered_and_never_cut_by_a_page(press: Press) -> None:
    shapes = [(400, 300), (300, 400), (800, 200), (512, 512), (640, 480)]
    given = [
        {"source": f"data:image/png;base64,{base64.b64encode(drawn(shape, 20 + 30 * at)).decode()}", "caption": f"说明{at}", "made": "mpr" if at == 1 else "image"}
        for at, shape in enumerate(shapes)
    ]  # fmt: skip
    for lines in (1, 9, 14, 17, 18, 19, 20, 21, 24):
        pdf = press.print(html_of(facts(findings="所见\n" * lines, pictures=given)))
        found = pictures(pdf)
        assert [image.size for page in found for image in page] == shapes, "each once, whole, in order"
        pages = [one_form(page.extract_text()) for page in PdfReader(io.BytesIO(pdf)).pages]
        for number, page in enumerate(found):
            names = [at + 1 for at, shape in enumerate(shapes) if shape in [image.size for image in page]]
            assert all(f"图{name}" in pages[number] for name in names), "a picture and its caption stand on one page"
            if names:
                assert names[0] % 2 == 1, "a row is not divided"
        headed = [number for number, page in enumerate(pages) if "关键图像" in page]
        assert headed == [next(number for number, page in enumerate(found) if page)], "the heading stands with the first row"
        text = words(pdf)
        assert text.index("诊断意见") < text.index("关键图像") < text.index("图1") < text.index("报告医生")
        assert "多平面重建" in text, "what is no received image says so"
    assert "关键图像" not in words(press.print(html_of(facts(pictures=[]))))


@pytest.mark.clause("R-10", "S-9")
def test_a_hostile_caption_stays_text_and_only_pictures_are_taken(press: Press) -> None:
    hostile = '"><img src="file:///etc/passwd"><script>'
    source = f"data:image/png;base64,{base64.b64encode(drawn()).decode()}"
    html = html_of(facts(pictures=[{"source": source, "caption": hostile, "made": "image"}]))
    assert html.count("<img") == 1
    assert "<imgsrc=" in words(press.print(html))
    svg = base64.b64encode(
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>'
    ).decode()
    for other in (
        f"data:image/svg+xml;base64,{svg}",
        "data:text/html;base64,PGI+",
        "http://127.0.0.1:9/x.png",
        "file:///etc/hostname",
        "data:image/png,abc",
    ):
        with pytest.raises(Problem, match=r"pdf\.failed"):
            press.print(f'<p>x</p><img src="{other}">')
