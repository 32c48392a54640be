"""PNG with 8 bits a channel, in RGB or in RGB with an alpha channel that hides nothing.

Pillow reads 16 bits a channel, too few or too many rows, a missing end and a transparent colour as RGB, and walks for
ten seconds through millions of empty chunks. Here every chunk's checksum is verified. Reference: Portable Network
Graphics (PNG) Specification, Third Edition, W3C 2025.
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

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

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE = 0, 2, 3
_MODES = {_RGB: "RGB", _PALETTE: "P", 4: "LA", 6: "RGBA"}
# a hundred times what the usual chunks of 8 KiB and the metadata of a cell make
_MOST_CHUNKS = 10_000
# first column, first row, column step, row step of each pass of an interlaced picture
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def decode_png(data: bytes, *, max_pixels: int) -> NDArray[np.uint8]:
    """Decode a PNG to pixels (height, width, 3), RGB."""
    chunks = _checked_chunks(data)
    width, height, colour, interlaced = _read_image_header(*next(chunks), max_pixels=max_pixels)
    require_little_data(data)
    compressed, transparent = [], None
    for number, (kind, payload) in enumerate(chunks, start=2):
        require_at_most(_MOST_CHUNKS, number, "chunks")
        if kind == b"acTL":
            raise ImageRejected(ReasonCode.MULTI_FRAME, "an animated PNG")
        if kind == b"PLTE" and colour == _PALETTE:
            raise judge_palette(np.frombuffer(payload, np.uint8, len(payload) // 3 * 3).reshape(-1, 3))
        if kind == b"tRNS" and colour == _RGB:
            transparent = np.frombuffer(payload, ">u2", len(payload) // 2)
        if kind == b"IDAT":
            compressed.append(payload)
    if colour == _PALETTE:
        raise ImageRejected(ReasonCode.PALETTE, "colours of a palette that is missing")
    mode = _MODES[colour]
    rows = _inflate(b"".join(compressed), _count_bytes(width, height, channels=len(mode), interlaced=interlaced))
    # Pillow's codec undoes the row filters; it reads a zlib stream, so the rows go back into one, uncompressed
    packed = zlib.compress(rows, level=0)
    pixels = decode_pixels("zip", mode, packed, mode, int(interlaced), size=(width, height))
    if mode != "RGB":
        return drop_opaque_alpha(pixels)
    if transparent is not None and (len(transparent) != 3 or (pixels == transparent).all(axis=2).any()):
        raise ImageRejected(ReasonCode.ALPHA, "a colour of the picture is declared transparent (tRNS)")
    return pixels


def _checked_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    if not data.startswith(_SIGNATURE):
        if _SIGNATURE.startswith(data):
            raise ImageRejected(ReasonCode.TRUNCATED, "ends within the PNG signature")
        raise ImageRejected(ReasonCode.UNREADABLE, "the PNG signature is damaged, as by a transfer in text mode")
    view = memoryview(data)
    position, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        end = position + 12  # length, kind and checksum around the payload
        if end <= len(data):
            length, kind = struct.unpack_from(">I4s", data, position)
            end += length
        if end > len(data):
            raise ImageRejected(ReasonCode.TRUNCATED, f"ends at byte {len(data)}, before its last chunk")
        if zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise ImageRejected(ReasonCode.UNREADABLE, f"the checksum of the chunk at byte {position} is wrong")
        yield kind, view[position + 8 : end - 4]
        position = end


def _read_image_header(kind: bytes, payload: memoryview, *, max_pixels: int) -> tuple[int, int, int, bool]:
    """Return width, height, colour type and whether the picture is interlaced."""
    if kind != b"IHDR" or len(payload) != 13:
        raise ImageRejected(ReasonCode.UNREADABLE, "the first chunk of the PNG is not its header")
    width, height, bits, colour, *methods, interlace = struct.unpack(">IIBBBBB", payload)
    require_frame_size(width, height, max_pixels=max_pixels)
    if bits == 16:
        raise ImageRejected(ReasonCode.SIXTEEN_BIT, "16 bits a channel")
    if colour == _GREY:
        raise ImageRejected(ReasonCode.GREYSCALE, "one channel, not RGB")
    is_defined = colour in _MODES and (bits == 8 or colour == _PALETTE)
    if not is_defined or methods != [0, 0] or interlace not in (0, 1):
        raise ImageRejected(ReasonCode.UNREADABLE, "the PNG header has values that are not defined")
    return width, height, colour, bool(interlace)


def _count_bytes(width: int, height: int, *, channels: int, interlaced: bool) -> int:
    total = 0
    for first_column, first_row, column_step, row_step in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns = -(-max(width - first_column, 0) // column_step)
        rows = -(-max(height - first_row, 0) // row_step)
        # each row is preceded by the number of its filter; a pass without columns has no rows
        total += rows * (1 + channels * columns) if columns else 0
    return total


def _inflate(compressed: bytes, expected: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        rows = inflater.decompress(compressed, expected + 1)
    except zlib.error as error:
        raise ImageRejected(ReasonCode.UNREADABLE, f"the pixel data are damaged: {error}") from error
    if len(rows) > expected:
        raise ImageRejected(ReasonCode.UNREADABLE, "more pixel data than the header declares")
    if len(rows) < expected or not inflater.eof:
        raise ImageRejected(ReasonCode.TRUNCATED, f"{len(rows)} bytes of pixel data of {expected} declared")
    return rows
