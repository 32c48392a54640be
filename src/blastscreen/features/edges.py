"""Edges of a cell."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.features.cell import Cell

# scikit-image: grey levels 0 to 1, kernels whose positive half sums to 1, root of the mean square of both directions.
_SOBEL_SCALE = 255 * 4 * math.sqrt(2)


def measure_edges(cell: Cell) -> dict[str, float]:
    """Compute how many edges there are and how steep the grey levels are, from 3x3 Sobel gradients.

    In the whole frame both are dominated by the step from the cell to its black background, which makes them redundant
    with the perimeter. In the region `cell` that step does not exist: a gradient counts only where all nine pixels that
    it is made of belong to the cell, and only the core is measured, the mask without its rim of `rim_width` pixels.
    Both values are missing where the rim is everything.

    Returns:
        edge_density (0 to 1): share of the pixels that Canny's detector, with `canny_low` and `canny_high` for the
            gradient (L1 norm), calls an edge. An edge is followed within the core only.
        sobel_mean (0 to 1): mean magnitude of the gradient, scaled as by `skimage.filters.sobel`.
    """
    from blastscreen.features.kernels import count_edges, sum_magnitudes

    gradients = cv2.spatialGradient(cell.grey, borderType=cv2.BORDER_REPLICATE)
    horizontal, vertical = (np.asarray(gradient, dtype=np.int16) for gradient in gradients)
    settings = cell.settings
    if cell.frame is None:
        core = _erode(cell.seen, settings.rim_width)
        n_pixels = cv2.countNonZero(core)
    else:
        core, n_pixels = cell.seen, math.prod(cell.frame)
    if n_pixels == 0:
        return {"edge_density": math.nan, "sobel_mean": math.nan}
    # Off a rim of two pixels, all neighbours of a pixel have whole gradients; which of the others have does not matter.
    whole = core if settings.rim_width == 1 else cell.seen
    # Gradients are whole numbers, so that a fraction of a threshold decides nothing.
    low, high = math.floor(settings.canny_low), math.floor(settings.canny_high)
    return {
        "edge_density": count_edges(horizontal, vertical, whole, core, low, high) / n_pixels,
        "sobel_mean": sum_magnitudes(horizontal, vertical, core) / (_SOBEL_SCALE * n_pixels),
    }


def _erode(inside: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Keep the pixels all of whose neighbours up to `width` away, diagonals included, are inside."""
    square = np.ones((2 * width + 1, 2 * width + 1), dtype=np.uint8)
    eroded = cv2.erode(inside, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(eroded, dtype=np.uint8)
