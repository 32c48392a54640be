"""Windows bitmaps of 24 or 32 bits, uncompressed: the format of C-NMC.

Pillow takes five times as long, and reads a damaged width or height, 16-bit colours and a transparent fourth byte as
RGB. Layout: Microsoft's BITMAPFILEHEADER, then BITMAPCOREHEADER or a header that begins like BITMAPINFOHEADER.
"""

import struct
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.rejection import ImageRejected, drop_opaque_alpha, judge_palette, require_frame_size
from blastscreen.vocabulary import ReasonCode

_START = 14  # of the second header
_CORE_HEADER_SIZE = 12
_INFO_HEADER_SIZES = (40, 52, 56, 64, 108, 124)
_BITFIELDS, _ALPHA_BITFIELDS = 3, 6
_MASKS = (0xFF0000, 0xFF00, 0xFF)
# Photoshop counts two more bytes than there are, others round up
_SIZE_SLACK = 4


class _Header(NamedTuple):
    width: int
    height: int  # negative where the top row comes first
    bits: int
    compression: int
    pixel_bytes: int
    size: int
    pixel_offset: int
    file_bytes: int


def decode_bmp(data: bytes, *, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a bitmap of 24 bits a pixel, or of 32 of which the last 8 hide nothing; bytes after them are ignored."""
    header = _read_header(data)
    width, height = header.width, abs(header.height)
    require_frame_size(width, height, max_pixels=max_pixels)
    masks = _read_masks(data, header)
    _require_rgb(data, header, masks)
    channels = header.bits // 8
    stride = (channels * width + 3) // 4 * 4
    _require_consistent_lengths(header, len(data), smallest=channels * width * height, needed=stride * height)
    rows = np.frombuffer(data, np.uint8, stride * height, header.pixel_offset).reshape(height, stride)
    bgr = rows[:, : channels * width].reshape(height, width, channels)
    if channels == 4:
        is_filler = not any(masks[3:]) and not bgr[..., 3].any()
        bgr = np.ascontiguousarray(bgr[..., :3]) if is_filler else drop_opaque_alpha(bgr)
    rgb = np.empty((height, width, 3), np.uint8)
    cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=rgb)
    if header.height > 0:
        # in place: a second array of this size costs ten times as much as the turning
        cv2.flip(rgb, 0, dst=rgb)
    return rgb


def _read_header(data: bytes) -> _Header:
    size = int.from_bytes(data[_START : _START + 4], "little")
    if len(data) < _START + 4 or len(data) < _START + size <= _START + max(_INFO_HEADER_SIZES):
        raise ImageRejected(ReasonCode.TRUNCATED, f"{len(data)} bytes, which end within the bitmap header")
    file_bytes, pixel_offset = struct.unpack_from("<2xI4xI", data)
    if size == _CORE_HEADER_SIZE:
        width, height, bits = struct.unpack_from("<4xHH2xH", data, _START)
        compression = pixel_bytes = 0
    elif size in _INFO_HEADER_SIZES:
        width, height, bits, compression, pixel_bytes = struct.unpack_from("<4xii2xHII", data, _START)
    else:
        raise ImageRejected(ReasonCode.UNREADABLE, f"not a bitmap: a header of {size} bytes is not known")
    if pixel_offset < _START + size:
        raise ImageRejected(ReasonCode.UNREADABLE, f"pixels are said to begin at byte {pixel_offset}, in the header")
    return _Header(width, height, bits, compression, pixel_bytes, size, pixel_offset, file_bytes)


def _read_masks(data: bytes, header: _Header) -> tuple[int, ...]:
    """Return the bits of red, green, blue and, in headers with room for it, alpha; nothing where none are given."""
    if header.compression not in (_BITFIELDS, _ALPHA_BITFIELDS):
        return ()
    n_masks = 4 if header.size >= 56 or header.compression == _ALPHA_BITFIELDS else 3
    start = _START + _INFO_HEADER_SIZES[0]
    return tuple(int.from_bytes(data[at : at + 4], "little") for at in range(start, start + 4 * n_masks, 4))


def _require_rgb(data: bytes, header: _Header, masks: tuple[int, ...]) -> None:
    if header.bits in (1, 2, 4, 8) and header.compression == 0:
        entry = 3 if header.size == _CORE_HEADER_SIZE else 4
        palette = data[_START + header.size : header.pixel_offset][: entry << header.bits]
        colours = np.frombuffer(palette, np.uint8, len(palette) // entry * entry).reshape(-1, entry)
        raise judge_palette(colours[:, :3])
    is_usual = header.bits in (24, 32) and header.compression == 0
    if not (is_usual or (header.bits == 32 and masks[:3] == _MASKS)):
        detail = f"bitmap of {header.bits} bits a pixel, compression {header.compression}"
        raise ImageRejected(ReasonCode.UNSUPPORTED_FORMAT, detail)


def _require_consistent_lengths(header: _Header, length: int, *, smallest: int, needed: int) -> None:
    end = max(header.pixel_offset + max(needed, header.pixel_bytes - _SIZE_SLACK), header.file_bytes)
    if length < end:
        raise ImageRejected(ReasonCode.TRUNCATED, f"{length} bytes of the {end} that the header declares")
    if header.pixel_bytes and not smallest <= header.pixel_bytes <= needed + _SIZE_SLACK:
        # a wrong width or height shears the picture without any other sign
        size = f"{header.width} x {abs(header.height)} pixels in {header.pixel_bytes} bytes"
        raise ImageRejected(ReasonCode.UNREADABLE, f"the header contradicts itself: {size}")
