"""Nodes of pipeline `evaluation`."""

from typing import Any

import pandas as pd

from blastscreen.evaluation import calibration, metrics, operating_point, referral, subjects
from blastscreen.parameters import EvaluationParameters


def choose_operating_point(predictions: pd.DataFrame, settings: EvaluationParameters) -> dict[str, Any]:
    """Choose the cut between blast and normal on the validation cells."""
    return operating_point.choose_operating_point(predictions, settings=settings)


def evaluate_predictions(
    predictions: pd.DataFrame, chosen: dict[str, Any], settings: EvaluationParameters
) -> dict[str, Any]:
    """Count and rate the calls of one model on validation and test, with intervals."""
    return metrics.evaluate_predictions(predictions, threshold=chosen["threshold"], **settings.bootstrap)


def calibrate_predictions(predictions: pd.DataFrame, settings: EvaluationParameters) -> pd.DataFrame:
    """Turn scores into probabilities, by what the validation cells tell of them."""
    return calibration.calibrate_predictions(predictions, method=settings.calibration)


def describe_calibration(predictions: pd.DataFrame, settings: EvaluationParameters) -> dict[str, Any]:
    """Measure how far scores and probabilities can be believed."""
    return calibration.describe_calibration(predictions, chosen=settings.calibration, **settings.bootstrap)


def plan_referral(
    predictions: pd.DataFrame, calibrated: pd.DataFrame, chosen: dict[str, Any], settings: EvaluationParameters
) -> dict[str, Any]:
    """Choose on the validation cells how sure a call must be to need no expert."""
    return referral.plan_referral(
        predictions,
        calibrated,
        threshold=chosen["threshold"],
        max_residual_error=settings.max_residual_error,
        **settings.bootstrap,
    )


def triage_cells(
    predictions: pd.DataFrame, calibrated: pd.DataFrame, chosen: dict[str, Any], plan: dict[str, Any]
) -> pd.DataFrame:
    """Decide for each cell between its call and an expert."""
    return referral.triage_cells(
        predictions, calibrated, threshold=chosen["threshold"], min_confidence=plan["min_confidence"]
    )


def describe_subjects(predictions: pd.DataFrame, chosen: dict[str, Any]) -> pd.DataFrame:
    """Count the right calls of each subject, and let its cells vote."""
    return subjects.describe_subjects(predictions, threshold=chosen["threshold"])


def count_votes(table: pd.DataFrame, settings: EvaluationParameters) -> dict[str, Any]:
    """Count the subjects whose cells' vote is right."""
    return subjects.count_votes(table, confidence_level=settings.confidence_level)
