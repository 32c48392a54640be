"""Every cell on the same black square, at its own scale."""

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.masks import Box, bounding_box
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.vocabulary import ReasonCode


def place_cell(
    pixels: NDArray[np.uint8],
    mask: NDArray[np.bool_],
    square: NDArray[np.uint8],
    *,
    corner: tuple[int, int],
    frame: tuple[int, ...],
) -> None:
    """Cut the cell out of a part of a picture and put it on a black square, never resized.

    The middle of the frame comes to the middle of the square, so larger frames are centre-cropped and smaller ones
    padded. Along an axis where this would cut the cell, the middle of the cell comes to the middle instead.

    The mask can be found again: `cell_mask(to_grey(square))` has the area and shape of `mask` when `mask` came from
    `cell_mask` at threshold 0. At a higher threshold this holds unless a hole of the cell encloses a dark object that
    is larger than the cell around it.

    Args:
        pixels: (height, width, 3), RGB, the part that holds the cell.
        mask: (height, width), True on the cell.
        square: (canvas, canvas, 3), black; the cell is written to it.
        corner: Row and column of the picture where the part begins.
        frame: Height and width of the picture.

    Raises:
        ImageRejected: CELL_TOO_LARGE for the square, or NO_CELL when the mask is empty.
    """
    rows, columns = box = require_fit(mask, canvas=len(square))
    row, column = (
        cells.start - _canvas_start(length, cells.start + before, cells.stop + before, canvas=len(square)) + before
        for cells, before, length in zip(box, corner, frame, strict=True)
    )
    height, width = rows.stop - rows.start, columns.stop - columns.start
    square[row : row + height, column : column + width] = cv2.copyTo(pixels[box], mask[box].view(np.uint8))


def require_fit(mask: NDArray[np.bool_], *, canvas: int) -> Box:
    """Find the rows and columns of a cell that fits on the canvas; reject any other."""
    rows, columns = box = bounding_box(mask, margin=0)
    if not mask[box].any():
        raise ImageRejected(ReasonCode.NO_CELL, "the mask is empty")
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if max(height, width) > canvas:
        raise ImageRejected(
            ReasonCode.CELL_TOO_LARGE, f"a cell of {width} x {height} pixels on a canvas of {canvas} x {canvas}"
        )
    return box


def _canvas_start(length: int, start: int, stop: int, *, canvas: int) -> int:
    """Return where the canvas begins along one axis of the frame; negative when it begins before the frame."""
    centred = (length - canvas) // 2
    if centred <= start and stop <= centred + canvas:
        return centred
    return (start + stop - canvas) // 2
