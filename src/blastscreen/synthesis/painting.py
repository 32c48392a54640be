"""Colour of cells: dark violet chromatin in clumps of several sizes, a blue edge zone and a pale rim.

The constants were fitted to the original C-NMC 2019 cells: standard deviation and correlation of the channels in octave
bands, and mean colour by distance to the outline.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.synthesis.outline import Outline
from blastscreen.synthesis.plan import CellPlan
from blastscreen.vocabulary import CellLabel

Field = NDArray[np.float32]

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
_SPOTS = 2.0  # expected number
_COLOURS = {CellLabel.ALL: (65.5, 24.0, 74.0), CellLabel.HEM: (69.5, 27.0, 76.0)}
_CONTRAST = {CellLabel.ALL: 1.0, CellLabel.HEM: 1.08}
_GRAIN = {CellLabel.ALL: 0.38, CellLabel.HEM: 0.46}


def paint_cell(outline: Outline, plan: CellPlan, *, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Colour a silhouette as its class takes the stain, its subject, and this one cell.

    Returns:
        (h, w, 3) RGB, exactly black outside and at least 1 in every channel inside.
    """
    traits, (height, width) = plan.traits, outline.cover.shape
    light, red, blue, contrast, clump_size, rim, zone = rng.standard_normal(7)
    light = 3.2 * traits.light + 2.2 * light
    shift = np.array([1.1 * light + 2.4 * traits.red + red, 0.8 * light, 0.8 * light + 2.4 * traits.blue + blue])
    pixels = _chromatin(
        (height, width),
        contrast=_CONTRAST[plan.label] * float(np.exp(0.17 * traits.contrast + 0.13 * contrast)),
        clump_size=float(np.exp(0.16 * traits.clump_size + 0.05 * clump_size)),
        rng=rng,
    )
    pixels += (np.array(_COLOURS[plan.label]) + shift).astype(np.float32)
    pixels += _rim(outline, float(np.exp(0.12 * traits.rim + 0.15 * rim)), float(np.exp(0.5 * zone)), rng)
    _add_spots(pixels, rng)
    # noise, partly common to the channels
    grains = {1: _GRAIN[plan.label] * float(np.exp(0.32 * traits.grain)), 3: _CHANNEL_GRAIN}
    for channels, grain in grains.items():
        pixels += (rng.random((height, width, channels), dtype=np.float32) - 0.5) * np.float32(grain * 12**0.5)
    pixels *= cv2.merge([outline.cover] * 3) * np.float32(1 / 255)
    # Saturates at 255; at least 1, since a covered pixel that rounds to black would leave the cell.
    drawn: NDArray[np.uint8] = np.maximum(cv2.convertScaleAbs(np.maximum(pixels, 0, out=pixels)), 1)
    return drawn * (outline.cover > 0)[..., None]


def _chromatin(shape: tuple[int, int], *, contrast: float, clump_size: float, rng: np.random.Generator) -> Field:
    """Return clumps of five octaves, (h, w, 3), about 0: each coarser octave is enlarged on to the next finer one."""
    field: Field = np.zeros((1, 1, 3), dtype=np.float32)
    for octave in reversed(range(OCTAVES)):
        step = FINEST_STEP * clump_size * 2**octave
        rows, columns = (int(np.ceil(side / step)) + 1 for side in shape)
        noise = rng.standard_normal((rows, columns, 3), dtype=np.float32)
        noise += SKEW * (noise * noise - 1)  # bright clumps stand out more than dark ones
        # Not a matrix product, whose last bit may depend on the number of threads.
        mix = _AMPLITUDES[octave][:, None] * _COMMON * contrast
        field = _enlarge(field, rows, columns) + np.asarray(cv2.transform(noise, mix), dtype=np.float32)
    return _enlarge(field, *shape)


def _enlarge(field: Field, height: int, width: int) -> Field:
    return np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _rim(outline: Outline, strength: float, blue_zone: float, rng: np.random.Generator) -> Field:
    """Return the pale rim and the blue zone behind it, (h, w, 3); an appendage is rim throughout."""
    height, width = outline.body.shape
    inside = (outline.body > 0).astype(np.uint8)
    steps = cv2.convertScaleAbs(cv2.distanceTransform(inside, cv2.DIST_L2, 5), alpha=_STEPS_PER_PIXEL)
    away = np.arange(256)[:, None] / _STEPS_PER_PIXEL
    profile = np.array(_RIM) * np.exp(-away / np.array(_RIM_DEPTH)) * strength
    profile += np.array(_BLUE_ZONE) * np.exp(-away / _BLUE_ZONE_DEPTH) * blue_zone
    rim = np.asarray(cv2.LUT(cv2.merge([steps] * 3), profile.astype(np.float32)[None]), dtype=np.float32)
    uneven = np.clip(rng.normal(1, 0.25, (6, 6, 1)), 0.3, 1.8).astype(np.float32)
    return rim * np.asarray(cv2.resize(uneven.repeat(3, axis=2), (width, height)), dtype=np.float32)


def _add_spots(pixels: Field, rng: np.random.Generator) -> None:
    height, width, _ = pixels.shape
    for _ in range(rng.poisson(_SPOTS)):
        size = rng.uniform(2.5, 6)
        row, column = int(rng.integers(height)), int(rng.integers(width))
        colour = rng.uniform(8, 24) * np.array((1, rng.uniform(0.6, 1.1), rng.uniform(0.3, 0.8)))
        reach = int(3 * size)
        rows = np.arange(max(row - reach, 0), min(row + reach, height))
        columns = np.arange(max(column - reach, 0), min(column + reach, width))
        glow = np.exp(-((rows - row)[:, None] ** 2 + (columns - column) ** 2) / (2 * size**2))
        pixels[np.ix_(rows, columns)] += (glow[..., None] * colour).astype(np.float32)
