"""Left stays left: markers of known places, in series that lie every way a patient can be cut."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its usual short name

from apps.itk.bridge.images import volume_of
from apps.itk.bridge.lps import NoVolumeError, Volume, to_lps
from apps.itk.series import geometry_of, read_volume, window_of

from .markers import BODY, GEOMETRIES, HEAD, LEFT, series, stream

pytestmark = pytest.mark.clause("H-6")


def centroid(volume: Volume, near: np.ndarray) -> np.ndarray:
    """LPS mm: the middle of what is brighter than the body within 14 mm of a place."""
    z, y, x = np.indices(volume.values.shape)
    places = volume.origin + np.stack([x, y, z], axis=-1) @ volume.axes.T
    weight = np.clip(volume.values.astype(float) - BODY - 60, 0, None) * (np.linalg.norm(places - near, axis=-1) < 14)
    assert weight.sum() > 0, f"no marker near {near}"
    middle: np.ndarray = (places * weight[..., None]).sum((0, 1, 2)) / weight.sum()
    return middle


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("limit", [256, 48])
def test_markers_are_where_they_were(name: str, limit: int) -> None:
    frames, stored = series(name)
    seen: list[tuple[int, int]] = []
    volume = read_volume(stream(frames, stored), lambda done, of: seen.append((done, of)))
    assert seen[-1] == (56, 56)
    shown = to_lps(volume, limit)
    assert shown.aligned and max(shown.size) <= limit and shown.values.dtype == np.int16
    for marker in (LEFT, HEAD):
        off = np.abs(centroid(shown, marker) - marker) / shown.spacing
        assert off.max() < 0.2, f"{name}: {off} voxels"
    # the index grows to the left and to the head, whatever way the series was cut
    x, y, z = np.rint((LEFT - shown.origin) / shown.spacing).astype(int)
    assert shown.values[z, y, x] > 1000
    assert shown.values[z, y, round((-LEFT[0] - shown.origin[0]) / shown.spacing[0])] < 200
    assert window_of(frames, volume) == (-500.0, 1100.0)


def test_labels_stay_labels() -> None:
    values = np.zeros((20, 24, 28), np.uint8)
    values[:, :, 14:] = 7
    shown = to_lps(Volume(values, np.diag([-2.0, 2.0, 2.0]), np.array([27.0, 0, 0])), nearest=True)
    assert set(np.unique(shown.values)) == {0, 7}
    assert (shown.values[:, :, :14] == 7).all(), "what lay at the end of a row that runs to the right is at the right"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frames: frames[:2], "只有 2 幅"),
        (lambda frames: frames[:10] + frames[11:], "层间距不均匀"),
        (lambda frames: [frame | {"samples": 3} for frame in frames], "彩色"),
        (lambda frames: [frame | {"position": None} for frame in frames], "没有空间位置"),
        (lambda frames: [frames[0] | {"orientation": [0, 1, 0, 0, 0, -1]}, *frames[1:]], "方向不一致"),
        (lambda frames: [frames[0] | {"rows": 10}, *frames[1:]], "不一致"),
        (lambda frames: frames + frames, "不均匀"),
    ],
)
def test_what_is_no_volume_is_refused_in_words(change, said: str) -> None:
    with pytest.raises(NoVolumeError) as refused:
        geometry_of(change(series("axial", columns=8, rows=8)[0]))
    assert said in refused.value.zh
    assert refused.value.en.isascii() or "–" in refused.value.en


def test_images_of_notebooks() -> None:
    image = sitk.GetImageFromArray(np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8))
    image.SetSpacing((1.0, 2.0, 3.0))
    image.SetOrigin((5.0, 0.0, 0.0))
    image.SetDirection((-1, 0, 0, 0, 0, 1, 0, 1, 0))
    volume = volume_of(image)
    assert volume is not None
    for index in ((0, 0, 0), (7, 0, 0), (3, 4, 5)):
        assert volume.place(index) == pytest.approx(image.TransformIndexToPhysicalPoint(index))
    plain = volume_of(np.zeros((10, 11, 12), bool))
    assert plain is not None and plain.aligned and plain.size == (12, 11, 10)
    assert to_lps(plain).values.dtype == np.uint8
    assert volume_of(np.zeros((10, 11))) is None and volume_of(np.zeros((10, 11, 3), np.uint8)) is None
    with pytest.raises(NoVolumeError, match="三维、单通道"):
        volume_of(sitk.GetImageFromArray(np.zeros((5, 5))))
