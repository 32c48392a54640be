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

from blastscreen.features.shape import bounding_box

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
    density = edge_density(grey, mask, canny_low=canny_low, canny_high=canny_high, rim_width=rim_width)
    return EdgeFeatures(density, sobel_mean(grey, mask, rim_width=rim_width))


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
    if mask is None:
        edges = cv2.Canny(grey[bounding_box(grey, margin=1)], canny_low, canny_high)
        return cv2.countNonZero(edges) / grey.size
    box = bounding_box(mask, margin=0)
    core = _erode(mask[box], rim_width)
    n_pixels = cv2.countNonZero(core)
    if n_pixels == 0:
        return math.nan
    whole = _erode(mask[box], 1)
    horizontal, vertical = (gradient * whole for gradient in _sobel(grey[box]))
    edges = np.asarray(cv2.Canny(horizontal, vertical, canny_low, canny_high), dtype=np.uint8) * core
    # What was an edge only because it hangs on a strong one of the rim is none within the rest of the mask.
    strong = (edges > 0) & (np.abs(horizontal) + np.abs(vertical) > canny_high)
    return _count_connected(edges, strong) / n_pixels


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
    if mask is None:
        magnitude = _magnitude(*_sobel(grey[bounding_box(grey, margin=1)]))
        return float(magnitude.sum()) / (_SOBEL_SCALE * grey.size)
    box = bounding_box(mask, margin=0)
    core = _erode(mask[box], rim_width).view(np.bool_)
    if not core.any():
        return math.nan
    horizontal, vertical = (gradient[core] for gradient in _sobel(grey[box]))
    return float(_magnitude(horizontal, vertical).mean()) / _SOBEL_SCALE


def _count_connected(edges: NDArray[np.uint8], strong: NDArray[np.bool_]) -> int:
    """Count the edge pixels that are connected to a strong one."""
    if not strong.any():
        return 0
    _, labels = cv2.connectedComponents(edges, connectivity=8)
    return int(np.isin(labels, labels[strong]).sum())


def _erode(mask: NDArray[np.bool_], width: int) -> NDArray[np.uint8]:
    """Keep the pixels of which every neighbour up to `width` away, diagonals included, is in the mask."""
    square = np.ones((2 * width + 1, 2 * width + 1), dtype=np.uint8)
    eroded = cv2.erode(mask.view(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(eroded, dtype=np.uint8)


def _sobel(grey: NDArray[np.uint8]) -> tuple[Gradient, Gradient]:
    horizontal = cv2.Sobel(grey, cv2.CV_16S, 1, 0, borderType=cv2.BORDER_REPLICATE)
    vertical = cv2.Sobel(grey, cv2.CV_16S, 0, 1, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(horizontal, dtype=np.int16), np.asarray(vertical, dtype=np.int16)


def _magnitude(horizontal: Gradient, vertical: Gradient) -> NDArray[np.float64]:
    x, y = horizontal.astype(np.float64), vertical.astype(np.float64)
    return np.sqrt(x * x + y * y)
