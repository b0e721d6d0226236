"""The quick start of JupyterLab is the same JupyterLab, without the grammar of IRIs and without asking Yarn."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hub_config.settings import ROOT

pytestmark = pytest.mark.clause("H-4")
LAB = ROOT / ".venv-lab"
PROBE = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import quick
path = os.environ['PATH']
made = quick.lab_app()
found = dict(made=f'{made.__module__}.{made.__name__}', same_path=os.environ['PATH'] == path, grammar='rfc3987_syntax.syntax_helpers' in sys.modules)
import jsonschema
check = jsonschema.FormatChecker()
found['iri'] = [check.conforms(text, 'iri') for text in ('https://例子.cn/a', 'no iri at all')]
print(json.dumps(found))
"""


def test_it_starts_jupyterlab_and_postpones_what_nobody_needs(tmp_path: Path) -> None:
    if not (LAB / "bin" / "jupyter-lab").exists():
        pytest.skip(f"no research environment at {LAB}: the project's set-up makes it")
    for name in ("lab/quick.py", "iri.py"):
        shutil.copy(ROOT / "hub_config" / name, tmp_path)
    # A Node.js that says when it is asked.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "node").write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    (tmp_path / "bin" / "node").chmod(0o755)
    settings = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [str(LAB / "bin" / "python"), "-P", "-c", PROBE, str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | settings,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found == {"made": "jupyterlab.labapp.LabApp", "same_path": True, "grammar": False, "iri": [True, False]}
    assert not (tmp_path / "asked").exists(), "Yarn was asked"
