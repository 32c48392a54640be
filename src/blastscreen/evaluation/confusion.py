"""Rates of right and wrong calls, from the four counts of a confusion matrix. Leukemic blast is the positive class."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from blastscreen.vocabulary import EVALUATED_SPLITS, POSITIVE_LABEL, CellLabel


class Confusion(NamedTuple):
    """Counts of cells: what they are against what they were called."""

    true_negatives: int
    false_positives: int
    false_negatives: int
    true_positives: int


def count_calls(is_blast: NDArray[np.bool_], blast_probability: NDArray[np.float64], *, threshold: float) -> Confusion:
    """Count the calls of a probability cut.

    Args:
        is_blast: True labels, shape (n,).
        blast_probability: 0 to 1, shape (n,).
        threshold: A cell at or above this is called a blast.

    Returns:
        The four counts; they sum to n.
    """
    called = blast_probability >= threshold
    return Confusion(
        true_negatives=int(np.sum(~is_blast & ~called)),
        false_positives=int(np.sum(~is_blast & called)),
        false_negatives=int(np.sum(is_blast & ~called)),
        true_positives=int(np.sum(is_blast & called)),
    )


def accuracy(counts: Confusion) -> float | None:
    """Return the share of cells called rightly; None without cells."""
    return _share(counts.true_negatives + counts.true_positives, sum(counts))


def sensitivity(counts: Confusion) -> float | None:
    """Return the share of blasts that are called so; None without blasts."""
    return _share(counts.true_positives, counts.true_positives + counts.false_negatives)


def specificity(counts: Confusion) -> float | None:
    """Return the share of normal cells that are called so; None without normal cells."""
    return _share(counts.true_negatives, counts.true_negatives + counts.false_positives)


def false_positive_rate(counts: Confusion) -> float | None:
    """Return the share of normal cells that are called blasts; None without normal cells."""
    return _share(counts.false_positives, counts.true_negatives + counts.false_positives)


def balanced_accuracy(counts: Confusion) -> float | None:
    """Return the mean of sensitivity and specificity; None unless both classes are present."""
    of_blasts, of_normals = sensitivity(counts), specificity(counts)
    return None if of_blasts is None or of_normals is None else (of_blasts + of_normals) / 2


def precision_all(counts: Confusion) -> float | None:
    """Return the share of called blasts that are blasts; None when nothing was called one."""
    return _share(counts.true_positives, counts.true_positives + counts.false_positives)


def precision_hem(counts: Confusion) -> float | None:
    """Return the share of cells called normal that are normal; None when nothing was called so."""
    return _share(counts.true_negatives, counts.true_negatives + counts.false_negatives)


def f1_all(counts: Confusion) -> float | None:
    """Return the F1 score of the blasts; None when there are none and nothing was called one."""
    wrong = counts.false_positives + counts.false_negatives
    return _share(2 * counts.true_positives, 2 * counts.true_positives + wrong)


def f1_weighted(counts: Confusion) -> float | None:
    """Return the mean of both classes' F1 scores, weighted by their true cells; None without cells."""
    # a class without cells weighs nothing, so its own undefined score does not matter
    n_blasts = counts.true_positives + counts.false_negatives
    n_normals = counts.true_negatives + counts.false_positives
    weighted_sum = n_blasts * (f1_all(counts) or 0.0) + n_normals * (f1_all(Confusion(*reversed(counts))) or 0.0)
    return _share(weighted_sum, n_blasts + n_normals)


def describe_calls(counts: Confusion) -> dict[str, float | None]:
    """Compute every rate of a confusion matrix; None where a rate has nothing to be a share of."""
    return {
        "accuracy": accuracy(counts),
        "balanced_accuracy": balanced_accuracy(counts),
        "sensitivity": sensitivity(counts),
        "specificity": specificity(counts),
        "false_positive_rate": false_positive_rate(counts),
        "precision_all": precision_all(counts),
        "precision_hem": precision_hem(counts),
        "f1_all": f1_all(counts),
        "f1_weighted": f1_weighted(counts),
    }


def evaluate_predictions(predictions: pd.DataFrame, *, threshold: float) -> dict[str, Any]:
    """Describe a model's calls on the validation and test cells.

    Args:
        predictions: subject_id, label, split, blast_probability.
        threshold: `blast_probability` at or above this is called a blast.

    Returns:
        Per split: n_cells, n_subjects, the rates of `describe_calls`, auroc (None unless both classes are present) and
        the four counts under confusion. Plain numbers and None, ready for JSON.

    Raises:
        ValueError: A label is not one of C-NMC's, or a probability is not within 0 to 1.
    """
    _require_sound(predictions)
    return {str(split): _evaluate(predictions[predictions["split"] == split], threshold) for split in EVALUATED_SPLITS}


def _evaluate(cells: pd.DataFrame, threshold: float) -> dict[str, Any]:
    is_blast = (cells["label"] == POSITIVE_LABEL).to_numpy(dtype=np.bool_)
    probability = cells["blast_probability"].to_numpy(dtype=np.float64)
    counts = count_calls(is_blast, probability, threshold=threshold)
    both_classes = is_blast.any() and not is_blast.all()
    return {
        "n_cells": len(cells),
        "n_subjects": int(cells["subject_id"].nunique()),
        **describe_calls(counts),
        "auroc": float(roc_auc_score(is_blast, probability)) if both_classes else None,
        "confusion": counts._asdict(),
    }


def _require_sound(predictions: pd.DataFrame) -> None:
    n_unlabelled = int((~predictions["label"].isin(list(CellLabel))).sum())
    n_improbable = int((~predictions["blast_probability"].between(0, 1)).sum())
    if n_unlabelled or n_improbable:
        raise ValueError(
            f"predictions can't be evaluated: {n_unlabelled} labels are not one of {', '.join(CellLabel)}, "
            f"{n_improbable} probabilities are missing or not within 0 to 1. Predict these cells again"
        )


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
