"""A picture's cell, cut out of the black around it, and what a person should look at before trusting its numbers."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.masks import (
    Box,
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
        mask: (h, w), True on the cell; outside of the box there is none of it.
        threshold: Grey level at or below which pixels are background.
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
        threshold = find_background_threshold(
            grey, lossy_threshold=settings.lossy_threshold, max_specks=settings.max_specks
        )
        mask = cell_mask(grey, threshold=threshold)
    return Segmentation(box, grey, mask, threshold, pixels.shape[:2])


def assess(cell: Segmentation, *, settings: PreprocessingParameters) -> tuple[ReasonCode, ...]:
    """List what is unusual about a picture and the mask of its cell.

    Returns:
        Review codes, sorted: BORDER (the cell touches the frame), FRAME_SIZE (the frame is not a square of an expected
        side), LOSSY_SOURCE (the background is not exactly black), MULTI_OBJECT (another object outside the mask, of at
        least `second_object_fraction` of the cell's area), UNSEGMENTED (the mask reaches the border and covers more of
        the frame than `max_cell_fraction`; a cell in a tight frame, black all around it, may cover as much).

    Raises:
        ImageRejected: NO_CELL when the mask has fewer than `min_cell_area` pixels.
    """
    area = int(np.count_nonzero(cell.mask))
    if area < settings.min_cell_area:
        raise ImageRejected(
            ReasonCode.NO_CELL, f"the largest object has {area} pixels, a cell at least {settings.min_cell_area}"
        )
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
