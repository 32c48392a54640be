"""Colour of cells: dark violet chromatin in clumps of several sizes, a blue edge zone and a pale rim.

The constants were fitted to the original C-NMC 2019 cells: standard deviation and correlation of the channels in octave
bands, and mean colour by distance to the outline.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.synthesis.outline import Outline

OCTAVES = 5
FINEST_STEP = 2.6
# Standard deviation of red, green and blue by octave, finest first, before a subject's own contrast.
_AMPLITUDES = np.array([(0.75, 0.48, 0.36), (1.9, 0.85, 0.4), (3.2, 1.45, 0.75), (3.0, 1.5, 1.3), (4.2, 2.5, 2.2)])
# Correlation of the channels: most of a clump is common to all three.
_COMMON = np.linalg.cholesky(np.array([(1, 0.93, 0.75), (0.93, 1, 0.83), (0.75, 0.83, 1)]))
SKEW = 0.45
_STEPS_PER_PIXEL = 3
_RIM = (49.0, 51.0, 35.0)
_RIM_DEPTH = (4.3, 4.9, 7.5)
_BLUE_ZONE = (-6.0, 0.0, 0.0)
_BLUE_ZONE_DEPTH = 25.0
_CHANNEL_GRAIN = 0.4


@dataclass(frozen=True, slots=True)
class Stain:
    """How a cell takes the stain.

    Attributes:
        colour: mean red, green and blue of the cell's inside, grey levels.
        contrast: of chromatin clumps; 1 is usual.
        grain: standard deviation of the pixel noise common to all channels, grey levels.
        clump_size: relative to the usual clump; 1 is usual.
        rim: strength of the pale rim; 1 is usual.
        blue_zone: how much red is missing behind the rim; 1 is usual.
        spots: expected number of bright spots.
    """

    colour: tuple[float, float, float]
    contrast: float
    grain: float
    clump_size: float
    rim: float
    blue_zone: float
    spots: float


def paint_cell(outline: Outline, stain: Stain, *, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Colour a silhouette.

    Args:
        outline: box of shape (h, w).
        stain: how this cell takes the stain.
        rng: source of the texture.

    Returns:
        (h, w, 3) RGB, exactly black outside the silhouette and at least 1 in every channel inside.
    """
    height, width = outline.cover.shape
    pixels = _chromatin(height, width, stain, rng)
    pixels += np.asarray(stain.colour, dtype=np.float32)
    pixels += _rim(outline, stain, rng)
    _add_spots(pixels, stain, rng)
    _add_grain(pixels, stain, rng)
    pixels *= cv2.merge([outline.cover] * 3) * np.float32(1 / 255)
    # Saturates at 255; at least 1, since a covered pixel that rounds to black would leave the cell.
    drawn: NDArray[np.uint8] = np.maximum(cv2.convertScaleAbs(np.maximum(pixels, 0, out=pixels)), 1)
    return drawn * (outline.cover > 0)[..., None]


def _chromatin(height: int, width: int, stain: Stain, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return clumps of five octaves, (h, w, 3), about 0: each coarser octave is enlarged on to the next finer one."""
    field: NDArray[np.float32] = np.zeros((1, 1, 3), dtype=np.float32)
    for octave in reversed(range(OCTAVES)):
        step = FINEST_STEP * stain.clump_size * 2**octave
        rows, columns = int(np.ceil(height / step)) + 1, int(np.ceil(width / step)) + 1
        noise = rng.standard_normal((rows, columns, 3), dtype=np.float32)
        noise += SKEW * (noise * noise - 1)  # bright clumps stand out more than dark ones
        # Not a matrix product, whose last bit may depend on the number of threads.
        mix = _AMPLITUDES[octave][:, None] * _COMMON * stain.contrast
        field = _enlarge(field, rows, columns) + np.asarray(cv2.transform(noise, mix), dtype=np.float32)
    return _enlarge(field, height, width)


def _enlarge(field: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _rim(outline: Outline, stain: Stain, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the pale rim and the blue zone behind it, (h, w, 3); an appendage is rim throughout."""
    height, width = outline.body.shape
    inside = (outline.body > 0).astype(np.uint8)
    steps = cv2.convertScaleAbs(cv2.distanceTransform(inside, cv2.DIST_L2, 5), alpha=_STEPS_PER_PIXEL)
    away = np.arange(256)[:, None] / _STEPS_PER_PIXEL
    profile = np.array(_RIM) * np.exp(-away / np.array(_RIM_DEPTH)) * stain.rim
    profile += np.array(_BLUE_ZONE) * np.exp(-away / _BLUE_ZONE_DEPTH) * stain.blue_zone
    rim = np.asarray(cv2.LUT(cv2.merge([steps] * 3), profile.astype(np.float32)[None]), dtype=np.float32)
    uneven = np.clip(rng.normal(1, 0.25, (6, 6, 1)), 0.3, 1.8).astype(np.float32)
    return rim * np.asarray(cv2.resize(uneven.repeat(3, axis=2), (width, height)), dtype=np.float32)


def _add_spots(pixels: NDArray[np.float32], stain: Stain, rng: np.random.Generator) -> None:
    """Add small round bright spots in place."""
    height, width, _ = pixels.shape
    for _ in range(rng.poisson(stain.spots)):
        size = rng.uniform(2.5, 6)
        row, column = int(rng.integers(height)), int(rng.integers(width))
        colour = rng.uniform(8, 24) * np.array((1, rng.uniform(0.6, 1.1), rng.uniform(0.3, 0.8)))
        reach = int(3 * size)
        rows = np.arange(max(row - reach, 0), min(row + reach, height))
        columns = np.arange(max(column - reach, 0), min(column + reach, width))
        glow = np.exp(-((rows - row)[:, None] ** 2 + (columns - column) ** 2) / (2 * size**2))
        pixels[np.ix_(rows, columns)] += (glow[..., None] * colour).astype(np.float32)


def _add_grain(pixels: NDArray[np.float32], stain: Stain, rng: np.random.Generator) -> None:
    """Add pixel noise in place, partly common to the channels."""
    height, width, _ = pixels.shape
    pixels += (rng.random((height, width, 1), dtype=np.float32) - 0.5) * np.float32(stain.grain * 12**0.5)
    pixels += (rng.random(pixels.shape, dtype=np.float32) - 0.5) * np.float32(_CHANNEL_GRAIN * 12**0.5)
