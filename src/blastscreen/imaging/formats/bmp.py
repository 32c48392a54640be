"""Windows bitmaps of 24 or 32 bits, uncompressed: the format of C-NMC.

The header is compared with the length of the file, because decoders fill a cut bitmap with black, which is also the
background of a cell. Layout: Microsoft's BITMAPFILEHEADER followed by BITMAPCOREHEADER, BITMAPINFOHEADER or a longer
header that begins like the latter.
"""

import struct
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.formats.codec import drop_opaque_alpha, judge_palette, require_frame_size
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode

_FILE_HEADER = struct.Struct("<2xI4xI")  # declared file size, where the pixels begin
_CORE_HEADER = struct.Struct("<4xHH2xH")  # width, height, bits
_INFO_HEADER = struct.Struct("<4xii2xHII")  # width, height (negative: top row first), bits, compression, pixel bytes
_CORE_HEADER_SIZE = 12
_INFO_HEADER_SIZES = frozenset({40, 52, 56, 64, 108, 124})
_UNCOMPRESSED = 0
_BITFIELDS, _ALPHA_BITFIELDS = 3, 6
_MASK_POSITIONS = (54, 58, 62, 66)  # bits of red, green, blue and, in headers with room for it, alpha
_MASKS = (0xFF0000, 0xFF00, 0xFF)
_PALETTE_BITS = (1, 2, 4, 8)
# Photoshop counts two more bytes than there are, others round up
_SIZE_SLACK = 4


class _Header(NamedTuple):
    size: int
    width: int
    height: int
    top_down: bool
    bits: int
    compression: int
    pixel_bytes: int
    pixel_offset: int
    file_bytes: int
    masks: tuple[int, ...]


def decode_bmp(data: bytes, *, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a bitmap of 24 bits a pixel, or of 32 of which the last 8 hide nothing.

    Bytes after the pixels are ignored.

    Args:
        data: the file, beginning with "BM".
        max_pixels: largest frame that may be decoded.

    Returns:
        Pixels of shape (height, width, 3), RGB, top row first.

    Raises:
        ImageRejected: the file is cut, contradicts itself, is too large or not 8-bit RGB.
    """
    header = _read_header(data)
    require_frame_size(header.width, header.height, max_pixels=max_pixels)
    _require_rgb(header, data)
    channels = header.bits // 8
    row_bytes = channels * header.width
    stride = (row_bytes + 3) // 4 * 4
    _require_consistent_lengths(header, len(data), row_bytes=row_bytes, stride=stride)
    padded_rows = np.frombuffer(data, np.uint8, stride * header.height, header.pixel_offset)
    bgr = padded_rows.reshape(header.height, stride)[:, :row_bytes].reshape(header.height, header.width, channels)
    if channels == 4:
        bgr = _drop_fourth_channel(bgr, header)
    rgb = np.empty((header.height, header.width, 3), np.uint8)
    cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=rgb)
    if not header.top_down:
        # in place: a second array of this size costs ten times as much as the turning
        cv2.flip(rgb, 0, dst=rgb)
    return rgb


def _read_header(data: bytes) -> _Header:
    position = _FILE_HEADER.size
    header_size = int.from_bytes(data[position : position + 4], "little")
    if len(data) < position + 4 or len(data) < position + header_size <= position + max(_INFO_HEADER_SIZES):
        raise ImageRejected(ReasonCode.TRUNCATED, f"{len(data)} bytes, which end within the bitmap header")
    file_bytes, pixel_offset = _FILE_HEADER.unpack_from(data)
    if header_size == _CORE_HEADER_SIZE:
        width, height, bits = _CORE_HEADER.unpack_from(data, position)
        compression = pixel_bytes = 0
    elif header_size in _INFO_HEADER_SIZES:
        width, height, bits, compression, pixel_bytes = _INFO_HEADER.unpack_from(data, position)
    else:
        raise ImageRejected(ReasonCode.UNREADABLE, f"not a bitmap: a header of {header_size} bytes is not known")
    if pixel_offset < position + header_size:
        raise ImageRejected(ReasonCode.UNREADABLE, f"pixels are said to begin at byte {pixel_offset}, in the header")
    has_alpha_mask = header_size >= 56 or compression == _ALPHA_BITFIELDS
    positions = _MASK_POSITIONS[: 3 + has_alpha_mask] if compression in (_BITFIELDS, _ALPHA_BITFIELDS) else ()
    masks = tuple(int.from_bytes(data[start : start + 4], "little") for start in positions)
    return _Header(
        header_size, width, abs(height), height < 0, bits, compression, pixel_bytes, pixel_offset, file_bytes, masks
    )


def _require_rgb(header: _Header, data: bytes) -> None:
    if header.bits in _PALETTE_BITS and header.compression == _UNCOMPRESSED:
        entry_size = 3 if header.size == _CORE_HEADER_SIZE else 4
        palette = data[_FILE_HEADER.size + header.size : header.pixel_offset][: entry_size << header.bits]
        entries = np.frombuffer(palette, np.uint8, len(palette) // entry_size * entry_size)
        raise judge_palette(entries.reshape(-1, entry_size)[:, :3])
    is_usual = header.bits in (24, 32) and header.compression == _UNCOMPRESSED
    if not (is_usual or (header.bits == 32 and header.masks[:3] == _MASKS)):
        raise ImageRejected(
            ReasonCode.UNSUPPORTED_FORMAT, f"bitmap of {header.bits} bits a pixel, compression {header.compression}"
        )


def _drop_fourth_channel(bgrx: NDArray[np.uint8], header: _Header) -> NDArray[np.uint8]:
    """Leave out what is opaque, or else zero where the header doesn't call it alpha."""
    is_filler = not any(header.masks[3:]) and not bgrx[..., 3].any()
    return np.ascontiguousarray(bgrx[..., :3]) if is_filler else drop_opaque_alpha(bgrx)


def _require_consistent_lengths(header: _Header, length: int, *, row_bytes: int, stride: int) -> None:
    needed = header.pixel_offset + max(stride * header.height, header.pixel_bytes - _SIZE_SLACK)
    if length < max(needed, header.file_bytes):
        raise ImageRejected(
            ReasonCode.TRUNCATED, f"{length} bytes of the {max(needed, header.file_bytes)} that the header declares"
        )
    smallest, largest = row_bytes * header.height, stride * header.height + _SIZE_SLACK
    if header.pixel_bytes and not smallest <= header.pixel_bytes <= largest:
        # a wrong width or height shears the picture without any other sign
        raise ImageRejected(
            ReasonCode.UNREADABLE,
            f"the header contradicts itself: {header.width} x {header.height} pixels in {header.pixel_bytes} bytes",
        )
