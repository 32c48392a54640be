"""Outlines of cells: roundish, indented, with the ragged edges and leftovers that a segmentation leaves."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]
"""A value for each of the vertices, mostly the distance from the centre."""

VERTICES = 360
MARGIN = 3
LARGEST_RADIUS = 190.0
FAINTEST = 24
_ANGLES = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
_DIRECTIONS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
_HARMONICS = np.arange(2.0, 64.0)


class Outline(NamedTuple):
    """How much of each pixel in a box of (h, w) is cell, 0 to 255; `cover` includes what hangs on to it."""

    body: NDArray[np.uint8]
    cover: NDArray[np.uint8]


def draw_outline(area: float, *, roughness: float, appendages: bool, rng: np.random.Generator) -> Outline:
    """Draw the silhouette of one cell, one connected piece in a box with an empty margin.

    `area` (pixels) is that without appendages, which may hang on to the cell; 1 is the usual `roughness`.
    """
    radii = _radii(roughness, rng)
    enclosed = 0.5 * np.sin(2 * np.pi / VERTICES) * np.sum(radii * np.roll(radii, 1))
    scale = np.sqrt(area / enclosed)
    radii = np.minimum(radii * scale, LARGEST_RADIUS)
    shapes = [radii[:, None] * _DIRECTIONS]
    if appendages and rng.random() < 0.22:
        shapes.append(_appendage(radii, scale, rng))
    if appendages and rng.random() < 0.16:
        shapes.append(_nub(radii, rng))
    return _rasterise(shapes)


def _radii(roughness: float, rng: np.random.Generator) -> Curve:
    """Return the distance of each vertex from the centre, about 1."""
    waves = rng.standard_normal((2, _HARMONICS.size)) * roughness * np.maximum(0.3 * _HARMONICS**-2.0, 0.0004)
    spectrum = np.zeros(VERTICES // 2 + 1, dtype=np.complex128)
    spectrum[2 : 2 + _HARMONICS.size] = (waves[0] + 1j * waves[1]) * VERTICES / 2
    radii = np.clip(1 + np.fft.irfft(spectrum, VERTICES), 0.5, 1.6)
    for _ in range(rng.choice(4, p=(0.4, 0.3, 0.18, 0.12))):
        radii *= 1 - rng.uniform(0.03, 0.16) * np.exp(-_turn_from(rng) / rng.uniform(0.04, 0.3))
    if rng.random() < 0.18:
        radii *= 1 - rng.uniform(0.1, 0.45) * np.exp(-((_turn_from(rng) / rng.uniform(0.2, 0.5)) ** 2))
    if rng.random() < 0.4:
        # small bites out of one side, as thresholding a pale edge leaves them
        bites = np.clip(_stretch(rng.random(48)) - 0.45, 0, None)
        side = np.exp(-((_turn_from(rng) / rng.uniform(0.2, 0.7)) ** 2))
        radii *= 1 - bites * side * rng.uniform(0.04, 0.16)
    if rng.random() < 0.25:
        # a straight cut, where the segmentation separated a neighbour
        facing = np.cos(_ANGLES - rng.integers(8) * np.pi / 4)
        chord = np.divide(rng.uniform(0.8, 0.95), facing, out=np.full(VERTICES, np.inf), where=facing > 0.2)
        radii = np.minimum(radii, chord)
    return radii


def _turn_from(rng: np.random.Generator) -> Curve:
    """Return the angle of every vertex to a random direction, 0 to pi."""
    return np.abs((_ANGLES - rng.uniform(0, 2 * np.pi) + np.pi) % (2 * np.pi) - np.pi)


def _stretch(values: NDArray[np.float64]) -> Curve:
    """Interpolate smoothly between a few values to have one for each vertex."""
    return np.asarray(cv2.resize(values[None], (VERTICES, 1), interpolation=cv2.INTER_CUBIC)[0], dtype=np.float64)


def _appendage(radii: Curve, scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the polygon of a pale leftover of cytoplasm that bulges over the outline."""
    sector = np.exp(-((_turn_from(rng) / rng.uniform(0.15, 0.8)) ** 4))
    height = scale * rng.uniform(0.04, 0.26) * (1 + 0.15 * _stretch(rng.standard_normal(40))) * sector
    grown = np.minimum(radii + np.clip(height, 0, None), LARGEST_RADIUS)
    return np.asarray(grown[:, None] * _DIRECTIONS)


def _nub(radii: Curve, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the polygon of a thin, crooked protrusion of 8 to 30 pixels, rooted inside the cell."""
    root = int(rng.integers(VERTICES))
    along, across = _DIRECTIONS[root], _DIRECTIONS[root][::-1] * (-1, 1)
    steps = np.linspace(-6, rng.uniform(8, 30), 8)
    bend = rng.normal(0, 0.015) * steps**2
    width = np.clip(rng.uniform(2.5, 5) + rng.normal(0, 0.8, steps.size), 1.5, None)
    spine = (radii[root] + steps)[:, None] * along + bend[:, None] * across
    sides = np.concatenate([spine + width[:, None] * across, (spine - width[:, None] * across)[::-1]])
    return np.asarray(np.clip(sides, -LARGEST_RADIUS, LARGEST_RADIUS))


def _rasterise(shapes: list[NDArray[np.float64]]) -> Outline:
    """Fill polygons, the first being the cell's body, in the box that holds them all."""
    points = np.concatenate(shapes)
    low = np.floor(points.min(axis=0)) - MARGIN
    width, height = (np.ceil(points.max(axis=0)) + MARGIN - low).astype(int) + 1
    cover = np.zeros((height, width), dtype=np.uint8)
    body = cover
    for shape in shapes:
        vertices = np.rint((shape - low) * 16).astype(np.int32)
        cv2.fillPoly(cover, [vertices], 255, lineType=cv2.LINE_AA, shift=4)
        body = cover.copy() if shape is shapes[0] else body
    cover[cover < FAINTEST] = 0
    return Outline(body=body, cover=cover)
