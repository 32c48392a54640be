"""Every cell on the same black square, at its own scale."""

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.masks import bounding_box
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode


def standardise(pixels: NDArray[np.uint8], mask: NDArray[np.bool_], *, canvas: int) -> NDArray[np.uint8]:
    """Cut the cell out and put it on a black square, never resized.

    The middle of the frame comes to the middle of the canvas, so larger frames are centre-cropped and smaller ones
    padded. Along an axis where this would cut the cell, the middle of the cell comes to the middle instead.

    The mask can be found again: `cell_mask(to_grey(canvas_pixels))` has the area and shape of `mask` when `mask` came
    from `cell_mask` at threshold 0. At a higher threshold this holds unless a hole of the cell encloses a dark object
    that is larger than the cell around it.

    Args:
        pixels: shape (height, width, 3), RGB.
        mask: shape (height, width), True on the cell.
        canvas: side of the square, pixels.

    Returns:
        Pixels of shape (canvas, canvas, 3), black outside the mask.

    Raises:
        ImageRejected: CELL_TOO_LARGE for the canvas, or NO_CELL when the mask is empty.
    """
    box = bounding_box(mask, margin=0)
    if not mask[box].any():
        raise ImageRejected(ReasonCode.NO_CELL, "the mask is empty")
    (top, bottom), (left, right) = ((part.start, part.stop) for part in box)
    height, width = bottom - top, right - left
    if max(height, width) > canvas:
        raise ImageRejected(
            ReasonCode.CELL_TOO_LARGE, f"a cell of {width} x {height} pixels on a canvas of {canvas} x {canvas}"
        )
    row = top - _canvas_start(mask.shape[0], top, bottom, canvas=canvas)
    column = left - _canvas_start(mask.shape[1], left, right, canvas=canvas)
    standardised = np.zeros((canvas, canvas, 3), np.uint8)
    standardised[row : row + height, column : column + width] = cv2.copyTo(pixels[box], mask[box].view(np.uint8))
    return standardised


def _canvas_start(length: int, start: int, stop: int, *, canvas: int) -> int:
    """Return where the canvas begins along one axis of the frame; negative when it begins before the frame."""
    centred = (length - canvas) // 2
    if centred <= start and stop <= centred + canvas:
        return centred
    return (start + stop - canvas) // 2
