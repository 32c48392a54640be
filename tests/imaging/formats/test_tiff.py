"""TIFF: every lossless layout equal to tifffile, no cut read as a picture."""

import io
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from PIL import Image

from blastscreen.imaging.formats.tiff import decode_tiff
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode

RGB = np.random.default_rng(5).integers(0, 256, (37, 41, 3), dtype=np.uint8)
PIXELS = 37 * 41


def tiff(rgb: np.ndarray = RGB, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, rgb, photometric="rgb", **options)
    return buffer.getvalue()


def by_pillow(compression: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, "TIFF", compression=compression)
    return buffer.getvalue()


def with_entry(data: bytes, tag: int, *entry: int) -> bytes:
    """Replace a tag of a little-endian file by another tag, type, count and value."""
    patched = bytearray(data)
    (offset,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, offset)
    positions = [offset + 2 + 12 * entry for entry in range(count)]
    (position,) = [position for position in positions if struct.unpack_from("<H", data, position) == (tag,)]
    struct.pack_into("<HHII", patched, position, *entry)
    return bytes(patched)


def with_tag(data: bytes, tag: int, value: int) -> bytes:
    return with_entry(data, tag, tag, 4, 1, value)


def rejection_of(data: bytes) -> ImageRejected:
    with pytest.raises(ImageRejected) as rejected:
        decode_tiff(data, max_pixels=PIXELS)
    return rejected.value


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"rowsperstrip": 4},
        {"tile": (16, 32)},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True, "byteorder": ">", "rowsperstrip": 5},
        {"compression": "zlib", "tile": (16, 16)},
        {"extratags": [(274, "H", 1, 3, True)]},
    ],
    ids=str,
)
def test_layouts_decode_as_stored(options: dict[str, object]) -> None:
    np.testing.assert_array_equal(decode_tiff(tiff(**options), max_pixels=PIXELS), RGB)


def test_separate_planes_decode() -> None:
    data = tiff(np.moveaxis(RGB, 2, 0), planarconfig="separate", rowsperstrip=4)

    np.testing.assert_array_equal(decode_tiff(data, max_pixels=PIXELS), RGB)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"])
def test_lossless_compressions_decode(compression: str) -> None:
    np.testing.assert_array_equal(decode_tiff(by_pillow(compression), max_pixels=PIXELS), RGB)


@pytest.mark.parametrize("rows", [37, 1000, 2**32 - 1])
def test_one_strip_may_claim_more_rows_than_there_are(rows: int) -> None:
    data = with_tag(tiff(), 278, rows)

    np.testing.assert_array_equal(decode_tiff(data, max_pixels=PIXELS), RGB)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
def test_no_cut_is_read_as_a_picture(compression: str) -> None:
    data = by_pillow(compression)

    for length in range(4, len(data), 7):
        assert rejection_of(data[:length]).code == ReasonCode.TRUNCATED


def test_errors_of_libtiff_are_told_of_their_own_file_and_nowhere_else(capfd: pytest.CaptureFixture[str]) -> None:
    damaged = {"check": tiff(compression="zlib")[:-40] + bytes(40), "code": by_pillow("tiff_lzw")}
    damaged["code"] = damaged["code"][:100] + b"\xff" * 300 + damaged["code"][400:]
    names = [*damaged, "whole"] * 20

    def detail_of(name: str) -> str:
        try:
            decode_tiff(damaged.get(name, by_pillow("tiff_lzw")), max_pixels=PIXELS)
        except ImageRejected as rejection:
            return rejection.detail
        return "whole"

    with ThreadPoolExecutor(4) as pool:
        details = list(pool.map(detail_of, names))

    assert all(name in detail for name, detail in zip(names, details, strict=True))
    assert capfd.readouterr() == ("", "")


def test_an_entry_that_libtiff_finds_wrong_and_passes_over_is_refused() -> None:
    rejected = rejection_of(with_tag(tiff(), 284, 5))

    assert rejected.code == ReasonCode.UNREADABLE
    assert "PlanarConfiguration" in rejected.detail


@pytest.mark.parametrize(("tag", "value"), [(322, 2**20), (323, 2**31)])
def test_a_tile_larger_than_the_cap_is_refused(tag: int, value: int) -> None:
    assert rejection_of(with_tag(tiff(tile=(16, 16)), tag, value)).code == ReasonCode.TOO_MANY_PIXELS


def test_a_file_that_does_not_say_where_its_pixels_lie_is_unreadable() -> None:
    without_offsets = with_entry(tiff(), 273, 272, 4, 1, 8)

    assert rejection_of(without_offsets).code == ReasonCode.UNREADABLE


def test_an_endless_entry_is_neither_read_nor_repeated_in_the_detail() -> None:
    data = tiff() + bytes(20_002)
    tolerated = rejection_of(with_entry(data, 258, 258, 3, 10_000, len(tiff())))
    refused = rejection_of(with_entry(data, 258, 258, 3, 10_001, len(tiff())))

    assert (tolerated.code, refused.code) == (ReasonCode.UNSUPPORTED_FORMAT, ReasonCode.TOO_COMPLEX)
    assert max(len(tolerated.detail), len(refused.detail)) < 150


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ((262, 259, 4, 1, 7), "a tag twice"),  # compression, once more
        ((262, 257, 4, 1, 37), "out of order"),
        ((258, 258, 8, 1, 8), "type 8"),  # bits, signed
        ((259, 259, 9, 1, 7), "type 9"),
        ((256, 256, 11, 1, 41), "type 11"),
    ],
)
def test_what_decoders_could_read_in_two_ways_is_refused(entry: tuple[int, ...], said: str) -> None:
    rejected = rejection_of(with_entry(tiff(), *entry))

    assert rejected.code == ReasonCode.UNREADABLE
    assert said in rejected.detail
