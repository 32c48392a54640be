"""What a model's calls are worth on the evaluated cells: counts, rates, and their intervals over subject groups."""

from typing import Any

import pandas as pd

from blastscreen.evaluation.confusion import count_calls, describe_calls, rates_of
from blastscreen.evaluation.intervals import leave_out_of_metric, rate_interval, sum_calls
from blastscreen.parameters import EvaluationParameters
from blastscreen.vocabulary import EVALUATED_SPLITS, blast_mask, is_unfit, name_sources

METRICS = (*rates_of([0, 0, 0, 0]), "auroc", "brier")
"""Every metric that has an interval."""


def evaluate_predictions(
    predictions: pd.DataFrame, calibrated: pd.DataFrame, operating_point: dict[str, Any], settings: EvaluationParameters
) -> dict[str, Any]:
    """Describe a model's calls on the validation and test cells.

    Returns:
        Per split the result of `evaluate_cells`, with n_unfit of its cells on which a model would not decide; and
        data_source.
    """
    cells = predictions.merge(calibrated[["image_id", "split", "reasons"]], on=["image_id", "split"], validate="1:1")
    if len(cells) < max(len(predictions), len(calibrated)):
        n_cells = f"only {len(cells)} of {len(predictions)} scored and {len(calibrated)} calibrated cells"
        raise ValueError(f"{n_cells} are in both tables with the same split. Load both from the same run")
    found: dict[str, Any] = {}
    for split in EVALUATED_SPLITS:
        of_split = cells[cells["split"] == split]
        wanted = {"threshold": operating_point["threshold"], "confidence_level": settings.confidence_level}
        found[split.value] = evaluate_cells(of_split, **wanted) | {"n_unfit": int(is_unfit(of_split["reasons"]).sum())}
    return found | {"data_source": name_sources(predictions)}


def evaluate_cells(cells: pd.DataFrame, *, threshold: float, confidence_level: float) -> dict[str, Any]:
    """Describe a model's calls on some cells (subject_id, subject_group, label, blast_probability).

    Returns:
        n_cells, n_subjects, n_subject_groups, threshold, the rates of `describe_calls`, auroc (None unless both classes
        are present), brier (None without cells), the four counts under confusion, and under intervals for each of
        `METRICS` the result of `rate_interval`. Plain numbers and None, ready for JSON.
    """
    from sklearn.metrics import brier_score_loss, roc_auc_score

    is_blast, probability = blast_mask(cells), cells["blast_probability"].to_numpy(dtype=float)
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
