"""JPEG: equal to Pillow's own reading, every cut seen, never turned."""

import io

import numpy as np
import pytest
from PIL import Image

from blastscreen.imaging.formats.jpeg import decode_jpeg
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode

PICTURE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (37, 41, 3), dtype=np.uint8))
EXIF = Image.Exif()
EXIF[274] = 8


def jpeg(**options: object) -> bytes:
    buffer = io.BytesIO()
    PICTURE.copy().save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quality": 100, "subsampling": 0},
        {"quality": 30, "subsampling": 2},
        {"progressive": True},
        {"optimize": True, "restart_marker_blocks": 1},
        {"keep_rgb": True},
        {"exif": EXIF},
        {"comment": b"\xff\xd9 \xff\xda"},
        {"icc_profile": b"not a profile"},
    ],
    ids="-".join,
)
def test_decodes_as_pillow_does(options: dict[str, object]) -> None:
    data = jpeg(**options)

    np.testing.assert_array_equal(decode_jpeg(data, max_pixels=37 * 41), np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": EXIF}], ids="-".join)
def test_every_cut_is_seen(options: dict[str, object]) -> None:
    data = jpeg(**options)

    for length in range(2, len(data)):
        with pytest.raises(ImageRejected) as rejected:
            decode_jpeg(data[:length], max_pixels=37 * 41)
        assert rejected.value.code == ReasonCode.TRUNCATED


def test_fill_bytes_before_a_segment_are_allowed() -> None:
    data = jpeg()

    padded = data[:2] + b"\xff\xff\xff" + data[2:]

    np.testing.assert_array_equal(decode_jpeg(padded, max_pixels=37 * 41), decode_jpeg(data, max_pixels=37 * 41))


def test_the_pixel_cap_is_the_largest_size_that_passes() -> None:
    with pytest.raises(ImageRejected) as rejected:
        decode_jpeg(jpeg(), max_pixels=37 * 41 - 1)

    assert rejected.value.code == ReasonCode.TOO_MANY_PIXELS
