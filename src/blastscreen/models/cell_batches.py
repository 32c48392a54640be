"""The cells of a split at the network's size, in batches that are read any number of times."""

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.compute.parallel import map_batches
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.tabular import require_both_classes, require_same_cells
from blastscreen.parameters import CnnParameters, ComputeParameters
from blastscreen.vocabulary import Split, mark_blasts

logger = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
Order = NDArray[np.intp]
Batch = tuple[Pixels, NDArray[np.float32]]

BLOCK = 16
"""Neighbours in the stack that are read together: as many as one file of an `ArrayStack` holds."""
_MIB = 2**20


def resize_cells(pixels: Pixels, *, side: int) -> Pixels:
    """Resize square cells, (n, height, height, 3) RGB, averaging over the pixels that become one."""
    interpolation = cv2.INTER_AREA if side <= pixels.shape[1] else cv2.INTER_LINEAR
    resized = np.empty((len(pixels), side, side, 3), np.uint8)
    for source, target in zip(pixels, resized, strict=True):
        cv2.resize(source, (side, side), dst=target, interpolation=interpolation)
    return resized


def read_blocks(stack: CellStack, positions: Order) -> Iterator[Pixels]:
    """Read the cells at ascending positions, at most `BLOCK` neighbours at a time, at native size."""
    for block in split_blocks(positions):
        wanted = positions[block]
        start = int(wanted[0])
        yield stack.read(start, int(wanted[-1]) + 1)[wanted - start]


def read_cells(stack: CellStack, positions: Order, *, side: int) -> Iterator[Pixels]:
    """Read cells as `read_blocks`, resized."""
    return (resize_cells(pixels, side=side) for pixels in read_blocks(stack, positions))


def split_blocks(positions: Order) -> list[Order]:
    """Group indices into ascending `positions` by the block of the stack that holds them."""
    starts = np.flatnonzero(np.diff(positions // BLOCK)) + 1
    return [part for part in np.split(np.arange(len(positions)), starts) if len(part)]


def join_parts(n_cells: int, side: int, parts: Iterable[Pixels]) -> Pixels:
    """Join parts, consumed lazily, without ever holding them twice."""
    whole = np.empty((n_cells, side, side, 3), np.uint8)
    start = 0
    for pixels in parts:
        whole[start : start + len(pixels)] = pixels
        start += len(pixels)
    return whole


def plan_pools(positions: Order, *, pool_cells: int, rng: np.random.Generator | None) -> list[Order]:
    """Decide the order of one epoch: pools of about `pool_cells` indices into ascending `positions`, each index once.

    Blocks and the cells of a pool are shuffled by `rng`; None keeps the order of the stack.
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
        positions: Of the cells in the stack, ascending, shape (n,); `is_blast` likewise.
        side: Height and width of the batches, pixels.
        pool_cells: Cells that are held at a time when streaming.
        pixels: (n, side, side, 3) where the cells are held in memory, else None.
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
        """Read every cell once, as `rng` decides: pixels (b, side, side, 3) RGB, and 1.0 for a blast, (b, 1)."""
        cells = self._cells(rng)
        while batch := list(islice(cells, self.batch_size)):
            pixels, is_blast = zip(*batch, strict=True)
            yield np.stack(pixels), np.array(is_blast, np.float32)[:, np.newaxis]

    def _cells(self, rng: np.random.Generator | None) -> Iterator[tuple[Pixels, np.bool_]]:
        for pixels, places, names in self._pools(rng):
            yield from zip((pixels[place] for place in places), self.is_blast[names], strict=True)

    def _pools(self, rng: np.random.Generator | None) -> Iterator[tuple[Pixels, Order, Order]]:
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


def locate_cells(stack: CellStack, splits: pd.DataFrame, *wanted: Split) -> tuple[Order, NDArray[np.bool_]]:
    """Find the cells of some splits in the stack: their positions, ascending, and which of them are blasts.

    Raises:
        Refusal: Stack and table hold different cells.
    """
    require_same_cells("cell_images", stack.image_ids, splits["image_id"])
    roles = splits.set_index("image_id").loc[list(stack.image_ids)]
    positions = np.flatnonzero(roles["split"].isin(list(wanted)))
    return positions, mark_blasts(roles["label"])[positions]


def gather_cells(
    stack: CellStack, splits: pd.DataFrame, *, settings: CnnParameters, compute: ComputeParameters
) -> tuple[CellBatches, CellBatches]:
    """Find the cells to train and to validate on, and hold them in memory if they fit the budget; two pools always do.

    Raises:
        Refusal: Stack and table hold different cells, or a class is missing from one of the two splits.
    """
    found = {split: locate_cells(stack, splits, split) for split in (Split.TRAIN, Split.VALIDATION)}
    for split, (_, blasts) in found.items():
        require_both_classes(blasts, split)
    side, budget = settings.input_side, settings.memory_budget_mib * _MIB
    needed = side**2 * 3 * sum(len(positions) for positions, _ in found.values())
    in_memory = needed <= budget
    pools = {Split.TRAIN: max(BLOCK, budget // 2 // (side**2 * 3) - BLOCK), Split.VALIDATION: BLOCK}
    place = "held in memory" if in_memory else f"streamed in pools of {pools[Split.TRAIN]}"
    sizes = (side, needed / _MIB, settings.memory_budget_mib)
    logger.info("Cells at %d pixels take %.1f MiB of the %d allowed: %s", *sizes, place)

    def batches(split: Split) -> CellBatches:
        positions, blasts = found[split]
        pixels = _hold(stack, positions, side=side, compute=compute) if in_memory else None
        return CellBatches(stack, positions, blasts, side, settings.batch_size, pools[split], pixels)

    return batches(Split.TRAIN), batches(Split.VALIDATION)


def _hold(stack: CellStack, positions: Order, *, side: int, compute: ComputeParameters) -> Pixels:
    resized = map_batches(
        partial(resize_cells, side=side),
        read_blocks(stack, positions),
        total=len(split_blocks(positions)),
        settings=compute,
        description="Resizing cells",
    )
    return join_parts(len(positions), side, resized)
