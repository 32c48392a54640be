"""What the formats share: checks of size that come before any pixel, Pillow's codecs, palettes and alpha channels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode

# ten cells of 600 x 600 pixels of pure noise; ten megabytes of empty deflate blocks keep a processor busy for a second
_MOST_COMPRESSED_BYTES = 10_000_000


def require_frame_size(width: int, height: int, *, max_pixels: int) -> None:
    """Reject a declared frame without pixels, or with more than allowed.

    Args:
        width: pixels, as the header declares them.
        height: pixels, as the header declares them.
        max_pixels: largest width * height that may be decoded.

    Raises:
        ImageRejected: UNREADABLE or TOO_MANY_PIXELS.
    """
    if width <= 0 or height <= 0:
        raise ImageRejected(ReasonCode.UNREADABLE, f"the header declares a frame of {width} x {height} pixels")
    if width * height > max_pixels:
        raise ImageRejected(
            ReasonCode.TOO_MANY_PIXELS, f"{width} x {height} pixels, more than the {max_pixels:,} allowed"
        )


def require_at_most(limit: int, number: int, noun: str) -> None:
    """Reject a file with so many parts of a kind (TOO_COMPLEX) that decoding it could take minutes or gigabytes."""
    if number > limit:
        raise ImageRejected(ReasonCode.TOO_COMPLEX, f"{number:,} {noun}, more than the {limit:,} allowed")


def require_little_data(data: bytes) -> None:
    """Reject a compressed picture of more bytes than any cell's needs: TOO_COMPLEX."""
    require_at_most(_MOST_COMPRESSED_BYTES, len(data), "bytes of a compressed picture")


def decode_pixels(codec: str, mode: str, data: bytes, *args: Any, width: int, height: int) -> NDArray[np.uint8]:
    """Decode pixel data with one of Pillow's codecs.

    The codec is called on data whose header was judged here. `Image.open` would read every header again, and with it
    metadata that can warn, rotate the picture or run another program.

    Args:
        codec: Pillow's name of it: "zip", "jpeg" or "libtiff".
        mode: Pillow's name of the channels: "RGB", "RGBA" or "LA".
        data: what the codec reads.
        *args: the codec's own settings.
        width: pixels, checked before.
        height: pixels, checked before.

    Returns:
        Pixels of shape (height, width, channels).

    Raises:
        ImageRejected: UNREADABLE when the data are damaged.
    """
    try:
        image = Image.frombytes(mode, (width, height), data, codec, *args)
    except (ValueError, OSError, OverflowError, SystemError) as error:
        raise ImageRejected(ReasonCode.UNREADABLE, f"the pixel data are damaged: {error}") from error
    return np.asarray(image)


def drop_opaque_alpha(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Leave out an alpha channel that hides nothing.

    Args:
        pixels: shape (height, width, 2 or 4), alpha last.

    Returns:
        Pixels of shape (height, width, 3), RGB.

    Raises:
        ImageRejected: ALPHA when a pixel is not fully opaque, GREYSCALE when the only other channel is grey.
    """
    if (pixels[..., -1] != 255).any():
        raise ImageRejected(ReasonCode.ALPHA, "part of the picture is transparent")
    if pixels.shape[2] == 2:
        raise ImageRejected(ReasonCode.GREYSCALE, "one channel and an opaque alpha channel, not RGB")
    return np.ascontiguousarray(pixels[..., :3])


def judge_palette(colours: NDArray[np.generic]) -> ImageRejected:
    """Name a picture with a palette for what it shows: GREYSCALE where all its colours are grey, else PALETTE.

    Args:
        colours: shape (n, 3), any order of the channels.
    """
    if len(colours) and (colours == colours[:, :1]).all():
        return ImageRejected(ReasonCode.GREYSCALE, f"a palette of {len(colours)} shades of grey, not RGB")
    return ImageRejected(ReasonCode.PALETTE, f"a palette of {len(colours)} colours, not RGB")
