"""Brightness of a cell: moments of its grey levels, read from their histogram.

Histogram sums are integers, so nothing is rounded before the last division: where the pixels lie cannot matter.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blastscreen.features.shape import bounding_box


class IntensityFeatures(NamedTuple):
    """Brightness of one cell, in the order of `INTENSITY_FEATURES`."""

    intensity_mean: float
    intensity_std: float
    intensity_skewness: float


def intensity_features(grey: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> IntensityFeatures:
    """Measure the brightness of a cell.

    Args:
        grey: (H, W).
        mask: (H, W), True on the cell. None for the whole frame.

    Returns:
        Each feature as its own function defines it.

    Example:
        >>> intensity_features(np.array([[0, 0, 0, 8]], dtype=np.uint8), None)._replace(intensity_skewness=0.0)
        IntensityFeatures(intensity_mean=2.0, intensity_std=3.4641016151377544, intensity_skewness=0.0)
    """
    histogram = grey_histogram(grey, mask)
    return IntensityFeatures(intensity_mean(histogram), intensity_std(histogram), intensity_skewness(histogram))


def grey_histogram(grey: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Count the pixels of each grey level.

    Args:
        grey: (H, W).
        mask: (H, W), True on the cell. None for the whole frame.

    Returns:
        (256,) pixels per level.

    Example:
        >>> grey_histogram(np.array([[0, 0, 0, 2]], dtype=np.uint8), None)[:4]
        array([3, 0, 1, 0])
    """
    if mask is not None:
        return np.bincount(grey[mask], minlength=256)
    cell = grey[bounding_box(grey, margin=0)]
    histogram = np.bincount(cell.ravel(), minlength=256)
    histogram[0] += grey.size - cell.size
    return histogram


def intensity_mean(histogram: NDArray[np.int64]) -> float:
    """Average the grey levels.

    Args:
        histogram: (256,) pixels per level, from `grey_histogram`.

    Returns:
        0 to 255. NaN without any pixel.

    Example:
        >>> intensity_mean(grey_histogram(np.array([[0, 0, 0, 8]], dtype=np.uint8), None))
        2.0
    """
    count, first, _, _ = _power_sums(histogram)
    return first / count if count else math.nan


def intensity_std(histogram: NDArray[np.int64]) -> float:
    """Take the population standard deviation of the grey levels.

    Args:
        histogram: (256,) pixels per level, from `grey_histogram`.

    Returns:
        0 to 127.5. NaN without any pixel.

    Example:
        >>> intensity_std(grey_histogram(np.array([[0, 8]], dtype=np.uint8), None))
        4.0
    """
    count, first, second, _ = _power_sums(histogram)
    return math.sqrt(count * second - first**2) / count if count else math.nan


def intensity_skewness(histogram: NDArray[np.int64]) -> float:
    """Take the skewness of the grey levels (Fisher, biased; the default of `scipy.stats.skew`).

    Args:
        histogram: (256,) pixels per level, from `grey_histogram`.

    Returns:
        Negative where the tail is dark, positive where it is bright. NaN where all pixels are alike.

    Example:
        >>> round(intensity_skewness(grey_histogram(np.array([[0, 0, 0, 8]], dtype=np.uint8), None)), 4)
        1.1547
    """
    count, first, second, third = _power_sums(histogram)
    variance = count * second - first**2
    if variance == 0:
        return math.nan
    # Both moments lack the same powers of the pixel count, which cancel.
    return (count**2 * third - 3 * count * first * second + 2 * first**3) / (variance * math.sqrt(variance))


def _power_sums(histogram: NDArray[np.int64]) -> tuple[int, int, int, int]:
    levels = np.arange(256)
    zeroth, first, second, third = (int((histogram * levels**power).sum()) for power in range(4))
    return zeroth, first, second, third
