"""Nodes of pipeline `external`."""

from typing import Any

import pandas as pd

from blastscreen.models import external
from blastscreen.parameters import EvaluationParameters


def require_strangers(external_index: pd.DataFrame, cell_index: pd.DataFrame) -> pd.DataFrame:
    """Stop on unlabelled cells, and on persons and pictures of the cohort that the models were made from."""
    return external.require_strangers(external_index, cell_index)


def evaluate_strangers(settings: EvaluationParameters, **stored: Any) -> dict[str, Any]:
    """Count and rate the calls of one model on cells from outside, with intervals."""
    return external.evaluate_strangers(**stored, confidence_level=settings.confidence_level)
