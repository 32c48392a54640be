"""Size and outline of a cell, from its mask at native resolution.

Every function takes a mask of shape (H, W), True on the cell, and returns a number that depends neither on where
the cell lies in the frame nor on how large the frame is.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray


class ShapeFeatures(NamedTuple):
    """Shape of one cell, in the order of `SHAPE_FEATURES`."""

    area: float
    perimeter: float
    circularity: float
    solidity: float
    aspect_ratio: float


def shape_features(mask: NDArray[np.bool_]) -> ShapeFeatures:
    """Measure the shape of a cell.

    Args:
        mask: (H, W), True on the cell.

    Returns:
        Each feature as its own function defines it.

    Example:
        >>> rectangle = np.ones((10, 20), dtype=bool)
        >>> shape_features(rectangle)._replace(circularity=0.0, aspect_ratio=0.0)
        ShapeFeatures(area=200.0, perimeter=56.0, circularity=0.0, solidity=1.0, aspect_ratio=0.0)
    """
    cell = _to_bytes(mask)
    sums, length = _sum_places(cell), _outline_length(cell)
    size = float(sums[0])
    return ShapeFeatures(size, length, _circularity(size, length), _solidity(size, cell), _aspect_ratio(*sums))


def area(mask: NDArray[np.bool_]) -> float:
    """Count the pixels of a cell.

    Args:
        mask: (H, W), True on the cell.

    Returns:
        Pixels, 0 or more.

    Example:
        >>> area(np.ones((10, 20), dtype=bool))
        200.0
    """
    return float(np.count_nonzero(mask))


def perimeter(mask: NDArray[np.bool_]) -> float:
    """Measure the length of the outline.

    The outline runs through the centres of the outermost pixels, so a square of side n has 4 * (n - 1). Holes have
    no part in it; separate objects add up.

    Args:
        mask: (H, W), True on the cell.

    Returns:
        Pixels, 0 or more; a single pixel has 0.

    Example:
        >>> perimeter(np.ones((10, 20), dtype=bool))
        56.0
    """
    return _outline_length(_to_bytes(mask))


def circularity(mask: NDArray[np.bool_]) -> float:
    """Compare the area with that of a circle of the same perimeter.

    Args:
        mask: (H, W), True on the cell.

    Returns:
        4 * pi * area / perimeter ** 2, clipped to 1: small or very round objects exceed it, because the outline runs
        through pixel centres. NaN where the outline has no length.

    Example:
        >>> round(circularity(np.ones((10, 20), dtype=bool)), 4)
        0.8014
    """
    return _circularity(area(mask), perimeter(mask))


def solidity(mask: NDArray[np.bool_]) -> float:
    """Compare the area with that of the convex hull.

    The hull encloses whole pixels, corners included: it is never smaller than the cell, and a rectangle fills it.

    Args:
        mask: (H, W), True on the cell.

    Returns:
        Above 0, at most 1. NaN for an empty mask.

    Example:
        >>> solidity(np.array([[True, False], [True, True]]))  # the hull cuts off half of the missing pixel
        0.8571428571428571
    """
    return _solidity(area(mask), _to_bytes(mask))


def aspect_ratio(mask: NDArray[np.bool_]) -> float:
    """Compare the two axes of the ellipse with the cell's second central moments.

    The same as `axis_major_length / axis_minor_length` of `skimage.measure.regionprops`, which counts a pixel as a
    point, not as a square.

    Args:
        mask: (H, W), True on the cell.

    Returns:
        1 or more; inf for a straight line of pixels, which has no minor axis. NaN for a single pixel and an empty
        mask, which have none at all.

    Example:
        >>> diamond = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)
        >>> aspect_ratio(diamond)
        1.0
        >>> aspect_ratio(np.ones((1, 9), dtype=bool))
        inf
    """
    return _aspect_ratio(*_sum_places(_to_bytes(mask)))


def _to_bytes(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(mask).view(np.uint8)


def _sum_places(cell: NDArray[np.uint8]) -> tuple[int, int, int, int, int, int]:
    from blastscreen.features.kernels import sum_places

    count, x, y, xx, xy, yy = sum_places(cell)
    return count, x, y, xx, xy, yy


def _aspect_ratio(count: int, x: int, y: int, xx: int, xy: int, yy: int) -> float:
    # Integers keep this exact: a translation, a rotation by 90 degrees or a flip cannot change the last digit.
    spread_x, spread_y, shear = count * xx - x * x, count * yy - y * y, count * xy - x * y
    total = spread_x + spread_y
    major = (total + math.sqrt((spread_x - spread_y) ** 2 + 4 * shear**2)) / 2
    determinant = spread_x * spread_y - shear**2
    if determinant == 0:
        return math.inf if total > 0 else math.nan
    return max(major / math.sqrt(determinant), 1.0)


def _outline_length(cell: NDArray[np.uint8]) -> float:
    outlines, _ = cv2.findContours(cell, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return float(sum(cv2.arcLength(outline, closed=True) for outline in outlines))


def _circularity(size: float, length: float) -> float:
    return min(4 * math.pi * size / length**2, 1.0) if length > 0 else math.nan


def _solidity(size: float, cell: NDArray[np.uint8]) -> float:
    from blastscreen.features.kernels import double_hull_area

    return 2 * size / double_hull_area(cell) if size else math.nan
