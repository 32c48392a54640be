"""From bytes, or from any loader of a picture, to 8-bit RGB pixels, or to the reason why not."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blastscreen.imaging.formats.bmp import decode_bmp
from blastscreen.imaging.formats.codec import drop_opaque_alpha, judge_palette
from blastscreen.imaging.formats.jpeg import decode_jpeg
from blastscreen.imaging.formats.png import decode_png
from blastscreen.imaging.formats.signatures import identify_format
from blastscreen.imaging.formats.tiff import decode_tiff
from blastscreen.imaging.masks import Box, content_box
from blastscreen.imaging.rejection import ImageRejected, StorageError
from blastscreen.vocabulary import ReasonCode

__all__ = [
    "IMAGE_SUFFIXES",
    "DecodedImage",
    "ImageRejected",
    "StorageError",
    "decode_image",
    "decode_partition",
    "pixel_hash",
]


class _Decoder(Protocol):
    def __call__(self, data: bytes, *, max_pixels: int) -> NDArray[np.uint8]: ...


_DECODERS: dict[str, _Decoder] = {"bmp": decode_bmp, "png": decode_png, "jpeg": decode_jpeg, "tiff": decode_tiff}
_SUFFIXES = {
    "bmp": frozenset({".bmp", ".dib"}),
    "png": frozenset({".png"}),
    "jpeg": frozenset({".jpg", ".jpeg", ".jpe", ".jfif"}),
    "tiff": frozenset({".tif", ".tiff"}),
}
IMAGE_SUFFIXES = frozenset().union(*_SUFFIXES.values())
_PILLOW_MODES = {
    "1": ReasonCode.GREYSCALE,
    "L": ReasonCode.GREYSCALE,
    "CMYK": ReasonCode.CMYK,
    "F": ReasonCode.FLOAT_PIXELS,
    "I": ReasonCode.SIXTEEN_BIT,
    **dict.fromkeys(("I;16", "I;16L", "I;16B", "I;16N"), ReasonCode.SIXTEEN_BIT),
    **dict.fromkeys(("La", "PA", "RGBa", "RGBX"), ReasonCode.ALPHA),
}
_LONGEST_DETAIL = 200


@dataclass(frozen=True)
class DecodedImage:
    """A picture that may be measured.

    Attributes:
        pixels: shape (height, width, 3), RGB, exactly as stored in the file.
        image_format: "bmp", "png", "jpeg" or "tiff"; "array" when it came decoded.
        reasons: review codes, sorted: EXTENSION_MISMATCH, LOSSY_SOURCE.
    """

    pixels: NDArray[np.uint8]
    image_format: str
    reasons: tuple[ReasonCode, ...]


def decode_image(data: bytes, *, suffix: str, max_pixels: int) -> DecodedImage:
    """Decode an image file by its content, judging the header before any pixel is allocated.

    Pixels come exactly as stored: never scaled, converted, rotated by EXIF or corrected by a colour profile.

    Args:
        data: the whole file.
        suffix: extension of its name with the dot, in any case ("" for none); a wrong one is flagged, not believed.
        max_pixels: largest width * height that is decoded.

    Returns:
        The pixels with their review codes.

    Raises:
        ImageRejected: with one of the codes for unreadable files or for pixels that are not 8-bit RGB.
    """
    if not data:
        raise ImageRejected(ReasonCode.EMPTY_FILE, "0 bytes")
    image_format = identify_format(data)
    pixels = _DECODERS[image_format](data, max_pixels=max_pixels)
    reasons = []
    if suffix.lower() not in _SUFFIXES[image_format]:
        reasons.append(ReasonCode.EXTENSION_MISMATCH)
    if image_format == "jpeg":
        reasons.append(ReasonCode.LOSSY_SOURCE)
    return DecodedImage(pixels, image_format, tuple(reasons))


def decode_partition(load: Callable[[], object]) -> DecodedImage:
    """Load one partition of `raw_cells`, wherever it comes from.

    A loader with a `decode` method is asked for the picture and its review codes. Any other may return an array (RGB)
    or a Pillow image; what its own decoder hid, as 16 bits or the losses of a JPEG, can't be seen here.

    Args:
        load: the partition's callable.

    Returns:
        The pixels with their review codes.

    Raises:
        ImageRejected: as raised by the loader; UNREADABLE for any other exception of it, with its text; or the code of
            a picture that is not 8-bit RGB.
        MemoryError: the machine's fault, not the file's; rejecting would silently shrink the cohort.
        StorageError: the fault of the storage or of the way there; the same holds.
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
    """Fingerprint decoded pixels; equal pictures in different files have the same.

    Args:
        pixels: shape (height, width, 3).
        box: Its `content_box`, where that is known.

    Returns:
        SHA-256 of the shape, of the box outside of which all is black, and of the pixels in it: 64 hexadecimal digits.
    """
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
        if picture.mode not in ("RGB", "RGBA", "LA"):
            code = _PILLOW_MODES.get(picture.mode, ReasonCode.UNSUPPORTED_FORMAT)
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
    if array.size == 0:
        return ReasonCode.UNREADABLE
    if array.dtype.kind == "f":
        return ReasonCode.FLOAT_PIXELS
    if array.dtype.kind in "iu" and array.dtype.itemsize > 1:
        return ReasonCode.SIXTEEN_BIT
    if array.dtype != np.uint8:
        return ReasonCode.UNREADABLE
    shapes = {2: ReasonCode.GREYSCALE, 4: ReasonCode.MULTI_FRAME}
    if array.ndim != 3:
        return shapes.get(array.ndim, ReasonCode.UNREADABLE)
    channels = {1: ReasonCode.GREYSCALE, 2: ReasonCode.ALPHA, 3: None, 4: ReasonCode.ALPHA}
    return channels.get(array.shape[2], ReasonCode.UNREADABLE)


def _describe(error: Exception) -> str:
    """Return an exception's type and text on one line, with file paths (quoted, or up to a blank) cut out."""
    text = str(error)[:_LONGEST_DETAIL]
    without_quoted_paths = re.sub(r"""(['"])[^'"]*[/\\][^'"]*\1""", "<path>", text)
    without_paths = re.sub(r"\S*[/\\]\S*", "<path>", without_quoted_paths)
    return " ".join(f"{type(error).__name__}: {without_paths}".split())
