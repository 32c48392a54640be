"""Nodes of pipeline `predict`."""

from typing import Any

import numpy as np
import pandas as pd

from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models import external, prediction
from blastscreen.parameters import CnnParameters


def score_with_forest(forest: Any, external_features: pd.DataFrame) -> pd.DataFrame:
    """Score cells by their features."""
    return external.score_with_forest(forest, external_features)


def score_with_network(network: Any, external_images: CellStack, settings: CnnParameters) -> pd.DataFrame:
    """Score cells by their pixels."""
    scores = prediction.score_cells(network, external_images, np.arange(len(external_images)), settings=settings)
    return scores.assign(reasons="")


def decide_on_files(external_index: pd.DataFrame, scores: pd.DataFrame, **stored: Any) -> pd.DataFrame:
    """Call or refer every file by the stored threshold, calibration and plan of referral."""
    return external.decide_on_files(external_index, scores, **stored)


def list_for_lab(external_predictions: pd.DataFrame, referral: dict[str, Any]) -> pd.DataFrame:
    """List the decisions for a spreadsheet."""
    return external.list_for_lab(external_predictions, referral)
