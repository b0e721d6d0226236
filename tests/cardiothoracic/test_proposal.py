"""The proposed cardiothoracic ratio on computed radiographs whose heart and thorax have exact widths."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hub_config.demo.phantoms import Subject, chest_film
from pipelines.cardiothoracic.image import check_view, grey_of
from pipelines.cardiothoracic.lungs import Unfit, field_of, lungs_of
from pipelines.cardiothoracic.proposal import Proposal, propose, upside_down

from .faint import faint_bodies
from .no_chests import NEGATIVES
from .phantom import Body, Device, Radiograph, chest, drawn_bodies

COUNT = 32
CLOSE = 0.03


def density(radiograph: Radiograph) -> np.ndarray:
    grey = radiograph.stored.astype(np.float32)
    return -grey if radiograph.inverse else grey


def proposed(radiograph: Radiograph) -> Proposal:
    return propose(density(radiograph))


@pytest.fixture(scope="module")
def plain() -> Radiograph:
    return chest(Body(), Device())


@pytest.mark.clause("V-18")
def test_the_ratio_of_varied_chests_is_near_the_truth() -> None:
    errors, refused = [], []
    for body, device in drawn_bodies(COUNT, seed=8):
        radiograph = chest(body, device)
        try:
            found = proposed(radiograph)
        except Unfit as unfit:
            refused.append(unfit.reason)
            continue
        errors.append(found.ratio - radiograph.ratio)
        assert found.thorax[1][0] - found.thorax[0][0] == pytest.approx(radiograph.reach["thorax"], rel=0.05)
    assert len(refused) <= 0.1 * COUNT, refused
    assert np.mean(np.abs(errors) <= CLOSE) >= 0.9, np.round(errors, 3)
    assert abs(np.mean(errors)) < 0.015


@pytest.mark.clause("V-18")
def test_what_is_not_called_unsure_is_right_of_faint_hearts_too() -> None:
    """Beside a dense spine one sign of the heart's border often takes the spine's; the other then finds another ratio."""
    sure, unsure = [], []
    for body, device in faint_bodies(48, seed=4):
        try:
            found = proposed(chest(body, device))
        except Unfit:
            continue
        (unsure if found.told()["unsure"] else sure).append(abs(found.ratio - body.ratio))
    assert len(sure) >= 8
    assert max(sure) <= 0.05, np.round(sure, 3)
    assert np.mean(np.array(unsure) > 0.05) > 0.5, "doubt that says nothing"


@pytest.mark.clause("V-18")
def test_upside_down_is_told_where_the_lungs_that_are_found_take_the_heart_in() -> None:
    film = chest_film(Subject("1", "Demo", "20190101", "M", "005Y"), 23).pixel_array.astype(np.float32)
    films = [film, *(density(chest(body, device)) for body, device in faint_bodies(6, seed=5))]
    for one in films:
        small = one[:: max(1, one.shape[0] // 256), :: max(1, one.shape[0] // 256)]
        told = [upside_down(lungs_of(turned[field_of(turned)])) for turned in (small, np.rot90(small, 2))]
        assert told == [False, True]


@pytest.mark.clause("V-18")
def test_the_lines_lie_where_heart_and_thorax_are_widest(plain: Radiograph) -> None:
    body, device = Body(), Device()
    found = proposed(plain)
    middle = (device.shape[1] - 1) / 2
    near = 0.04 * plain.reach["thorax"]
    (left, row), (right, same) = found.heart
    assert row == same
    assert (middle - left, right - middle) == (pytest.approx(plain.reach["right"], abs=near), pytest.approx(plain.reach["left"], abs=near))
    assert (found.left + found.right) == pytest.approx(right - left, abs=1e-6)
    (start, _), (end, _) = found.thorax
    assert (middle - start, end - middle) == (pytest.approx(plain.reach["thorax"] / 2, abs=near),) * 2
    assert found.ratio == pytest.approx((right - left) / (end - start))
    assert found.ratio == pytest.approx(body.ratio, abs=CLOSE)
    (top, upper), (bottom, lower) = found.midline
    assert (top, bottom) == (pytest.approx(middle, abs=near), pytest.approx(middle, abs=near))
    assert upper < row < lower


@pytest.mark.clause("V-18")
@pytest.mark.parametrize("name", NEGATIVES)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_no_frontal_chest_is_refused(name: str, seed: int) -> None:
    with pytest.raises(Unfit):
        proposed(NEGATIVES[name](Device(seed=seed, inverse=seed == 2, sharpen=0.5 * seed)))


@pytest.mark.clause("V-18")
def test_an_image_upside_down_has_the_same_lines(plain: Radiograph) -> None:
    found, turned = proposed(plain), propose(density(plain)[::-1, ::-1])
    rows, columns = plain.stored.shape
    assert turned.ratio == pytest.approx(found.ratio, abs=0.01)
    assert np.allclose(turned.heart[0], (columns - 1 - found.heart[1][0], rows - 1 - found.heart[1][1]), atol=6)
    assert np.allclose(turned.thorax[0], (columns - 1 - found.thorax[1][0], rows - 1 - found.thorax[1][1]), atol=12)
    assert (turned.left, turned.right) == (pytest.approx(found.right, abs=8), pytest.approx(found.left, abs=8))


@pytest.mark.clause("V-18")
@pytest.mark.parametrize("quarter", [1, 3])
def test_an_image_that_lies_sideways_is_named_as_such(plain: Radiograph, quarter: int) -> None:
    with pytest.raises(Unfit) as refused:
        propose(np.rot90(density(plain), quarter))
    assert refused.value.reason == "sideways"


@pytest.mark.clause("V-18")
def test_why_it_is_refused(plain: Radiograph) -> None:
    def reason(image: np.ndarray) -> str:
        with pytest.raises(Unfit) as refused:
            propose(image)
        return refused.value.reason

    whole = density(plain)
    assert reason(density(NEGATIVES["one_white_lung"](Device()))) == "one_lung"
    assert reason(whole[:100]) == "too_small"
    assert reason(np.full_like(whole, 7)) == "contrast"
    middle = whole.shape[1] // 2
    assert reason(whole[:, : middle + 80]) in {"one_lung", "cut"}
    with pytest.raises(Unfit):
        propose(-whole)  # a lung is not white
    askew = density(chest(Body(), dataclasses.replace(Device(), turn=25.0)))
    assert reason(askew) in {"askew", "no_lungs", "one_lung", "unsure"}


@pytest.mark.clause("V-18")
def test_a_point_is_the_middle_of_a_pixel_whatever_the_size() -> None:
    """The same picture with each pixel written as 2 × 2: places p become 2p + ½, as (0, 0) is the middle of the first pixel."""
    small = density(chest(Body(), Device()))
    one, two = propose(small), propose(np.kron(small, np.ones((2, 2), np.float32)))
    for name in ("heart", "thorax", "midline"):
        assert np.allclose(np.array(getattr(two, name)), 2 * np.array(getattr(one, name)) + 0.5, atol=0.1)
    assert one.ratio == pytest.approx(two.ratio, abs=1e-3)


@pytest.mark.clause("V-18")
def test_stored_values_become_density() -> None:
    frame = {"rows": 1, "columns": 3, "bits": 16, "signed": False, "slope": 1.0, "padding": None, "photometric": "MONOCHROME2"}
    data = np.array([5, 9, 65535], "<u2").tobytes()
    assert grey_of(frame, data).tolist() == [[5, 9, 65535]]
    assert grey_of(frame | {"photometric": "MONOCHROME1"}, data).tolist() == [[-5, -9, -65535]]
    assert grey_of(frame | {"inverse": True}, data).tolist() == [[-5, -9, -65535]]
    assert grey_of(frame | {"slope": -1.0}, data).tolist() == [[-5, -9, -65535]]
    assert grey_of(frame | {"padding": 65535}, data).tolist() == [[5, 9, 5]]


@pytest.mark.clause("V-18")
@pytest.mark.parametrize(
    ("modality", "view", "reason"),
    [("DX", "PA", None), ("CR", None, None), ("DX", "LL", "lateral"), ("CR", "LATERAL", "lateral"), ("CT", "PA", "not_radiograph")],
)
def test_what_the_header_says_counts(modality: str, view: str | None, reason: str | None) -> None:
    headers = [
        {"00080018": {"Value": ["1.2.9"]}, "00185101": {"Value": ["LL"]}},  # another image of the series
        {"00080018": {"Value": ["1.2.3"]}} | ({"00185101": {"Value": [view]}} if view else {}),
    ]
    try:
        check_view(modality, headers, "1.2.3")
        found = None
    except Unfit as unfit:
        found = unfit.reason
    assert found == reason
