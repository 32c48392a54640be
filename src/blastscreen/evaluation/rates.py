"""What a model's calls are worth on the evaluated cells: counts, rates, and their intervals over subject groups."""

from typing import Any

import numpy as np
import pandas as pd

from blastscreen.cohort.index import join_sources
from blastscreen.evaluation.confusion import count_calls, describe_calls, rates_of
from blastscreen.evaluation.intervals import leave_out_of_metric, rate_interval, share_interval, sum_calls
from blastscreen.parameters import EvaluationParameters
from blastscreen.vocabulary import EVALUATED_SPLITS, IDENTITY, CellLabel, is_unfit, mark_blasts

METRICS = (*rates_of([0, 0, 0, 0]), "auroc", "brier")
"""Every metric that has an interval."""


def evaluate_predictions(
    predictions: pd.DataFrame, calibrated: pd.DataFrame, operating_point: dict[str, Any], settings: EvaluationParameters
) -> dict[str, Any]:
    """Describe a model's calls per evaluated split: `evaluate_cells`, and n_unfit on which it would not decide."""
    cells = predictions.merge(calibrated[["image_id", "split", "reasons"]], on=["image_id", "split"], validate="1:1")
    if len(cells) < max(len(predictions), len(calibrated)):
        n_cells = f"only {len(cells)} of {len(predictions)} scored and {len(calibrated)} calibrated cells"
        raise ValueError(f"{n_cells} are in both tables with the same split. Load both from the same run")
    found: dict[str, Any] = {}
    for split in EVALUATED_SPLITS:
        of_split = cells[cells["split"] == split]
        wanted = {"threshold": operating_point["threshold"], "confidence_level": settings.confidence_level}
        found[split.value] = evaluate_cells(of_split, **wanted) | {"n_unfit": int(is_unfit(of_split["reasons"]).sum())}
    return found | {"data_source": join_sources(predictions)}


def evaluate_cells(cells: pd.DataFrame, *, threshold: float, confidence_level: float) -> dict[str, Any]:
    """Describe a model's calls on some cells (subject_id, subject_group, label, blast_probability).

    Returns:
        n_cells, n_subjects, n_subject_groups, threshold, the rates of `describe_calls`, auroc (None unless both classes
        are present), brier (None without cells), the four counts under confusion, and under intervals for each of
        `METRICS` the result of `rate_interval`.
    """
    from sklearn.metrics import brier_score_loss, roc_auc_score

    is_blast, probability = mark_blasts(cells["label"]), cells["blast_probability"].to_numpy(dtype=float)
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


_OF_SUBJECT = IDENTITY[1:]
_COLUMNS = [*_OF_SUBJECT[:-1], "n_cells", "n_right", "rate", "mean_probability", "majority_call", "data_source"]


def describe_subjects(predictions: pd.DataFrame, operating_point: dict[str, Any]) -> pd.DataFrame:
    """Count the right calls of each subject, and let its cells vote, in the schema `SUBJECTS`, validation before test.

    The vote is `all` when at least half of the cells are called blasts: a leukemia that is overlooked does more harm
    than a normal subject that is looked at once more.
    """
    evaluated = predictions[predictions["split"].isin(list(EVALUATED_SPLITS))]
    called = evaluated["blast_probability"] >= operating_point["threshold"]
    cells = evaluated[[*_OF_SUBJECT, "blast_probability"]].assign(
        called=called, is_right=called == mark_blasts(evaluated["label"])
    )
    subjects = cells.groupby(_OF_SUBJECT, as_index=False).agg(
        n_cells=("called", "size"),
        n_called=("called", "sum"),
        n_right=("is_right", "sum"),
        rate=("is_right", "mean"),
        mean_probability=("blast_probability", "mean"),
    )
    is_voted = 2 * subjects["n_called"] >= subjects["n_cells"]
    votes = is_voted.map({True: CellLabel.ALL.value, False: CellLabel.HEM.value}).astype("str")
    order = subjects["split"].map({split.value: place for place, split in enumerate(EVALUATED_SPLITS)})
    table = subjects.assign(majority_call=votes, order=order).sort_values(["order", "subject_id"], ignore_index=True)
    return table[_COLUMNS]


def count_votes(subjects: pd.DataFrame, *, settings: EvaluationParameters) -> dict[str, Any]:
    """Count the subject groups whose cells' vote is right.

    Subjects that share an image may be the same person: their cells vote together, by the rule of `describe_subjects`.

    Returns:
        Per split: n_subject_groups, n_right, accuracy, interval; and under sensitivity (groups with blasts) and
        specificity (the others) again n_subject_groups, n_right, rate (None without groups), interval; and data_source.
    """
    groups = subjects.groupby(["split", "subject_group", "label"], as_index=False)[["n_cells", "n_right"]].sum()
    margin = 2 * groups["n_right"] - groups["n_cells"]
    votes = groups.assign(is_right=(margin > 0) | (mark_blasts(groups["label"]) & (margin == 0)))
    found: dict[str, Any] = {}
    for split in EVALUATED_SPLITS:
        cast = votes[votes["split"] == split]
        overall, blasts, normals = (
            _count_right(cast[mask], settings.confidence_level)
            for mask in (np.ones(len(cast), dtype=bool), mark_blasts(cast["label"]), ~mark_blasts(cast["label"]))
        )
        found[split.value] = {"accuracy": overall.pop("rate"), **overall, "sensitivity": blasts, "specificity": normals}
    return found | {"data_source": join_sources(subjects)}


def _count_right(votes: pd.DataFrame, confidence_level: float) -> dict[str, Any]:
    is_right = votes["is_right"].to_numpy(dtype=np.bool_)
    return {
        "n_subject_groups": len(votes),
        "n_right": int(is_right.sum()),
        "rate": float(is_right.mean()) if len(votes) else None,
        "interval": share_interval(votes, is_right, np.ones_like(is_right), confidence_level=confidence_level),
    }
