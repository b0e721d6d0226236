"""Who takes part in the demo: one reading centre, two hospitals, their departments, people and devices. Names of people are invented."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

CENTRE = "XACH"
HOSPITALS = ("H01", "H02")

INSTITUTIONS: tuple[dict[str, str], ...] = (
    {
        "code": "XACH",
        "name": "西安市儿童医院远程影像诊断中心",
        "name_en": "Xi'an Children's Hospital Tele-radiology Centre",
        "kind": "centre",
    },
    {"code": "H01", "name": "延安市妇幼保健院", "name_en": "Yan'an Maternal and Child Health Hospital", "kind": "hospital"},
    {"code": "H02", "name": "汉中市儿童医院", "name_en": "Hanzhong Children's Hospital", "kind": "hospital"},
)

DEPARTMENTS: tuple[dict[str, str], ...] = tuple(
    {"institution": institution, "code": code, "name": name, "name_en": name_en}
    for institution in (CENTRE, *HOSPITALS)
    for code, name, name_en in (
        ("RAD", "医学影像科", "Radiology"),
        ("PED", "儿内科", "Paediatrics"),
        ("SUR", "小儿外科", "Paediatric surgery"),
        ("NEO", "新生儿科", "Neonatology"),
        ("EMG", "急诊科", "Emergency"),
    )
)

CLINICAL_ROLES = ("radiologist", "reviewer", "technician", "registrar", "clinician", "nurse")

STAFF = {
    "XACH": {
        "radiologist": "陆清和",
        "reviewer": "秦远山",
        "technician": "白晓舟",
        "registrar": "容一诺",
        "clinician": "方知微",
        "nurse": "乔安然",
        "administrator": "萧明德",
        "operator": "石磊磊",
        "researcher": "沈若谷",
    },
    "H01": {
        "radiologist": "高延平",
        "reviewer": "拓宏伟",
        "technician": "折小军",
        "registrar": "艾雪梅",
        "clinician": "呼延静",
        "nurse": "苗春燕",
        "patient": "贺思远家属",
    },
    "H02": {
        "radiologist": "汉嘉树",
        "reviewer": "蒲文博",
        "technician": "褒小溪",
        "registrar": "勉晓彤",
        "clinician": "洋景行",
        "nurse": "略阳春",
    },
}
"""Institution → role → the one demo user's display name."""

DEVICE_PREFIX = {"XACH": "XACH", "H01": "YAFY", "H02": "HZET"}


@dataclass(frozen=True)
class DemoAccount:
    """One user of the demo."""

    username: str
    name: str
    role: str
    institution: str
    password: str

    def listed(self) -> dict[str, str]:
        """Return it as `demo-accounts.json` lists it."""
        return {"username": self.username, "password": self.password, "role": self.role, "institution": self.institution}


def make_accounts(known_passwords: dict[str, str]) -> list[DemoAccount]:
    """Return a user per role and institution (`radiologist.xach`, …); a new random password unless one is already known."""
    return [
        DemoAccount(username, name, role, institution, known_passwords.get(username) or secrets.token_urlsafe(12))
        for institution, people in STAFF.items()
        for role, name in people.items()
        for username in (f"{role}.{institution.lower()}",)
    ]


def devices() -> list[dict[str, object]]:
    """Return the devices as the node reads them: per institution CT, MR, DR, US that take their worklist and store, and a workstation that finds and fetches."""
    made: list[dict[str, object]] = []
    modality = ["echo", "store", "worklist", "mpps", "commit"]
    for institution, prefix in DEVICE_PREFIX.items():
        made += [{"aet": f"{prefix}_{kind}1", "institution": institution, "may": modality} for kind in ("CT", "MR", "DR", "US")]
        made.append({"aet": f"{prefix}_WS1", "institution": institution, "may": ["echo", "find", "get", "move"]})
    return made


def device_for(institution: str, modality: str) -> str:
    """Return the AE title of the device that takes images of this modality in an institution."""
    kind = {"DX": "DR", "CR": "DR", "NM": "CT"}.get(modality, modality)  # the gamma camera sends through the CT's workstation
    return f"{DEVICE_PREFIX[institution]}_{kind}1"
