"""Nodes of pipeline `hybrid`."""

import pandas as pd

from blastscreen.models import hybrid
from blastscreen.parameters import HybridParameters


def average_predictions(
    rf_predictions: pd.DataFrame, cnn_predictions: pd.DataFrame, settings: HybridParameters
) -> pd.DataFrame:
    """Average what forest and network say of the validation and test cells."""
    return hybrid.average_predictions(rf_predictions, cnn_predictions, settings=settings)
