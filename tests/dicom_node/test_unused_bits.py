"""Bits of a pixel cell that are not the pixel's value (PS3.5 8.1.1), such as the overlays of older scanners, never become grey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dicom_node.index import frames
from dicom_node.web import pixels

EXPLICIT = "1.2.840.10008.1.2.1"


def header(allocated: int, stored: int, high: int, *, signed: bool) -> Dataset:
    ds = Dataset()
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 2, 8, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = allocated, stored, high, int(signed)
    return ds


@given(data=st.data(), allocated=st.sampled_from([8, 16, 32]), signed=st.booleans())
@pytest.mark.clause("S-1", "V-2")
def test_only_the_stored_bits_are_the_value(data: st.DataObject, allocated: int, signed: bool) -> None:
    stored = data.draw(st.integers(1, allocated), "bits stored")
    high = data.draw(st.integers(stored - 1, allocated - 1), "high bit")
    least, most = (-(1 << (stored - 1)), (1 << (stored - 1)) - 1) if signed else (0, (1 << stored) - 1)
    values = data.draw(st.lists(st.integers(least, most), min_size=16, max_size=16), "values")
    junk = data.draw(st.lists(st.integers(0, (1 << allocated) - 1), min_size=16, max_size=16), "other bits")
    mask = ((1 << stored) - 1) << (high - stored + 1)
    cells = [(((value << (high - stored + 1)) & mask) | (other & ~mask)) for value, other in zip(values, junk, strict=True)]
    (frame,) = frames.build(header(allocated, stored, high, signed=signed), "1.2.3", EXPLICIT)
    sent = pixels.pixel_values(np.array(cells, f"<u{allocated // 8}").tobytes(), frame)
    expected = values if (stored, high) != (allocated, allocated - 1) else cells
    kind = f"<{'i' if signed else 'u'}{allocated // 8}"
    assert np.frombuffer(sent, kind).tolist() == np.array(expected).astype(kind).tolist()


def test_a_header_that_contradicts_itself_is_sent_as_it_came() -> None:
    for stored, high in ((0, 0), (12, 3), (17, 16), (12, 16)):
        (frame,) = frames.build(header(16, stored, high, signed=False), "1.2.3", EXPLICIT)
        assert pixels.pixel_values(b"\xff\xff" * 16, frame) == b"\xff\xff" * 16
