"""Nodes of pipeline `evaluation`."""

from typing import Any

import pandas as pd

from blastscreen.cohort import fitness
from blastscreen.cohort.index import join_sources
from blastscreen.evaluation import calibration as calibrating
from blastscreen.evaluation import operating_point, rates, referral, subjects
from blastscreen.parameters import EvaluationParameters
from blastscreen.vocabulary import Calibration


def choose_operating_point(predictions: pd.DataFrame, settings: EvaluationParameters) -> dict[str, Any]:
    """Choose the cut between blast and normal on the validation cells."""
    return operating_point.choose_operating_point(predictions, settings=settings)


def evaluate_predictions(
    predictions: pd.DataFrame,
    cell_index: pd.DataFrame,
    training_range: dict[str, Any],
    chosen: dict[str, Any],
    settings: EvaluationParameters,
) -> dict[str, Any]:
    """Count and rate the calls of one model on validation and test, with intervals."""
    reasons = fitness.list_reasons(cell_index, training_range)
    found = rates.evaluate_predictions(
        predictions, reasons, threshold=chosen["threshold"], confidence_level=settings.confidence_level
    )
    return found | {"data_source": join_sources(predictions)}


def describe_calibration(predictions: pd.DataFrame, settings: EvaluationParameters) -> dict[str, Any]:
    """Decide whether to calibrate, and measure how far scores and probabilities can be believed."""
    found = calibrating.describe_calibration(
        predictions, wanted=settings.calibration, confidence_level=settings.confidence_level
    )
    return found | {"data_source": join_sources(predictions)}


def calibrate_predictions(predictions: pd.DataFrame, calibration: dict[str, Any]) -> pd.DataFrame:
    """Turn scores into probabilities, by what the validation cells tell of them."""
    return calibrating.calibrate_predictions(predictions, method=Calibration(calibration["chosen"]))


def plan_referral(
    predictions: pd.DataFrame,
    calibrated: pd.DataFrame,
    cell_index: pd.DataFrame,
    training_range: dict[str, Any],
    chosen: dict[str, Any],
    settings: EvaluationParameters,
) -> dict[str, Any]:
    """Choose on the validation cells how sure a call must be to need no expert."""
    plan = referral.plan_referral(
        predictions,
        calibrated,
        fitness.list_reasons(cell_index, training_range),
        threshold=chosen["threshold"],
        max_residual_error=settings.max_residual_error,
        confidence_level=settings.confidence_level,
    )
    return plan | {"data_source": join_sources(predictions)}


def triage_cells(
    predictions: pd.DataFrame,
    calibrated: pd.DataFrame,
    cell_index: pd.DataFrame,
    training_range: dict[str, Any],
    chosen: dict[str, Any],
    plan: dict[str, Any],
) -> pd.DataFrame:
    """Decide for each cell between its call and an expert."""
    reasons = fitness.list_reasons(cell_index, training_range)
    return referral.triage_cells(
        predictions, calibrated, reasons, threshold=chosen["threshold"], min_confidence=plan["min_confidence"]
    )


def describe_subjects(predictions: pd.DataFrame, chosen: dict[str, Any]) -> pd.DataFrame:
    """Count the right calls of each subject, and let its cells vote."""
    return subjects.describe_subjects(predictions, threshold=chosen["threshold"])


def count_votes(table: pd.DataFrame, settings: EvaluationParameters) -> dict[str, Any]:
    """Count the subjects whose cells' vote is right."""
    return subjects.count_votes(table, confidence_level=settings.confidence_level)
