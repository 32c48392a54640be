"""A stack of standardised cells that is read piece by piece, never held whole."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Range = tuple[int, int]
Pixels = NDArray[np.uint8]
Result = TypeVar("Result")
MapRanges = Callable[[Callable[[Pixels], Any], Sequence[Range]], Iterable[Any]]
"""Applies a function to the cells of ranges, in order, for example on several cores."""


def cut_ranges(length: int, size: int) -> list[Range]:
    """Cut `range(length)` into consecutive (start, stop) pairs of at most `size`, which is at least 1."""
    if size < 1:
        raise ValueError(f"A batch holds at least 1 cell, not {size}.")
    return [(start, min(start + size, length)) for start in range(0, length, size)]


@dataclass(frozen=True)
class CellBatch:
    """A few cells of a stack from position `start` on, not yet read: small enough to be sent to other processes."""

    image_ids: tuple[str, ...]
    start: int
    side: int
    source: Callable[[int, int], Pixels]

    def read(self) -> Pixels:
        """Read the cells (n, side, side, 3), uint8 RGB; ValueError where the source returns anything else."""
        return self.require(self.source(self.start, self.start + len(self.image_ids)))

    def require(self, pixels: Pixels) -> Pixels:
        """Pass on pixels that have the shape and type of the cells."""
        expected = (len(self.image_ids), self.side, self.side, 3)
        if pixels.shape != expected or pixels.dtype != np.uint8:
            names = f"{self.image_ids[0]} to {self.image_ids[-1]}"
            raise ValueError(f"Cells {names} came as {pixels.dtype} {pixels.shape}, not as uint8 {expected}.")
        return pixels


class CellStack:
    """Square RGB cells of one size, in a fixed order, computed or fetched whenever they are asked for.

    Examples:
        >>> black = CellStack(image_ids=["a", "b", "c"], side=4, read=lambda i, j: np.zeros((j - i, 4, 4, 3), np.uint8))
        >>> [(image_ids, pixels.shape) for image_ids, pixels in black.batches(2)]
        [(('a', 'b'), (2, 4, 4, 3)), (('c',), (1, 4, 4, 3))]
    """

    def __init__(
        self,
        *,
        image_ids: Iterable[str],
        side: int,
        read: Callable[[int, int], Pixels],
        map_many: MapRanges | None = None,
        origin: str | None = None,
    ) -> None:
        """Describe the cells; nothing is read yet.

        Args:
            image_ids: Name of every cell, unique.
            side: Height and width of every cell, pixels, at least 1.
            read: `read(start, stop)` returns those cells as (stop - start, side, side, 3) uint8 RGB.
            map_many: Applies a function to many ranges, where these are computed. Here, one by one, unless given.
            origin: Cache key of the pixels; stacks of the same origin hold the same cells. None if unknown.
        """
        self.image_ids, self.side, self.origin = tuple(image_ids), side, origin
        self._read, self._map_many = read, map_many
        if side < 1:
            raise ValueError(f"The side of a cell must be at least 1 pixel, not {side}.")
        if len(self._positions) < len(self.image_ids):
            repeated = [name for place, name in enumerate(self.image_ids) if self._positions[name] != place]
            raise ValueError(f"{len(repeated)} image ids occur more than once, such as {repeated[:3]}.")

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {image_id: position for position, image_id in enumerate(self.image_ids)}

    def __len__(self) -> int:
        return len(self.image_ids)

    def __repr__(self) -> str:
        return f"CellStack({len(self)} cells, {self.side} x {self.side} pixels)"

    def read(self, start: int, stop: int) -> Pixels:
        """Read the cells at positions start <= i < stop; (stop - start, side, side, 3) uint8 RGB."""
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"Cells {start} to {stop} were asked of a stack of {len(self)}.")
        if start == stop:
            return np.empty((0, self.side, self.side, 3), np.uint8)
        return self.batch(start, stop).read()

    def ranges(self, size: int) -> list[Range]:
        """Cut the stack into consecutive (start, stop) pairs of at most `size` cells."""
        return cut_ranges(len(self), size)

    def map_ranges(self, function: Callable[[Pixels], Result], ranges: Sequence[Range]) -> Iterator[Result]:
        """Yield `function(cells)` for each range of cells (n, side, side, 3), in order, perhaps of other processes."""
        if self._map_many is None:
            yield from (function(self.read(start, stop)) for start, stop in ranges)
        else:
            yield from self._map_many(function, ranges)

    def batches(self, size: int) -> Iterator[tuple[tuple[str, ...], Pixels]]:
        """Read all cells in order: (image ids, pixels (n, side, side, 3) uint8 RGB) with 1 <= n <= size."""
        ranges = self.ranges(size)
        parts = zip(ranges, self.map_ranges(np.asarray, ranges), strict=True)
        return ((self.image_ids[i:j], self.batch(i, j).require(pixels)) for (i, j), pixels in parts)

    def batch(self, start: int, stop: int) -> CellBatch:
        """Describe the cells at positions start <= i < stop without reading them."""
        return CellBatch(image_ids=self.image_ids[start:stop], start=start, side=self.side, source=self._read)

    def cell(self, which: str | int) -> Pixels:
        """Read one cell (side, side, 3), by its image id or its position from 0."""
        if isinstance(which, str):
            if which not in self._positions:
                raise KeyError(f"No cell '{which}' among the {len(self)} of this stack.")
            which = self._positions[which]
        pixels: Pixels = self.read(which, which + 1)[0]
        return pixels
