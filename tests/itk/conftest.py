"""The environment of the notebooks, a JupyterLab of it, and what its pictures show."""

from __future__ import annotations

import io
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.worker import take_free_port

ENVIRONMENT = Path(os.environ.get("HUB_LAB_ENVIRONMENT") or ROOT / ".venv-lab")


@pytest.fixture(scope="session")
def environment() -> Path:
    """`.venv-lab` with itkwidgets in it; skips in words where set-up has not made it."""
    if not (ENVIRONMENT / "share/jupyter/labextensions/hub-itk/viewer.html").is_file():
        pytest.skip("no environment of the notebooks with itkwidgets: make setup makes it (.venv-lab)")
    return ENVIRONMENT


@pytest.fixture(scope="package")
def lab(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """JupyterLab as a researcher has it: its address and the folder of its notebooks."""
    home = tmp_path_factory.mktemp("lab")
    port = take_free_port()
    (home / "jupyter_lab_config.py").write_text(
        "c.LabApp.news_url = None\nc.LabApp.check_for_updates_class = 'jupyterlab.NeverCheckForUpdate'\n"
    )
    own = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "JUPYTER_CONFIG_DIR": str(home), "OPENBLAS_NUM_THREADS": "1"}
    command = [
        str(environment / "bin/python"),
        "-m",
        "jupyterlab",
        "--no-browser",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--allow-root",
    ]
    with (home / "lab.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--IdentityProvider.token=", f"--ServerApp.root_dir={home}", "--ServerApp.base_url=/user/r1/"],
            env=own, cwd=home, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}/user/r1/"
    try:
        until = time.monotonic() + 60
        while True:
            assert server.poll() is None and time.monotonic() < until, (home / "lab.log").read_text()
            try:
                if httpx.get(address + "api", timeout=2).is_success:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield address, home
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


def brightest(picture: bytes, *, red: bool = False, over: int = 215, part: tuple[float, float, float, float]) -> tuple[float, float]:
    """Middle of the brightest pixels (`red`: of the red ones), as parts of width and height.

    `part`: where to look (left, top, right, bottom), of which the answer is parts too; the corners have words, a logo and axes.
    """
    whole = Image.open(io.BytesIO(picture)).convert("RGB")
    left, top, right, bottom = (round(edge * side) for edge, side in zip(part, (whole.width, whole.height) * 2, strict=True))
    pixels = np.asarray(whole.crop((left, top, right, bottom))).astype(int)
    chosen = pixels[..., 0] - pixels[..., 1:].max(-1) > 90 if red else pixels.min(-1) > over
    assert chosen.sum() > 20, "nothing of that kind in the picture"
    rows, columns = np.nonzero(chosen)
    return float(columns.mean() / pixels.shape[1]), float(rows.mean() / pixels.shape[0])
