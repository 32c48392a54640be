"""TIFF with one frame of 8-bit RGB, stored without loss.

Pixels come as stored: the orientation tag is not applied. Reference: Adobe, TIFF Revision 6.0 (1992).
"""

import struct
from collections.abc import Mapping
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.formats.codec import decode_rgb, require_frame_size
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode


class _Tag(IntEnum):
    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    STRIP_OFFSETS = 273
    SAMPLES = 277
    STRIP_BYTES = 279
    TILE_WIDTH = 322
    TILE_HEIGHT = 323
    TILE_OFFSETS = 324
    TILE_BYTES = 325
    SAMPLE_FORMAT = 339


_TAGS = frozenset(_Tag)
_Directory = Mapping[int, tuple[int, ...]]

_HEADER_SIZE = 8
_ENTRY_SIZE = 12
# far more strips than a cell's frame has rows; as Python integers they would take nine times their size in the file
_MOST_VALUES = 100_000
_INTEGER_TYPES = {1: "B", 3: "H", 4: "I"}
_LOSSLESS = frozenset(
    {1, 5, 8, 32773, 32946, 34925, 50000}
)  # none, LZW, deflate, PackBits, old deflate, LZMA, Zstandard
_RGB = 2
_OTHER_COLOURS = {0: ReasonCode.GREYSCALE, 1: ReasonCode.GREYSCALE, 3: ReasonCode.PALETTE, 5: ReasonCode.CMYK}
_UNSIGNED, _FLOAT = 1, 3


def decode_tiff(data: bytes, *, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a TIFF.

    Args:
        data: the file, beginning with a TIFF's first four bytes.
        max_pixels: largest frame, and largest tile, that may be decoded.

    Returns:
        Pixels of shape (height, width, 3), RGB.

    Raises:
        ImageRejected: the file is cut or damaged, too large, has several frames, or is not 8-bit RGB without loss.
    """
    offset, directory, has_more_frames = _read_directory(data)
    width, height = _first(directory, _Tag.WIDTH, 0), _first(directory, _Tag.HEIGHT, 0)
    require_frame_size(width, height, max_pixels=max_pixels)
    if has_more_frames:
        raise ImageRejected(ReasonCode.MULTI_FRAME, "more than one frame")
    _require_rgb(directory)
    _require_whole_strips(directory, len(data), max_pixels=max_pixels)
    return decode_rgb("libtiff", data, "RGB", "raw", 0, offset, width=width, height=height)


def _read_directory(data: bytes) -> tuple[int, _Directory, bool]:
    """Return where the first directory lies, its integers by tag, and whether another directory follows."""
    order = "<" if data[:2] == b"II" else ">"
    if len(data) < _HEADER_SIZE:
        raise ImageRejected(ReasonCode.TRUNCATED, "ends within the TIFF header")
    (offset,) = struct.unpack_from(order + "I", data, 4)
    if offset + 2 > len(data):
        raise ImageRejected(ReasonCode.TRUNCATED, f"{len(data)} bytes, the directory would begin at byte {offset}")
    (count,) = struct.unpack_from(order + "H", data, offset)
    end = offset + 2 + _ENTRY_SIZE * count
    if end + 4 > len(data):
        raise ImageRejected(ReasonCode.TRUNCATED, "ends within the TIFF directory")
    directory: dict[int, tuple[int, ...]] = {}
    for position in range(offset + 2, end, _ENTRY_SIZE):
        tag, kind, length = struct.unpack_from(order + "HHI", data, position)
        if tag in _TAGS and kind in _INTEGER_TYPES:
            directory.setdefault(tag, _read_integers(data, position + 8, order, _INTEGER_TYPES[kind], length))
    (next_offset,) = struct.unpack_from(order + "I", data, end)
    return offset, directory, next_offset != 0


def _read_integers(data: bytes, position: int, order: str, code: str, length: int) -> tuple[int, ...]:
    if length > _MOST_VALUES:
        raise ImageRejected(ReasonCode.UNREADABLE, f"{length} values in one entry of the TIFF directory")
    size = length * struct.calcsize(order + code)
    if size > 4:
        (position,) = struct.unpack_from(order + "I", data, position)
    if position + size > len(data):
        raise ImageRejected(ReasonCode.TRUNCATED, "a value of the TIFF directory lies beyond the end of the file")
    return struct.unpack_from(f"{order}{length}{code}", data, position)


def _first(directory: _Directory, tag: _Tag, default: int) -> int:
    return next(iter(directory.get(tag, ())), default)


def _require_rgb(directory: _Directory) -> None:
    bits = directory.get(_Tag.BITS) or (1,)
    sample_format = _first(directory, _Tag.SAMPLE_FORMAT, _UNSIGNED)
    photometric = _first(directory, _Tag.PHOTOMETRIC, -1)
    samples = _first(directory, _Tag.SAMPLES, 1)
    compression = _first(directory, _Tag.COMPRESSION, 1)
    if sample_format == _FLOAT:
        raise ImageRejected(ReasonCode.FLOAT_PIXELS, f"{max(bits)}-bit floating point pixels")
    if max(bits) > 8:
        raise ImageRejected(ReasonCode.SIXTEEN_BIT, f"{max(bits)} bits a channel")
    if photometric in _OTHER_COLOURS:
        raise ImageRejected(_OTHER_COLOURS[photometric], f"TIFF colour space {photometric}, not RGB")
    if photometric == _RGB and samples > 3:
        raise ImageRejected(ReasonCode.ALPHA, f"{samples} channels, more than RGB")
    if (photometric, samples, set(bits), sample_format) != (_RGB, 3, {8}, _UNSIGNED):
        raise ImageRejected(
            ReasonCode.UNSUPPORTED_FORMAT,
            f"TIFF colour space {photometric}, {samples} channels of {max(bits)} bits, sample format {sample_format}",
        )
    if compression not in _LOSSLESS:
        raise ImageRejected(ReasonCode.UNSUPPORTED_FORMAT, f"TIFF compression {compression}; save it without loss")


def _require_whole_strips(directory: _Directory, length: int, *, max_pixels: int) -> None:
    tiled = _Tag.TILE_OFFSETS in directory
    if tiled:
        tile_width, tile_height = _first(directory, _Tag.TILE_WIDTH, 0), _first(directory, _Tag.TILE_HEIGHT, 0)
        require_frame_size(tile_width, tile_height, max_pixels=max_pixels)
    offsets = directory.get(_Tag.TILE_OFFSETS if tiled else _Tag.STRIP_OFFSETS, ())
    sizes = directory.get(_Tag.TILE_BYTES if tiled else _Tag.STRIP_BYTES, ())
    if not offsets or len(offsets) != len(sizes):
        raise ImageRejected(ReasonCode.UNREADABLE, "the TIFF directory does not say where the pixels lie")
    needed = max(offset + size for offset, size in zip(offsets, sizes, strict=True))
    if needed > length:
        raise ImageRejected(ReasonCode.TRUNCATED, f"{length} bytes of {needed}")
