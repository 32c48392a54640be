"""What a model's calls mean for each subject, and what a vote of its cells would have called the subject."""

from typing import Any

import numpy as np
import pandas as pd

from blastscreen.evaluation.shares import share_interval
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
    """Count the subject groups whose cells' vote is right.

    Subjects that share an image may be the same person: their cells vote together, by the rule of `describe_subjects`.

    Args:
        subjects: Result of `describe_subjects`.
        confidence_level: Of the intervals, 0 to 1.

    Returns:
        Per split: n_subject_groups, n_right, accuracy, interval; and under sensitivity (groups with blasts) and
        specificity (the others) again n_subject_groups, n_right, rate, interval. A rate without groups is None;
        intervals are those of `share_interval`. Plain numbers and None, ready for JSON.
    """
    groups = subjects.groupby(["split", "subject_group", "label"], as_index=False)[["n_cells", "n_right"]].sum()
    has_blasts = groups["label"] == POSITIVE_LABEL
    # a tie counts as a blast
    is_right = (2 * groups["n_right"] > groups["n_cells"]) | (has_blasts & (2 * groups["n_right"] == groups["n_cells"]))
    votes = groups.assign(has_blasts=has_blasts, is_right=is_right)
    return {str(split): _count_votes(votes[votes["split"] == split], confidence_level) for split in EVALUATED_SPLITS}


def _count_votes(votes: pd.DataFrame, confidence_level: float) -> dict[str, Any]:
    overall = _rate(votes, confidence_level)
    return {
        "accuracy": overall.pop("rate"),
        **overall,
        "sensitivity": _rate(votes[votes["has_blasts"]], confidence_level),
        "specificity": _rate(votes[~votes["has_blasts"]], confidence_level),
    }


def _rate(votes: pd.DataFrame, confidence_level: float) -> dict[str, Any]:
    is_right = votes["is_right"].to_numpy(dtype=np.bool_)
    return {
        "n_subject_groups": len(votes),
        "n_right": int(is_right.sum()),
        "rate": float(is_right.mean()) if len(votes) else None,
        "interval": share_interval(votes, is_right, np.ones_like(is_right), confidence_level=confidence_level),
    }
