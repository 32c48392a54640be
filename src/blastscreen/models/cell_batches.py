"""The cells of a split at the network's size, in batches that are read any number of times.

Cells that fit the memory budget are resized once and held as uint8; more are read again in every epoch, in pools of
shuffled blocks.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.cell_stack import CellStack

Pixels = NDArray[np.uint8]
Order = NDArray[np.intp]
Batch = tuple[Pixels, NDArray[np.float32]]

BLOCK = 16
"""Neighbours in the stack that are read together: as many as one file of an `ArrayStack` holds."""


def resize_cells(pixels: Pixels, *, side: int) -> Pixels:
    """Resize square cells, averaging over the pixels that become one.

    Args:
        pixels: (n, height, height, 3) uint8 RGB.
        side: Wanted height and width, pixels.

    Returns:
        (n, side, side, 3) uint8 RGB.
    """
    interpolation = cv2.INTER_AREA if side <= pixels.shape[1] else cv2.INTER_LINEAR
    resized = np.empty((len(pixels), side, side, 3), np.uint8)
    for source, target in zip(pixels, resized, strict=True):
        cv2.resize(source, (side, side), dst=target, interpolation=interpolation)
    return resized


def read_cells(stack: CellStack, positions: Order, *, side: int) -> Iterator[Pixels]:
    """Read some cells block by block, resized.

    Args:
        stack: Cells at native size.
        positions: Of the wanted cells in the stack, ascending.
        side: Wanted height and width, pixels.

    Yields:
        (n, side, side, 3) uint8 RGB with 1 <= n <= BLOCK, in the order of the positions.
    """
    return (resize_cells(pixels, side=side) for pixels in read_blocks(stack, positions))


def read_blocks(stack: CellStack, positions: Order) -> Iterator[Pixels]:
    """Read some cells block by block at native size; see `read_cells`."""
    for block in split_blocks(positions):
        wanted = positions[block]
        start = int(wanted[0])
        yield stack.read(start, int(wanted[-1]) + 1)[wanted - start]


def split_blocks(positions: Order) -> list[Order]:
    """Group indices into ascending `positions` by the block of the stack that holds them."""
    starts = np.flatnonzero(np.diff(positions // BLOCK)) + 1
    return [part for part in np.split(np.arange(len(positions)), starts) if len(part)]


def plan_pools(positions: Order, *, pool_cells: int, rng: np.random.Generator | None) -> list[Order]:
    """Decide the order of one epoch.

    Args:
        positions: Of the cells in the stack, ascending.
        pool_cells: About how many cells make a pool, at most a block more; shuffling goes no further than a pool.
        rng: Shuffles the blocks, and the cells of each pool; None keeps the order of the stack.

    Returns:
        Pools of indices into `positions`; together they hold each index once.
    """
    blocks = split_blocks(positions)
    if rng is not None:
        blocks = [blocks[number] for number in rng.permutation(len(blocks))]
    ends = np.cumsum([len(block) for block in blocks])
    numbers = (ends - 1) // pool_cells
    pools = [np.concatenate([blocks[i] for i in np.flatnonzero(numbers == n)]) for n in np.unique(numbers)]
    return pools if rng is None else [rng.permutation(pool) for pool in pools]


@dataclass(frozen=True)
class CellBatches:
    """The cells of one split, ready to be read in batches any number of times.

    Attributes:
        stack: Where the cells come from.
        positions: Of the cells in the stack, ascending, shape (n,).
        is_blast: Shape (n,).
        side: Height and width of the batches, pixels.
        batch_size: Cells per batch; the last one may hold fewer.
        pool_cells: Cells that are held at a time when streaming.
        pixels: (n, side, side, 3) uint8 where the cells are held in memory, else None.
    """

    stack: CellStack
    positions: Order
    is_blast: NDArray[np.bool_]
    side: int
    batch_size: int
    pool_cells: int
    pixels: Pixels | None

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return -(-len(self.positions) // self.batch_size)

    def epoch(self, rng: np.random.Generator | None) -> Iterator[Batch]:
        """Read every cell once.

        Args:
            rng: Decides the order; None keeps the order of the stack.

        Yields:
            Pixels (b, side, side, 3) uint8 RGB, and 1.0 for a blast, (b, 1).
        """
        cells = self._cells(rng)
        while batch := list(islice(cells, self.batch_size)):
            pixels, is_blast = zip(*batch, strict=True)
            yield np.stack(pixels), np.array(is_blast, np.float32)[:, np.newaxis]

    def first_block(self) -> Pixels:
        """Read the first cells, (n, side, side, 3) uint8 RGB with n <= BLOCK."""
        return next(read_cells(self.stack, self.positions, side=self.side))

    def _cells(self, rng: np.random.Generator | None) -> Iterator[tuple[Pixels, np.bool_]]:
        for pixels, places, names in self._pools(rng):
            yield from zip((pixels[place] for place in places), self.is_blast[names], strict=True)

    def _pools(self, rng: np.random.Generator | None) -> Iterator[tuple[Pixels, Order, Order]]:
        """Give pixels, the places in them in the order to take them, and which cells these are."""
        if self.pixels is not None:
            order = np.arange(len(self.positions)) if rng is None else rng.permutation(len(self.positions))
            yield self.pixels, order, order
            return
        pools = plan_pools(self.positions, pool_cells=self.pool_cells, rng=rng)
        with ThreadPoolExecutor(1) as reader:
            # one pool is read while the one before it is used
            waiting = reader.submit(self._read_pool, pools[0])
            for number, names in enumerate(pools, start=1):
                pixels = waiting.result()
                if number < len(pools):
                    waiting = reader.submit(self._read_pool, pools[number])
                yield pixels, np.argsort(np.argsort(names)), names

    def _read_pool(self, names: Order) -> Pixels:
        positions = self.positions[np.sort(names)]
        return join_parts(len(names), self.side, read_cells(self.stack, positions, side=self.side))


def join_parts(n_cells: int, side: int, parts: Iterable[Pixels]) -> Pixels:
    """Join parts without ever holding them twice.

    Args:
        n_cells: Cells of all parts together.
        side: Height and width, pixels.
        parts: (n, side, side, 3) uint8 RGB each, consumed lazily.

    Returns:
        (n_cells, side, side, 3) uint8 RGB.
    """
    whole = np.empty((n_cells, side, side, 3), np.uint8)
    start = 0
    for pixels in parts:
        whole[start : start + len(pixels)] = pixels
        start += len(pixels)
    return whole
