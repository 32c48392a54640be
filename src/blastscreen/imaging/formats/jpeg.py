"""JPEG, baseline or progressive, 8 bits and three channels.

Pillow decodes arithmetic coding and a thousand scans, and looks half a minute at fill bytes. Pixels come as stored: an
EXIF rotation is not applied. Damage inside the compressed data can't be seen, a known weakness of the format.
Reference: ITU-T T.81, annex B.
"""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.rejection import (
    ImageRejected,
    decode_pixels,
    require_at_most,
    require_frame_size,
    require_little_data,
)
from blastscreen.vocabulary import ReasonCode

_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the other three are tables
_DECODABLE_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive; Huffman coded
_APP2, _START_OF_SCAN = 0xE2, 0xDA
_OTHER_CHANNELS = {1: ReasonCode.GREYSCALE, 4: ReasonCode.CMYK}
# headers have about ten segments, with a large colour profile a hundred, and no fill bytes
_MOST_SEGMENTS = _MOST_FILL_BYTES = 1_000
# encoders write about ten; a decoder walks over the whole frame for each, whatever is in it
_MOST_SCANS = 100
_MOST_SCANNED_PIXELS = 100_000_000


def decode_jpeg(data: bytes, *, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a JPEG to pixels (height, width, 3), RGB."""
    require_little_data(data)
    frame = None
    for marker, payload, end in _segments(data):
        if marker in _FRAMES:
            frame = marker, payload
        if marker == _APP2 and payload.startswith(b"MPF\x00"):
            raise ImageRejected(ReasonCode.MULTI_FRAME, "several pictures in one JPEG (MPF)")
        header_end = end
    if frame is None:
        raise ImageRejected(ReasonCode.UNREADABLE, "no frame header before the first scan")
    width, height = _read_frame_size(*frame, max_pixels=max_pixels)
    if data.find(b"\xff\xd9", header_end) < 0:
        raise ImageRejected(ReasonCode.TRUNCATED, f"ends at byte {len(data)} without an end-of-image mark")
    n_scans = 1 + data.count(b"\xff\xda", header_end)
    require_at_most(_MOST_SCANS, n_scans, "scans")
    require_at_most(_MOST_SCANNED_PIXELS, n_scans * width * height, f"pixels in {n_scans:,} scans")
    return decode_pixels("jpeg", "RGB", data, "RGB", "", size=(width, height))


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield marker, payload and end of every segment up to the first start of a scan."""
    marker, end, number = 0, 2, 0
    while marker != _START_OF_SCAN:
        require_at_most(_MOST_SEGMENTS, number := number + 1, "segments before the first scan")
        fill = data[end : end + _MOST_FILL_BYTES + 1]
        position = end + len(fill) - len(fill.lstrip(b"\xff"))
        require_at_most(_MOST_FILL_BYTES, position - end, "fill bytes")
        if position >= len(data):
            raise ImageRejected(ReasonCode.TRUNCATED, f"ends at byte {len(data)}, before the first scan")
        marker = data[position]
        if position == end or marker in (0x00, 0xD8, 0xD9):
            raise ImageRejected(ReasonCode.UNREADABLE, f"no JPEG segment where one must begin, at byte {end}")
        start = end = position + 1
        if marker not in _STANDALONE:
            start, end = start + 2, start + int.from_bytes(data[start : start + 2], "big")
        if max(start, end) > len(data):
            raise ImageRejected(ReasonCode.TRUNCATED, f"ends at byte {len(data)}, within a header segment")
        yield marker, data[start:end], end


def _read_frame_size(marker: int, payload: bytes, *, max_pixels: int) -> tuple[int, int]:
    if len(payload) < 6:
        raise ImageRejected(ReasonCode.UNREADABLE, "the JPEG frame header is too short")
    bits, height, width, channels = struct.unpack_from(">BHHB", payload)
    require_frame_size(width, height, max_pixels=max_pixels)
    if bits > 8:
        raise ImageRejected(ReasonCode.SIXTEEN_BIT, f"{bits} bits a channel")
    if channels in _OTHER_CHANNELS:
        raise ImageRejected(_OTHER_CHANNELS[channels], f"{channels} channel(s), not RGB")
    if (bits, channels) != (8, 3) or marker not in _DECODABLE_FRAMES:
        raise ImageRejected(
            ReasonCode.UNSUPPORTED_FORMAT,
            f"JPEG of kind {marker - 0xC0}, {bits} bits and {channels} channels; only Huffman-coded 8-bit colour",
        )
    return width, height
