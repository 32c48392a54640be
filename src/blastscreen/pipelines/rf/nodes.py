"""Nodes of pipeline `rf`."""

from typing import Any

import pandas as pd

from blastscreen.compute.parallel import use_cores
from blastscreen.models import random_forest
from blastscreen.parameters import ComputeParameters, ForestParameters


def select_cells(cell_features: pd.DataFrame, cell_splits: pd.DataFrame) -> pd.DataFrame:
    """Join features with roles, for the cells whose features are all finite."""
    return random_forest.training_table(cell_features, cell_splits)


def train_forest(cells: pd.DataFrame, settings: ForestParameters, compute: ComputeParameters) -> Any:
    """Fit the forest on the training cells."""
    with use_cores(compute):
        return random_forest.fit_forest(cells, settings=settings)


def predict_cells(forest: Any, cells: pd.DataFrame) -> pd.DataFrame:
    """Score the validation and test cells."""
    return random_forest.predict_cells(forest, cells)


def measure_importances(forest: Any, cells: pd.DataFrame, settings: ForestParameters) -> pd.DataFrame:
    """Rank features, singly and in correlated groups."""
    return random_forest.measure_importances(forest, cells, settings=settings)
