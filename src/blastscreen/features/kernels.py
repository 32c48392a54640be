"""Loops over the pixels of a cell, compiled by Numba.

Sums are of whole numbers, or add up in the order of the pixels, so that a result is the same to the last bit on any
machine and in any thread. Importing this module compiles it, or loads what an earlier import left in a cache: callers
import it inside their functions, when the first cell is measured.
"""

# the types in here are those of Numba
# mypy: ignore-errors

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numba.types import Array, Tuple, UniTuple, float64, int16, int64, uint8, uint32
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])
_BYTES = Array(uint8, 2, "C", readonly=True)
_GRADIENTS = Array(int16, 2, "C", readonly=True)
# tan(22.5 degrees) in the fixed point of OpenCV's Canny
_TANGENT, _TANGENT_BITS = 13573, 15


def _compiled(signature: Any) -> Callable[[Function], Function]:
    # once for all processes; other threads run beside it
    def compile_now(function: Function) -> Function:
        try:
            return numba.njit(signature, cache=True, nogil=True)(function)
        except RuntimeError:  # neither this folder nor the user's own can be written to
            return numba.njit(signature, nogil=True)(function)

    return compile_now


@_compiled(UniTuple(int64, 6)(_BYTES))
def sum_places(mask: NDArray[np.uint8]) -> tuple[int, int, int, int, int, int]:
    """Sum 1, x, y, x * x, x * y and y * y over the columns x and rows y where a mask (H, W) is 1; it is 0 elsewhere."""
    height, width = mask.shape
    count = x = y = xx = xy = yy = 0
    for row in range(height):
        row_count = row_x = row_xx = np.int64(0)
        for column in range(width):
            inside = np.int32(mask[row, column])
            row_count += inside
            row_x += inside * np.int32(column)
            row_xx += np.int64(inside) * column * column
        count, x, y = count + row_count, x + row_x, y + row_count * row
        xx, xy, yy = xx + row_xx, xy + row_x * row, yy + row_count * row * row
    return count, x, y, xx, xy, yy


@_compiled(UniTuple(int64, 4)(_BYTES, _BYTES))
def sum_powers(grey: NDArray[np.uint8], inside: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Sum the grey levels (H, W) to the powers 0 to 3 where `inside` (H, W) is 1; it is 0 elsewhere."""
    height, width = grey.shape
    zeroth = first = second = third = 0
    for row in range(height):
        ones = levels = squares = cubes = np.int64(0)
        for column in range(width):
            level = np.int32(grey[row, column]) * np.int32(inside[row, column])
            ones += inside[row, column]
            levels += level
            squares += np.int32(level * level)
            cubes += np.int32(level * level * level)
        zeroth, first, second, third = zeroth + ones, first + levels, second + squares, third + cubes
    return zeroth, first, second, third


@_compiled(Array(uint32, 3, "C")(_BYTES, _BYTES, int64, int64))
def count_neighbours(
    grey: NDArray[np.uint8], inside: NDArray[np.uint8], darkest: int, n_levels: int
) -> NDArray[np.uint32]:
    """Count neighbouring grey levels (H, W) one way round, for the offsets (0, 1), (1, 1), (1, 0) and (1, -1).

    A pixel counts where `inside` (H, W) is 1; it is 0 elsewhere. `darkest` is the lowest grey level inside, and
    `n_levels` the highest less the lowest, plus 1. Returns (4, n_levels + 1, n_levels + 1) uint32: level 1 is the
    darkest, and what stands at level 0 is no pair.
    """
    height, width = grey.shape
    levels = np.zeros((height + 1, width + 2), dtype=np.uint16)
    lift = np.uint16(1) - np.uint16(darkest)
    for row in range(height):
        for column in range(width):
            levels[row, column + 1] = np.uint16(grey[row, column] + lift) * np.uint16(inside[row, column])
    side = np.uint32(n_levels + 1)
    counts = np.zeros((4, side * side), dtype=np.uint32)
    east, south_east, south, south_west = counts[0], counts[1], counts[2], counts[3]
    for row in range(height):
        for column in range(1, width + 1):
            level = np.uint32(levels[row, column])
            if level:
                # unsigned positions spare the check for negative ones
                start = level * side
                east[np.uint64(start + levels[row, column + 1])] += np.uint32(1)
                south_east[np.uint64(start + levels[row + 1, column + 1])] += np.uint32(1)
                south[np.uint64(start + levels[row + 1, column])] += np.uint32(1)
                south_west[np.uint64(start + levels[row + 1, column - 1])] += np.uint32(1)
    return counts.reshape(4, side, side)


@_compiled(Tuple((Array(int64, 2, "C"), Array(float64, 1, "C")))(Array(uint32, 3, "A", readonly=True)))
def sum_pairs(counts: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sum over all pairs of levels i and j that `counts` (4, L, L) holds, each taken both ways round.

    Returns sums of 1, i, i * i, i * j and |i - j|, and of the squares of the symmetric counts, (4, 6) int64; and sums
    of 1 / (1 + (i - j) ** 2), (4,) float64.
    """
    n_angles, n_levels, _ = counts.shape
    sums = np.zeros((n_angles, 6), dtype=np.int64)
    closeness = np.zeros(n_angles)
    differences = np.empty(n_levels, dtype=np.int64)
    for angle in range(n_angles):
        differences[:] = 0
        for i in range(n_levels):
            pairs = weighted = squares = np.int64(0)
            for j in range(i):
                both = np.int64(counts[angle, i, j]) + np.int64(counts[angle, j, i])
                pairs += both
                weighted += both * j
                squares += both * both
                sums[angle, 2] += both * j * j
                differences[i - j] += 2 * both
            equal = 2 * np.int64(counts[angle, i, i])
            differences[0] += equal
            sums[angle, 0] += 2 * pairs + equal
            sums[angle, 1] += weighted + (pairs + equal) * i
            sums[angle, 2] += (pairs + equal) * i * i
            sums[angle, 3] += (2 * weighted + equal * i) * i
            sums[angle, 5] += 2 * squares + equal * equal
        for difference in range(n_levels):
            sums[angle, 4] += differences[difference] * difference
            closeness[angle] += differences[difference] / (1.0 + difference * difference)
    return sums, closeness


@_compiled(float64(_GRADIENTS, _GRADIENTS, _BYTES))
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


@_compiled(int64(_GRADIENTS, _GRADIENTS, _BYTES, _BYTES, int64, int64))
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
