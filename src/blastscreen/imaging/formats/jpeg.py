"""JPEG, baseline or progressive, 8 bits and three channels.

Pixels come as stored: an EXIF rotation is not applied, as a cell has no orientation. Damage inside the compressed data
can't be seen, a known weakness of the format. Reference: ITU-T T.81, annex B.
"""

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.formats.codec import (
    decode_pixels,
    require_at_most,
    require_frame_size,
    require_little_data,
)
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode

_START_OF_SCAN = 0xDA
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the other three are tables
_DECODABLE_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; Huffman coded
_APP2 = 0xE2
_CHANNELS = 3
_OTHER_CHANNELS = {1: ReasonCode.GREYSCALE, 4: ReasonCode.CMYK}
# headers have about ten segments, with a large colour profile a hundred, and no fill bytes
_MOST_SEGMENTS = 1_000
_MOST_FILL_BYTES = 1_000
# encoders write about ten; a decoder walks over the whole frame for each, whatever is in it
_MOST_SCANS = 100
_MOST_SCANNED_PIXELS = 100_000_000


class _Segment(NamedTuple):
    marker: int
    payload: bytes
    end: int


def decode_jpeg(data: bytes, *, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a JPEG.

    Args:
        data: the file, beginning with a JPEG's first two bytes.
        max_pixels: largest frame that may be decoded.

    Returns:
        Pixels of shape (height, width, 3), RGB.

    Raises:
        ImageRejected: the file is cut or damaged, too large, one of several frames, or not 8-bit RGB.
    """
    require_little_data(data)
    frame: _Segment | None = None
    segment = _read_segment(data, 2)
    n_segments = 1
    while segment.marker != _START_OF_SCAN:
        if segment.marker in _FRAMES:
            frame = segment
        if segment.marker == _APP2 and segment.payload.startswith(b"MPF\x00"):
            raise ImageRejected(ReasonCode.MULTI_FRAME, "several pictures in one JPEG (MPF)")
        segment = _read_segment(data, segment.end)
        n_segments += 1
        require_at_most(_MOST_SEGMENTS, n_segments, "segments before the first scan")
    if frame is None:
        raise ImageRejected(ReasonCode.UNREADABLE, "no frame header before the first scan")
    width, height = _read_frame_size(frame, max_pixels=max_pixels)
    if data.find(b"\xff\xd9", segment.end) < 0:
        raise ImageRejected(ReasonCode.TRUNCATED, f"ends at byte {len(data)} without an end-of-image mark")
    n_scans = 1 + data.count(b"\xff\xda", segment.end)
    require_at_most(_MOST_SCANS, n_scans, "scans")
    require_at_most(_MOST_SCANNED_PIXELS, n_scans * width * height, f"pixels in {n_scans:,} scans")
    return decode_pixels("jpeg", "RGB", data, "RGB", "", width=width, height=height)


def _read_segment(data: bytes, position: int) -> _Segment:
    start = position
    fill = data[start : start + _MOST_FILL_BYTES + 1]
    position += len(fill) - len(fill.lstrip(b"\xff"))
    require_at_most(_MOST_FILL_BYTES, position - start, "fill bytes")
    if position >= len(data):
        raise ImageRejected(ReasonCode.TRUNCATED, f"ends at byte {len(data)}, before the first scan")
    marker = data[position]
    if position == start or marker in (0x00, 0xD8, 0xD9):
        raise ImageRejected(ReasonCode.UNREADABLE, f"no JPEG segment where one must begin, at byte {start}")
    position += 1
    if marker in _STANDALONE:
        return _Segment(marker, b"", position)
    length = int.from_bytes(data[position : position + 2], "big")
    end = position + length
    if position + 2 > len(data) or end > len(data):
        raise ImageRejected(ReasonCode.TRUNCATED, f"ends at byte {len(data)}, within a header segment")
    return _Segment(marker, data[position + 2 : end], end)


def _read_frame_size(frame: _Segment, *, max_pixels: int) -> tuple[int, int]:
    if len(frame.payload) < 6:
        raise ImageRejected(ReasonCode.UNREADABLE, "the JPEG frame header is too short")
    bits, height, width, channels = struct.unpack_from(">BHHB", frame.payload)
    require_frame_size(width, height, max_pixels=max_pixels)
    if bits > 8:
        raise ImageRejected(ReasonCode.SIXTEEN_BIT, f"{bits} bits a channel")
    if channels in _OTHER_CHANNELS:
        raise ImageRejected(_OTHER_CHANNELS[channels], f"{channels} channel(s), not RGB")
    if bits != 8 or channels != _CHANNELS or frame.marker not in _DECODABLE_FRAMES:
        raise ImageRejected(
            ReasonCode.UNSUPPORTED_FORMAT,
            f"JPEG of kind {frame.marker - 0xC0}, {bits} bits and {channels} channels; only Huffman-coded 8-bit colour",
        )
    return width, height
