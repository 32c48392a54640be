"""A folder of everything that goes wrong: rows out = files in, and each row says why."""

import io
import os
import socket
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from blastscreen.datasets.cell_image_folder import CellImageFile, CellImageFolder
from blastscreen.imaging.decoding import ImageRejected
from blastscreen.vocabulary import CONSEQUENCES, Consequence, ReasonCode

R = ReasonCode
HEIGHT, WIDTH = 20, 23
RGB = np.random.default_rng(7).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
GREY = RGB[..., 0]
PICTURE = Image.fromarray(RGB)


def bmp(
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    bits: int = 24,
    compression: int = 0,
    header_size: int = 40,
    pixel_bytes: int | None = None,
    file_bytes: int | None = None,
    pixel_offset: int | None = None,
    rows: np.ndarray = RGB[::-1],
) -> bytes:
    padded = b"".join(row[:, ::-1].tobytes() + bytes(-3 * WIDTH % 4) for row in rows)
    pixel_bytes = len(padded) if pixel_bytes is None else pixel_bytes
    info = struct.pack("<IiiHHIIiiII", header_size, width, height, 1, bits, compression, pixel_bytes, 0, 0, 0, 0)
    if header_size == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    info = info.ljust(header_size, b"\0")
    offset = 14 + len(info) if pixel_offset is None else pixel_offset
    size = 14 + len(info) + len(padded) if file_bytes is None else file_bytes
    return struct.pack("<2sIHHI", b"BM", size, 0, 0, offset) + info + padded


def bmp32(*, alpha: int, masks: tuple[int, ...] = ()) -> bytes:
    pixels = np.dstack([RGB[::-1, :, ::-1], np.full_like(GREY, alpha)]).tobytes()
    fields = struct.pack(f"<{len(masks)}I", *masks)
    info = struct.pack("<IiiHHIIiiII", 40 + len(fields), WIDTH, HEIGHT, 1, 32, 3 if masks else 0, 0, 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 0, 0, 0, 54 + len(fields)) + info + fields + pixels


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png(
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    bits: int = 8,
    colour: int = 2,
    rows: bytes | None = None,
    before_pixels: bytes = b"",
    end: bytes = chunk(b"IEND", b""),
) -> bytes:
    rows = b"".join(b"\0" + row.tobytes() for row in RGB) if rows is None else rows
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before_pixels + pixels + end


def saved(picture: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def tiff(array: np.ndarray = RGB, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **{"photometric": "rgb", **options})
    return buffer.getvalue()


def with_start_of_frame(data: bytes, position: int, replacement: bytes) -> bytes:
    """Overwrite bytes of a JPEG's frame header; 1 is its kind, 4 its bits, 5 height and width."""
    start = data.index(b"\xff\xc0\x00\x11") + position
    return data[:start] + replacement + data[start + len(replacement) :]


def with_two_frame_headers(data: bytes) -> bytes:
    start = data.index(b"\xff\xc0\x00\x11")
    return data[:start] + data[start : start + 19] + data[start:]


def with_repeated_scan(data: bytes, times: int) -> bytes:
    """Repeat the first scan of a progressive JPEG, which decoders accept and pay for each time."""
    start = data.index(b"\xff\xda")
    end = data.index(b"\xff\xc4", start)
    return data[:start] + times * data[start:end] + data[start:]


def outside(path: Path) -> Path:
    return path.parents[3] / "outside"


def make_socket(path: Path) -> None:
    # the path of a socket may have 107 bytes only
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


def make_sparse(path: Path) -> None:
    path.write_bytes(bmp())
    os.truncate(path, 5 * 2**30)


JPEG = saved(PICTURE, "JPEG", quality=95)
PROGRESSIVE = saved(PICTURE, "JPEG", progressive=True)
MISMATCH, LOSSY = (R.EXTENSION_MISMATCH,), (R.LOSSY_SOURCE,)
BMP_PALETTE = saved(PICTURE.quantize(16), "BMP")
OPAQUE = PICTURE.convert("RGBA")
TRANSPARENT = Image.fromarray(np.dstack([RGB, np.where(GREY[5, 5] == GREY, 254, 255).astype(np.uint8)]))
BGRA = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
ABSENT = next(colour for colour in np.ndindex(3, 3, 3) if not (colour == RGB).all(axis=2).any())
FRAMES = [PICTURE, PICTURE.rotate(180)]
TIFF_RAW = tiff()

# file name -> (its bytes, or how to make it, then its reject code, or the review codes of a file that decodes to RGB)
Expected = ReasonCode | tuple[ReasonCode, ...]
BITMAPS: dict[str, tuple[bytes, Expected]] = {
    "bmp good.bmp": (bmp(), ()),
    "bmp GOOD.BMP": (bmp(), ()),
    "bmp good.dib": (bmp(), ()),
    "bmp top row first.bmp": (bmp(height=-HEIGHT, rows=RGB), ()),
    "bmp os2 header.bmp": (bmp(header_size=12), ()),
    "bmp v5 header.bmp": (bmp(header_size=124), ()),
    "bmp sizes left zero.bmp": (bmp(pixel_bytes=0, file_bytes=0), ()),
    "bmp two more bytes counted.bmp": (bmp(pixel_bytes=72 * HEIGHT + 2), ()),
    "bmp padding not counted.bmp": (bmp(pixel_bytes=69 * HEIGHT), ()),
    "bmp trailing bytes.bmp": (bmp() + b"written by a camera", ()),
    "bmp without extension": (bmp(), MISMATCH),
    "bmp named.png": (bmp(), MISMATCH),
    "bmp empty.bmp": (b"", R.EMPTY_FILE),
    "bmp signature only.bmp": (b"BM", R.TRUNCATED),
    "bmp cut in header.bmp": (bmp()[:40], R.TRUNCATED),
    "bmp header only.bmp": (bmp()[:54], R.TRUNCATED),
    "bmp half.bmp": (bmp()[:700], R.TRUNCATED),
    "bmp last byte missing.bmp": (bmp()[:-1], R.TRUNCATED),
    "bmp cut, sizes left zero.bmp": (bmp(pixel_bytes=0, file_bytes=0)[:-1], R.TRUNCATED),
    "bmp more pixel bytes declared.bmp": (bmp(pixel_bytes=9000, file_bytes=0), R.TRUNCATED),
    "bmp profile after pixels cut.bmp": (bmp(file_bytes=5000), R.TRUNCATED),
    "bmp palette.bmp": (BMP_PALETTE, R.PALETTE),
    "bmp bilevel.bmp": (saved(PICTURE.convert("1"), "BMP"), R.GREYSCALE),
    "bmp grey.bmp": (saved(PICTURE.convert("L"), "BMP"), R.GREYSCALE),
    "bmp palette missing.bmp": (bmp(bits=8), R.PALETTE),
    "bmp opaque.bmp": (saved(OPAQUE, "BMP"), ()),
    "bmp alpha.bmp": (saved(TRANSPARENT, "BMP"), R.ALPHA),
    "bmp fourth byte unused.bmp": (bmp32(alpha=0), ()),
    "bmp opaque by masks.bmp": (bmp32(alpha=255, masks=BGRA), ()),
    "bmp alpha by masks.bmp": (bmp32(alpha=0, masks=BGRA), R.ALPHA),
    "bmp fourth byte without mask.bmp": (bmp32(alpha=0, masks=BGRA[:3]), ()),
    "bmp half of fourth byte.bmp": (bmp32(alpha=128), R.ALPHA),
    "bmp other masks.bmp": (bmp32(alpha=255, masks=BGRA[::-1]), R.UNSUPPORTED_FORMAT),
    "bmp high colour.bmp": (bmp(bits=16), R.UNSUPPORTED_FORMAT),
    "bmp run length.bmp": (bmp(bits=8, compression=1), R.UNSUPPORTED_FORMAT),
    "bmp around a png.bmp": (bmp(bits=0, compression=5), R.UNSUPPORTED_FORMAT),
    "bmp no width.bmp": (bmp(width=0), R.UNREADABLE),
    "bmp negative width.bmp": (bmp(width=-WIDTH), R.UNREADABLE),
    "bmp no height.bmp": (bmp(height=0), R.UNREADABLE),
    "bmp bomb.bmp": (bmp(width=2**31 - 1, height=2**31 - 1), R.TOO_MANY_PIXELS),
    "bmp bomb top row first.bmp": (bmp(height=-(2**31)), R.TOO_MANY_PIXELS),
    "bmp width damaged.bmp": (bmp(width=WIDTH - 2), R.UNREADABLE),
    "bmp height damaged.bmp": (bmp(height=HEIGHT - 2), R.UNREADABLE),
    "bmp pixels in header.bmp": (bmp(pixel_offset=10), R.UNREADABLE),
    "bmp unknown header.bmp": (bmp(header_size=44), R.UNREADABLE),
    "bmp by chance.bmp": (b"BMW is a maker of cars, and this file is a text about them, not a picture.", R.UNREADABLE),
}
PNGS: dict[str, tuple[bytes, Expected]] = {
    "png good.png": (png(), ()),
    "png by pillow.PNG": (saved(PICTURE, "PNG"), ()),
    "png two pixel chunks.png": (saved(PICTURE.resize((300, 300)), "PNG", compress_level=0), ()),
    "png named.bmp": (png(), MISMATCH),
    "png named.jpg": (png(), MISMATCH),
    "png 16 bit.png": (png(bits=16, rows=b"".join(b"\0" + row.repeat(2).tobytes() for row in RGB)), R.SIXTEEN_BIT),
    "png 16 bit grey.png": (saved(Image.fromarray(GREY.astype(np.uint16) * 16), "PNG"), R.SIXTEEN_BIT),
    "png grey.png": (saved(PICTURE.convert("L"), "PNG"), R.GREYSCALE),
    "png bilevel.png": (saved(PICTURE.convert("1"), "PNG"), R.GREYSCALE),
    "png palette.png": (saved(PICTURE.quantize(16), "PNG"), R.PALETTE),
    "png palette of greys.png": (saved(PICTURE.convert("L").convert("P"), "PNG"), R.GREYSCALE),
    "png palette missing.png": (png(colour=3), R.PALETTE),
    "png opaque.png": (saved(OPAQUE, "PNG"), ()),
    "png alpha.png": (saved(TRANSPARENT, "PNG"), R.ALPHA),
    "png grey opaque.png": (saved(PICTURE.convert("LA"), "PNG"), R.GREYSCALE),
    "png grey alpha.png": (saved(TRANSPARENT.convert("LA"), "PNG"), R.ALPHA),
    "png one colour transparent.png": (saved(PICTURE, "PNG", transparency=tuple(RGB[3, 4])), R.ALPHA),
    "png absent colour transparent.png": (saved(PICTURE, "PNG", transparency=ABSENT), ()),
    "png transparency cut.png": (png(before_pixels=chunk(b"tRNS", b"\0")), R.ALPHA),
    "png animated.png": (saved(PICTURE, "PNG", save_all=True, append_images=FRAMES[1:]), R.MULTI_FRAME),
    "png signature only.png": (png()[:8], R.TRUNCATED),
    "png half a signature.png": (png()[:5], R.TRUNCATED),
    "png cut in header.png": (png()[:20], R.TRUNCATED),
    "png header only.png": (png()[:33], R.TRUNCATED),
    "png half.png": (png()[:700], R.TRUNCATED),
    "png end missing.png": (png(end=b""), R.TRUNCATED),
    "png few rows.png": (png(rows=bytes(700)), R.TRUNCATED),
    "png many rows.png": (png(rows=bytes(7000)), R.UNREADABLE),
    "png unknown filter.png": (png(rows=b"\x09" + bytes(HEIGHT * (3 * WIDTH + 1) - 1)), R.UNREADABLE),
    "png flipped bit.png": (png().replace(b"IDATx", b"IDATy"), R.UNREADABLE),
    "png no pixels.png": (png()[:33] + chunk(b"IEND", b""), R.TRUNCATED),
    "png not deflate.png": (png()[:33] + chunk(b"IDAT", b"no zlib stream") + chunk(b"IEND", b""), R.UNREADABLE),
    "png no header.png": (png()[:8] + chunk(b"IEND", b""), R.UNREADABLE),
    "png undefined colour.png": (png(colour=5), R.UNREADABLE),
    "png no width.png": (png(width=0), R.UNREADABLE),
    "png text mode transfer.png": (png().replace(b"\r\n", b"\n"), R.UNREADABLE),
    "png bomb declared.png": (png(width=60_000, height=60_000), R.TOO_MANY_PIXELS),
    "png profile bomb.png": (png(before_pixels=chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(10**7)))), ()),
}
JPEGS: dict[str, tuple[bytes, Expected]] = {
    "jpeg good.jpg": (JPEG, LOSSY),
    "jpeg good.JPEG": (JPEG, LOSSY),
    "jpeg progressive.jpg": (PROGRESSIVE, LOSSY),
    "jpeg rgb inside.jpg": (saved(PICTURE, "JPEG", keep_rgb=True), LOSSY),
    "jpeg named.bmp": (JPEG, (R.EXTENSION_MISMATCH, R.LOSSY_SOURCE)),
    "jpeg broken exif.jpg": (saved(PICTURE, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"), LOSSY),
    "jpeg grey.jpg": (saved(PICTURE.convert("L"), "JPEG"), R.GREYSCALE),
    "jpeg cmyk.jpg": (saved(PICTURE.convert("CMYK"), "JPEG"), R.CMYK),
    "jpeg several.jpg": (saved(PICTURE, "MPO", save_all=True, append_images=FRAMES[1:]), R.MULTI_FRAME),
    "jpeg signature only.jpg": (JPEG[:2], R.TRUNCATED),
    "jpeg cut in header.jpg": (JPEG[:100], R.TRUNCATED),
    "jpeg half.jpg": (JPEG[: len(JPEG) // 2], R.TRUNCATED),
    "jpeg end mark missing.jpg": (JPEG[:-2], R.TRUNCATED),
    "jpeg most scans missing.jpg": (JPEG[: len(JPEG) // 2] + b"\xff\xd9", LOSSY),
    "jpeg 12 bit.jpg": (with_start_of_frame(JPEG, 4, b"\x0c"), R.SIXTEEN_BIT),
    "jpeg arithmetic.jpg": (with_start_of_frame(JPEG, 1, b"\xc9"), R.UNSUPPORTED_FORMAT),
    "jpeg lossless.jpg": (with_start_of_frame(JPEG, 1, b"\xc3"), R.UNSUPPORTED_FORMAT),
    "jpeg two channels.jpg": (with_start_of_frame(JPEG, 9, b"\x02"), R.UNSUPPORTED_FORMAT),
    "jpeg no height.jpg": (with_start_of_frame(JPEG, 5, b"\0\0"), R.UNREADABLE),
    "jpeg bomb.jpg": (with_start_of_frame(JPEG, 5, b"\xff\xff\xff\xff"), R.TOO_MANY_PIXELS),
    "jpeg two frame headers.jpg": (with_two_frame_headers(JPEG), R.UNREADABLE),
    "jpeg thousand scans.jpg": (with_repeated_scan(PROGRESSIVE, 1000), R.TOO_COMPLEX),
    "jpeg twenty scans.jpg": (with_repeated_scan(PROGRESSIVE, 10), LOSSY),
    "jpeg ends in fill bytes.jpg": (JPEG[:2] + b"\xff\xff\xff", R.TRUNCATED),
    "jpeg mark without a segment.jpg": (JPEG[:2] + b"\xff\x01" + JPEG[2:], LOSSY),
    "jpeg short frame.jpg": (b"\xff\xd8\xff\xc0\x00\x04\x08\x08" + JPEG[JPEG.index(b"\xff\xda") :], R.UNREADABLE),
    "jpeg segment of no length.jpg": (JPEG[:2] + b"\xff\xe1\x00\x00" + JPEG[2:], R.UNREADABLE),
    "jpeg no frame.jpg": (JPEG[:2] + JPEG[JPEG.index(b"\xff\xda") :], R.UNREADABLE),
    "jpeg damaged header.jpg": (JPEG[:2] + b"\0" + JPEG[3:], R.UNREADABLE),
    "jpeg damaged tables.jpg": (JPEG.replace(b"\xff\xc4\x00\x1f\x00", b"\xff\xc4\x00\x1f\x77"), R.UNREADABLE),
}
TIFFS: dict[str, tuple[bytes, Expected]] = {
    "tiff good.tif": (TIFF_RAW, ()),
    "tiff good.TIFF": (TIFF_RAW, ()),
    "tiff big endian.tif": (tiff(byteorder=">"), ()),
    "tiff lzw.tif": (saved(PICTURE, "TIFF", compression="tiff_lzw"), ()),
    "tiff deflate.tif": (tiff(compression="zlib"), ()),
    "tiff predictor.tif": (saved(PICTURE, "TIFF", compression="tiff_adobe_deflate", tiffinfo={317: 2}), ()),
    "tiff packbits.tif": (saved(PICTURE, "TIFF", compression="packbits"), ()),
    "tiff tiles.tif": (tiff(tile=(16, 16)), ()),
    "tiff planes.tif": (tiff(np.moveaxis(RGB, 2, 0), planarconfig="separate"), ()),
    "tiff many strips.tif": (tiff(rowsperstrip=3), ()),
    "tiff turned.tif": (tiff(extratags=[(274, "H", 1, 6, True)]), ()),
    "tiff broken metadata.tif": (
        tiff(extratags=[(65000, "I", 1, 7, True)]).replace(b"\xe8\xfd\x04\0\1", b"\xe8\xfd\x04\0\xff"),
        (),
    ),
    "tiff named.bmp": (TIFF_RAW, MISMATCH),
    "tiff 16 bit.tif": (tiff(RGB.astype(np.uint16) * 16), R.SIXTEEN_BIT),
    "tiff 16 bit grey.tif": (tiff(GREY.astype(np.uint16), photometric="minisblack"), R.SIXTEEN_BIT),
    "tiff float.tif": (tiff(RGB.astype(np.float32) / 255), R.FLOAT_PIXELS),
    "tiff signed.tif": (tiff(RGB.astype(np.int8)), R.UNSUPPORTED_FORMAT),
    "tiff grey.tif": (tiff(GREY, photometric="minisblack"), R.GREYSCALE),
    "tiff palette.tif": (saved(PICTURE.quantize(16), "TIFF"), R.PALETTE),
    "tiff palette of greys.tif": (saved(PICTURE.convert("L").convert("P"), "TIFF"), R.GREYSCALE),
    "tiff opaque.tif": (saved(OPAQUE, "TIFF"), ()),
    "tiff opaque in planes.tif": (tiff(np.moveaxis(np.asarray(OPAQUE), 2, 0), planarconfig="separate"), ()),
    "tiff alpha.tif": (saved(TRANSPARENT, "TIFF"), R.ALPHA),
    "tiff five channels.tif": (tiff(np.dstack([RGB, GREY, GREY])), R.ALPHA),
    "tiff cmyk.tif": (saved(PICTURE.convert("CMYK"), "TIFF"), R.CMYK),
    "tiff lab.tif": (saved(PICTURE.convert("LAB"), "TIFF"), R.UNSUPPORTED_FORMAT),
    "tiff jpeg inside.tif": (saved(PICTURE, "TIFF", compression="jpeg"), R.UNSUPPORTED_FORMAT),
    "tiff several.tif": (tiff(np.stack([RGB, RGB])), R.MULTI_FRAME),
    "tiff big.tif": (tiff(bigtiff=True), R.UNSUPPORTED_FORMAT),
    "tiff signature only.tif": (TIFF_RAW[:4], R.TRUNCATED),
    "tiff header only.tif": (TIFF_RAW[:8], R.TRUNCATED),
    "tiff cut in directory.tif": (TIFF_RAW[:60], R.TRUNCATED),
    "tiff last byte missing.tif": (TIFF_RAW[:-1], R.TRUNCATED),
    "tiff empty directory.tif": (b"II*\0\x08\0\0\0\0\0\0\0\0\0", R.UNREADABLE),
    "tiff damaged deflate.tif": (tiff(compression="zlib")[:-40] + bytes(40), R.UNREADABLE),
}
OTHERS: dict[str, tuple[bytes, Expected]] = {
    "other.gif": (saved(PICTURE, "GIF"), R.UNSUPPORTED_FORMAT),
    "other.webp": (saved(PICTURE, "WEBP"), R.UNSUPPORTED_FORMAT),
    "other.jp2": (saved(PICTURE, "JPEG2000"), R.UNSUPPORTED_FORMAT),
    "other.dcm": (bytes(128) + b"DICM" + bytes(100), R.UNSUPPORTED_FORMAT),
    "other gif named.bmp": (saved(PICTURE, "GIF"), R.UNSUPPORTED_FORMAT),
    "labels.csv": (b"Patient_ID,new_names,labels\nUID_57_29_1_all.bmp,1.bmp,1\n", R.UNREADABLE),
    "page.bmp": (b"<!DOCTYPE html><title>404 Not Found</title>", R.UNREADABLE),
    "zeros.bmp": (bytes(5000), R.UNREADABLE),
    "noise.bmp": (np.random.default_rng(1).bytes(5000), R.UNREADABLE),
    "one byte.bmp": (b"B", R.UNREADABLE),
    ".DS_Store": (b"\0\0\0\1Bud1", R.UNREADABLE),
    "._hidden.bmp": (bmp(), ()),
    "空 é .bmp": (bmp(), ()),
    "line\nbreak.bmp": (bmp(), ()),
    "back\\slash.bmp": (bmp(), ()),
    "latin1 \udce9.bmp": (bmp(), ()),
    "=cmd|'calc'!A0.bmp": (bmp(), ()),
    "$x^2$ <b>.bmp": (bmp(), ()),
}
NOT_FILES: dict[str, tuple[Callable[[Path], object], Expected]] = {
    "folder.bmp": (lambda path: path.mkdir(), R.NOT_A_FILE),
    "dangling.bmp": (lambda path: path.symlink_to("nowhere.bmp"), R.NOT_A_FILE),
    "loop.bmp": (lambda path: path.symlink_to("loop.bmp"), R.NOT_A_FILE),
    "link.bmp": (lambda path: path.symlink_to("bmp good.bmp"), ()),
    "link to folder": (lambda path: path.symlink_to("folder.bmp"), R.NOT_A_FILE),
    "link to itself": (lambda path: path.symlink_to("."), R.NOT_A_FILE),
    "link out.bmp": (lambda path: path.symlink_to(outside(path) / "cell.bmp"), R.OUTSIDE_ROOT),
    "link to folder outside": (lambda path: path.symlink_to(outside(path)), R.OUTSIDE_ROOT),
    "link to neighbour.bmp": (lambda path: path.symlink_to("../../../zoo2/cell.bmp"), R.OUTSIDE_ROOT),
    "pipe.bmp": (os.mkfifo, R.NOT_A_FILE),
    "link to pipe.bmp": (lambda path: path.symlink_to("pipe.bmp"), R.NOT_A_FILE),
    "socket.bmp": (make_socket, R.NOT_A_FILE),
    "device.bmp": (lambda path: path.symlink_to("/dev/zero"), R.OUTSIDE_ROOT),
    "five gigabytes.bmp": (make_sparse, R.TOO_MANY_PIXELS),
}
FILES = BITMAPS | PNGS | JPEGS | TIFFS | OTHERS
EXPECTED = {name: expected for name, (_, expected) in (FILES | NOT_FILES).items()}


def escaped(name: str) -> str:
    special = {"line\nbreak.bmp": "line\\x0abreak.bmp", "back\\slash.bmp": "back\\\\slash.bmp"}
    return special.get(name, name.replace("\udce9", "\\xe9"))


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, CellImageFile]:
    parent = tmp_path_factory.mktemp("parent")
    for folder in ("outside", "zoo2"):
        (parent / folder).mkdir()
        (parent / folder / "cell.bmp").write_bytes(bmp())
    root = parent / "zoo"
    (root / "nested" / "cage").mkdir(parents=True)
    for name, (content, _) in FILES.items():
        (root / "nested" / "cage" / name).write_bytes(content)
    for name, (make, _) in NOT_FILES.items():
        make(root / "nested" / "cage" / name)
    return CellImageFolder(path=str(root)).load()


def rejection_of(image: CellImageFile) -> ImageRejected | None:
    try:
        image.decode()
    except ImageRejected as rejection:
        return rejection
    return None


def outcome(image: CellImageFile) -> Expected:
    rejection = rejection_of(image)
    return image.decode().reasons if rejection is None else rejection.code


def test_rows_out_are_files_in(zoo: Mapping[str, CellImageFile]) -> None:
    keys = [f"nested/cage/{escaped(name)}" for name in EXPECTED]

    assert sorted(keys) == list(zoo)
    assert len(zoo) == len(EXPECTED) > 140
    assert all(key.isprintable() for key in zoo)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_file_is_named_for_what_it_is(zoo: Mapping[str, CellImageFile], name: str) -> None:
    assert outcome(zoo[f"nested/cage/{escaped(name)}"]) == EXPECTED[name]


@pytest.mark.parametrize(
    "name", [name for name, expected in EXPECTED.items() if expected in ((), MISMATCH) and "two pixel" not in name]
)
def test_lossless_files_give_their_pixels_as_stored(zoo: Mapping[str, CellImageFile], name: str) -> None:
    np.testing.assert_array_equal(zoo[f"nested/cage/{escaped(name)}"](), RGB)


@pytest.mark.parametrize(
    "name",
    [
        *("bmp width damaged.bmp", "bmp high colour.bmp", "bmp half of fourth byte.bmp"),
        *("png 16 bit.png", "png end missing.png", "png few rows.png", "png many rows.png"),
        *("png one colour transparent.png", "jpeg arithmetic.jpg", "jpeg thousand scans.jpg"),
        *("tiff 16 bit.tif", "tiff five channels.tif", "tiff jpeg inside.tif"),
    ],
)
def test_what_pillow_takes_for_a_whole_picture_is_rejected_here(name: str) -> None:
    data, expected = FILES[name]
    picture = Image.open(io.BytesIO(data), formats=["BMP", "PNG", "JPEG", "TIFF"])
    picture.load()

    assert picture.mode == "RGB"
    assert CONSEQUENCES[expected] == Consequence.REJECTED


def test_details_are_one_line_without_paths(zoo: Mapping[str, CellImageFile]) -> None:
    rejections = [rejection for rejection in map(rejection_of, zoo.values()) if rejection is not None]
    details = [rejection.detail for rejection in rejections]

    assert {CONSEQUENCES[rejection.code] for rejection in rejections} == {Consequence.REJECTED}
    assert all(detail.isprintable() and detail for detail in details)
    assert not [detail for detail in details if "/" in detail or "\\" in detail]


def test_a_turned_jpeg_comes_as_stored(tmp_path: Path) -> None:
    orientation = Image.Exif()
    orientation[274] = 6
    (tmp_path / "plain.jpg").write_bytes(saved(PICTURE, "JPEG"))
    (tmp_path / "turned.jpg").write_bytes(saved(PICTURE, "JPEG", exif=orientation))

    images = CellImageFolder(path=str(tmp_path)).load()

    np.testing.assert_array_equal(images["turned.jpg"](), images["plain.jpg"]())
    assert images["turned.jpg"]().shape == RGB.shape
