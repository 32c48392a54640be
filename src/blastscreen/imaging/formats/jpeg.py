"""JPEG, baseline or progressive, 8 bits and three channels.

Pixels come as stored: an EXIF rotation is not applied, as a cell has no orientation. Damage inside the compressed data
can't be seen, a known weakness of the format. Reference: ITU-T T.81, annex B.
"""

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.formats.codec import decode_rgb, require_frame_size
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode

_START_OF_SCAN = 0xDA
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the other three are tables
_DECODABLE_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; Huffman coded
_APP2 = 0xE2
_CHANNELS = 3
_OTHER_CHANNELS = {1: ReasonCode.GREYSCALE, 4: ReasonCode.CMYK}
# encoders write about ten; thousands of empty ones over a large frame would keep a decoder busy for hours
_MAX_SCANS = 100


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
    frame: _Segment | None = None
    segment = _read_segment(data, 2)
    while segment.marker != _START_OF_SCAN:
        if segment.marker in _FRAMES:
            frame = segment
        if segment.marker == _APP2 and segment.payload.startswith(b"MPF\x00"):
            raise ImageRejected(ReasonCode.MULTI_FRAME, "several pictures in one JPEG (MPF)")
        segment = _read_segment(data, segment.end)
    if frame is None:
        raise ImageRejected(ReasonCode.UNREADABLE, "no frame header before the first scan")
    width, height = _read_frame_size(frame, max_pixels=max_pixels)
    _require_whole_scans(data, segment.end)
    return decode_rgb("jpeg", data, "RGB", "", width=width, height=height)


def _read_segment(data: bytes, position: int) -> _Segment:
    start = position
    while data[position : position + 1] == b"\xff":
        position += 1
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


def _require_whole_scans(data: bytes, scan_start: int) -> None:
    if data.find(b"\xff\xd9", scan_start) < 0:
        raise ImageRejected(ReasonCode.TRUNCATED, f"ends at byte {len(data)} without an end-of-image mark")
    if data.count(b"\xff\xda", scan_start) >= _MAX_SCANS:
        raise ImageRejected(ReasonCode.UNREADABLE, f"more than {_MAX_SCANS} scans")
