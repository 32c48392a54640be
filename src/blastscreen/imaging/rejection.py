"""Why a picture is kept out, or can't be had, and the checks and decoder that the formats share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blastscreen.vocabulary import ReasonCode

# ten cells of 600 x 600 pixels of pure noise; ten megabytes of empty deflate blocks keep a processor busy for a second
_MOST_COMPRESSED_BYTES = 10_000_000


class ImageRejected(Exception):
    """A picture that must not be measured; its row stays in the index.

    Attributes:
        code: Why, in the project's vocabulary.
        detail: What was found, one line for people, without paths.
    """

    def __init__(self, code: ReasonCode, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class StorageError(RuntimeError):
    """Where the file lies can't be reached: no fault of the file, so no reason to reject it."""


def require_frame_size(width: int, height: int, *, max_pixels: int) -> None:
    """Reject a declared frame without pixels, or with more than allowed."""
    if width <= 0 or height <= 0:
        raise ImageRejected(ReasonCode.UNREADABLE, f"the header declares a frame of {width} x {height} pixels")
    if width * height > max_pixels:
        detail = f"{width} x {height} pixels, more than the {max_pixels:,} allowed"
        raise ImageRejected(ReasonCode.TOO_MANY_PIXELS, detail)


def require_at_most(limit: int, number: int, noun: str) -> None:
    """Reject a file with so many parts of a kind (TOO_COMPLEX) that decoding it could take minutes or gigabytes."""
    if number > limit:
        raise ImageRejected(ReasonCode.TOO_COMPLEX, f"{number:,} {noun}, more than the {limit:,} allowed")


def require_little_data(data: bytes) -> None:
    """Reject a compressed picture of more bytes than any cell needs."""
    require_at_most(_MOST_COMPRESSED_BYTES, len(data), "bytes of a compressed picture")


def decode_pixels(codec: str, mode: str, data: bytes, *settings: Any, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Decode pixels (height, width, channels of the mode) with Pillow's codec "zip", "jpeg" or "libtiff".

    `Image.open` would read every header again, without bounds, and metadata that can warn or turn the picture.
    """
    try:
        image = Image.frombytes(mode, size, data, codec, *settings)
    except (ValueError, OSError, OverflowError, SystemError) as error:
        raise ImageRejected(ReasonCode.UNREADABLE, f"the pixel data are damaged: {error}") from error
    return np.asarray(image)


def drop_opaque_alpha(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Leave out an alpha channel, the last of (height, width, 2 or 4), that hides nothing.

    Raises:
        ImageRejected: ALPHA where a pixel is not fully opaque, GREYSCALE where the only other channel is grey.
    """
    if (pixels[..., -1] != 255).any():
        raise ImageRejected(ReasonCode.ALPHA, "part of the picture is transparent")
    if pixels.shape[2] == 2:
        raise ImageRejected(ReasonCode.GREYSCALE, "one channel and an opaque alpha channel, not RGB")
    return np.ascontiguousarray(pixels[..., :3])


def judge_palette(colours: NDArray[np.generic]) -> ImageRejected:
    """Return why a picture with this palette (n, 3) is rejected: GREYSCALE where all colours are grey, else PALETTE."""
    if len(colours) and (colours == colours[:, :1]).all():
        return ImageRejected(ReasonCode.GREYSCALE, f"a palette of {len(colours)} shades of grey, not RGB")
    return ImageRejected(ReasonCode.PALETTE, f"a palette of {len(colours)} colours, not RGB")
