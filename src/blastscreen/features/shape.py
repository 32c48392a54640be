"""Size and outline of a cell."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from blastscreen.features.cell import Cell


def measure_shape(cell: Cell) -> dict[str, float]:
    """Compute size and outline from the mask, wherever it lies.

    The hull encloses whole pixels, corners included. Axes are those of `skimage.measure.regionprops`, which counts a
    pixel as a point.

    Returns:
        area (px): pixels of the mask.
        perimeter (px): length of the outline through the centres of the outermost pixels. Holes have no part in it;
            separate objects add up.
        circularity (0 to 1): 4π area / perimeter², at most 1. Missing where the outline has no length.
        solidity (0 to 1): area / area of the convex hull.
        aspect_ratio (1 or more): major / minor axis of the ellipse with the mask's second moments. Missing where the
            mask is a straight line.
    """
    from blastscreen.features.kernels import sum_places

    sums = sum_places(cell.mask)
    area = float(sums[0])
    outlines, _ = cv2.findContours(cell.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    perimeter = float(sum(cv2.arcLength(outline, closed=True) for outline in outlines))
    return {
        "area": area,
        "perimeter": perimeter,
        "circularity": min(4 * math.pi * area / perimeter**2, 1.0) if perimeter > 0 else math.nan,
        "solidity": area / _hull_area(outlines) if area else math.nan,
        "aspect_ratio": _aspect_ratio(*sums),
    }


def _hull_area(outlines: Sequence[cv2.typing.MatLike]) -> float:
    hull = cv2.convexHull(np.concatenate(outlines))
    corners = hull + np.array([(0, 0), (0, 1), (1, 0), (1, 1)], dtype=np.int32)
    return cv2.contourArea(cv2.convexHull(corners.reshape(-1, 1, 2)))


def _aspect_ratio(count: int, x: int, y: int, xx: int, xy: int, yy: int) -> float:
    # Integers keep this exact: a translation, a rotation by 90 degrees or a flip cannot change the last digit.
    spread_x, spread_y, shear = count * xx - x * x, count * yy - y * y, count * xy - x * y
    total = spread_x + spread_y
    major = (total + math.sqrt((spread_x - spread_y) ** 2 + 4 * shear**2)) / 2
    determinant = spread_x * spread_y - shear**2
    if determinant == 0:
        return math.inf if total > 0 else math.nan
    return max(major / math.sqrt(determinant), 1.0)
