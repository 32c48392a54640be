"""Texture of a cell: properties of its grey-level co-occurrence matrices (Haralick et al. 1973).

Distance 1, angles 0, 45, 90 and 135 degrees, 256 grey levels, symmetric. Every property is computed for each angle,
then averaged, as `skimage.feature.graycoprops` gives it. `cooccurrence` counts once; the properties read its counts.
"""

import math
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from blastscreen.features.shape import bounding_box

Pixel = TypeVar("Pixel", bound=np.generic)

# Rows down and columns right from a pixel to its neighbour, at 0, 45, 90 and 135 degrees.
_OFFSETS = ((0, 1), (1, 1), (1, 0), (1, -1))
_DIFFERENCE = np.abs(np.subtract.outer(np.arange(256), np.arange(256)))
_SQUARED_DIFFERENCE = _DIFFERENCE**2
_CLOSENESS = 1 / (1 + _SQUARED_DIFFERENCE)


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
    counts = cooccurrence(grey, mask)
    return TextureFeatures(
        glcm_contrast(counts),
        glcm_dissimilarity(counts),
        glcm_homogeneity(counts),
        glcm_energy(counts),
        glcm_correlation(counts),
    )


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
    if mask is None:
        return _frame_counts(grey)
    box = bounding_box(mask, margin=0)
    return _pair_counts(grey[box], mask[box])


def _frame_counts(grey: NDArray[np.uint8]) -> NDArray[np.int64]:
    box = bounding_box(grey, margin=1)
    counts = _pair_counts(grey[box], None)
    height, width = grey.shape
    for matrix, (down, right) in zip(counts, _OFFSETS, strict=True):
        pairs = max(height - down, 0) * max(width - abs(right), 0)
        # Pairs beyond the box are black on both sides, and a box smaller than the frame has black as its level 0.
        matrix[0, 0] += 2 * pairs - matrix.sum()
    return counts


def _pair_counts(grey: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    seen = grey if mask is None else grey[mask]
    darkest, brightest = (int(seen.min()), int(seen.max())) if seen.size else (0, 0)
    n_levels = brightest - darkest + 1
    # Pixels outside the mask may wrap around here; every pair they belong to is dropped.
    levels = grey.astype(np.uint16) - np.uint16(darkest)
    counts = np.empty((len(_OFFSETS), n_levels, n_levels), dtype=np.int64)
    for matrix, offset in zip(counts, _OFFSETS, strict=True):
        first, second = _neighbours(levels, offset)
        codes = first * np.uint16(n_levels) + second
        if mask is not None:
            inside = np.logical_and(*_neighbours(mask, offset))
            codes = codes[inside]
        one_way = np.bincount(codes.ravel(), minlength=n_levels**2).reshape(n_levels, n_levels)
        np.add(one_way, one_way.T, out=matrix)
    return counts


def _neighbours(image: NDArray[Pixel], offset: tuple[int, int]) -> tuple[NDArray[Pixel], NDArray[Pixel]]:
    down, right = offset
    height, width = image.shape
    rows = height - down
    if right < 0:
        return image[:rows, -right:], image[down:, : width + right]
    return image[:rows, : width - right], image[down:, right:]


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
    return _expectation(counts, _SQUARED_DIFFERENCE)


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
    return _expectation(counts, _DIFFERENCE)


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
    return _expectation(counts, _CLOSENESS)


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
    return _average_ratio(np.sqrt(np.square(counts).sum(axis=(1, 2))), counts.sum(axis=(1, 2)))


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
    n_levels = counts.shape[1]
    levels = np.arange(n_levels)
    marginals = counts.sum(axis=2)
    totals = marginals.sum(axis=1)
    if not totals.all():
        return math.nan
    means = marginals @ levels / totals
    variances = (marginals * np.square(levels - means[:, np.newaxis])).sum(axis=1)
    contrasts = (counts * _SQUARED_DIFFERENCE[:n_levels, :n_levels]).sum(axis=(1, 2))
    # Both marginals of a symmetric matrix are the same, so that contrast = 2 * (variance - covariance).
    return _average_ratio(variances - contrasts / 2, variances)


def _expectation(counts: NDArray[np.int64], weights: NDArray[np.int64] | NDArray[np.float64]) -> float:
    n_levels = counts.shape[1]
    return _average_ratio((counts * weights[:n_levels, :n_levels]).sum(axis=(1, 2)), counts.sum(axis=(1, 2)))


def _average_ratio(
    numerators: NDArray[np.int64] | NDArray[np.float64], denominators: NDArray[np.int64] | NDArray[np.float64]
) -> float:
    if not denominators.all():
        return math.nan
    return float(np.mean(numerators / denominators))
