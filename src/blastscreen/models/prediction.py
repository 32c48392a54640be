"""Scores of cells by a trained network."""

from typing import Any

import numpy as np
import pandas as pd

from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.cell_batches import BLOCK, CellBatches, Order
from blastscreen.models.gathering import locate_cells
from blastscreen.models.network import predict_probabilities
from blastscreen.models.training import configure_runtime
from blastscreen.parameters import CnnParameters
from blastscreen.schemas import IDENTITY
from blastscreen.vocabulary import EVALUATED_SPLITS


def predict_cells(network: Any, stack: CellStack, splits: pd.DataFrame, *, settings: CnnParameters) -> pd.DataFrame:
    """Predict the validation and test cells, a batch at a time.

    Args:
        network: A Keras model, the result of `train_network`.
        stack: `cell_images`.
        splits: `cell_splits`.
        settings: Batch size, number of views and threads.

    Returns:
        image_id, subject_id, subject_group, label, split, data_source, blast_probability; sorted by image_id.

    Raises:
        ValueError: Stack and table speak of different cells.
    """
    positions, _ = locate_cells(stack, splits, *EVALUATED_SPLITS)
    scores = score_cells(network, stack, positions, settings=settings)
    table = splits[IDENTITY].merge(scores, on="image_id", how="inner", validate="1:1")
    return table.sort_values("image_id", ignore_index=True)


def score_cells(network: Any, stack: CellStack, positions: Order, *, settings: CnnParameters) -> pd.DataFrame:
    """Predict some cells of a stack, a batch at a time, at the side that the network was built for.

    Args:
        network: A Keras model, the result of `train_network`.
        stack: Standardised cells.
        positions: Of the wanted cells in the stack, ascending.
        settings: Batch size, number of views and threads.

    Returns:
        image_id, blast_probability; in the order of the positions.
    """
    configure_runtime(settings)
    cells = CellBatches(
        stack=stack,
        positions=positions,
        is_blast=np.zeros(len(positions), np.bool_),
        side=network.input_shape[1],
        batch_size=settings.batch_size,
        pool_cells=BLOCK,
        pixels=None,
    )
    batches = (pixels for pixels, _ in cells.epoch(None))
    return pd.DataFrame(
        {
            "image_id": [stack.image_ids[position] for position in positions],
            "blast_probability": predict_probabilities(network, batches, views=settings.test_time_views),
        }
    )
