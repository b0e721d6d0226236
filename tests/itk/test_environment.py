"""The published itkwidgets, in the environment of the notebooks, with what researchers hand to it; no browser."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.clause("H-6")

LOOK = """
from IPython.core.interactiveshell import InteractiveShell
InteractiveShell.instance().run_line_magic("load_ext", "hub_itk")
import asyncio, importlib.metadata, json, sys
import numpy as np, SimpleITK as sitk, itk, xarray, zarr
before = "itkwidgets" in sys.modules
from hub_itk.importing import show
from itkwidgets import view

def seen(store):
    root = zarr.open_group(store, mode="r")
    level = root.attrs["multiscales"][0]["datasets"][0]
    scale, translation = (each[kind] for each, kind in zip(level["coordinateTransformations"], ("scale", "translation")))
    values = root["0"][:]
    return {"at": [int(n) for n in np.argwhere(values == 9)[0]], "shape": values.shape, "scale": scale, "translation": translation,
            "levels": len(root.attrs["multiscales"][0]["datasets"]), "type": str(values.dtype)}

async def main():
    show.set(lambda plugin: None)
    array = np.zeros((10, 12, 14), np.int16)
    array[2, 3, 4] = 9
    simple = sitk.GetImageFromArray(array); simple.SetSpacing((1, 2, 3)); simple.SetDirection((-1, 0, 0, 0, 1, 0, 0, 0, -1))
    other = itk.image_from_array(array); other.SetSpacing((1, 2, 3)); other.SetDirection(itk.matrix_from_array(np.diag([-1.0, 1, -1])))
    falling = xarray.DataArray(array, dims=("z", "y", "x"), coords={"z": -3.0 * np.arange(10), "y": 2.0 * np.arange(12), "x": -1.0 * np.arange(14)})
    big = np.zeros((5, 6, 300), np.int16); big[:, :, 150:] = 9
    out = {name: seen(view(image=each).stores["Image"]) for name, each in
           {"numpy": array, "simpleitk": simple, "itk": other, "xarray": falling, "big": big}.items()}
    labelled = view(image=array, label_image=(array > 0))
    out["positional"] = seen(view(simple).stores["Image"])
    out["label"] = seen(view(label_image=(array > 0).astype(np.uint8) * 9).stores["LabelImage"])
    out["points"] = np.shape(view(point_set=np.zeros((4, 3))).viewer_rpc.init_data["pointSets"])
    out["rgb"] = zarr.open_group(view(image=np.zeros((20, 20, 3), np.uint8)).stores["Image"], mode="r").attrs["multiscales"] != []
    out["lazy"] = not before
    out["versions"] = {name: importlib.metadata.version(name) for name in NAMES}
    print(json.dumps(out))
asyncio.run(main())
import os; sys.stdout.flush(); os._exit(0)  # itkwidgets' own threads wait for a page
"""


@pytest.fixture(scope="module")
def said(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    pins = {line.split("==")[0]: line.split("==")[1] for line in group() if "==" in line and "*" not in line}
    own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path_factory.mktemp("home")), "LANG": "C.UTF-8"}
    program = f"NAMES = {list(pins)}\n{LOOK}"
    done = subprocess.run(
        [environment / "bin/python", "-c", program], env=own, cwd=own["HOME"], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    return found | {"printed": lines[:-1], "pins": pins}


def group() -> list[str]:
    """The dependency group of pyproject.toml."""
    lines: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["itk"]
    return lines


def test_the_pins_are_what_is_installed(said: dict[str, Any]) -> None:
    assert said["versions"] == said["pins"]
    assert said["lazy"], "a kernel that does not use itkwidgets does not import it"


def test_every_kind_of_image_has_its_left_on_the_left(said: dict[str, Any]) -> None:
    plain = said["numpy"]
    assert plain["at"] == [2, 3, 4] and plain["scale"] == [1, 1, 1] and plain["shape"] == [10, 12, 14] and plain["type"] == "int16"
    for name in ("simpleitk", "itk", "xarray", "positional"):
        turned = said[name]
        assert turned["at"] == [7, 3, 9], f"{name}: rows that run to the right and cuts that run to the feet are turned"
        assert turned["scale"] == pytest.approx([3, 2, 1]), name
        assert turned["translation"] == pytest.approx([-27, 0, -13]), name
    assert said["label"]["at"] == [2, 3, 4]
    assert said["points"] == [4, 3]
    assert said["rgb"]


def test_what_is_large_is_shown_coarser_and_the_cell_says_so(said: dict[str, Any]) -> None:
    assert max(said["big"]["shape"]) == 256 and said["big"]["levels"] == 3
    assert any("300 × 6 × 5" in line and "256" in line for line in said["printed"])
