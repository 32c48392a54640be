"""TIFF with one frame of 8-bit RGB, or RGB with an alpha channel that hides nothing, stored without loss.

Pixels come as stored: the orientation tag is not applied. Reference: Adobe, TIFF Revision 6.0 (1992).
"""

import contextlib
import ctypes
import re
import struct
import threading
from collections.abc import Mapping, Sequence
from enum import IntEnum
from itertools import pairwise
from operator import add
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blastscreen.imaging.formats.codec import (
    decode_pixels,
    drop_opaque_alpha,
    judge_palette,
    require_at_most,
    require_frame_size,
    require_little_data,
)
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
    COLOUR_MAP = 320
    SAMPLE_FORMAT = 339


_thread = threading.local()


def _keep_error(_module: bytes, template: bytes, values: int) -> None:
    text = ctypes.create_string_buffer(100)
    ctypes.CDLL(None).vsnprintf(text, len(text), template, ctypes.c_void_p(values))
    _thread.error = re.sub("[^ -.0-~]+", " ", text.value.decode("ascii", errors="replace"))


_ERROR_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)(_keep_error)
with contextlib.suppress(AttributeError):
    # libtiff would write its errors to standard error, without the name of the file, and read on. Set once for all
    # threads; where Pillow was built with libtiff inside, the function is hidden and the lines remain.
    ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler(_ERROR_HANDLER)  # type: ignore[attr-defined]

_TAGS = frozenset(_Tag)
_Directory = Mapping[int, tuple[int, ...]]


class _Entry(NamedTuple):
    tag: int
    kind: int
    length: int
    start: int
    size: int


_HEADER_SIZE = 8
_ENTRY_SIZE = 12
# some thirty in a file of a microscope
_MOST_ENTRIES = 256
# strips of one row in three planes, for a frame of 3,000 rows
_MOST_VALUES = 10_000
_INTEGER_TYPES = {3: "H", 4: "I"}
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_UNCOMPRESSED = 1
# LZW, deflate, PackBits, old deflate, LZMA, Zstandard
_LOSSLESS = frozenset({_UNCOMPRESSED, 5, 8, 32773, 32946, 34925, 50000})
_RGB, _PALETTE = 2, 3
_OTHER_COLOURS = {0: ReasonCode.GREYSCALE, 1: ReasonCode.GREYSCALE, 5: ReasonCode.CMYK}
_UNSIGNED, _FLOAT = 1, 3


def decode_tiff(data: bytes, *, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a TIFF.

    Args:
        data: the file, beginning with a TIFF's first four bytes.
        max_pixels: largest frame that may be decoded.

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
    if _first(directory, _Tag.COMPRESSION, _UNCOMPRESSED) != _UNCOMPRESSED:
        require_little_data(data)
    _require_whole_strips(directory, len(data), width=width, height=height, max_pixels=max_pixels)
    mode = "RGBA" if _first(directory, _Tag.SAMPLES, 3) == 4 else "RGB"
    pixels, _thread.error = None, ""
    with contextlib.suppress(ImageRejected):
        pixels = decode_pixels("libtiff", mode, data, mode, "raw", 0, offset, width=width, height=height)
    if pixels is None or _thread.error:
        raise ImageRejected(ReasonCode.UNREADABLE, f"the pixel data are damaged: {_thread.error or 'no pixels'}")
    return pixels if mode == "RGB" else drop_opaque_alpha(pixels)


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
    require_at_most(_MOST_ENTRIES, count, "entries in the TIFF directory")
    entries = [_read_entry(data, position, order) for position in range(offset + 2, end, _ENTRY_SIZE)]
    if any(entry.tag >= following.tag for entry, following in pairwise(entries)):
        # of two entries one decoder takes the first and another the last, so what is judged may not be what is read
        raise ImageRejected(ReasonCode.UNREADABLE, "the TIFF directory has a tag twice, or out of order")
    _require_apart([entry.start for entry in entries], [entry.size for entry in entries], len(data), "values")
    directory = {entry.tag: _read_integers(data, entry, order) for entry in entries if entry.tag in _TAGS}
    (next_offset,) = struct.unpack_from(order + "I", data, end)
    return offset, directory, next_offset != 0


def _read_entry(data: bytes, position: int, order: str) -> _Entry:
    tag, kind, length, value = struct.unpack_from(order + "HHII", data, position)
    size = _TYPE_SIZES.get(kind, 0) * length
    return _Entry(tag, kind, length, value if size > 4 else position + 8, size)


def _read_integers(data: bytes, entry: _Entry, order: str) -> tuple[int, ...]:
    if entry.kind not in _INTEGER_TYPES:
        raise ImageRejected(ReasonCode.UNREADABLE, f"TIFF tag {entry.tag} of type {entry.kind}, no unsigned integer")
    require_at_most(_MOST_VALUES, entry.length, f"values of TIFF tag {entry.tag}")
    return struct.unpack_from(f"{order}{entry.length}{_INTEGER_TYPES[entry.kind]}", data, entry.start)


def _require_apart(starts: Sequence[int], sizes: Sequence[int], length: int, noun: str) -> None:
    """Reject parts that lie beyond the end of the file, or that overlap: each byte could be read thousands of times."""
    needed = max(map(add, starts, sizes), default=0)
    if needed > length:
        raise ImageRejected(ReasonCode.TRUNCATED, f"{length} bytes of {needed} that the {noun} need")
    require_at_most(length, sum(sizes), f"bytes of {noun}")


def _first(directory: _Directory, tag: _Tag, default: int) -> int:
    return next(iter(directory.get(tag, ())), default)


def _require_rgb(directory: _Directory) -> None:
    bits = directory.get(_Tag.BITS) or (1,)
    sample_format = _first(directory, _Tag.SAMPLE_FORMAT, _UNSIGNED)
    photometric = _first(directory, _Tag.PHOTOMETRIC, -1)
    samples = _first(directory, _Tag.SAMPLES, 1)
    compression = _first(directory, _Tag.COMPRESSION, _UNCOMPRESSED)
    if sample_format == _FLOAT:
        raise ImageRejected(ReasonCode.FLOAT_PIXELS, f"{max(bits)}-bit floating point pixels")
    if max(bits) > 8:
        raise ImageRejected(ReasonCode.SIXTEEN_BIT, f"{max(bits)} bits a channel")
    if photometric == _PALETTE:
        colours = directory.get(_Tag.COLOUR_MAP, ())
        raise judge_palette(np.array(colours[: len(colours) // 3 * 3]).reshape(3, -1).T)
    if photometric in _OTHER_COLOURS:
        raise ImageRejected(_OTHER_COLOURS[photometric], f"TIFF colour space {photometric}, not RGB")
    if photometric == _RGB and samples > 4:
        raise ImageRejected(ReasonCode.ALPHA, f"{samples} channels, more than RGB and alpha")
    if (photometric, samples in (3, 4), set(bits), sample_format) != (_RGB, True, {8}, _UNSIGNED):
        raise ImageRejected(
            ReasonCode.UNSUPPORTED_FORMAT,
            f"TIFF colour space {photometric}, {samples} channels of {max(bits)} bits, sample format {sample_format}",
        )
    if compression not in _LOSSLESS:
        raise ImageRejected(ReasonCode.UNSUPPORTED_FORMAT, f"TIFF compression {compression}; save it without loss")


def _require_whole_strips(directory: _Directory, length: int, *, width: int, height: int, max_pixels: int) -> None:
    tiled = _Tag.TILE_OFFSETS in directory
    if tiled:
        tile_width, tile_height = _first(directory, _Tag.TILE_WIDTH, 0), _first(directory, _Tag.TILE_HEIGHT, 0)
        require_frame_size(tile_width, tile_height, max_pixels=max_pixels)
        # the tiles together, where those at the edges reach out of the frame
        require_frame_size(width + tile_width, height + tile_height, max_pixels=4 * max_pixels)
    offsets = directory.get(_Tag.TILE_OFFSETS if tiled else _Tag.STRIP_OFFSETS, ())
    sizes = directory.get(_Tag.TILE_BYTES if tiled else _Tag.STRIP_BYTES, ())
    if not offsets or len(offsets) != len(sizes):
        raise ImageRejected(ReasonCode.UNREADABLE, "the TIFF directory does not say where the pixels lie")
    _require_apart(offsets, sizes, length, "tiles" if tiled else "strips")
