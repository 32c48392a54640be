"""Loops over the pixels of a cell, compiled by Numba: shape, intensity and texture.

Sums are of whole numbers, or add up in the order of the pixels, so that a result is the same to the last bit on any
machine and in any thread. Importing this module compiles it, or loads what an earlier import left in a cache: callers
import it inside their functions, when the first cell is measured.
"""

# the types in here are those of Numba
# mypy: ignore-errors

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numba.types import Array, Tuple, UniTuple, float64, int64, uint8, uint32
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])
BYTES = Array(uint8, 2, "C", readonly=True)


def compiled(signature: Any) -> Callable[[Function], Function]:
    """Compile a function for one signature, once for all processes; other threads run beside it."""

    def compile_now(function: Function) -> Function:
        try:
            return numba.njit(signature, cache=True, nogil=True)(function)
        except RuntimeError:  # neither this folder nor the user's own can be written to
            return numba.njit(signature, nogil=True)(function)

    return compile_now


@compiled(UniTuple(int64, 6)(BYTES))
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


@compiled(int64(BYTES))
def double_hull_area(mask: NDArray[np.uint8]) -> int:
    """Compute twice the area of the convex hull of the pixels of a mask (H, W), corners included; 0 without any."""
    height, width = mask.shape
    # the outermost corners along each of the height + 1 lines between rows, the right ones as -x
    outermost = np.full((2, height + 1), width + 1, dtype=np.int64)
    for row in range(height):
        left, right = 0, width
        while left < width and not mask[row, left]:
            left += 1
        if left == width:
            continue
        while not mask[row, right - 1]:
            right -= 1
        for line in (row, row + 1):
            outermost[0, line] = min(outermost[0, line], left)
            outermost[1, line] = min(outermost[1, line], -right)
    area = np.int64(0)
    chain = np.empty(height + 1, dtype=np.int64)
    for side in outermost:
        length = 0
        for line in range(height + 1):
            if side[line] > width:
                continue
            while length > 1:
                first, last = chain[length - 2], chain[length - 1]
                # the last corner stays if it juts out of the straight line from the one before it to the new one
                if (side[last] - side[first]) * (line - first) < (side[line] - side[first]) * (last - first):
                    break
                length -= 1
            chain[length] = line
            length += 1
        for corner in range(1, length):
            first, last = chain[corner - 1], chain[corner]
            area -= (side[first] + side[last]) * (last - first)
    return area


@compiled(UniTuple(int64, 4)(BYTES, BYTES))
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


@compiled(Array(uint32, 3, "C")(BYTES, BYTES, int64, int64))
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


@compiled(Tuple((Array(int64, 2, "C"), Array(float64, 1, "C")))(Array(uint32, 3, "A", readonly=True)))
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
