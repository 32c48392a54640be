"""Bitmaps: equal to OpenCV and Pillow where they are whole, rejected where they are not."""

import io
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from blastscreen.imaging.formats.bmp import decode_bmp
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode

SIDES = st.integers(1, 40)


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 100 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


def bitmap(rgb: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "BMP")
    return buffer.getvalue()


@given(height=SIDES, width=SIDES)
@settings(max_examples=100, deadline=None)
def test_every_size_decodes_as_with_opencv(height: int, width: int) -> None:
    rgb = picture(height, width)
    data = bitmap(rgb)

    decoded = decode_bmp(data, max_pixels=10_000)

    np.testing.assert_array_equal(decoded, rgb)
    np.testing.assert_array_equal(decoded[..., ::-1], cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


@given(height=SIDES, width=SIDES)
@settings(max_examples=50, deadline=None)
def test_top_row_first_is_the_same_picture_upside_down(height: int, width: int) -> None:
    data = bytearray(bitmap(picture(height, width)))
    upright = decode_bmp(bytes(data), max_pixels=10_000)

    struct.pack_into("<i", data, 22, -height)

    np.testing.assert_array_equal(decode_bmp(bytes(data), max_pixels=10_000), upright[::-1])


def test_every_cut_is_seen() -> None:
    data = bitmap(picture(5, 6))

    for length in range(2, len(data)):
        with pytest.raises(ImageRejected) as rejected:
            decode_bmp(data[:length], max_pixels=100)
        assert rejected.value.code == ReasonCode.TRUNCATED


@pytest.mark.parametrize("bit", range(64))
def test_every_flipped_bit_of_width_and_height_is_seen(bit: int) -> None:
    data = bytearray(bitmap(picture(21, 22)))
    data[18 + bit // 8] ^= 1 << bit % 8

    with pytest.raises(ImageRejected):
        decode_bmp(bytes(data), max_pixels=10**12)


def test_the_pixel_cap_is_the_largest_size_that_passes() -> None:
    data = bitmap(picture(5, 6))

    assert decode_bmp(data, max_pixels=30).shape == (5, 6, 3)
    with pytest.raises(ImageRejected) as rejected:
        decode_bmp(data, max_pixels=29)
    assert rejected.value.code == ReasonCode.TOO_MANY_PIXELS


def test_pixels_do_not_share_memory_with_the_file() -> None:
    data = bytearray(bitmap(picture(4, 4)))
    decoded = decode_bmp(bytes(data), max_pixels=100)
    before = decoded.copy()

    decoded[:] = 0

    np.testing.assert_array_equal(decode_bmp(bytes(data), max_pixels=100), before)
