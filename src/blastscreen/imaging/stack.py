"""A stack of standardised cells that is read piece by piece, never held whole."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Range = tuple[int, int]
Pixels = NDArray[np.uint8]


def _map_in_turn(function: Callable[[Range], Pixels], ranges: Iterable[Range], *, total: int) -> Iterable[Pixels]:  # noqa: ARG001
    return map(function, ranges)


class CellStack:
    """Square RGB cells of one size, in a fixed order, with the pixels behind a function.

    The function may compute cells or fetch them from storage; it is called again whenever they are asked for, so a
    stack can be read any number of times.

    Attributes:
        image_ids: Name of every cell, unique, in the order of the pixels.
        side: Height and width of every cell, pixels.

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
        map_ranges: Callable[..., Iterable[Pixels]] = _map_in_turn,
    ) -> None:
        """Describe the cells; nothing is read yet.

        Args:
            image_ids: Name of every cell.
            side: Height and width of every cell, pixels, at least 1.
            read: `read(start, stop)` gives those cells as (stop - start, side, side, 3) uint8 RGB.
            map_ranges: `map_ranges(function, ranges, total=len(ranges))` yields `function(range)` in order; lets
                `batches` read ahead on several cores. One after the other unless given.

        Raises:
            ValueError: If a name occurs twice, or the side is less than 1.
        """
        self.image_ids = tuple(image_ids)
        self.side = side
        self._read = read
        self._map_ranges = map_ranges
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
        """Read the cells at positions start <= i < stop.

        Returns:
            (stop - start, side, side, 3) uint8 RGB.

        Raises:
            IndexError: If the range is not within the stack.
            ValueError: If the function behind the stack gives another shape or type.
        """
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"Cells {start} to {stop} were asked of a stack of {len(self)}.")
        expected = (stop - start, self.side, self.side, 3)
        if start == stop:
            return np.empty(expected, np.uint8)
        pixels = self._read(start, stop)
        if pixels.shape != expected or pixels.dtype != np.uint8:
            raise ValueError(
                f"Cells {self.image_ids[start]} to {self.image_ids[stop - 1]} came as {pixels.dtype} "
                f"{pixels.shape}, not as uint8 {expected}."
            )
        return pixels

    def _read_range(self, bounds: Range) -> Pixels:
        return self.read(*bounds)

    def batches(self, size: int) -> Iterator[tuple[tuple[str, ...], Pixels]]:
        """Read all cells in order, at most `size` at a time.

        Returns:
            Iterator over (image ids, pixels (n, side, side, 3) uint8 RGB) with 1 <= n <= size.

        Raises:
            ValueError: If the size is less than 1.
        """
        if size < 1:
            raise ValueError(f"A batch holds at least 1 cell, not {size}.")
        ranges = [(start, min(start + size, len(self))) for start in range(0, len(self), size)]
        arrays = self._map_ranges(self._read_range, ranges, total=len(ranges))
        return ((self.image_ids[start:stop], pixels) for (start, stop), pixels in zip(ranges, arrays, strict=True))

    def cell(self, which: str | int) -> Pixels:
        """Read one cell, by its image id or its position from 0.

        Returns:
            (side, side, 3) uint8 RGB.

        Raises:
            KeyError: If no cell has this image id.
            IndexError: If there is no such position.
        """
        if isinstance(which, str):
            if which not in self._positions:
                raise KeyError(f"No cell '{which}' among the {len(self)} of this stack.")
            which = self._positions[which]
        pixels: Pixels = self.read(which, which + 1)[0]
        return pixels
