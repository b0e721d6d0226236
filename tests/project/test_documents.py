"""The generated files and the lists kept twice say the same as their sources."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from docs.coverage import as_markdown, coverage

ROOT = Path(__file__).resolve().parents[2]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement(text: str) -> tuple[str, str]:
    name, _, version = re.match(r"([A-Za-z0-9_.-]+)(\[[^\]]*\])?(.*)", text.replace(" ", "")).groups()
    return normal(name), version


def test_coverage_files_are_in_step_with_the_markers():
    table = coverage()
    assert json.loads((ROOT / "docs/coverage.json").read_text(encoding="utf-8")) == table, "run make coverage"
    assert (ROOT / "docs/coverage.md").read_text(encoding="utf-8") == as_markdown(table), "run make coverage"


def test_conda_environment_names_what_pyproject_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = dict(requirement(line) for line in [*project["dependencies"], *project["optional-dependencies"]["test"]])
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert dict(requirement(line) for line in pip) == wanted


def test_lock_holds_every_dependency_with_a_hash():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    blocks = {normal(block.split("==")[0].split("[")[0]): block for block in re.split(r"\n(?=[a-z])", lock) if "==" in block}
    for line in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
        name, _ = requirement(line)
        assert "--hash=sha256:" in blocks.get(name, ""), f"{name} is not locked: run make lock"


def test_lab_lock_holds_every_dependency_of_the_lab_with_a_hash_and_nothing_of_the_hub():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    assert {"include-group": "itk"} in groups["lab"]
    wanted = [line for group in ("lab", "itk") for line in groups[group] if isinstance(line, str)]
    lock = (ROOT / "requirements-lab.lock").read_text(encoding="utf-8")
    blocks = {normal(block.split("==")[0].split("[")[0]): block for block in re.split(r"\n(?=[a-z])", lock) if "==" in block}
    for line in wanted:
        name, _ = requirement(line)
        assert "--hash=sha256:" in blocks.get(name, ""), f"{name} is not locked: run make lock"
    assert not {"jupyterhub", "sqlalchemy", "fastapi", "voila", "torch"} & set(blocks), "the lab needs nothing of the hub's own"


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git checkout: nothing says which files belong to the project")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_package_registry_host():
    host = re.compile("|".join(["pypi" + r"\.org", "files\\.python" + "hosted", "registry\\.npm" + "js", "deb\\.deb" + "ian"]))
    found = [
        path.relative_to(ROOT)
        for path in tracked()
        if path.suffix not in {".png", ".ico"} and host.search(path.read_text("utf-8", "replace"))
    ]
    assert found == []


def test_bench_results_have_their_shape():
    results = json.loads((ROOT / "docs/bench.json").read_text(encoding="utf-8"))
    for row in results:
        assert set(row) == {"id", "what", "value", "unit", "goal", "better", "holds", "peer", "runs"}, row
        assert row["better"] in {"higher", "lower"}
        if row["goal"] is not None:
            reached = row["value"] <= row["goal"] if row["better"] == "lower" else row["value"] >= row["goal"]
            assert row["holds"] is reached, row


def test_every_term_of_the_glossary_has_both_languages():
    rows = [line.split("|")[1:4] for line in (ROOT / "docs/glossary.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    terms = [[cell.strip() for cell in row] for row in rows if not row[0].strip().startswith("-")][1:]
    assert len(terms) > 40
    assert all(all(row) for row in terms)
    names = [row[0] for row in terms]
    assert len(names) == len(set(names))
