"""The node's generated documents are those of its code, and say what a peer finds."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydicom.uid import UID_dictionary

from dicom_node.receive.services import RIGHTS, verb_of
from dicom_node.settings import Settings, load
from docs import conformance, node

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.clause("S-4", "X-3")


@pytest.mark.parametrize("module", [conformance, node])
def test_the_document_is_that_of_the_code(module):
    assert module.PATH.read_text(encoding="utf-8") == module.document(), f"{module.PATH.name} is stale: run make conformance"


def test_every_setting_is_described_and_the_example_can_be_used(tmp_path, monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"NODE_{name.upper()}", raising=False)
    text = (ROOT / "docs/node.md").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert f"| `{name}` | `NODE_{name.upper()}` |" in text
    block = re.search(r"```toml\n(.*?)```", text, re.DOTALL)[1]
    assert set(re.findall(r"^#? ?(\w+) = ", block, re.MULTILINE)) == set(Settings.model_fields)
    config = tmp_path / "config.toml"
    config.write_text(block, encoding="utf-8")
    settings = load(config)
    given = tomllib.loads(block)
    assert str(settings.data) == given["data"]
    assert settings.dicom_tls_port == 2762


def test_every_service_of_the_tables_is_stated_and_no_other():
    text = (ROOT / "docs/conformance.md").read_text(encoding="utf-8")
    overview = text[: text.index("## 2 ")]
    assert set(re.findall(r"`(1\.2\.840\.[\d.]+)`", overview)) == set(RIGHTS)
    annex = text[text.index("## Annex A") :]
    listed = set(re.findall(r"\| `(1\.2\.840\.10008\.[\d.]+)` \|", annex))
    # known independently: the storage classes in the standard's own dictionary, but for those of objects without a patient
    patientless = re.compile(r"Defined Procedure Protocol|Protocol Approval|Palette|Implant|Hanging|Inventory")
    standard = {
        uid for uid, (name, kind, *_) in UID_dictionary.items()
        if kind == "SOP Class" and "Storage" in name and uid.startswith("1.2.840.10008.5.1.4.1.1.") and not patientless.search(name)
    }  # fmt: skip
    assert len(standard) > 150
    assert standard - listed == set()
    assert not {uid for uid in listed if verb_of(uid) != "store"}
