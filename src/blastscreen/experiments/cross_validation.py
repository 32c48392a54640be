"""Cross-validation in which every cell is held out once: draw folds, predict what is held out, score it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.cohort.soundness import CohortError
from blastscreen.evaluation.confusion import count_calls, describe_calls
from blastscreen.models.random_forest import blast_probability
from blastscreen.vocabulary import CellLabel, Split, SplitStrategy, mark_blasts

N_FOLDS = 4
"""Folds of a cohort that has as many subjects in each class: training then sees three quarters of the cells."""
THRESHOLD = 0.5
"""Probability from which a cell is called a blast: no cells are left over to choose a better one on."""

_UNITS = {SplitStrategy.SUBJECT: "subject_group", SplitStrategy.IMAGE: "image_id"}
STRATEGIES = tuple(_UNITS)


def count_folds(cells: pd.DataFrame, *, fewest: int) -> int:
    """Count the folds that leave subjects of both classes in each: `N_FOLDS`, or as many as the rarer class has groups.

    Args:
        cells: subject_group and label; a group has one label.
        fewest: Folds that are needed.

    Raises:
        CohortError: There are fewer groups than folds needed.
    """
    groups = {label: int(cells.loc[cells["label"] == label, "subject_group"].nunique()) for label in CellLabel}
    n_folds = min(N_FOLDS, *groups.values())
    if n_folds < fewest:
        found = ", ".join(f"{count} {label}" for label, count in groups.items())
        raise CohortError(
            f"subject groups per class: {found}. The audit divides subjects too, and needs {fewest} of each: add "
            "subjects, or run the other pipelines by name (--pipeline=rf for example)"
        )
    return n_folds


def draw_folds(cells: pd.DataFrame, *, strategy: SplitStrategy, n_folds: int, seed: int) -> NDArray[np.intp]:
    """Divide cells into folds by scikit-learn's `StratifiedKFold`, of images or of subject groups.

    Every fold has as many units of each class as the others, give or take one; folds of groups therefore differ in
    their numbers of cells. The order of the rows does not matter.

    Args:
        cells: image_id, subject_group and label; a group has one label.
        strategy: Image or subject.
        n_folds: At least 2, and no more than the subject groups of the rarer class.
        seed: Of the shuffled folds.

    Returns:
        Fold of each row, 0 to n_folds - 1, shape (n,).

    Example:
        >>> cells = pd.DataFrame({"subject_group": list("aabbccdd"), "label": ["all"] * 4 + ["hem"] * 4})
        >>> draw_folds(cells, strategy=SplitStrategy.SUBJECT, n_folds=2, seed=0)
        array([1, 1, 0, 0, 0, 0, 1, 1])
    """
    from sklearn.model_selection import StratifiedKFold

    unit = _UNITS[strategy]
    label_of_unit = cells.groupby(unit)["label"].first()
    fold_of_unit = pd.Series(0, index=label_of_unit.index)
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(folds.split(label_of_unit, label_of_unit)):
        fold_of_unit.iloc[held_out] = number
    return np.asarray(cells[unit].map(fold_of_unit), dtype=np.intp)


def list_seeds(first: int, number: int) -> list[int]:
    """List seeds from the first one upwards, and from 0 again after the largest that there is."""
    return [(first + step) % 2**32 for step in range(number)]


def predict_held_out(
    table: pd.DataFrame, fold: NDArray[np.intp], *, fit: Callable[[pd.DataFrame], Any]
) -> NDArray[np.float64]:
    """Predict the cells of each fold by what was fitted on all others.

    Args:
        table: One row per cell with its features; its own split is not used.
        fold: Of each row, shape (n,).
        fit: Takes the table with the cells of one fold in split test and all others in train.

    Returns:
        Probability of a blast, shape (n,), 0 to 1.
    """
    probability = np.empty(len(table))
    for number in np.unique(fold):
        held_out = fold == number
        fitted = fit(table.assign(split=np.where(held_out, Split.TEST.value, Split.TRAIN.value)))
        probability[held_out] = blast_probability(fitted, table[held_out])
    return probability


def auroc_within_folds(
    is_blast: NDArray[np.bool_], blast_probability: NDArray[np.float64], fold: NDArray[np.intp]
) -> float:
    """Compute the share of pairs of a blast and another cell *of one fold* that are in the right order, ties half.

    Models of different folds need not agree on a level: a fold that takes many blasts out of training lowers the scores
    of just those. An AUROC over all cells counts that as errors of order, and more so for folds of subjects than of
    images.

    Args:
        is_blast: Shape (n,).
        blast_probability: 0 to 1, shape (n,).
        fold: Shape (n,).

    Returns:
        0 to 1; NaN where no fold has cells of both classes. With one fold, the AUROC.

    Source:
        Forman and Scholz, "Apples-to-apples in cross-validation studies", SIGKDD Explorations 12 (2010).

    Example:
        >>> is_blast = np.array([True, False, True, False])
        >>> probability = np.array([0.9, 0.8, 0.3, 0.2])
        >>> auroc_within_folds(is_blast, probability, np.array([0, 0, 1, 1]))
        1.0
        >>> auroc_within_folds(is_blast, probability, np.zeros(4, dtype=np.intp))
        0.75
    """
    from scipy.stats import rankdata

    n_right, n_pairs = 0.0, 0
    for inside in (fold == number for number in np.unique(fold)):
        blasts = is_blast[inside]
        n_blasts = int(blasts.sum())
        n_right += float(rankdata(blast_probability[inside])[blasts].sum()) - n_blasts * (n_blasts + 1) / 2
        n_pairs += n_blasts * (len(blasts) - n_blasts)
    return n_right / n_pairs if n_pairs else np.nan


def score_folds(
    cells: pd.DataFrame, blast_probability: NDArray[np.float64], fold: NDArray[np.intp]
) -> dict[str, object]:
    """Score out-of-fold predictions: AUROC within the folds, accuracy and weighted F1 of all cells at `THRESHOLD`.

    Args:
        cells: subject_group and label, n rows.
        blast_probability: 0 to 1, shape (n,).
        fold: In which each cell was held out, shape (n,).
    """
    is_blast = mark_blasts(cells["label"])
    calls = describe_calls(count_calls(is_blast, blast_probability, threshold=THRESHOLD))
    return {
        "n_folds": len(np.unique(fold)),
        "n_test_cells": len(cells),
        "n_test_groups": int(cells["subject_group"].nunique()),
        "auroc": auroc_within_folds(is_blast, blast_probability, fold),
        "accuracy": calls["accuracy"],
        "f1_weighted": calls["f1_weighted"],
    }
