"""The part of a picture that is measured, cut out once for all features."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.masks import bounding_box


class Cutout(NamedTuple):
    """A cell, or everything of a frame that is not black.

    Attributes:
        grey: (h, w), contiguous.
        inside: (h, w), contiguous; 1 where a pixel is seen, else 0.
        frame: (H, W) of the frame of which the rest, all black, is seen too. None where no more is seen.
    """

    grey: NDArray[np.uint8]
    inside: NDArray[np.uint8]
    frame: tuple[int, int] | None


def cut_out(grey: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> Cutout:
    """Cut out what features are made of.

    Args:
        grey: (H, W).
        mask: (H, W), True on the cell. None for the whole frame: cut at a margin of one black pixel, so that every
            edge and every pair of two grey levels is in.

    Example:
        >>> grey = np.pad(np.array([[7]], dtype=np.uint8), 9)
        >>> cut_out(grey, grey > 0).grey.shape, cut_out(grey, None).grey.shape
        ((1, 1), (3, 3))
    """
    if mask is None:
        cell = np.ascontiguousarray(grey[bounding_box(grey, margin=1)])
        height, width = grey.shape
        return Cutout(cell, np.ones(cell.shape, dtype=np.uint8), (height, width))
    box = bounding_box(mask, margin=0)
    return Cutout(np.ascontiguousarray(grey[box]), np.ascontiguousarray(mask[box]).view(np.uint8), None)
