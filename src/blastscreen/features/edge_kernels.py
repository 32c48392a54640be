"""Loops over the gradients of a cell, compiled by Numba like those in `kernels`."""

# the types in here are those of Numba
# mypy: ignore-errors

import math

import numba
import numpy as np
from numba.types import Array, float64, int16, int64
from numpy.typing import NDArray

from blastscreen.features.kernels import BYTES, compiled

_GRADIENTS = Array(int16, 2, "C", readonly=True)

# tan(22.5 degrees) in the fixed point of OpenCV's Canny
_TANGENT, _TANGENT_BITS = 13573, 15


@compiled(float64(_GRADIENTS, _GRADIENTS, BYTES))
def sum_magnitudes(horizontal: NDArray[np.int16], vertical: NDArray[np.int16], core: NDArray[np.uint8]) -> float:
    """Sum the lengths of gradients (H, W) where `core` (H, W) is 1; it is 0 elsewhere."""
    height, width = core.shape
    # columns first: their sums don't wait for one another
    columns = np.zeros(width)
    for row in range(height):
        for column in range(width):
            x, y = np.int32(horizontal[row, column]), np.int32(vertical[row, column])
            columns[column] += math.sqrt(float((x * x + y * y) * core[row, column]))
    total = 0.0
    for column in range(width):
        total += columns[column]
    return total


@numba.njit
def _list_flagged(flags, words, columns):
    """Write the places of ones to `columns`, and count them; eight flags share a word, and most words are 0."""
    number = 0
    for word in range(words.size):
        if words[word]:
            for column in range(8 * word, 8 * word + 8):
                columns[number] = column
                number += flags[column]
    return number


@numba.njit
def _is_ridge(steepness, place, stride, x, y):
    """Return 1 where no neighbour across the edge is steeper, else 0."""
    # Numbers stand for conditions: no processor foresees which way a gradient points.
    slope, rise = abs(x) * _TANGENT, abs(y) << _TANGENT_BITS
    is_flat = np.int64(rise < slope)
    is_steep = np.int64(rise > slope + (abs(x) << (_TANGENT_BITS + 1)))
    is_diagonal = 1 - is_flat - is_steep
    across = is_flat + is_steep * stride + is_diagonal * (stride + 1 - 2 * np.int64((x ^ y) < 0))
    here = np.int64(steepness[place])
    # of two that are as steep, the one met first is the ridge, except along diagonals
    after = steepness[place + across] + is_diagonal
    return np.int64(here > steepness[place - across]) & np.int64(here >= after)


@numba.njit
def _follow(edges, n_edges, is_weak, stride):
    """Add the weak pixels that are connected to those found, clear them, and count all."""
    done = 0
    while done < n_edges:
        place = edges[done]
        done += 1
        for line in (place - stride, place, place + stride):
            for neighbour in (line - 1, line, line + 1):
                if is_weak[neighbour]:
                    is_weak[neighbour] = 0
                    edges[n_edges] = neighbour
                    n_edges += 1
    return n_edges


@compiled(int64(_GRADIENTS, _GRADIENTS, BYTES, BYTES, int64, int64))
def count_edges(
    horizontal: NDArray[np.int16],
    vertical: NDArray[np.int16],
    whole: NDArray[np.uint8],
    core: NDArray[np.uint8],
    low: int,
    high: int,
) -> int:
    """Count the edges of Canny's detector, with OpenCV's arithmetic, from Sobel gradients (H, W).

    Gradients are taken for 0 where `whole` (H, W) is 0, not 1. An edge lies where `core` (H, W) is 1, not 0; it is
    above `low`, and connected within `core` to one above `high`.
    """
    height, width = core.shape
    steepness = np.zeros((height + 2, width + 2), dtype=np.int16)
    for row in range(height):
        for column in range(width):
            x, y = np.int32(horizontal[row, column]), np.int32(vertical[row, column])
            steepness[row + 1, column + 1] = (abs(x) + abs(y)) * whole[row, column]
    is_weak = np.zeros(steepness.size, dtype=np.uint8)
    edges = np.empty(core.size + 1, dtype=np.int64)
    n_edges = 0
    columns = np.empty(width + 8, dtype=np.int64)
    flags = np.zeros((width + 7) // 8 * 8, dtype=np.uint8)
    words, flat = flags.view(np.uint64), steepness.ravel()
    for row in range(height):
        for column in range(width):
            flags[column] = core[row, column] & np.uint8(steepness[row + 1, column + 1] > low)
        n_columns = _list_flagged(flags, words, columns)
        for index in range(n_columns):
            column = columns[index]
            x, y = np.int64(horizontal[row, column]), np.int64(vertical[row, column])
            place = (row + 1) * (width + 2) + column + 1
            is_ridge = _is_ridge(flat, place, width + 2, x, y)
            is_strong = is_ridge & np.int64(flat[place] > high)
            is_weak[place] = is_ridge - is_strong
            edges[n_edges] = place
            n_edges += is_strong
    return _follow(edges, n_edges, is_weak, width + 2)
