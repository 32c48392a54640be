"""Nodes of pipeline `evaluation`."""

import pandas as pd

from blastscreen.evaluation import confusion
from blastscreen.parameters import EvaluationParameters


def evaluate_predictions(predictions: pd.DataFrame, settings: EvaluationParameters) -> dict[str, object]:
    """Count and rate the calls of one model on validation and test."""
    return confusion.evaluate_predictions(predictions, threshold=settings.threshold)
