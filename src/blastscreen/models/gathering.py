"""Find the cells of each split in the stack, and hold them in memory where they fit."""

import logging
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.compute.parallel import map_batches
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.cell_batches import (
    BLOCK,
    CellBatches,
    Order,
    Pixels,
    join_parts,
    read_blocks,
    resize_cells,
    split_blocks,
)
from blastscreen.models.trainable import require_both_classes, require_same_cells
from blastscreen.parameters import CnnParameters, ComputeParameters
from blastscreen.vocabulary import POSITIVE_LABEL, Split

logger = logging.getLogger(__name__)

_MIB = 2**20


def gather_cells(
    stack: CellStack, splits: pd.DataFrame, *, settings: CnnParameters, compute: ComputeParameters
) -> tuple[CellBatches, CellBatches]:
    """Find the cells to train and to validate on, and hold them in memory if they fit the budget.

    Args:
        stack: `cell_images`.
        splits: `cell_splits`.
        settings: Side, batch size and memory budget.
        compute: Workers that resize.

    Returns:
        Training and validation cells. Where they do not fit, two pools of training cells do.

    Raises:
        ValueError: The tables speak of different cells, or a class is missing from one of the two splits.
    """
    found = {split: locate_cells(stack, splits, split) for split in (Split.TRAIN, Split.VALIDATION)}
    for split, (_, is_blast) in found.items():
        require_both_classes(is_blast, split)
    cell_bytes = settings.input_side**2 * 3
    budget = settings.memory_budget_mib * _MIB
    needed = cell_bytes * sum(len(positions) for positions, _ in found.values())
    in_memory = needed <= budget
    pools = {Split.TRAIN: max(BLOCK, budget // 2 // cell_bytes - BLOCK), Split.VALIDATION: BLOCK}
    logger.info(
        "Cells at %d pixels take %.1f MiB of the %d allowed: %s",
        settings.input_side,
        needed / _MIB,
        settings.memory_budget_mib,
        "held in memory" if in_memory else f"streamed in pools of {pools[Split.TRAIN]}",
    )
    train, validation = (
        CellBatches(
            stack=stack,
            positions=positions,
            is_blast=is_blast,
            side=settings.input_side,
            batch_size=settings.batch_size,
            pool_cells=pools[split],
            pixels=_hold(stack, positions, side=settings.input_side, compute=compute) if in_memory else None,
        )
        for split, (positions, is_blast) in found.items()
    )
    return train, validation


def locate_cells(stack: CellStack, splits: pd.DataFrame, *wanted: Split) -> tuple[Order, NDArray[np.bool_]]:
    """Find the cells of some splits in the stack.

    Args:
        stack: `cell_images`.
        splits: `cell_splits`.
        wanted: Splits to find.

    Returns:
        Positions in the stack, ascending, and which of them are blasts; both of shape (n,).

    Raises:
        ValueError: Stack and table speak of different cells.
    """
    require_same_cells("cell_images", stack.image_ids, splits["image_id"])
    roles = splits.set_index("image_id").loc[list(stack.image_ids)]
    positions = np.flatnonzero(roles["split"].isin(list(wanted)))
    return positions, (roles["label"] == POSITIVE_LABEL).to_numpy()[positions]


def _hold(stack: CellStack, positions: Order, *, side: int, compute: ComputeParameters) -> Pixels:
    resized = map_batches(
        partial(resize_cells, side=side),
        read_blocks(stack, positions),
        total=len(split_blocks(positions)),
        settings=compute,
        description="Resizing cells",
    )
    return join_parts(len(positions), side, resized)
