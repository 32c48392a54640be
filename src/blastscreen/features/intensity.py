"""Brightness of a cell: moments of its grey levels.

They are made of sums of whole numbers, so nothing is rounded before the last division: where the pixels lie cannot
matter.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blastscreen.features.region import Cutout, cut_out


class IntensityFeatures(NamedTuple):
    """Brightness of one cell, in the order of `INTENSITY_FEATURES`."""

    intensity_mean: float
    intensity_std: float
    intensity_skewness: float


class PowerSums(NamedTuple):
    """How many pixels there are, and sums of their grey levels, the squares and the cubes."""

    pixels: int
    first: int
    second: int
    third: int


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
    return measure_intensity(cut_out(grey, mask))


def measure_intensity(cutout: Cutout) -> IntensityFeatures:
    """Measure the brightness of what was cut out, as `intensity_features`."""
    sums = _sum_cutout(cutout)
    return IntensityFeatures(intensity_mean(sums), intensity_std(sums), intensity_skewness(sums))


def power_sums(grey: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> PowerSums:
    """Sum the powers of the grey levels.

    Args:
        grey: (H, W).
        mask: (H, W), True on the cell. None for the whole frame.

    Returns:
        Whole numbers.

    Example:
        >>> power_sums(np.array([[0, 0, 0, 2]], dtype=np.uint8), None)
        PowerSums(pixels=4, first=2, second=4, third=8)
    """
    return _sum_cutout(cut_out(grey, mask))


def _sum_cutout(cutout: Cutout) -> PowerSums:
    from blastscreen.features.kernels import sum_powers

    sums = PowerSums(*sum_powers(cutout.grey, cutout.inside))
    return sums if cutout.frame is None else sums._replace(pixels=math.prod(cutout.frame))


def intensity_mean(sums: PowerSums) -> float:
    """Average the grey levels.

    Args:
        sums: From `power_sums`.

    Returns:
        0 to 255. NaN without any pixel.

    Example:
        >>> intensity_mean(power_sums(np.array([[0, 0, 0, 8]], dtype=np.uint8), None))
        2.0
    """
    return sums.first / sums.pixels if sums.pixels else math.nan


def intensity_std(sums: PowerSums) -> float:
    """Take the population standard deviation of the grey levels.

    Args:
        sums: From `power_sums`.

    Returns:
        0 to 127.5. NaN without any pixel.

    Example:
        >>> intensity_std(power_sums(np.array([[0, 8]], dtype=np.uint8), None))
        4.0
    """
    return math.sqrt(sums.pixels * sums.second - sums.first**2) / sums.pixels if sums.pixels else math.nan


def intensity_skewness(sums: PowerSums) -> float:
    """Take the skewness of the grey levels (Fisher, biased; the default of `scipy.stats.skew`).

    Args:
        sums: From `power_sums`.

    Returns:
        Negative where the tail is dark, positive where it is bright. NaN where all pixels are alike.

    Example:
        >>> round(intensity_skewness(power_sums(np.array([[0, 0, 0, 8]], dtype=np.uint8), None)), 4)
        1.1547
    """
    count, first, second, third = sums
    variance = count * second - first**2
    if variance == 0:
        return math.nan
    # Both moments lack the same powers of the pixel count, which cancel.
    return (count**2 * third - 3 * count * first * second + 2 * first**3) / (variance * math.sqrt(variance))
