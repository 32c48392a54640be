"""A picture's cell, cut out of the black around it."""

from typing import NamedTuple

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
from blastscreen.parameters import PreprocessingParameters


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
