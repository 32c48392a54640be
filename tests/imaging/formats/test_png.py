"""PNG: every filter and pass equal to other decoders, every cut and every flipped bit seen."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from blastscreen.imaging.formats.png import decode_png
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode

SIDES = st.integers(1, 20)
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png(width: int, height: int, rows: bytes, *, interlace: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 100 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(height=SIDES, width=SIDES)
@settings(max_examples=100, deadline=None)
def test_every_size_of_interlaced_picture_decodes(height: int, width: int) -> None:
    rgb = picture(height, width)
    parts = [rgb[row::row_step, column::column_step] for column, row, column_step, row_step in PASSES]
    rows = b"".join(b"\0" + line.tobytes() for part in parts for line in part if part.size)
    data = png(width, height, rows, interlace=1)

    np.testing.assert_array_equal(decode_png(data, max_pixels=400), rgb)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), rgb)


@given(height=SIDES, width=SIDES, filters=st.lists(st.integers(0, 4), min_size=20, max_size=20))
@settings(max_examples=100, deadline=None)
def test_every_row_filter_decodes_as_with_opencv(height: int, width: int, filters: list[int]) -> None:
    filtered = picture(height, width)
    rows = b"".join(bytes([kind]) + line.tobytes() for kind, line in zip(filters, filtered, strict=False))
    data = png(width, height, rows)

    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)

    np.testing.assert_array_equal(decode_png(data, max_pixels=400), expected)


def test_a_file_in_many_chunks_decodes() -> None:
    rgb = picture(300, 200)
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    assert buffer.getvalue().count(b"IDAT") > 1

    np.testing.assert_array_equal(decode_png(buffer.getvalue(), max_pixels=60_000), rgb)


def test_every_cut_is_seen() -> None:
    data = png(3, 2, bytes(20))

    for length in range(4, len(data)):
        with pytest.raises(ImageRejected) as rejected:
            decode_png(data[:length], max_pixels=100)
        assert rejected.value.code == ReasonCode.TRUNCATED


def test_every_flipped_bit_is_seen() -> None:
    data = png(3, 2, bytes(20))

    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ImageRejected):
            decode_png(bytes(damaged), max_pixels=100)


def test_a_stream_without_its_checksum_is_cut() -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(20))[:-4]) + chunk(b"IEND", b"")

    with pytest.raises(ImageRejected) as rejected:
        decode_png(data, max_pixels=100)

    assert rejected.value.code == ReasonCode.TRUNCATED
