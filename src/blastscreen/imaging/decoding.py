"""From bytes, or from any loader of a picture, to 8-bit RGB pixels, or to the reason why not."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blastscreen.imaging.formats.bmp import decode_bmp
from blastscreen.imaging.formats.jpeg import decode_jpeg
from blastscreen.imaging.formats.png import decode_png
from blastscreen.imaging.formats.tiff import decode_tiff
from blastscreen.imaging.masks import Box, content_box
from blastscreen.imaging.rejection import ImageRejected, StorageError, drop_opaque_alpha, judge_palette
from blastscreen.vocabulary import ReasonCode

_SIGNATURES = {b"BM": "bmp", b"\x89PNG": "png", b"\xff\xd8": "jpeg", b"II*\x00": "tiff", b"MM\x00*": "tiff"}
_DECODERS = {"bmp": decode_bmp, "png": decode_png, "jpeg": decode_jpeg, "tiff": decode_tiff}
_SUFFIXES = {
    "bmp": frozenset({".bmp", ".dib"}),
    "png": frozenset({".png"}),
    "jpeg": frozenset({".jpg", ".jpeg", ".jpe", ".jfif"}),
    "tiff": frozenset({".tif", ".tiff"}),
}
IMAGE_SUFFIXES = frozenset().union(*_SUFFIXES.values())
# pictures that Pillow doesn't know by their first bytes: position, bytes there, name
_OTHER_PICTURES = (
    (4, b"JXL \r\n\x87\n", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"II\xbc", "JPEG XR"),
    *((4, b"ftyp" + brand, "HEIF") for brand in (b"hei", b"hev", b"mif1", b"msf1")),
    (0, b"II+\x00", "BigTIFF"),
    (0, b"MM\x00+", "BigTIFF"),
    (128, b"DICM", "DICOM"),
    (0, b"\x8aMNG", "MNG"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance"),
    (0, b"%PDF", "PDF"),
    (0, b"Image type: ", "IM"),
)
_MODES = {"1": ReasonCode.GREYSCALE, "CMYK": ReasonCode.CMYK, "La": ReasonCode.ALPHA, "RGBa": ReasonCode.ALPHA}
_LONGEST_DETAIL = 200


@dataclass(frozen=True)
class DecodedImage:
    """A picture that may be measured.

    Attributes:
        pixels: (height, width, 3), RGB, exactly as stored in the file.
        image_format: "bmp", "png", "jpeg" or "tiff"; "array" when it came decoded.
        reasons: EXTENSION_MISMATCH, LOSSY_SOURCE, or both.
    """

    pixels: NDArray[np.uint8]
    image_format: str
    reasons: tuple[ReasonCode, ...]


def decode_image(data: bytes, *, suffix: str, max_pixels: int) -> DecodedImage:
    """Decode an image file by its content, judging the header before any pixel is allocated.

    Pixels come exactly as stored: never scaled, converted, rotated by EXIF or corrected by a colour profile. What is
    not 8-bit RGB is rejected: a conversion would put numbers into the features that nobody measured. A wrong `suffix`
    (with the dot, in any case, "" for none) is flagged, not believed.
    """
    if not data:
        raise ImageRejected(ReasonCode.EMPTY_FILE, "0 bytes")
    image_format = identify_format(data)
    pixels = _DECODERS[image_format](data, max_pixels=max_pixels)
    found = {
        ReasonCode.EXTENSION_MISMATCH: suffix.lower() not in _SUFFIXES[image_format],
        ReasonCode.LOSSY_SOURCE: image_format == "jpeg",
    }
    return DecodedImage(pixels, image_format, tuple(code for code, is_found in found.items() if is_found))


def identify_format(data: bytes) -> str:
    """Recognise "bmp", "png", "jpeg" or "tiff" by the first bytes of a file; its name proves nothing.

    Raises:
        ImageRejected: UNSUPPORTED_FORMAT for another kind of picture, UNREADABLE for what is none.
    """
    for signature, name in _SIGNATURES.items():
        if data.startswith(signature):
            return name
    others = (name for position, signature, name in _OTHER_PICTURES if data.startswith(signature, position))
    other = next(others, None) or _ask_pillow(data[:16])
    if other is None:
        raise ImageRejected(ReasonCode.UNREADABLE, "not an image")
    advice = "save it as 24-bit BMP, 8-bit RGB PNG or 8-bit RGB TIFF"
    raise ImageRejected(ReasonCode.UNSUPPORTED_FORMAT, f"{other}; {advice}")


def _ask_pillow(start: bytes) -> str | None:
    if len(start) < 16:
        return None
    Image.init()
    others = set(Image.OPEN) - {"BMP", "DIB", "PNG", "JPEG", "TIFF"}
    return next((name for name in sorted(others) if (accepts := Image.OPEN[name][1]) and accepts(start)), None)


def decode_partition(load: Callable[[], object]) -> DecodedImage:
    """Load one partition of `raw_cells`, wherever it comes from.

    A loader with a `decode` method is asked for the picture and its review codes. Any other may return an array (RGB)
    or a Pillow image; what its own decoder hid, as 16 bits or the losses of a JPEG, can't be seen here.

    Raises:
        ImageRejected: As raised by the loader; UNREADABLE for any other exception of it, with its text; or the code of
            a picture that is not 8-bit RGB.
        MemoryError, StorageError: No fault of the file: rejecting it would silently shrink the cohort.
    """
    decode = getattr(load, "decode", load)
    try:
        picture = decode()
        return picture if isinstance(picture, DecodedImage) else DecodedImage(_require_rgb(picture), "array", ())
    except (ImageRejected, MemoryError, StorageError):
        raise
    except Exception as error:
        raise ImageRejected(ReasonCode.UNREADABLE, _describe(error)) from error


def pixel_hash(pixels: NDArray[np.uint8], *, box: Box | None = None) -> str:
    """Hash decoded pixels (height, width, 3): SHA-256 of the shape, of the `content_box` and of the pixels in it."""
    box = content_box(pixels) if box is None else box
    digest = hashlib.sha256(repr((pixels.shape, *box)).encode())
    digest.update(np.ascontiguousarray(pixels[box]).data)
    return digest.hexdigest()


def _require_rgb(picture: object) -> NDArray[np.uint8]:
    if isinstance(picture, Image.Image):
        if getattr(picture, "is_animated", False):
            raise ImageRejected(ReasonCode.MULTI_FRAME, "more than one frame")
        if picture.mode == "P":
            raise judge_palette(np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3))
        if picture.mode not in ("RGB", "RGBA", "LA", "L", "F", "I", "I;16", "I;16L", "I;16B"):
            code = _MODES.get(picture.mode, ReasonCode.UNSUPPORTED_FORMAT)
            raise ImageRejected(code, f"a picture of mode {picture.mode}, not RGB")
        picture = np.asarray(picture)
    if not isinstance(picture, np.ndarray):
        raise ImageRejected(ReasonCode.UNREADABLE, f"the loader returned {type(picture).__name__}, not a picture")
    code_of_array = _judge_array(picture)
    if code_of_array == ReasonCode.ALPHA:
        return drop_opaque_alpha(picture)
    if code_of_array is not None:
        raise ImageRejected(code_of_array, f"an array of shape {picture.shape} and type {picture.dtype}, not 8-bit RGB")
    return picture


def _judge_array(array: NDArray[np.generic]) -> ReasonCode | None:
    if array.size and array.dtype.kind == "f":
        return ReasonCode.FLOAT_PIXELS
    if array.size and array.dtype.kind in "iu" and array.dtype.itemsize > 1:
        return ReasonCode.SIXTEEN_BIT
    if array.size == 0 or array.dtype != np.uint8:
        return ReasonCode.UNREADABLE
    if array.ndim != 3:
        return {2: ReasonCode.GREYSCALE, 4: ReasonCode.MULTI_FRAME}.get(array.ndim, ReasonCode.UNREADABLE)
    channels = {1: ReasonCode.GREYSCALE, 2: ReasonCode.ALPHA, 3: None, 4: ReasonCode.ALPHA}
    return channels.get(array.shape[2], ReasonCode.UNREADABLE)


def _describe(error: Exception) -> str:
    """Return an exception's type and text on one line, with file paths (quoted, or up to a blank) cut out."""
    text = str(error)[:_LONGEST_DETAIL]
    without_quoted_paths = re.sub(r"""(['"])[^'"]*[/\\][^'"]*\1""", "<path>", text)
    without_paths = re.sub(r"\S*[/\\]\S*", "<path>", without_quoted_paths)
    return " ".join(f"{type(error).__name__}: {without_paths}".split())
