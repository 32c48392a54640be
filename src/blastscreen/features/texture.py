"""Texture of a cell: how often two grey levels are neighbours."""

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.features.cell import Cell

# Rows down and columns right from a pixel to its neighbour, at 0, 45, 90 and 135 degrees.
_OFFSETS = ((0, 1), (1, 1), (1, 0), (1, -1))


def measure_texture(cell: Cell) -> dict[str, float]:
    """Compute properties of grey-level co-occurrence matrices (Haralick et al. 1973).

    p(i, j) is the share of pairs of neighbours with the grey levels i and j in a symmetric matrix of 256 levels at
    distance 1, m and s² are mean and variance of its levels. Each property is computed for the angles 0°, 45°, 90° and
    135°, then averaged, as by `skimage.feature.graycoprops`. A pair with a pixel that is not seen is dropped. All
    properties are missing where an angle has no pair.

    Returns:
        glcm_contrast (0 to 65,025): sum of p(i, j) (i - j)².
        glcm_dissimilarity (0 to 255): sum of p(i, j) |i - j|.
        glcm_homogeneity (0 to 1): sum of p(i, j) / (1 + (i - j)²).
        glcm_energy (0 to 1): root of the sum of p(i, j)².
        glcm_correlation (-1 to 1): sum of p(i, j) (i - m) (j - m) / s². Missing where an angle has one grey level
            only, which scikit-image calls 1.
    """
    from blastscreen.features.kernels import sum_pairs

    sums, closeness = sum_pairs(count_pairs(cell))
    pairs, levels, squares, products, differences, squared_counts = sums.T.tolist()
    # Both marginals of a symmetric matrix are the same. Integers lose nothing where large numbers cancel.
    covariances, variances = (
        [n * total - level**2 for n, total, level in zip(pairs, totals, levels, strict=True)]
        for totals in (products, squares)
    )
    contrasts = [2 * (square - product) for square, product in zip(squares, products, strict=True)]
    return {
        "glcm_contrast": _average_ratio(contrasts, pairs),
        "glcm_dissimilarity": _average_ratio(differences, pairs),
        "glcm_homogeneity": _average_ratio(closeness.tolist(), pairs),
        "glcm_energy": _average_ratio(map(math.sqrt, squared_counts), pairs),
        "glcm_correlation": _average_ratio(covariances, variances),
    }


def count_pairs(cell: Cell) -> NDArray[np.uint32]:
    """Count how often two grey levels are neighbours, each pair once, in a matrix per angle (4, L, L).

    Level 0 is the darkest seen and level L - 1 the brightest: all properties depend on differences of levels alone.
    """
    from blastscreen.features.kernels import count_neighbours

    darkest, brightest, _, _ = cv2.minMaxLoc(cell.grey, cell.seen)
    found = count_neighbours(cell.grey, cell.seen, int(darkest), int(brightest - darkest) + 1)
    counts = np.asarray(found, dtype=np.uint32)[:, 1:, 1:]
    if cell.frame is not None:
        height, width = cell.frame
        for matrix, (down, right) in zip(counts, _OFFSETS, strict=True):
            pairs = max(height - down, 0) * max(width - abs(right), 0)
            # Pairs beyond the cut are black on both sides, and it has black as its level 0 where there are any.
            matrix[0, 0] += pairs - int(matrix.sum())
    return counts


def _average_ratio(numerators: Iterable[float], denominators: list[int]) -> float:
    if not all(denominators):
        return math.nan
    ratios = [numerator / denominator for numerator, denominator in zip(numerators, denominators, strict=True)]
    return sum(ratios) / len(ratios)
