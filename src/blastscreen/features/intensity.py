"""Brightness of a cell."""

import math

from blastscreen.features.cell import Cell


def measure_intensity(cell: Cell) -> dict[str, float]:
    """Compute moments of the grey levels *g* of the *n* pixels seen, with their mean m and standard deviation s.

    They are made of sums of whole numbers, so that nothing is rounded before the last division: where the pixels lie
    cannot matter.

    Returns:
        intensity_mean (0 to 255): sum of g / n.
        intensity_std (0 to 127.5): root of the sum of (g - m)² / n.
        intensity_skewness (any): sum of (g - m)³ / (n s³), negative where the tail is dark. Missing where all grey
            levels are equal.
    """
    from blastscreen.features.kernels import sum_powers

    n, first, second, third = sum_powers(cell.grey, cell.seen)
    if cell.frame is not None:
        n = math.prod(cell.frame)
    variance = n * second - first**2
    # Both moments lack the same powers of n, which cancel.
    cubes = n**2 * third - 3 * n * first * second + 2 * first**3
    return {
        "intensity_mean": first / n if n else math.nan,
        "intensity_std": math.sqrt(variance) / n if n else math.nan,
        "intensity_skewness": cubes / (variance * math.sqrt(variance)) if variance else math.nan,
    }
