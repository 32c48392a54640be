"""What a person should look at before trusting a cell's numbers."""

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.rejection import ImageRejected
from blastscreen.parameters import PreprocessingParameters
from blastscreen.vocabulary import ReasonCode


def assess(
    grey: NDArray[np.uint8], mask: NDArray[np.bool_], *, threshold: int, settings: PreprocessingParameters
) -> tuple[ReasonCode, ...]:
    """List what is unusual about a picture and its mask.

    Args:
        grey: shape (height, width).
        mask: shape (height, width), from `cell_mask`.
        threshold: background level that the mask was made with.
        settings: the limits.

    Returns:
        Review codes, sorted: BORDER (the cell touches the frame), LOSSY_SOURCE (the background is not exactly black),
        MULTI_OBJECT (another object outside the mask, of at least `second_object_fraction` of the cell's area),
        SIZE (the frame is not a square of an expected side), UNSEGMENTED (the mask covers more of the frame than
        `max_cell_fraction`).

    Raises:
        ImageRejected: NO_CELL when the mask has fewer than `min_cell_area` pixels.
    """
    area = int(np.count_nonzero(mask))
    if area < settings.min_cell_area:
        raise ImageRejected(
            ReasonCode.NO_CELL, f"the largest object has {area} pixels, a cell at least {settings.min_cell_area}"
        )
    height, width = mask.shape
    found = {
        ReasonCode.BORDER: mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any(),
        ReasonCode.LOSSY_SOURCE: threshold > 0,
        ReasonCode.MULTI_OBJECT: _second_area(grey, mask, threshold) >= settings.second_object_fraction * area,
        ReasonCode.SIZE: height != width or height not in settings.expected_sizes,
        ReasonCode.UNSEGMENTED: area > settings.max_cell_fraction * mask.size,
    }
    return tuple(code for code, is_found in found.items() if is_found)


def _second_area(grey: NDArray[np.uint8], mask: NDArray[np.bool_], threshold: int) -> int:
    others = (grey > threshold) & ~mask
    if not others.any():
        return 0
    _, _, stats, _ = cv2.connectedComponentsWithStats(others.view(np.uint8), connectivity=8)
    return int(stats[1:, cv2.CC_STAT_AREA].max())
