"""Small files made to stop a run: none takes the reader more than seconds of processor or 300 MB."""

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from blastscreen.vocabulary import ReasonCode

NOISE = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
CELL = Image.fromarray(NOISE[:10, :10])
OK = ReasonCode.LOSSY_SOURCE
COMPLEX, TRUNCATED, UNREADABLE = ReasonCode.TOO_COMPLEX, ReasonCode.TRUNCATED, ReasonCode.UNREADABLE


def saved(picture: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png(side: int, chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunks + chunk(b"IEND", b"")


PIXELS = chunk(b"IDAT", zlib.compress(bytes(310)))


def empty_blocks(n_bytes: int) -> bytes:
    """Return deflate blocks that each describe a code of their own and hold nothing: 8 of them are 90 bytes."""
    # dynamic, 257 + 1 codes: zero lengths for 0-255, one bit for the end and for a distance, then the end
    bits = "0" + "01" + "00000" + "00000" + "0111" + "000" * 2 + "100" + "000" * 14 + "100" + "1" + "1111111" + "1"
    bits = bits + "1101011" + "0" + "0" + "0"
    block = np.packbits([int(bit) for bit in bits * 8], bitorder="little").tobytes()
    return b"\x78\x9c" + block * (n_bytes // len(block))


def tiff(entries: dict[int, tuple[int, int, int]], values: bytes, *, side: int = 10, repeats: int = 1) -> bytes:
    """Return a TIFF of RGB whose values begin at byte 16; entries are type, count and value by tag."""
    usual = {256: (4, 1, side), 257: (4, 1, side), 258: (3, 3, 8), 262: (3, 1, 2), 277: (3, 1, 3), 278: (4, 1, side)}
    fields = [struct.pack("<HHII", tag, *entry) for tag, entry in sorted((usual | entries).items())] * repeats
    data = struct.pack("<3H2x", 8, 8, 8) + values
    head = b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(fields))
    return head + b"".join(fields) + bytes(4)


def strips(number: int, stream: bytes, *, compression: int = 8) -> bytes:
    values = struct.pack(f"<{number}I", *[16 + 8 * number] * number) + struct.pack(
        f"<{number}I", *[len(stream)] * number
    )
    lists = {273: (4, number, 16), 279: (4, number, 16 + 4 * number)}
    return tiff({257: (4, 1, number), 259: (3, 1, compression), 278: (4, 1, 1)} | lists, values + stream)


def one_strip(stream: bytes, *, side: int, compression: int = 8) -> bytes:
    return tiff({259: (3, 1, compression), 273: (4, 1, 16), 279: (4, 1, len(stream))}, stream, side=side)


def tiles(stream: bytes, *, height: int, tile: int) -> bytes:
    """Return a column one pixel wide under tiles that reach far out of it, all of one stream."""
    number = -(-height // tile)
    values = struct.pack(f"<{number}I", *[16 + 8 * number] * number) + struct.pack(f"<{number}I", *[0] * number)
    lists = {324: (4, number, 16), 325: (4, number, 16 + 4 * number), 322: (4, 1, tile), 323: (4, 1, tile)}
    return tiff({256: (4, 1, 1), 257: (4, 1, height), 259: (3, 1, 8)} | lists, values + stream)


def in_header(data: bytes, extra: bytes) -> bytes:
    return data[:2] + extra + data[2:]


def before_scan(data: bytes, number: int, extra: bytes) -> bytes:
    """Insert bytes before a scan of a JPEG, and before the tables that belong to it."""
    start = 0
    for _ in range(number):
        start = data.index(b"\xff\xda", start + 1)
    start = data.index(b"\xff\xc4", start)
    return data[:start] + extra + data[start:]


def scans(side: int, number: int) -> bytes:
    """Return a progressive JPEG of noise whose last scan, which refines every coefficient, comes again and again."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8))
    data = saved(picture, "JPEG", progressive=True, quality=10)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + (number - data.count(b"\xff\xda")) * last + data[-2:]


JPEG = saved(CELL, "JPEG")
PROGRESSIVE = saved(CELL, "JPEG", progressive=True)
BMP = saved(CELL, "BMP")
NOISE_STREAM = zlib.compress(NOISE.tobytes() * 7)

ATTACKS: dict[str, tuple[Callable[[], bytes], ReasonCode | None]] = {
    "tiff, a tag of 100,000 values 65,533 times": (
        lambda: tiff({273: (4, 100_000, 16)}, bytes(400_000), repeats=9_361),
        COMPLEX,
    ),
    "tiff, 100,000 strips over one stream": (lambda: strips(100_000, NOISE_STREAM), COMPLEX),
    "tiff, 10,000 strips over one stream": (lambda: strips(10_000, NOISE_STREAM), COMPLEX),
    "tiff, 10,000 uncompressed strips over one": (lambda: strips(10_000, NOISE.tobytes(), compression=1), COMPLEX),
    "tiff, empty deflate blocks": (lambda: one_strip(empty_blocks(9_000_000), side=3_000), UNREADABLE),
    "tiff, more empty deflate blocks": (lambda: one_strip(empty_blocks(40_000_000), side=3_000), COMPLEX),
    "tiff, a strip of no length": (
        lambda: tiff({259: (3, 1, 8), 273: (4, 1, 16), 279: (4, 1, 0)}, empty_blocks(9_000_000), side=3_000),
        UNREADABLE,
    ),
    "tiff, tiles far out of the frame": (
        lambda: tiles(NOISE_STREAM, height=2_000_000, tile=3_000),
        ReasonCode.TOO_MANY_PIXELS,
    ),
    "tiff, tags that share ten megabytes": (
        lambda: tiff(dict.fromkeys(range(60_000, 60_200), (1, 10_000_000, 16)), bytes(10_000_000)),
        COMPLEX,
    ),
    "tiff, a directory that is its own next": (
        lambda: one_strip(NOISE_STREAM, side=10)[:-4] + struct.pack("<I", 8 + 8 + len(NOISE_STREAM)),
        ReasonCode.MULTI_FRAME,
    ),
    "png, millions of empty chunks": (lambda: png(10, 3_000_000 * chunk(b"teSt", b"") + PIXELS), COMPLEX),
    "png, many empty chunks": (lambda: png(10, 800_000 * chunk(b"teSt", b"") + PIXELS), COMPLEX),
    "png, pixels in many empty chunks": (lambda: png(10, 800_000 * chunk(b"IDAT", b"") + PIXELS), COMPLEX),
    "png, a chunk of twenty megabytes": (lambda: png(10, chunk(b"teSt", bytes(20_000_000)) + PIXELS), COMPLEX),
    "png, a text of 500 megabytes": (
        lambda: png(10, chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(5 * 10**8), 1)) + PIXELS),
        None,
    ),
    "png, empty deflate blocks": (lambda: png(3_000, chunk(b"IDAT", empty_blocks(9_000_000))), TRUNCATED),
    "jpeg, fifty megabytes of fill bytes": (lambda: in_header(JPEG, 50_000_000 * b"\xff"), COMPLEX),
    "jpeg, nine megabytes of fill bytes": (lambda: in_header(JPEG, 9_000_000 * b"\xff"), COMPLEX),
    "jpeg, fill bytes between scans": (lambda: before_scan(PROGRESSIVE, 1, 9_000_000 * b"\xff"), OK),
    "jpeg, many empty segments": (lambda: in_header(JPEG, 2_000_000 * b"\xff\xe1\0\2"), COMPLEX),
    "jpeg, many marks": (lambda: in_header(JPEG, 4_000_000 * b"\xff\x01"), COMPLEX),
    "jpeg, many empty segments between scans": (lambda: before_scan(PROGRESSIVE, 1, 2_000_000 * b"\xff\xe1\0\2"), OK),
    "jpeg, 98 scans of noise": (lambda: scans(1_100, 98), COMPLEX),
    "jpeg, as many scans as are allowed": (lambda: scans(1_000, 98), OK),
    "jpeg, a million scans of one pixel": (lambda: before_scan(PROGRESSIVE, 1, 900_000 * b"\xff\xda\0\x08\1"), COMPLEX),
    "bmp, a palette of four gigabytes": (
        lambda: saved(CELL.convert("L"), "BMP")[:46] + b"\xff\xff\xff\xff" + saved(CELL.convert("L"), "BMP")[50:],
        ReasonCode.GREYSCALE,
    ),
    "bmp, twenty megabytes behind the pixels": (lambda: BMP + bytes(20_000_000), None),
    "bmp, run lengths": (lambda: BMP[:30] + b"\1" + BMP[31:], ReasonCode.UNSUPPORTED_FORMAT),
    "gzip": (lambda: zlib.compress(bytes(10**7), wbits=31), UNREADABLE),
}

SPECKS = np.zeros((3_000, 3_000, 3), np.uint8)
SPECKS[::2, ::2] = 200

READ = """
import resource, sys
from pathlib import Path
from blastscreen.imaging.decoding import ImageRejected, decode_image
from blastscreen.imaging.intake import inspect_cells
from blastscreen.parameters import PreprocessingParameters

settings = PreprocessingParameters.model_validate_json(sys.argv[1])
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 300 * 2**20, -1))
for path in map(Path, sys.argv[2:]):
    usage = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime) + 6, -1))
    def decode():
        return decode_image(path.read_bytes(), suffix=path.suffix, max_pixels=9_000_000)
    if path.stem == "specks":
        print("specks", inspect_cells([("", lambda: decode().pixels)], settings=settings)[0]["reasons"], sep=";")
        continue
    try:
        print(path.stem, *decode().reasons, sep=";")
    except ImageRejected as rejection:
        print(path.stem, rejection.code, sep=";")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't bound the memory of a process")
def test_no_file_takes_more_than_its_share_of_processor_and_memory(tmp_path: Path, repository: Path) -> None:
    attacks = {name: (make(), code) for name, (make, code) in ATTACKS.items()}
    attacks["specks"] = (saved(Image.fromarray(SPECKS), "BMP"), ReasonCode.NO_CELL)
    paths = [tmp_path / f"{name}.{name.split(',')[0]}" for name in attacks]
    for path, (data, _) in zip(paths, attacks.values(), strict=True):
        path.write_bytes(data)
    settings = yaml.safe_load((repository / "conf/base/parameters/preprocessing.yml").read_text())["preprocessing"]

    # a process of its own: C libraries can't be interrupted, and their memory is bounded from outside only
    finished = subprocess.run(
        [sys.executable, "-c", READ, json.dumps(settings), *paths], capture_output=True, text=True, check=False
    )

    lines = [f"{name};{code}" if code else name for name, (_, code) in attacks.items()]
    assert finished.stdout.splitlines() == lines, finished.stderr
