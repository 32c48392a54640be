"""Edges of a cell: how many there are, and how steep the grey levels are on average.

In the whole frame, both are dominated by the step from the cell to its black background, which tells its perimeter
again. Within a mask that step does not exist: a gradient counts only where all nine pixels that it is made of belong
to the cell, and an edge is followed within the eroded mask only. Neither value depends on anything outside the mask.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.features.region import Cutout, cut_out

Gradient = NDArray[np.int16]

# scikit-image: grey levels 0 to 1, kernels whose positive half sums to 1, root of the mean square of both directions.
_SOBEL_SCALE = 255 * 4 * math.sqrt(2)


class EdgeFeatures(NamedTuple):
    """Edges of one cell, in the order of `EDGE_FEATURES`."""

    edge_density: float
    sobel_mean: float


def edge_features(
    grey: NDArray[np.uint8],
    mask: NDArray[np.bool_] | None,
    *,
    canny_low: float,
    canny_high: float,
    rim_width: int,
) -> EdgeFeatures:
    """Measure the edges of a cell.

    Args:
        grey: (H, W).
        mask: (H, W), True on the cell. None for the whole frame.
        canny_low: Gradient (L1 norm, 3x3 Sobel) above which a pixel may continue an edge.
        canny_high: Gradient above which a pixel starts an edge.
        rim_width: Pixels at the rim of the mask that are not measured, 1 or more.

    Returns:
        Each feature as its own function defines it.

    Example:
        >>> ramp = np.tile(np.arange(20, dtype=np.uint8), (20, 1))
        >>> edge_features(ramp, ramp < 20, canny_low=100, canny_high=200, rim_width=2)
        EdgeFeatures(edge_density=0.0, sobel_mean=0.00554593553871802)
    """
    cutout = cut_out(grey, mask)
    return measure_edges(cutout, canny_low=canny_low, canny_high=canny_high, rim_width=rim_width)


def measure_edges(cutout: Cutout, *, canny_low: float, canny_high: float, rim_width: int) -> EdgeFeatures:
    """Measure the edges of what was cut out, as `edge_features`."""
    slopes = _find_slopes(cutout, rim_width=rim_width)
    return EdgeFeatures(_edge_density(slopes, canny_low, canny_high), _sobel_mean(slopes))


def edge_density(
    grey: NDArray[np.uint8],
    mask: NDArray[np.bool_] | None,
    *,
    canny_low: float,
    canny_high: float,
    rim_width: int,
) -> float:
    """Share of the pixels that are edges by Canny's detector.

    Args:
        grey: (H, W).
        mask: (H, W), True on the cell. None for the whole frame.
        canny_low: Gradient (L1 norm, 3x3 Sobel) above which a pixel may continue an edge.
        canny_high: Gradient above which a pixel starts an edge.
        rim_width: Pixels at the rim of the mask that are not measured, 1 or more. From 2 on, every pixel that is
            left has whole gradients on all sides to be compared with.

    Returns:
        0 to 1: a share of the whole frame, or of what the rim leaves of the mask. NaN where it leaves nothing.

    Example:
        >>> step = np.repeat(np.array([[9, 99]], dtype=np.uint8), 5, axis=1).repeat(10, axis=0)
        >>> edge_density(step, None, canny_low=100, canny_high=200, rim_width=1)
        0.1
    """
    return _edge_density(_find_slopes(cut_out(grey, mask), rim_width=rim_width), canny_low, canny_high)


def sobel_mean(grey: NDArray[np.uint8], mask: NDArray[np.bool_] | None, *, rim_width: int) -> float:
    """Average the magnitude of the Sobel gradient, as `skimage.filters.sobel` scales it.

    Args:
        grey: (H, W).
        mask: (H, W), True on the cell. None for the whole frame.
        rim_width: Pixels at the rim of the mask that are not measured, 1 or more.

    Returns:
        0 to 1, of the range of grey levels per pixel. NaN where nothing is left of the mask.

    Example:
        >>> ramp = np.tile(np.arange(20, dtype=np.uint8), (20, 1))
        >>> round(sobel_mean(ramp, ramp < 20, rim_width=1) * 255 / 2**0.5, 9)
        1.0
    """
    return _sobel_mean(_find_slopes(cut_out(grey, mask), rim_width=rim_width))


class _Slopes(NamedTuple):
    """Gradients of what was cut out."""

    horizontal: Gradient
    vertical: Gradient
    whole: NDArray[np.uint8]  # 1 where a gradient is not taken for 0
    core: NDArray[np.uint8]  # 1 where edges are measured
    n_pixels: int  # measured, those without any gradient included


def _find_slopes(cutout: Cutout, *, rim_width: int) -> _Slopes:
    gradients = cv2.spatialGradient(cutout.grey, borderType=cv2.BORDER_REPLICATE)
    horizontal, vertical = (np.asarray(gradient, dtype=np.int16) for gradient in gradients)
    if cutout.frame is not None:
        return _Slopes(horizontal, vertical, cutout.inside, cutout.inside, math.prod(cutout.frame))
    core = _erode(cutout.inside, rim_width)
    # Two pixels off the rim, neighbours have whole gradients, too; which others have is of no account.
    whole = core if rim_width == 1 else cutout.inside
    return _Slopes(horizontal, vertical, whole, core, cv2.countNonZero(core))


def _edge_density(slopes: _Slopes, canny_low: float, canny_high: float) -> float:
    from blastscreen.features.edge_kernels import count_edges

    if slopes.n_pixels == 0:
        return math.nan
    horizontal, vertical, whole, core, n_pixels = slopes
    # Gradients are whole numbers, so that a fraction of a threshold decides nothing.
    n_edges = count_edges(horizontal, vertical, whole, core, math.floor(canny_low), math.floor(canny_high))
    return int(n_edges) / n_pixels


def _sobel_mean(slopes: _Slopes) -> float:
    from blastscreen.features.edge_kernels import sum_magnitudes

    if slopes.n_pixels == 0:
        return math.nan
    total = sum_magnitudes(slopes.horizontal, slopes.vertical, slopes.core)
    return float(total) / (_SOBEL_SCALE * slopes.n_pixels)


def _erode(inside: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Keep the pixels of which every neighbour up to `width` away, diagonals included, is inside."""
    square = np.ones((2 * width + 1, 2 * width + 1), dtype=np.uint8)
    eroded = cv2.erode(inside, square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(eroded, dtype=np.uint8)
