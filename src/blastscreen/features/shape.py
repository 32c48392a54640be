"""Size and outline of a cell, from its mask at native resolution.

Every function takes a mask of shape (H, W), True on the cell, and returns a number that depends neither on where
the cell lies in the frame nor on how large the frame is.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice]


class ShapeFeatures(NamedTuple):
    """Shape of one cell, in the order of `SHAPE_FEATURES`."""

    area: float
    perimeter: float
    circularity: float
    solidity: float
    aspect_ratio: float


def bounding_box(image: NDArray[np.bool_] | NDArray[np.uint8], *, margin: int) -> Box:
    """Find the rows and columns that hold everything non-zero.

    Args:
        image: (H, W), a mask or a grey image.
        margin: Pixels added on each side, where the frame has them.

    Returns:
        Slices of rows and columns; at least one pixel, also where the image is zero throughout.

    Example:
        >>> image = np.zeros((5, 7), dtype=np.uint8)
        >>> image[2, 3:5] = 9
        >>> image[bounding_box(image, margin=1)]
        array([[0, 0, 0, 0],
               [0, 9, 9, 0],
               [0, 0, 0, 0]], dtype=uint8)
    """
    column, row, width, height = cv2.boundingRect(image.view(np.uint8))
    rows = slice(max(row - margin, 0), max(row + height + margin, 1))
    columns = slice(max(column - margin, 0), max(column + width + margin, 1))
    return rows, columns


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
    cell = mask[bounding_box(mask, margin=0)]
    return ShapeFeatures(area(cell), perimeter(cell), circularity(cell), solidity(cell), aspect_ratio(cell))


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
    return float(sum(cv2.arcLength(outline, closed=True) for outline in _outlines(mask)))


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
    length = perimeter(mask)
    if length == 0:
        return math.nan
    return min(4 * math.pi * area(mask) / length**2, 1.0)


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
    outlines = _outlines(mask)
    if not outlines:
        return math.nan
    hull = cv2.convexHull(np.concatenate(outlines))
    (_, _, width, height) = cv2.boundingRect(hull)
    # The hull of pixel corners is the hull of pixel centres plus a unit square (a Minkowski sum), whose area is
    # centres + (width - 1) + (height - 1) + 1: exact, without building any corner.
    return area(mask) / (cv2.contourArea(hull) + width + height - 1)


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
    moments = cv2.moments(mask.view(np.uint8), binaryImage=True)
    count, x, y, xx, xy, yy = (int(moments[name]) for name in ("m00", "m10", "m01", "m20", "m11", "m02"))
    # Integers keep this exact: a translation, a rotation by 90 degrees or a flip cannot change the last digit.
    spread_x, spread_y, shear = count * xx - x * x, count * yy - y * y, count * xy - x * y
    total = spread_x + spread_y
    major = (total + math.sqrt((spread_x - spread_y) ** 2 + 4 * shear**2)) / 2
    determinant = spread_x * spread_y - shear**2
    if determinant == 0:
        return math.inf if total > 0 else math.nan
    return max(major / math.sqrt(determinant), 1.0)


def _outlines(mask: NDArray[np.bool_]) -> list[NDArray[np.int32]]:
    outlines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [np.asarray(outline, dtype=np.int32) for outline in outlines]
