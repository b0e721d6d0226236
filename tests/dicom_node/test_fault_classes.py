"""Classes of faults that were found in other archives and have no test elsewhere; `docs/faults.md` names the test of each class."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from pydicom import dcmread
from running_node import ROOT, RunningNode, encoded, image
from stowing import body, file_bytes, stow

from bench.sender import Sender

pytestmark = pytest.mark.clause("S-9")
CT = "1.2.840.10008.5.1.4.1.1.2"


def test_no_shell_and_no_code_from_data() -> None:
    """DCMTK CVE-2026-5663: metadata became a command line."""
    forbidden = {"system", "popen", "eval", "exec", "getoutput", "getstatusoutput", "loads_pickle"}
    for path in (ROOT / "dicom_node").rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            assert name not in forbidden, f"{path}:{call.lineno}"
            assert not any(word.arg == "shell" for word in call.keywords), f"{path}:{call.lineno}"


@pytest.mark.parametrize("text", ["$(touch /tmp/x);`id`|cat", "%s%n{0}", "\u202eABC", "a\tb"])
def test_hostile_text_stays_data(node: RunningNode, text: str) -> None:
    ds = image(StudyDescription=text, SpecificCharacterSet="ISO_IR 192")
    sender = Sender(node.dicom_port, "CT_A", "HUB", CT)
    sender.store(str(ds.SOPInstanceUID), encoded(ds))
    sender.close()
    node.wait_instances(ds.StudyInstanceUID, 1)
    (found,) = node.get("/dicom-web/studies", params={"StudyInstanceUID": ds.StudyInstanceUID}).json()
    assert found["00081030"]["Value"] == [text]


@pytest.mark.parametrize(
    "preamble", [b"MZ" + bytes(126), b"<html><script>alert(1)</script>".ljust(128, b" "), b"\x7fELF".ljust(128, b"\1")]
)
def test_a_preamble_that_is_a_program_is_not_kept(node: RunningNode, preamble: bytes) -> None:
    """CVE-2019-11687: a DICOM file that is a program too. Uploaded, archived and given out again it has an empty preamble."""
    ds = image()
    assert stow(node, body(file_bytes(ds, preamble))).status_code == 200
    node.wait_instances(ds.StudyInstanceUID, 1)
    at = f"/dicom-web/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"
    given = node.get(at, headers={"Accept": "application/dicom"}).content
    assert given[:132] == bytes(128) + b"DICM"
    kept = [
        path
        for path in (node.data / "files").rglob("*.dcm")
        if dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID == ds.SOPInstanceUID
    ]
    assert [Path(path).read_bytes()[:128] for path in kept] == [bytes(128)]


def test_the_tests_that_are_named_for_each_class_exist() -> None:
    folder = ROOT / "tests" / "dicom_node"
    page = (ROOT / "docs" / "faults.md").read_text("utf-8")
    names = re.findall(r"`(?:(test_\w+\.py))?(?:::(test_\w+))?`", page)
    file, seen = "", 0
    for module, test in names:
        file = module or file
        if file:
            assert (folder / file).exists(), file
        if test:
            assert f"def {test}(" in (folder / file).read_text("utf-8"), (file, test)
            seen += 1
    assert seen >= 10
