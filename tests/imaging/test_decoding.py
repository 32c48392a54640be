"""Whatever bytes come in, pixels or a reason come out, at a bounded cost."""

import io
import pickle
import subprocess
import sys
import tracemalloc
import warnings
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from blastscreen.imaging.decoding import (
    IMAGE_SUFFIXES,
    DecodedImage,
    ImageRejected,
    decode_image,
    decode_partition,
    pixel_hash,
)
from blastscreen.vocabulary import CONSEQUENCES, Consequence, ReasonCode

RGB = np.random.default_rng(11).integers(0, 256, (14, 11, 3), dtype=np.uint8)
CAP = 1_000


def encode(file_format: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RGB).convert(mode).save(buffer, file_format, **options)
    return buffer.getvalue()


GOOD = [
    encode("BMP"),
    encode("PNG"),
    encode("JPEG"),
    encode("JPEG", progressive=True),
    encode("TIFF"),
    encode("TIFF", compression="tiff_lzw"),
    encode("TIFF", compression="tiff_adobe_deflate"),
    *(encode(file_format, mode="RGBA") for file_format in ("BMP", "PNG", "TIFF")),
]


def with_checksums(png: bytes) -> bytes:
    """Make the damage of a PNG invisible to its checksums, so that it reaches the decoder."""
    repaired = bytearray(png[:8])
    position = 8
    while position + 12 <= len(png):
        end = position + 8 + int.from_bytes(png[position : position + 4], "big")
        repaired += png[position:end] + zlib.crc32(png[position + 4 : end]).to_bytes(4, "big")
        position = end + 4
    return bytes(repaired)


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(1, 4))):
        position = draw(st.integers(0, max(len(data) - 1, 0)) | st.integers(0, 80))
        match draw(st.sampled_from(["flip", "cut", "insert", "delete", "splice"])):
            case "flip" if position < len(data):
                data[position] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[position:]
            case "insert":
                data[position:position] = draw(st.binary(min_size=1, max_size=6))
            case "delete":
                del data[position : position + draw(st.integers(1, 6))]
            case "splice":
                other = draw(st.sampled_from(GOOD))
                data[position:] = other[draw(st.integers(0, len(other))) :]
    if data.startswith(b"\x89PNG\r\n\x1a\n") and draw(st.booleans()):
        return with_checksums(bytes(data))
    return bytes(data)


def decode_or_reject(data: bytes) -> DecodedImage | ImageRejected:
    try:
        return decode_image(data, suffix=".bmp", max_pixels=CAP)
    except ImageRejected as rejection:
        return rejection


@given(data=damaged_files() | st.binary(max_size=200))
@example(data=b"BM")
@example(data=b"II*\x00\xff\xff\xff\xff")
@settings(max_examples=500, deadline=None)
def test_any_bytes_give_rgb_pixels_or_a_reason(data: bytes) -> None:
    result = decode_or_reject(data)

    if isinstance(result, ImageRejected):
        assert CONSEQUENCES[result.code] == Consequence.REJECTED
        assert result.detail.isprintable()
        assert 0 < len(result.detail) < 200
    else:
        height, width, channels = result.pixels.shape
        assert result.pixels.dtype == np.uint8
        assert channels == 3
        assert 0 < height * width <= CAP
        assert all(CONSEQUENCES[code] in (Consequence.REVIEW, Consequence.UNFIT) for code in result.reasons)


@given(data=damaged_files())
@settings(max_examples=200, deadline=None)
def test_damaged_files_stay_within_bounded_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        decode_or_reject(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1_000_000


@pytest.mark.parametrize("data", GOOD)
def test_good_files_decode_as_with_opencv(data: bytes) -> None:
    decoded = decode_image(data, suffix=".bmp", max_pixels=CAP).pixels
    by_opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)

    np.testing.assert_array_equal(decoded, by_opencv)


@pytest.mark.parametrize(
    ("file_format", "suffix", "reasons"),
    [
        ("BMP", ".bmp", ()),
        ("BMP", ".BMP", ()),
        ("BMP", "", (ReasonCode.EXTENSION_MISMATCH,)),
        ("BMP", ".txt", (ReasonCode.EXTENSION_MISMATCH,)),
        ("PNG", ".Png", ()),
        ("PNG", ".tif", (ReasonCode.EXTENSION_MISMATCH,)),
        ("TIFF", ".TIFF", ()),
        ("TIFF", ".tif", ()),
        ("JPEG", ".jpeg", (ReasonCode.LOSSY_SOURCE,)),
        ("JPEG", ".JPG", (ReasonCode.LOSSY_SOURCE,)),
        ("JPEG", ".png", (ReasonCode.EXTENSION_MISMATCH, ReasonCode.LOSSY_SOURCE)),
    ],
)
def test_content_decides_and_a_wrong_extension_is_flagged(
    file_format: str, suffix: str, reasons: tuple[ReasonCode, ...]
) -> None:
    decoded = decode_image(encode(file_format), suffix=suffix, max_pixels=CAP)

    assert decoded.image_format == file_format.lower()
    assert decoded.reasons == reasons


def test_the_known_suffixes_are_listed() -> None:
    assert {".bmp", ".png", ".jpg", ".jpeg", ".tif", ".tiff"} <= IMAGE_SUFFIXES


def test_pillows_settings_are_neither_used_nor_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    filters = list(warnings.filters)

    whole = [decode_image(data, suffix=".bmp", max_pixels=CAP).pixels.shape for data in GOOD]
    halves = [decode_or_reject(data[: len(data) // 2]) for data in GOOD]

    assert whole == [RGB.shape] * len(GOOD)
    assert {getattr(result, "code", None) for result in halves} == {ReasonCode.TRUNCATED}
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == (1, True)
    assert list(warnings.filters) == filters


def test_threads_decode_as_one_does() -> None:
    files = 40 * [*GOOD, GOOD[1][:90], b"", b"rubbish"]
    alone = [
        str(result) if isinstance(result, ImageRejected) else pixel_hash(result.pixels)
        for result in map(decode_or_reject, files)
    ]

    with ThreadPoolExecutor(8) as pool:
        together = [
            str(result) if isinstance(result, ImageRejected) else pixel_hash(result.pixels)
            for result in pool.map(decode_or_reject, files)
        ]

    assert together == alone


def zeros(n_bytes: int) -> Iterator[bytes]:
    compressor = zlib.compressobj(1)
    for _ in range(n_bytes // 1_000_000):
        yield compressor.compress(bytes(1_000_000))
    yield compressor.flush()


def png_of_zeros(side: int, n_bytes: int) -> bytes:
    def chunk(kind: bytes, payload: bytes) -> bytes:
        return len(payload).to_bytes(4, "big") + kind + payload + zlib.crc32(kind + payload).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    pixels = b"".join(zeros(n_bytes))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of files that declare, or really hold, hundreds of megabytes of pixels."""
    folder = tmp_path_factory.mktemp("bombs")
    frame = GOOD[2].index(b"\xff\xc0\x00\x11") + 5
    files = {
        "declared.png": png_of_zeros(60_000, 1_000_000),
        "real.png": png_of_zeros(10_000, 300_000_000),
        "hidden.png": png_of_zeros(10, 300_000_000),
        "declared.bmp": GOOD[0][:18] + b"\x00\x00\x01\x00" * 2 + GOOD[0][26:],
        "declared.jpg": GOOD[2][:frame] + b"\xff\xff\xff\xff" + GOOD[2][frame + 4 :],
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


MEASURE_BOMBS = """
import resource, sys
from pathlib import Path
from blastscreen.imaging.decoding import ImageRejected, decode_image

files = [(path.suffix, path.read_bytes()) for path in sorted(Path(sys.argv[1]).iterdir())]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for suffix, data in files:
    try:
        decode_image(data, suffix=suffix, max_pixels=25_000_000)
    except ImageRejected as rejection:
        print(rejection.code)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_bombs_cost_nothing(bombs: Path) -> None:
    assert max(path.stat().st_size for path in bombs.iterdir()) < 3_000_000

    # a process of its own, as memory taken by C libraries shows only in a process' highest mark
    finished = subprocess.run(
        [sys.executable, "-c", MEASURE_BOMBS, str(bombs)], capture_output=True, text=True, check=True, timeout=60
    )

    *codes, grown_megabytes = finished.stdout.split()
    assert codes == ["too_many_pixels", "too_many_pixels", "too_many_pixels", "unreadable", "too_many_pixels"]
    assert int(grown_megabytes) < 10


class Loader:
    """A partition of another dataset: called, it returns or raises what it was given."""

    def __init__(self, result: object) -> None:
        self.result = result

    def __call__(self) -> object:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def test_arrays_and_pillow_images_are_taken_as_they_are() -> None:
    opaque = Image.fromarray(RGB).convert("RGBA")
    for picture in (RGB, Image.fromarray(RGB), Image.open(io.BytesIO(GOOD[0])), opaque, np.asarray(opaque)):
        decoded = decode_partition(Loader(picture))

        np.testing.assert_array_equal(decoded.pixels, RGB)
        assert (decoded.image_format, decoded.reasons) == ("array", ())


def test_a_loader_that_decodes_is_asked_for_its_review_codes() -> None:
    class File(Loader):
        def decode(self) -> DecodedImage:
            return decode_image(encode("JPEG"), suffix=".bmp", max_pixels=CAP)

    decoded = decode_partition(File(RGB))

    assert decoded.image_format == "jpeg"
    assert decoded.reasons == (ReasonCode.EXTENSION_MISMATCH, ReasonCode.LOSSY_SOURCE)


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (RGB.astype(np.float32), ReasonCode.FLOAT_PIXELS),
        (RGB.astype(np.float16), ReasonCode.FLOAT_PIXELS),
        (RGB.astype(np.uint16), ReasonCode.SIXTEEN_BIT),
        (RGB.astype(np.int64), ReasonCode.SIXTEEN_BIT),
        (RGB.astype(np.int8), ReasonCode.UNREADABLE),
        (RGB > 100, ReasonCode.UNREADABLE),
        (RGB[..., 0], ReasonCode.GREYSCALE),
        (RGB[..., :1], ReasonCode.GREYSCALE),
        (RGB[..., :2], ReasonCode.ALPHA),
        (np.dstack([RGB[..., 0], np.full_like(RGB[..., 0], 255)]), ReasonCode.GREYSCALE),
        (np.dstack([RGB, RGB[..., :1]]), ReasonCode.ALPHA),
        (np.dstack([RGB, RGB]), ReasonCode.UNREADABLE),
        (np.stack([RGB, RGB]), ReasonCode.MULTI_FRAME),
        (RGB[:0], ReasonCode.UNREADABLE),
        (Image.fromarray(RGB).convert("L"), ReasonCode.GREYSCALE),
        (Image.fromarray(RGB).convert("1"), ReasonCode.GREYSCALE),
        (Image.fromarray(RGB).convert("P"), ReasonCode.PALETTE),
        (Image.fromarray(RGB).convert("L").convert("P"), ReasonCode.GREYSCALE),
        (Image.fromarray(np.dstack([RGB, RGB[..., :1]])), ReasonCode.ALPHA),
        (Image.fromarray(RGB).convert("LA"), ReasonCode.GREYSCALE),
        (Image.fromarray(RGB).convert("CMYK"), ReasonCode.CMYK),
        (Image.fromarray(RGB).convert("F"), ReasonCode.FLOAT_PIXELS),
        (Image.fromarray(RGB).convert("I"), ReasonCode.SIXTEEN_BIT),
        (Image.fromarray(RGB[..., 0].astype(np.uint16)), ReasonCode.SIXTEEN_BIT),
        (Image.fromarray(RGB).convert("HSV"), ReasonCode.UNSUPPORTED_FORMAT),
        (
            Image.open(io.BytesIO(encode("TIFF", save_all=True, append_images=[Image.fromarray(RGB)]))),
            ReasonCode.MULTI_FRAME,
        ),
        (Image.open(io.BytesIO(encode("BMP")[:200])), ReasonCode.UNREADABLE),
        (None, ReasonCode.UNREADABLE),
        (b"bytes", ReasonCode.UNREADABLE),
        (ImageRejected(ReasonCode.EMPTY_FILE, "0 bytes"), ReasonCode.EMPTY_FILE),
        (ValueError("what happened"), ReasonCode.UNREADABLE),
    ],
)
def test_what_is_not_rgb_is_rejected(picture: object, code: ReasonCode) -> None:
    with pytest.raises(ImageRejected) as rejected:
        decode_partition(Loader(picture))

    assert rejected.value.code == code


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (ValueError("what happened"), "ValueError: what happened"),
        (OSError("two\nlines"), "OSError: two lines"),
        (OSError(2, "No such file", "/home/jane doe/H1.bmp"), "FileNotFoundError: [Errno 2] No such file: <path>"),
        (
            ValueError("in ImageDataset(filepath=/data/jane/H1.bmp, protocol=file)"),
            "ValueError: in <path> protocol=file)",
        ),
        (ValueError(r"C:\jane\H1.bmp is bad"), "ValueError: <path> is bad"),
    ],
)
def test_foreign_errors_are_told_on_one_line_without_paths(error: Exception, detail: str) -> None:
    with pytest.raises(ImageRejected) as rejected:
        decode_partition(Loader(error))

    assert rejected.value.detail == detail


def test_lack_of_memory_is_not_blamed_on_the_file() -> None:
    with pytest.raises(MemoryError):
        decode_partition(Loader(MemoryError()))


def test_rejections_survive_pickling() -> None:
    rejection = pickle.loads(pickle.dumps(ImageRejected(ReasonCode.TRUNCATED, "half of it")))

    assert (rejection.code, rejection.detail) == (ReasonCode.TRUNCATED, "half of it")
    assert str(rejection) == "truncated: half of it"


def test_the_hash_is_of_shape_and_pixels_alone() -> None:
    as_bmp = decode_image(GOOD[0], suffix=".bmp", max_pixels=CAP).pixels
    as_png = decode_image(GOOD[1], suffix=".png", max_pixels=CAP).pixels
    changed = RGB.copy()
    changed[3, 4, 1] ^= 1

    assert pixel_hash(as_bmp) == pixel_hash(as_png) == pixel_hash(np.asfortranarray(RGB))
    assert pixel_hash(changed) != pixel_hash(RGB)
    assert pixel_hash(RGB.reshape(11, 14, 3)) != pixel_hash(RGB)
    framed = np.pad(RGB, ((2, 2), (2, 2), (0, 0)))
    assert pixel_hash(framed) != pixel_hash(np.roll(framed, 1, axis=0))
    assert len(pixel_hash(RGB)) == 64


@pytest.fixture(scope="module")
def real_files(cnmc: Path) -> list[Path]:
    return sorted([*cnmc.glob("C-NMC_training_data/**/*.bmp"), *cnmc.glob("jpeg300/**/*.png")])


def test_real_cells_decode_as_with_opencv(real_files: list[Path]) -> None:
    assert len(real_files) == 352
    for path in real_files:
        data = path.read_bytes()
        decoded = decode_image(data, suffix=path.suffix, max_pixels=450 * 450)

        assert decoded.reasons == ()
        expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        assert np.array_equal(decoded.pixels, expected), path.name


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:54], lambda data: data[: len(data) // 2]]
)
def test_real_cells_that_are_cut_are_seen(real_files: list[Path], damage: Callable[[bytes], bytes]) -> None:
    for path in real_files[::10]:
        with pytest.raises(ImageRejected) as rejected:
            decode_image(damage(path.read_bytes()), suffix=path.suffix, max_pixels=450 * 450)
        assert rejected.value.code == ReasonCode.TRUNCATED
