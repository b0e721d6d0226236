"""A real ris, node and research service in one folder; children made up, sent through the DICOM port, their exams told and reported."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from pydicom.dataset import Dataset

from tests.mart.house import PEOPLE, House, wait_for

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dicom_node"))
from rejecting import send
from running_node import image

TODAY = datetime.now(ZoneInfo("Asia/Shanghai")).date()
APPROVAL = {"number": "伦审 2026-18", "by": "医院伦理委员会", "day": "2026-11-01"}
RESEARCHERS = {name: [("researcher", "CENTRE")] for name in ("fellow", "leaving")}
NAMES = ("王^小明", "OUYANG^Yidi=欧阳^乙地", "Murong^Xiao", "诸葛^丽", "Linghu^Chong=令狐^冲", "司马^相如", "Huangfu^Song=皇甫^嵩")
PINYIN = ("xiaoming", "ouyang", "yidi", "murong", "zhuge", "linghu", "sima", "huangfu")


@dataclass
class Child:
    """A child of the test and what was sent of it."""

    number: int
    institution: str
    name: str
    born: str
    sex: str
    images: list[Dataset] = field(default_factory=list)

    @property
    def patient_id(self) -> str:
        return f"SECRETMRN{self.number:04}"

    @property
    def accession(self) -> str:
        return f"SECRETACC{self.number:04}"


def children() -> list[Child]:
    """Seven boys of 5 with a CT of the chest in H01, five of 5 in H02; three girls of 9: too few; and one adult."""
    made = []
    for number in range(16):
        name = f"{NAMES[number % len(NAMES)]}"
        if number < 12:
            made.append(Child(number, "H01" if number < 7 else "H02", name, f"2018{1 + number % 9:02}17", "M"))
        elif number < 15:
            made.append(Child(number, "H01", name, f"2014{1 + number % 9:02}17", "F"))
        else:
            made.append(Child(number, "H01", name, "19610417", "F"))
    for child in made:
        about = {
            "PatientName": child.name, "PatientID": child.patient_id, "PatientBirthDate": child.born, "PatientSex": child.sex,
            "SpecificCharacterSet": "ISO_IR 192", "AccessionNumber": child.accession, "StationName": "SECRETSTATION", "BodyPartExamined": "CHEST",
            "InstitutionName": "SECRETHOSPITAL 第一医院", "ReferringPhysicianName": "SECRETDOCTOR^赵", "SeriesDescription": f"{child.name} 平扫",
            "StudyDescription": f"{child.name} chest", "Manufacturer": "GE MEDICAL SYSTEMS", "ManufacturerModelName": "Revolution SECRETMODEL",
            "ProtocolName": "SECRETPROTOCOL", "KVP": 100, "SliceThickness": 1.25, "StudyDate": "20240301",
        }  # fmt: skip
        first = image(CTDIvol=2.0 + child.number / 10, **about)
        second = image(first.StudyInstanceUID, first.SeriesInstanceUID, CTDIvol=2.0 + child.number / 10, InstanceNumber=2, **about)
        child.images = [first, second]
    return made


class ResearchHouse(House):
    """The house with a research service in it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ports["research"] = self.port()

    @property
    def research(self) -> str:
        return f"http://127.0.0.1:{self.ports['research']}/services/research"

    @property
    def data(self) -> Path:
        return self.folder / "research"

    def address(self, name: str) -> str:
        return self.research if name == "research" else super().address(name)

    def command_of(self, name: str) -> list[str]:
        return ["-m", "pipelines.research"] if name == "research" else super().command_of(name)

    def environment(self, name: str, data: str = "mart") -> dict[str, str]:
        if name != "research":
            published = {"NODE_PUBLISH": str(self.folder / "published"), "NODE_PUBLISH_CHANGES": "1", "NODE_QUIET_SECONDS": "1"}
            return super().environment(name, data) | (published if name == "node" else {})
        mart = super().environment("mart")
        return {key: value for key, value in mart.items() if not key.startswith("MART_")} | {
            "RESEARCH_DATA": str(self.data), "RESEARCH_PORT": str(self.ports["research"]), "RESEARCH_TICKET_KEY": str(self.folder / "public.pem"),
            "RESEARCH_PUBLISHED": str(self.folder / "published"), "RESEARCH_MINUTES": "0.001", "SERVICE_NAME": "research",
            "SERVICE_SECRET_FILE": str(self.folder / "research.secret"), "RESEARCH_REQUESTS": "100000", "RESEARCH_RESULT_BYTES": "200000",
        }  # fmt: skip

    # -- projects ------------------------------------------------------------------------------------------------------------------

    def project(self, code: str, *, approve: bool = True, **changes: Any) -> dict[str, Any]:
        """A project of `fellow`, approved by the administrator."""
        body = {"code": code, "title": "儿童胸部 CT", "purpose": "剂量", "expires_on": (TODAY + timedelta(days=90)).isoformat(),
                "members": ["fellow"], "tables": ["studies", "series", "exams"], "pixels": True, **changes}  # fmt: skip
        made: dict[str, Any] = self.call("admin", "POST", "/projects", json=body)
        return self.move(made, "approve") if approve else made

    def move(self, project: dict[str, Any], action: str) -> dict[str, Any]:
        """Approve or close."""
        wish = {"action": action, "version": project["version"], "approval": APPROVAL if action == "approve" else None}
        moved: dict[str, Any] = self.call("admin", "POST", f"/projects/{project['code']}/transitions", json=wish)
        return moved

    def token(self, code: str, days: int = 30) -> dict[str, Any]:
        """A token of a project for a platform."""
        made: dict[str, Any] = self.call(
            "admin", "POST", f"/projects/{code}/tokens", json={"label": "平台", "expires_on": (TODAY + timedelta(days=days)).isoformat()}
        )
        return made

    # -- asking the service -----------------------------------------------------------------------------------------------------------

    def ticket_of(self, username: str, desk: str = "research") -> str:
        """A kernel's ticket of a desk."""
        made: dict[str, Any] = self.call(username, "POST", "/tickets/kernel", json={"desk": desk})
        return str(made["ticket"])

    def get(self, who: str, path: str, *, method: str = "GET", **more: Any) -> httpx.Response:
        """Ask as somebody of the room (his name), or with a token or ticket."""
        bearer = self.room(who) if who in RESEARCHERS else who
        headers = {"Authorization": f"Bearer {bearer}"} | more.pop("headers", {})
        return httpx.request(method, f"{self.research}/api/v1{path}", headers=headers, timeout=20, **more)

    def room(self, username: str) -> str:
        """The ticket of a researcher's room, kept."""
        key = f"room:{username}"
        if key not in self.cookies:
            self.cookies[key] = self.ticket_of(username)
        return self.cookies[key]

    def wait_tables(self, code: str, who: str = "fellow", rows: int = 0) -> dict[str, Any]:
        """The tables of a project, once there are some with at least so many studies."""

        def made() -> dict[str, Any] | None:
            answer = self.get(who, f"/projects/{code}/tables")
            body = answer.json()
            return body if answer.status_code == 200 and body["told"]["shown"] >= rows else None

        found: dict[str, Any] = wait_for(made, 40, lambda: self.log("research")[-2000:])
        return found


@dataclass
class Room:
    """The house, furnished."""

    house: ResearchHouse
    children: list[Child]
    code: str = "chest"

    def secrets(self) -> list[bytes]:
        """Everything that must be in no published file, in both encodings: names, numbers, pinyin, UIDs, days of birth, places."""
        words: set[str] = set(PINYIN) | {"SECRET", "第一医院", "平扫", "19610417", "1961-04-17", "H01", "H02", "fellow"}
        for child in self.children:
            for part in child.name.replace("=", "^").split("^"):
                words |= {part, part.lower(), part.upper()}
            born = f"{child.born[:4]}-{child.born[4:6]}-{child.born[6:]}"
            words |= {child.patient_id, child.accession, child.born, born}
            for one in child.images:
                words |= {str(one.StudyInstanceUID), str(one.SeriesInstanceUID), str(one.SOPInstanceUID)}
        # four capital letters stand in a pseudonym by chance once in a while
        words = {word for word in words if len(word) > 1 and not (word.isascii() and word.isupper() and word.isalpha() and len(word) < 6)}
        return sorted({word.encode(encoding) for word in words for encoding in ("utf-8", "gb18030")})


def furnish(house: ResearchHouse) -> Room:
    """Start everything, send the children, tell their exams, sign two reports, approve the project."""
    house.bootstrap({name: PEOPLE[name] for name in ("admin", "writer", "chief")} | RESEARCHERS)
    house.start("ris")
    (house.folder / "devices.json").write_text(
        json.dumps([{"aet": code, "institution": code, "may": ["echo", "store", "find"]} for code in ("H01", "H02")])
    )
    house.start("node")
    room = Room(house, children())
    for institution in ("H01", "H02"):
        send(
            house.ports["dicom"], institution, *(one for child in room.children if child.institution == institution for one in child.images)
        )
    studies = [
        {
            "study_uid": child.images[0].StudyInstanceUID, "institution": child.institution, "accession": None, "patient_id": child.patient_id,
            "patient_name": child.name, "birth_date": child.born, "sex": child.sex, "modality": "CT", "description": "SECRET", "body_part": "CHEST",
            "study_date": "20240301", "instances": 2,
        }
        for child in room.children
    ]  # fmt: skip
    exams = house.arrive(studies)
    for place, exam in enumerate(exams[:2]):
        house.report(exam["exam_id"], sign=place == 0, positive=True)
    house.project(room.code)
    house.start("research")
    house.wait_tables(room.code, rows=12)
    return room
