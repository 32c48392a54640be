"""Texture of a cell: properties of its grey-level co-occurrence matrices (Haralick et al. 1973).

Distance 1, angles 0, 45, 90 and 135 degrees, 256 grey levels, symmetric. Every property is computed for each angle,
then averaged, as `skimage.feature.graycoprops` gives it. `cooccurrence` counts once; the properties read its counts.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.features.region import Cutout, cut_out

# Rows down and columns right from a pixel to its neighbour, at 0, 45, 90 and 135 degrees.
_OFFSETS = ((0, 1), (1, 1), (1, 0), (1, -1))


class TextureFeatures(NamedTuple):
    """Texture of one cell, in the order of `TEXTURE_FEATURES`."""

    glcm_contrast: float
    glcm_dissimilarity: float
    glcm_homogeneity: float
    glcm_energy: float
    glcm_correlation: float


def texture_features(grey: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> TextureFeatures:
    """Measure the texture of a cell.

    Args:
        grey: (H, W).
        mask: (H, W), True on the cell: pairs with a pixel outside are dropped. None for the whole frame.

    Returns:
        Each feature as its own function defines it. All are NaN where an angle has no pair of pixels.

    Example:
        >>> stripes = np.array([[1, 2], [1, 2]], dtype=np.uint8)
        >>> texture_features(stripes, None)._replace(glcm_energy=0.0)
        TextureFeatures(glcm_contrast=0.75, glcm_dissimilarity=0.75, glcm_homogeneity=0.625, glcm_energy=0.0, \
glcm_correlation=-0.5)
    """
    return measure_texture(cut_out(grey, mask))


def measure_texture(cutout: Cutout) -> TextureFeatures:
    """Measure the texture of what was cut out, as `texture_features`."""
    sums = _sum_pairs(_count_pairs(cutout))
    return TextureFeatures(_contrast(sums), _dissimilarity(sums), _homogeneity(sums), _energy(sums), _correlation(sums))


def cooccurrence(grey: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Count how often two grey levels are neighbours.

    Args:
        grey: (H, W).
        mask: (H, W), True on the cell: pairs with a pixel outside are dropped. None for the whole frame.

    Returns:
        (4, L, L) symmetric counts, one matrix per angle. Level 0 is the darkest present and level L - 1 the
        brightest, because no property depends on more than the differences of levels.

    Example:
        >>> cooccurrence(np.array([[5, 5], [5, 7]], dtype=np.uint8), None)[0]
        array([[2, 0, 1],
               [0, 0, 0],
               [1, 0, 0]])
    """
    one_way = _count_pairs(cut_out(grey, mask)).astype(np.int64)
    return one_way + one_way.transpose(0, 2, 1)


def _count_pairs(cutout: Cutout) -> NDArray[np.uint32]:
    """Count each pair of neighbours once: (4, L, L)."""
    from blastscreen.features.kernels import count_neighbours

    darkest, brightest, _, _ = cv2.minMaxLoc(cutout.grey, cutout.inside)
    found = count_neighbours(cutout.grey, cutout.inside, int(darkest), int(brightest - darkest) + 1)
    counts = np.asarray(found, dtype=np.uint32)[:, 1:, 1:]
    if cutout.frame is not None:
        height, width = cutout.frame
        for matrix, (down, right) in zip(counts, _OFFSETS, strict=True):
            pairs = max(height - down, 0) * max(width - abs(right), 0)
            # Pairs beyond the cutout are black on both sides, and it has black as its level 0 where there are any.
            matrix[0, 0] += pairs - int(matrix.sum())
    return counts


def glcm_contrast(counts: NDArray[np.int64]) -> float:
    """Average the squared difference of neighbouring grey levels.

    Args:
        counts: (4, L, L) from `cooccurrence`.

    Returns:
        0 to 255 ** 2. NaN where an angle has no pair.

    Example:
        >>> glcm_contrast(cooccurrence(np.array([[1, 3], [1, 3]], dtype=np.uint8), None))  # 4, 4, 0, 4
        3.0
    """
    return _contrast(_sum_pairs(counts.astype(np.uint32)))


def glcm_dissimilarity(counts: NDArray[np.int64]) -> float:
    """Average the absolute difference of neighbouring grey levels.

    Args:
        counts: (4, L, L) from `cooccurrence`.

    Returns:
        0 to 255. NaN where an angle has no pair.

    Example:
        >>> glcm_dissimilarity(cooccurrence(np.array([[1, 3], [1, 3]], dtype=np.uint8), None))  # 2, 2, 0, 2
        1.5
    """
    return _dissimilarity(_sum_pairs(counts.astype(np.uint32)))


def glcm_homogeneity(counts: NDArray[np.int64]) -> float:
    """Average 1 / (1 + d ** 2) over the differences d of neighbouring grey levels.

    Args:
        counts: (4, L, L) from `cooccurrence`.

    Returns:
        Above 0, at most 1 (constant). NaN where an angle has no pair.

    Example:
        >>> glcm_homogeneity(cooccurrence(np.array([[1, 2], [1, 2]], dtype=np.uint8), None))  # 0.5, 0.5, 1, 0.5
        0.625
    """
    return _homogeneity(_sum_pairs(counts.astype(np.uint32)))


def glcm_energy(counts: NDArray[np.int64]) -> float:
    """Take the square root of the summed squared probabilities (angular second moment).

    Args:
        counts: (4, L, L) from `cooccurrence`.

    Returns:
        Above 0, at most 1 (constant). NaN where an angle has no pair.

    Example:
        >>> glcm_energy(cooccurrence(np.full((3, 3), 7, dtype=np.uint8), None))
        1.0
    """
    return _energy(_sum_pairs(counts.astype(np.uint32)))


def glcm_correlation(counts: NDArray[np.int64]) -> float:
    """Correlate the grey levels of neighbours.

    Args:
        counts: (4, L, L) from `cooccurrence`.

    Returns:
        -1 to 1. NaN where an angle has no pair, or pairs of one grey level only (scikit-image calls that 1).

    Example:
        >>> glcm_correlation(cooccurrence(np.array([[1, 3], [1, 3]], dtype=np.uint8), None))  # -1, -1, 1, -1
        -0.5
    """
    return _correlation(_sum_pairs(counts.astype(np.uint32)))


class _PairSums(NamedTuple):
    """Sums over the pairs (i, j) of each angle; all but the last are whole numbers."""

    pairs: list[int]
    levels: list[int]  # of i
    squares: list[int]  # of i * i
    products: list[int]  # of i * j
    differences: list[int]  # of |i - j|
    squared_counts: list[int]
    closeness: list[float]  # of 1 / (1 + (i - j) ** 2)


def _sum_pairs(counts: NDArray[np.uint32]) -> _PairSums:
    from blastscreen.features.kernels import sum_pairs

    sums, closeness = sum_pairs(counts)
    pairs, levels, squares, products, differences, squared_counts = sums.T.tolist()
    return _PairSums(pairs, levels, squares, products, differences, squared_counts, closeness.tolist())


def _contrast(sums: _PairSums) -> float:
    squared = [2 * (square - product) for square, product in zip(sums.squares, sums.products, strict=True)]
    return _average_ratio(squared, sums.pairs)


def _dissimilarity(sums: _PairSums) -> float:
    return _average_ratio(sums.differences, sums.pairs)


def _homogeneity(sums: _PairSums) -> float:
    return _average_ratio(sums.closeness, sums.pairs)


def _energy(sums: _PairSums) -> float:
    return _average_ratio([math.sqrt(total) for total in sums.squared_counts], sums.pairs)


def _correlation(sums: _PairSums) -> float:
    # Both marginals of a symmetric matrix are the same. Integers lose nothing where large numbers cancel.
    square_of_sum = [level**2 for level in sums.levels]
    covariances, variances = (
        [pairs * total - square for pairs, total, square in zip(sums.pairs, totals, square_of_sum, strict=True)]
        for totals in (sums.products, sums.squares)
    )
    return _average_ratio(covariances, variances)


def _average_ratio(numerators: Sequence[float], denominators: Sequence[int]) -> float:
    if not all(denominators):
        return math.nan
    ratios = [numerator / denominator for numerator, denominator in zip(numerators, denominators, strict=True)]
    return sum(ratios) / len(ratios)
