"""What every format shares: the size check that comes before any pixel, and Pillow's codecs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode


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


def decode_rgb(codec: str, data: bytes, *args: Any, width: int, height: int) -> NDArray[np.uint8]:
    """Decode pixel data with one of Pillow's codecs.

    The codec is called on data whose header was judged here. `Image.open` would read every header again, and with it
    metadata that can warn, rotate the picture or run another program.

    Args:
        codec: Pillow's name of it: "zip", "jpeg" or "libtiff".
        data: what the codec reads.
        *args: the codec's own settings.
        width: pixels, checked before.
        height: pixels, checked before.

    Returns:
        Pixels of shape (height, width, 3), RGB.

    Raises:
        ImageRejected: UNREADABLE when the data are damaged.
    """
    try:
        image = Image.frombytes("RGB", (width, height), data, codec, *args)
    except (ValueError, OSError, OverflowError, SystemError) as error:
        raise ImageRejected(ReasonCode.UNREADABLE, f"the pixel data are damaged: {error}") from error
    return np.asarray(image)
