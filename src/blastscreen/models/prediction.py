"""Scores of the evaluated cells by a trained network."""

from typing import Any

import pandas as pd

from blastscreen.imaging.stack import CellStack
from blastscreen.models.cells import BLOCK, CellBatches
from blastscreen.models.cnn import predict_probabilities
from blastscreen.models.gathering import locate_cells
from blastscreen.models.random_forest import IDENTITY
from blastscreen.models.training import configure_runtime
from blastscreen.parameters import CnnParameters
from blastscreen.vocabulary import EVALUATED_SPLITS


def predict_cells(network: Any, stack: CellStack, splits: pd.DataFrame, *, settings: CnnParameters) -> pd.DataFrame:
    """Predict the validation and test cells, a batch at a time.

    Args:
        network: A Keras model, the result of `train_network`.
        stack: `cell_images`.
        splits: `cell_splits`.
        settings: Input side, batch size and number of views.

    Returns:
        image_id, subject_id, subject_group, label, split, data_source, blast_probability; sorted by image_id.

    Raises:
        ValueError: Stack and table speak of different cells.
    """
    configure_runtime(settings)
    positions, is_blast = locate_cells(stack, splits, *EVALUATED_SPLITS)
    cells = CellBatches(
        stack=stack,
        positions=positions,
        is_blast=is_blast,
        side=settings.input_side,
        batch_size=settings.batch_size,
        pool_cells=BLOCK,
        pixels=None,
    )
    batches = (pixels for pixels, _ in cells.epoch(None))
    scores = pd.DataFrame(
        {
            "image_id": [stack.image_ids[position] for position in positions],
            "blast_probability": predict_probabilities(network, batches, views=settings.test_time_views),
        }
    )
    table = splits[IDENTITY].merge(scores, on="image_id", how="inner", validate="1:1")
    return table.sort_values("image_id", ignore_index=True)
