"""Nodes of pipeline `cnn`."""

from typing import Any

import pandas as pd

from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models import prediction, training
from blastscreen.models.checkpoints import CheckpointStore
from blastscreen.models.gathering import gather_cells
from blastscreen.parameters import CnnParameters, ComputeParameters


def train_network(
    cell_images: CellStack,
    cell_splits: pd.DataFrame,
    checkpoints: CheckpointStore,
    settings: CnnParameters,
    compute: ComputeParameters,
) -> tuple[Any, pd.DataFrame]:
    """Train on the training cells, from the start or from where an interrupted run stopped."""
    train, validation = gather_cells(cell_images, cell_splits, settings=settings, compute=compute)
    return training.train_network(train, validation, settings=settings, checkpoints=checkpoints)


def predict_images(
    network: Any, cell_images: CellStack, cell_splits: pd.DataFrame, settings: CnnParameters
) -> pd.DataFrame:
    """Score the validation and test cells."""
    return prediction.predict_cells(network, cell_images, cell_splits, settings=settings)
