"""What happens in the demo, in order: orders are placed, devices send, the centre reports. Every step may be done again without effect."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hub_config.demo.examinations import EXAMINATIONS, Examination
from hub_config.demo.hospitals import CENTRE, DEPARTMENTS, INSTITUTIONS, DemoAccount, devices, make_accounts
from hub_config.demo.sending import send
from hub_config.demo.staff import StaffMember
from hub_config.demo.writings import KNOWLEDGE, PROJECT, TEMPLATES

LINKING_SECONDS = 120.0
"""How long a sent study may take to appear on the worklist before the demo gives up (seconds in use, minutes on a starving machine)."""


@dataclass(frozen=True)
class Places:
    """Where the demo works (environment of `python -m hub_config.demo`)."""

    ris_url: str
    data_dir: Path
    dicom_port: int
    dicom_host: str
    dicom_aet: str

    @classmethod
    def from_environment(cls) -> Places:
        """Read RIS_URL, DATA_DIR, DICOM_PORT; DICOM_HOST (127.0.0.1) and DICOM_AET (HUB) may be given."""
        missing = [name for name in ("RIS_URL", "DATA_DIR", "DICOM_PORT") if not os.environ.get(name)]
        if missing:
            raise SystemExit(f"缺少设置 / missing settings: {', '.join(missing)}")
        host = os.environ.get("DICOM_HOST", "127.0.0.1")
        return cls(
            os.environ["RIS_URL"].rstrip("/"),
            Path(os.environ["DATA_DIR"]),
            int(os.environ["DICOM_PORT"]),
            "127.0.0.1" if host in {"0.0.0.0", "::"} else host,
            os.environ.get("DICOM_AET", "HUB"),
        )

    @property
    def accounts_file(self) -> Path:
        """List of `{username, password, role, institution}`, 0600."""
        return self.data_dir / "demo-accounts.json"

    @property
    def devices_file(self) -> Path:
        """List of `{aet, institution, may}`, read by the node."""
        return self.data_dir / "demo-devices.json"

    @property
    def plan_file(self) -> Path:
        """The seed of all UIDs and the day that counts as today, kept so that a repeated step does the same again."""
        return self.data_dir / "demo-plan.json"

    @property
    def prepared(self) -> Path:
        """There when accounts and hospitals are made."""
        return self.data_dir / "demo-prepared"

    @property
    def done(self) -> Path:
        """There when everything is done."""
        return self.data_dir / "demo-done"

    def hub_secret(self) -> str:
        """Return the secret that opens the login door of ris."""
        return (self.data_dir / "secrets" / "service-hub").read_text(encoding="utf-8").strip()


def write_private(path: Path, content: object) -> None:
    """Write JSON with mode 0600, whole or not at all, on disk when this returns."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read_plan(places: Places) -> tuple[str, datetime]:
    """Return (seed of the UIDs, when the demo began, in the hospitals' local time as DICOM writes it); made at the first call."""
    if not places.plan_file.exists():
        begun = datetime.now(ZoneInfo(os.environ.get("RIS_TIMEZONE", "Asia/Shanghai"))).replace(tzinfo=None, microsecond=0)
        write_private(places.plan_file, {"seed": secrets.token_hex(8), "begun": begun.isoformat()})
    plan = json.loads(places.plan_file.read_text(encoding="utf-8"))
    return str(plan["seed"]), datetime.fromisoformat(plan["begun"])


def prepare(places: Places, say: Callable[[str], None]) -> None:
    """Write accounts and devices, and hand institutions, departments and accounts to `python -m ris bootstrap`."""
    if not places.devices_file.exists():
        write_private(places.devices_file, devices())
    if places.prepared.exists():
        return
    read_plan(places)
    known: dict[str, str] = {}
    if places.accounts_file.exists():
        known = {one["username"]: one["password"] for one in json.loads(places.accounts_file.read_text(encoding="utf-8"))}
    accounts = make_accounts(known)
    # Written before the accounts exist: a password must never be lost between the two steps.
    write_private(places.accounts_file, [account.listed() for account in accounts])
    say("演示：建立机构与账号 / demo: making institutions and accounts")
    bootstrap(accounts)
    write_private(places.prepared, {"accounts": len(accounts)})


def bootstrap(accounts: list[DemoAccount]) -> None:
    """Run `python -m ris bootstrap` with this process's own RIS_ settings; the data (passwords too) goes through standard input."""
    data = {
        "institutions": list(INSTITUTIONS),
        "departments": list(DEPARTMENTS),
        "accounts": [
            {
                "username": account.username,
                "name": account.name,
                "password": account.password,
                "assignments": [{"role": account.role, "institution": account.institution}],
            }
            for account in accounts
        ],
    }
    done = subprocess.run(
        [sys.executable, "-m", "ris", "bootstrap"],
        input=json.dumps(data, ensure_ascii=False),
        text=True,
        encoding="utf-8",
        capture_output=True,
        check=False,
        timeout=300,
    )
    if done.returncode != 0:
        raise SystemExit(f"建立机构与账号失败 / ris bootstrap failed ({done.returncode}):\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


@dataclass(frozen=True)
class Telling:
    """One telling of the story: who may log in, the seed, the beginning."""

    places: Places
    passwords: dict[str, str]
    seed: str
    begun: datetime
    say: Callable[[str], None]

    def member(self, role: str, institution: str) -> StaffMember:
        """Log in as the user of a role in an institution."""
        username = f"{role}.{institution.lower()}"
        return StaffMember(self.places.ris_url, self.places.hub_secret(), username, self.passwords[username])

    def key(self, *parts: str) -> str:
        """Return an idempotency key of this demo."""
        return "/".join(("demo", self.seed, *parts))

    def place_orders(self) -> None:
        """Each hospital's registrar places the orders of its scheduled examinations."""
        for institution in sorted({exam.child.institution for exam in EXAMINATIONS}):
            with self.member("registrar", institution) as registrar:
                for exam in EXAMINATIONS:
                    if exam.scheduled and exam.child.institution == institution:
                        registrar.post("/orders", self.order(exam), self.key("order", exam.key))

    def order(self, exam: Examination) -> dict[str, Any]:
        """Return the order of an examination as the registration form sends it."""
        child = exam.child
        wish = {"accession": exam.accession, "modality": exam.modality, "description": exam.description, "body_part": exam.body_part}
        return {
            "institution": child.institution,
            "patient": {
                "patient_id": child.patient_id,
                "name": child.name,
                "sex": child.sex,
                "birth_date": child.birth(self.begun.date()).isoformat(),
            },
            "priority": exam.priority,
            "department": "急诊科" if exam.priority == "stat" else "儿内科",
            "history": exam.history,
            "diagnosis": exam.diagnosis,
            "question": f"请协助诊断：{exam.diagnosis}",
            "exams": [{**wish, "priority": exam.priority}],
        }

    def write_down(self) -> None:
        """The centre's reviewer enters report templates and knowledge, each once by its name."""
        with self.member("reviewer", CENTRE) as reviewer:
            there = {one["name"] for one in rows_of(reviewer.get("/templates"))}
            for number, template in enumerate(TEMPLATES):
                if template["name"] not in there:
                    reviewer.post("/templates", {**template, "public": True}, self.key("template", str(number)))
            there = {one["title"] for one in rows_of(reviewer.get("/knowledge"))}
            for number, entry in enumerate(KNOWLEDGE):
                if entry["title"] not in there:
                    reviewer.post("/knowledge", dict(entry), self.key("knowledge", str(number)))

    def approve_research(self) -> None:
        """The centre's administrator approves one project for its researcher. The demo's images are nobody's: no group is too small."""
        with self.member("administrator", CENTRE) as administrator:
            there = {one["code"]: one for one in rows_of(administrator.get("/projects"))}
            project = there.get(PROJECT["code"])
            if project is None:
                body = {
                    **PROJECT,
                    "expires_on": (self.begun.date() + timedelta(days=365)).isoformat(),
                    "members": [f"researcher.{CENTRE.lower()}"],
                }
                project = administrator.post("/projects", body, self.key("project"))
            if project["state"] == "draft":
                approval = {"number": "演示-01", "by": "演示伦理委员会 / demo ethics committee", "day": self.begun.date().isoformat()}
                wish = {"action": "approve", "version": project["version"], "approval": approval}
                administrator.post(f"/projects/{project['code']}/transitions", wish)

    def send_images(self) -> int:
        """Every device sends its studies through the DICOM port; return how many images were stored."""
        places, total = self.places, 0
        for number, exam in enumerate(EXAMINATIONS, 1):
            images = exam.data_sets(self.begun, self.seed)
            total += send(images, exam.device, places.dicom_port, host=places.dicom_host, called=places.dicom_aet)
            self.say(f"演示：{number}/{len(EXAMINATIONS)} {exam.modality} {exam.device} / demo: study {number} of {len(EXAMINATIONS)} sent")
        return total

    def report(self) -> None:
        """The centre's radiologist writes what is to be written, the reviewer signs."""
        reported = [exam for exam in EXAMINATIONS if exam.report is not None]
        with self.member("radiologist", CENTRE) as radiologist, self.member("reviewer", CENTRE) as reviewer:
            for exam in reported:
                row = radiologist.wait_for_images(exam.accession, LINKING_SECONDS)
                if row["report_id"] is None or row["stage"] == "writing":
                    self._write(radiologist, exam, row["exam_id"])
                    row = radiologist.wait_for_images(exam.accession, LINKING_SECONDS)
                if row["stage"] in {"to_review", "in_review"}:
                    self._sign(reviewer, row["report_id"])

    @staticmethod
    def _write(radiologist: StaffMember, exam: Examination, exam_id: int) -> None:
        assert exam.report is not None  # noqa: S101 - chosen by the caller
        text = {"findings": exam.report.findings, "impression": exam.report.impression, "positive": exam.report.positive}
        report = radiologist.post("/reports", {"exam_ids": [exam_id]})
        saved = radiologist.put(f"/reports/{report['id']}/draft", {"version": report["version"], **text})
        radiologist.post(f"/reports/{report['id']}/transitions", {"action": "submit", "version": saved["version"], **text})

    @staticmethod
    def _sign(reviewer: StaffMember, report_id: int) -> None:
        report = reviewer.get(f"/reports/{report_id}")
        if "review" in report["actions"]:
            report = reviewer.post(f"/reports/{report_id}/transitions", {"action": "review", "version": report["version"]})
        reviewer.post(f"/reports/{report_id}/transitions", {"action": "sign", "version": report["version"]})


def rows_of(answer: Any) -> list[dict[str, Any]]:
    """Return the rows of a list route, which answers a list or `{rows: […]}`."""
    return list(answer["rows"] if isinstance(answer, dict) else answer)


def send_all(places: Places, say: Callable[[str], None]) -> None:
    """Place orders, send images, write reports; the marker at the end makes a later call do nothing."""
    if places.done.exists():
        return
    if not places.prepared.exists():
        raise SystemExit("请先运行 prepare / run `python -m hub_config.demo prepare` first")
    seed, begun = read_plan(places)
    passwords = {one["username"]: one["password"] for one in json.loads(places.accounts_file.read_text(encoding="utf-8"))}
    telling = Telling(places, passwords, seed, begun, say)
    telling.place_orders()
    telling.write_down()
    telling.approve_research()
    images = telling.send_images()
    telling.report()
    write_private(places.done, {"studies": len(EXAMINATIONS), "images": images})
    say(f"演示：完成，{len(EXAMINATIONS)} 个检查、{images} 幅图像 / demo: done, {len(EXAMINATIONS)} studies, {images} images")
