"""What a model's calls mean for each subject, and what a vote of its cells would have called the subject."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.stats.proportion import proportion_confint

from blastscreen.vocabulary import EVALUATED_SPLITS, POSITIVE_LABEL, CellLabel

IDENTITY = ["subject_id", "subject_group", "label", "split"]
COLUMNS = [*IDENTITY, "n_cells", "n_right", "rate", "mean_probability", "majority_call"]


def describe_subjects(predictions: pd.DataFrame, *, threshold: float) -> pd.DataFrame:
    """Count the right calls of each subject, and let its cells vote.

    The vote is `all` when at least half of the cells are called blasts: a tie counts as a blast, because a leukemia
    that is overlooked does more harm than a normal subject that is looked at once more.

    Args:
        predictions: subject_id, subject_group, label, split, blast_probability.
        threshold: `blast_probability` at or above this is called a blast.

    Returns:
        One row per subject and split, schema `SUBJECTS`: validation before test, then by subject_id. `rate` is the
        sensitivity of a subject with blasts, the specificity of another.
    """
    evaluated = predictions[predictions["split"].isin(list(EVALUATED_SPLITS))]
    called = evaluated["blast_probability"] >= threshold
    cells = evaluated[[*IDENTITY, "blast_probability"]].assign(
        called=called, is_right=called == (evaluated["label"] == POSITIVE_LABEL)
    )
    subjects = cells.groupby(IDENTITY, as_index=False).agg(
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
    return table[COLUMNS]


def count_votes(subjects: pd.DataFrame, *, confidence_level: float) -> dict[str, Any]:
    """Count the subjects whose cells' vote is right.

    Subjects, unlike cells, are taken as independent of each other, so their intervals are exact binomial ones. Those
    that share an image may be the same person: n_subject_groups says how many there are when they count once.

    Args:
        subjects: Result of `describe_subjects`.
        confidence_level: Of the intervals, 0 to 1.

    Returns:
        Per split: n_subjects, n_subject_groups, n_right, accuracy, interval; and under sensitivity (subjects with
        blasts) and specificity (the others) again n_subjects, n_right, rate, interval. A rate without subjects is None,
        and so is its interval. Plain numbers and None, ready for JSON.

    Source:
        Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
        Biometrika 26 (1934).
    """
    return {
        str(split): _count_votes(subjects[subjects["split"] == split], confidence_level) for split in EVALUATED_SPLITS
    }


def _count_votes(subjects: pd.DataFrame, confidence_level: float) -> dict[str, Any]:
    is_right = (subjects["majority_call"] == subjects["label"]).to_numpy(dtype=np.bool_)
    has_blasts = (subjects["label"] == POSITIVE_LABEL).to_numpy(dtype=np.bool_)
    overall = _rate(is_right, confidence_level)
    return {
        "n_subject_groups": int(subjects["subject_group"].nunique()),
        "accuracy": overall.pop("rate"),
        **overall,
        "sensitivity": _rate(is_right[has_blasts], confidence_level),
        "specificity": _rate(is_right[~has_blasts], confidence_level),
    }


def _rate(is_right: NDArray[np.bool_], confidence_level: float) -> dict[str, Any]:
    n, n_right = len(is_right), int(is_right.sum())
    if n == 0:
        return {"n_subjects": 0, "n_right": 0, "rate": None, "interval": None}
    low, high = proportion_confint(n_right, n, alpha=1 - confidence_level, method="beta")
    interval = {"low": float(low), "high": float(high), "method": "Clopper-Pearson"}
    return {"n_subjects": n, "n_right": n_right, "rate": n_right / n, "interval": interval}
