"""Bone and table of real CTs, against references drawn by hand (`bench/references`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.reference import Reference, names, reference
from pipelines.masks.bone import prepare, solve
from pipelines.masks.table import table

# (frame, row, column) of the volume → what is there, as anyone sees in the image
PLACES = {
    "ct-chest-ffs": {
        (9, 311, 281): "vessel",  # descending aorta, beside the spine
        (9, 320, 242): "bone",  # marrow of the vertebra
        (9, 344, 243): "",  # vertebral canal
        (12, 229, 219): "vessel",  # superior caval vein, contrast not yet diluted
        (12, 144, 250): "bone",  # sternum
        (9, 380, 250): "body",
        (9, 418, 250): "table",
    },
    "ct-abdomen-arterial": {
        (0, 336, 262): "vessel",
        (0, 375, 243): "bone",
        (0, 402, 243): "",
        (0, 250, 150): "",  # liver
        (3, 250, 45): "bone",  # a rib
        (0, 503, 250): "table",
    },
    "ct-head-tilt-base": {(13, 300, 105): "bone", (13, 250, 250): "", (6, 250, 54): "table"},
    "ct-head-tilt-vault": {(2, 95, 245): "bone", (2, 250, 250): "", (12, 350, 55): "table"},
}
# least share of bone removed, of vessel kept (without a click) and of the table's shell removed
LEAST = {
    "ct-chest-ffs": (0.95, 0.95, 0.95),
    "ct-abdomen-arterial": (0.95, 0.99, 0.99),
    "ct-head-tilt-base": (0.99, 1, 0.5),  # both ears lie on the head holder: what touches the body stays
    "ct-head-tilt-vault": (0.99, 1, 0.95),
}


@pytest.fixture(scope="module")
def truths(corpus: Path) -> dict[str, Reference]:
    assert corpus
    return {name: reference(name) for name in names()}


def test_every_reference_is_tested() -> None:
    assert names() == sorted(PLACES) == sorted(LEAST)


@pytest.mark.clause("V-34", "V-35")
@pytest.mark.parametrize("name", PLACES)
def test_the_reference_says_what_the_image_shows(truths: dict[str, Reference], name: str) -> None:
    truth = truths[name]
    for place, label in PLACES[name].items():
        tissue = {one for one in ("bone", "vessel", "doubt", "table") if getattr(truth, one)[place]}
        assert tissue == ({label} - {"", "body"}), place
        assert truth.body[place] == (label != "table"), place
    assert not (truth.body & truth.table).any()
    assert not (truth.bone & ~truth.body).any() or name.startswith("ct-head")


@pytest.mark.clause("V-34", "V-36")
@pytest.mark.parametrize("name", LEAST)
def test_bone_of_a_real_ct_goes_and_its_vessels_stay(truths: dict[str, Reference], name: str) -> None:
    truth = truths[name]
    mask = solve(prepare(truth.volume, truth.spacing), truth.volume).mask
    least_bone, least_vessel, _ = LEAST[name]
    assert mask[truth.bone].mean() >= least_bone
    if truth.vessel.any():
        assert 1 - mask[truth.vessel].mean() >= least_vessel


@pytest.mark.clause("V-34", "V-36")
def test_a_vein_with_undiluted_contrast_is_said_to_be_unsure_and_comes_back_with_one_click(truths: dict[str, Reference]) -> None:
    truth = truths["ct-chest-ffs"]
    vein = np.zeros(truth.vessel.shape, bool)
    vein[16, 218:236, 209:228] = truth.vessel[16, 218:236, 209:228]  # the superior caval vein alone
    prepared = prepare(truth.volume, truth.spacing)
    auto = solve(prepared, truth.volume)
    assert auto.mask[vein].mean() > 0.5
    assert auto.unsure[vein].mean() > 0.5
    clicked = solve(prepared, truth.volume, keep=[(14.0, 228.0, 218.0)])
    assert clicked.mask[vein].mean() < 0.05
    assert not clicked.unsure[vein].any()
    assert clicked.mask[truth.bone].mean() > 0.95


@pytest.mark.clause("V-35", "V-36")
@pytest.mark.parametrize("name", LEAST)
def test_the_table_of_a_real_ct_goes_and_every_voxel_of_the_body_stays(truths: dict[str, Reference], name: str) -> None:
    truth = truths[name]
    mask = table(truth.volume, truth.spacing)
    assert np.count_nonzero(mask & truth.body) == 0
    assert mask[truth.table].mean() >= LEAST[name][2]
