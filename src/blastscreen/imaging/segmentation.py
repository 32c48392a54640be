"""A picture's cell: found, judged, and placed on a black square at its own scale."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.masks import (
    Box,
    bounding_box,
    cell_mask,
    content_box,
    find_background_threshold,
    is_one_solid_object,
    to_grey,
)
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.parameters import PreprocessingParameters
from blastscreen.vocabulary import ReasonCode


class Segmentation(NamedTuple):
    """A cell in its picture.

    Attributes:
        box: Rows and columns (h, w) of the picture that hold everything not black.
        grey: (h, w), grey levels in the box.
        mask: (h, w), True on the cell.
        threshold: Highest grey level of the background.
        frame: Height and width of the picture.
    """

    box: Box
    grey: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    threshold: int
    frame: tuple[int, int]


def segment(pixels: NDArray[np.uint8], *, settings: PreprocessingParameters) -> Segmentation:
    """Find the cell in an RGB image (H, W, 3), allowing for the nearly black background of lossy sources."""
    box = content_box(pixels)
    grey = to_grey(pixels[box])
    mask, threshold = grey > 0, 0
    if not is_one_solid_object(mask):
        limits = {"lossy_threshold": settings.lossy_threshold, "max_specks": settings.max_specks}
        threshold = find_background_threshold(grey, **limits)
        mask = cell_mask(grey, threshold=threshold)
    return Segmentation(box, grey, mask, threshold, pixels.shape[:2])


def assess(cell: Segmentation, *, settings: PreprocessingParameters) -> tuple[ReasonCode, ...]:
    """List the review codes, sorted, of what is unusual about a picture and the mask of its cell.

    UNSEGMENTED is a mask that covers more of the frame than `max_cell_fraction` and reaches its border: a cell in a
    tight frame, black all around it, may cover as much.

    Raises:
        ImageRejected: NO_CELL when the mask has fewer than `min_cell_area` pixels.
    """
    area = int(np.count_nonzero(cell.mask))
    if area < settings.min_cell_area:
        detail = f"the largest object has {area} pixels, a cell at least {settings.min_cell_area}"
        raise ImageRejected(ReasonCode.NO_CELL, detail)
    height, width = cell.frame
    touches_frame = _touches_frame(cell)
    found = {
        ReasonCode.BORDER: touches_frame,
        ReasonCode.FRAME_SIZE: height != width or height not in settings.expected_sizes,
        ReasonCode.LOSSY_SOURCE: cell.threshold > 0,
        ReasonCode.MULTI_OBJECT: _second_area(cell) >= settings.second_object_fraction * area,
        ReasonCode.UNSEGMENTED: touches_frame and area > settings.max_cell_fraction * height * width,
    }
    return tuple(code for code, is_found in found.items() if is_found)


def _touches_frame(cell: Segmentation) -> bool:
    rows, columns = cell.box
    height, width = cell.frame
    sides = (
        (rows.start == 0, cell.mask[0]),
        (rows.stop == height, cell.mask[-1]),
        (columns.start == 0, cell.mask[:, 0]),
        (columns.stop == width, cell.mask[:, -1]),
    )
    return any(is_edge and line.any() for is_edge, line in sides)


def _second_area(cell: Segmentation) -> int:
    others = (cell.grey > cell.threshold) & ~cell.mask
    if not others.any():
        return 0
    _, _, stats, _ = cv2.connectedComponentsWithStats(others.view(np.uint8), connectivity=8)
    return int(stats[1:, cv2.CC_STAT_AREA].max())


def place_cell(pixels: NDArray[np.uint8], cell: Segmentation, square: NDArray[np.uint8]) -> None:
    """Cut the cell out of its picture (H, W, 3) and write it to a black square (canvas, canvas, 3), never resized.

    The middle of the frame comes to the middle of the square, so larger frames are centre-cropped and smaller ones
    padded. Along an axis where this would cut the cell, the middle of the cell comes to the middle instead.

    The mask can be found again: `cell_mask(to_grey(square))` has the area and shape of `cell.mask` at threshold 0. At
    a higher threshold this holds unless a hole of the cell encloses a dark object that is larger than the cell around
    it.

    Raises:
        ImageRejected: CELL_TOO_LARGE for the square, or NO_CELL when the mask is empty.
    """
    rows, columns = box = require_fit(cell.mask, canvas=len(square))
    height, width = sizes = rows.stop - rows.start, columns.stop - columns.start
    row, column = (
        _start_on_canvas(length, part.start + inside.start, size, canvas=len(square))
        for length, part, inside, size in zip(cell.frame, cell.box, box, sizes, strict=True)
    )
    cut = cv2.copyTo(pixels[cell.box][box], cell.mask[box].view(np.uint8))
    square[row : row + height, column : column + width] = cut


def require_fit(mask: NDArray[np.bool_], *, canvas: int) -> Box:
    """Find the rows and columns of a cell that fits on the canvas; reject any other."""
    rows, columns = box = bounding_box(mask, margin=0)
    if not mask[box].any():
        raise ImageRejected(ReasonCode.NO_CELL, "the mask is empty")
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if max(height, width) > canvas:
        detail = f"a cell of {width} x {height} pixels on a canvas of {canvas} x {canvas}"
        raise ImageRejected(ReasonCode.CELL_TOO_LARGE, detail)
    return box


def _start_on_canvas(length: int, start: int, size: int, *, canvas: int) -> int:
    """Return where a cell from `start` on along one axis of a frame begins on the canvas."""
    centred = start - (length - canvas) // 2
    return centred if 0 <= centred <= canvas - size else start - (2 * start + size - canvas) // 2
