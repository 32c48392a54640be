"""What a model's calls are worth on the evaluated cells: counts, rates, and their intervals over subject groups."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import brier_score_loss, roc_auc_score

from blastscreen.evaluation.confusion import count_calls, describe_calls
from blastscreen.evaluation.group_sums import leave_out_of_metric, sum_calls
from blastscreen.evaluation.intervals import rate_interval
from blastscreen.evaluation.referral import find_reasons
from blastscreen.vocabulary import EVALUATED_SPLITS, POSITIVE_LABEL, CellLabel, is_unfit

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "false_positive_rate",
    "precision_all",
    "precision_hem",
    "f1_all",
    "f1_weighted",
    "auroc",
    "brier",
)
"""Every metric that has an interval."""


def evaluate_predictions(
    predictions: pd.DataFrame, reasons: "pd.Series[str]", *, threshold: float, confidence_level: float
) -> dict[str, dict[str, Any]]:
    """Describe a model's calls on the validation and test cells.

    Args:
        predictions: Schema `PREDICTIONS`.
        reasons: By image_id the codes of these cells, result of `list_reasons`.
        threshold: `blast_probability` at or above this is called a blast.
        confidence_level: Of the intervals, 0 to 1.

    Returns:
        Per split the result of `evaluate_cells`, with n_unfit of its cells on which a model would not decide.

    Raises:
        ValueError: A label is not one of C-NMC's, a probability is not within 0 to 1, or a cell has no reasons.
    """
    unfit = is_unfit(find_reasons(predictions, reasons))
    settings = {"threshold": threshold, "confidence_level": confidence_level}
    return {
        str(split): evaluate_cells(predictions[predictions["split"] == split], **settings)
        | {"n_unfit": int(unfit[predictions["split"] == split].sum())}
        for split in EVALUATED_SPLITS
    }


def evaluate_cells(cells: pd.DataFrame, *, threshold: float, confidence_level: float) -> dict[str, Any]:
    """Describe a model's calls on some cells.

    Args:
        cells: subject_id, subject_group, label, blast_probability.
        threshold: `blast_probability` at or above this is called a blast.
        confidence_level: Of the intervals, 0 to 1.

    Returns:
        n_cells, n_subjects, n_subject_groups, threshold, the rates of `describe_calls`, auroc (None unless both classes
        are present), brier (None without cells), the four counts under confusion, and under intervals for each of
        `METRICS` the result of `rate_interval`. Plain numbers and None, ready for JSON.

    Raises:
        ValueError: A label is not one of C-NMC's, or a probability is not within 0 to 1.

    Source:
        Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78 (1950).
    """
    _require_sound(cells)
    is_blast = (cells["label"] == POSITIVE_LABEL).to_numpy(dtype=np.bool_)
    probability = cells["blast_probability"].to_numpy(dtype=np.float64)
    counts = count_calls(is_blast, probability, threshold=threshold)
    both_classes = is_blast.any() and not is_blast.all()
    sums = sum_calls(cells, threshold=threshold)
    return {
        "n_cells": len(cells),
        "n_subjects": int(cells["subject_id"].nunique()),
        "n_subject_groups": int(cells["subject_group"].nunique()),
        "threshold": threshold,
        **describe_calls(counts),
        "auroc": float(roc_auc_score(is_blast, probability)) if both_classes else None,
        "brier": float(brier_score_loss(is_blast, probability)) if len(cells) else None,
        "confusion": counts._asdict(),
        "intervals": {
            metric: rate_interval(leave_out_of_metric(sums, metric), confidence_level=confidence_level)
            for metric in METRICS
        },
    }


def _require_sound(cells: pd.DataFrame) -> None:
    n_unlabelled = int((~cells["label"].isin(list(CellLabel))).sum())
    n_improbable = int((~cells["blast_probability"].between(0, 1)).sum())
    if n_unlabelled or n_improbable:
        raise ValueError(
            f"predictions can't be evaluated: {n_unlabelled} labels are not one of {', '.join(CellLabel)}, "
            f"{n_improbable} probabilities are missing or not within 0 to 1. Predict these cells again"
        )
