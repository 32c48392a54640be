"""What out-of-fold probabilities are worth."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from blastscreen.evaluation.confusion import count_calls, describe_calls
from blastscreen.vocabulary import POSITIVE_LABEL

THRESHOLD = 0.5
"""Probability from which a cell is called a blast: no cells are left over to choose a better one on."""


def auroc_within_folds(
    is_blast: NDArray[np.bool_], blast_probability: NDArray[np.float64], fold: NDArray[np.intp]
) -> float:
    """Compute the share of pairs of a blast and another cell *of one fold* that are in the right order.

    Cells of different folds are scored by different models, whose scores need not agree on a level: a fold that takes
    many blasts out of training lowers the scores of just those. An AUROC over all cells at once counts that as errors
    of order, and does so for folds of subjects much more than for folds of images (Forman and Scholz 2010,
    "Apples-to-apples in cross-validation studies"). So folds are averaged, each by its number of pairs. Ties count
    half.

    Args:
        is_blast: Shape (n,); every fold has cells of both kinds.
        blast_probability: 0 to 1, shape (n,).
        fold: Shape (n,).

    Returns:
        0 to 1. With one fold, the AUROC.

    Example:
        >>> is_blast = np.array([True, False, True, False])
        >>> probability = np.array([0.9, 0.8, 0.3, 0.2])
        >>> float(auroc_within_folds(is_blast, probability, np.array([0, 0, 1, 1])))
        1.0
        >>> float(auroc_within_folds(is_blast, probability, np.zeros(4, dtype=np.intp)))
        0.75
    """
    masks = [fold == number for number in np.unique(fold)]
    n_pairs = [int(is_blast[mask].sum()) * int((~is_blast[mask]).sum()) for mask in masks]
    aurocs = [roc_auc_score(is_blast[mask], blast_probability[mask]) for mask in masks]
    return float(np.average(aurocs, weights=n_pairs))


def score_cells(
    cells: pd.DataFrame, blast_probability: NDArray[np.float64], fold: NDArray[np.intp]
) -> dict[str, object]:
    """Score predictions of cells that the model at hand was not trained on.

    Args:
        cells: subject_group and label, n rows.
        blast_probability: 0 to 1, shape (n,).
        fold: In which each cell was held out, shape (n,).

    Returns:
        n_folds, n_test_cells, n_test_groups; auroc within the folds; accuracy and f1_weighted of all cells at a cut of
        0.5.
    """
    is_blast = (cells["label"] == POSITIVE_LABEL).to_numpy(dtype=np.bool_)
    calls = describe_calls(count_calls(is_blast, blast_probability, threshold=THRESHOLD))
    return {
        "n_folds": len(np.unique(fold)),
        "n_test_cells": len(cells),
        "n_test_groups": int(cells["subject_group"].nunique()),
        "auroc": auroc_within_folds(is_blast, blast_probability, fold),
        "accuracy": calls["accuracy"],
        "f1_weighted": calls["f1_weighted"],
    }
