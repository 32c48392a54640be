"""TIFF with one frame of 8-bit RGB, or RGB with an alpha channel that hides nothing, stored without loss.

Pillow reads 16 bits and five channels as RGB, JPEG inside of a TIFF as if it had no loss, and strips and tags that
share their bytes as often as a file likes: two gigabytes of memory. Pixels come as stored: the orientation tag is not
applied. Reference: Adobe, TIFF Revision 6.0 (1992).
"""

import contextlib
import ctypes
import re
import struct
import threading
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL import TiffImagePlugin as Tag

from blastscreen.imaging.rejection import (
    ImageRejected,
    decode_pixels,
    drop_opaque_alpha,
    judge_palette,
    require_at_most,
    require_frame_size,
    require_little_data,
)
from blastscreen.vocabulary import ReasonCode

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

_Directory = Mapping[int, tuple[int, ...]]

_READ = frozenset(
    {
        *(Tag.IMAGEWIDTH, Tag.IMAGELENGTH, Tag.BITSPERSAMPLE, Tag.COMPRESSION, Tag.PHOTOMETRIC_INTERPRETATION),
        *(Tag.STRIPOFFSETS, Tag.SAMPLESPERPIXEL, Tag.STRIPBYTECOUNTS, Tag.COLORMAP, Tag.SAMPLEFORMAT),
        *(Tag.TILEWIDTH, Tag.TILELENGTH, Tag.TILEOFFSETS, Tag.TILEBYTECOUNTS),
    }
)
# some thirty in a file of a microscope
_MOST_ENTRIES = 256
# strips of one row in three planes, for a frame of 3,000 rows
_MOST_VALUES = 10_000
_TYPE_SIZES = np.array([0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8])
_INTEGERS = {3: "u2", 4: "u4"}
# LZW, deflate, PackBits, old deflate, LZMA, Zstandard
_UNCOMPRESSED, *_COMPRESSED = 1, 5, 8, 32773, 32946, 34925, 50000
_RGB, _PALETTE = 2, 3
_OTHER_COLOURS = {0: ReasonCode.GREYSCALE, 1: ReasonCode.GREYSCALE, 5: ReasonCode.CMYK}
_UNSIGNED, _FLOAT = 1, 3


def decode_tiff(data: bytes, *, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a TIFF to pixels (height, width, 3), RGB."""
    offset, directory, has_more_frames = _read_directory(data)
    size = _first(directory, Tag.IMAGEWIDTH, 0), _first(directory, Tag.IMAGELENGTH, 0)
    require_frame_size(*size, max_pixels=max_pixels)
    if has_more_frames:
        raise ImageRejected(ReasonCode.MULTI_FRAME, "more than one frame")
    mode = _require_rgb(directory)
    if _first(directory, Tag.COMPRESSION, _UNCOMPRESSED) != _UNCOMPRESSED:
        require_little_data(data)
    _require_whole_strips(directory, len(data), size=size, max_pixels=max_pixels)
    pixels, _thread.error = None, ""
    with contextlib.suppress(ImageRejected):
        pixels = decode_pixels("libtiff", mode, data, mode, "raw", 0, offset, size=size)
    if pixels is None or _thread.error:
        raise ImageRejected(ReasonCode.UNREADABLE, f"the pixel data are damaged: {_thread.error or 'no pixels'}")
    return pixels if mode == "RGB" else drop_opaque_alpha(pixels)


def _read_directory(data: bytes) -> tuple[int, _Directory, bool]:
    """Return where the first directory lies, its integers by tag, and whether another directory follows."""
    order = "<" if data[:2] == b"II" else ">"
    try:
        (offset,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, offset)
        (next_offset,) = struct.unpack_from(order + "I", data, offset + 2 + 12 * count)
    except struct.error as error:
        detail = f"{len(data)} bytes, which end before the TIFF directory does"
        raise ImageRejected(ReasonCode.TRUNCATED, detail) from error
    require_at_most(_MOST_ENTRIES, count, "entries in the TIFF directory")
    fields = np.frombuffer(data, f"{order}u2,{order}u2,{order}u4,{order}u4", count, offset + 2)
    tags, kinds, lengths, values = (fields[name].astype(np.int64) for name in fields.dtype.names or ())
    if (np.diff(tags) <= 0).any():
        # of two entries one decoder takes the first and another the last, so what is judged may not be what is read
        raise ImageRejected(ReasonCode.UNREADABLE, "the TIFF directory has a tag twice, or out of order")
    sizes = np.where(kinds < len(_TYPE_SIZES), _TYPE_SIZES[kinds % len(_TYPE_SIZES)], 0) * lengths
    starts = np.where(sizes > 4, values, offset + 10 + 12 * np.arange(count))
    _require_apart(starts, sizes, len(data), "values")
    entries = zip(*(column.tolist() for column in (tags, kinds, lengths, starts)), strict=True)
    directory = {tag: _read_integers(data, order, tag, *entry) for tag, *entry in entries if tag in _READ}
    return offset, directory, next_offset != 0


def _read_integers(data: bytes, order: str, tag: int, kind: int, length: int, start: int) -> tuple[int, ...]:
    if kind not in _INTEGERS:
        raise ImageRejected(ReasonCode.UNREADABLE, f"TIFF tag {tag} of type {kind}, no unsigned integer")
    require_at_most(_MOST_VALUES, length, f"values of TIFF tag {tag}")
    return tuple(np.frombuffer(data, order + _INTEGERS[kind], length, start).tolist())


def _require_apart(starts: NDArray[np.int64], sizes: NDArray[np.int64], length: int, noun: str) -> None:
    """Reject parts that lie beyond the end of the file, or that overlap: each byte could be read thousands of times."""
    needed = int((starts + sizes).max(initial=0))
    if needed > length:
        raise ImageRejected(ReasonCode.TRUNCATED, f"{length} bytes of {needed} that the {noun} need")
    require_at_most(length, int(sizes.sum()), f"bytes of {noun}")


def _first(directory: _Directory, tag: int, default: int) -> int:
    return next(iter(directory.get(tag, ())), default)


def _require_rgb(directory: _Directory) -> str:
    bits = directory.get(Tag.BITSPERSAMPLE) or (1,)
    sample_format = _first(directory, Tag.SAMPLEFORMAT, _UNSIGNED)
    photometric = _first(directory, Tag.PHOTOMETRIC_INTERPRETATION, -1)
    samples = _first(directory, Tag.SAMPLESPERPIXEL, 1)
    compression = _first(directory, Tag.COMPRESSION, _UNCOMPRESSED)
    if sample_format == _FLOAT:
        raise ImageRejected(ReasonCode.FLOAT_PIXELS, f"{max(bits)}-bit floating point pixels")
    if max(bits) > 8:
        raise ImageRejected(ReasonCode.SIXTEEN_BIT, f"{max(bits)} bits a channel")
    if photometric == _PALETTE:
        colours = directory.get(Tag.COLORMAP, ())
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
    if compression not in (_UNCOMPRESSED, *_COMPRESSED):
        raise ImageRejected(ReasonCode.UNSUPPORTED_FORMAT, f"TIFF compression {compression}; save it without loss")
    return "RGB" if samples == 3 else "RGBA"


def _require_whole_strips(directory: _Directory, length: int, *, size: tuple[int, int], max_pixels: int) -> None:
    tiled = Tag.TILEOFFSETS in directory
    if tiled:
        tile = _first(directory, Tag.TILEWIDTH, 0), _first(directory, Tag.TILELENGTH, 0)
        require_frame_size(*tile, max_pixels=max_pixels)
        # the tiles together, where those at the edges reach out of the frame
        require_frame_size(size[0] + tile[0], size[1] + tile[1], max_pixels=4 * max_pixels)
    offsets = directory.get(Tag.TILEOFFSETS if tiled else Tag.STRIPOFFSETS, ())
    sizes = directory.get(Tag.TILEBYTECOUNTS if tiled else Tag.STRIPBYTECOUNTS, ())
    if not offsets or len(offsets) != len(sizes):
        raise ImageRejected(ReasonCode.UNREADABLE, "the TIFF directory does not say where the pixels lie")
    _require_apart(np.array(offsets), np.array(sizes), length, "tiles" if tiled else "strips")
