"""What a model's calls mean for each subject, and what a vote of its cells would have called the subject."""

from typing import Any

import numpy as np
import pandas as pd

from blastscreen.cohort.index import join_sources
from blastscreen.evaluation.intervals import share_interval
from blastscreen.parameters import EvaluationParameters
from blastscreen.vocabulary import EVALUATED_SPLITS, CellLabel, mark_blasts

IDENTITY = ["subject_id", "subject_group", "label", "split", "data_source"]
COLUMNS = [*IDENTITY[:-1], "n_cells", "n_right", "rate", "mean_probability", "majority_call", "data_source"]


def describe_subjects(predictions: pd.DataFrame, operating_point: dict[str, Any]) -> pd.DataFrame:
    """Count the right calls of each subject, and let its cells vote.

    The vote is `all` when at least half of the cells are called blasts: a tie counts as a blast, because a leukemia
    that is overlooked does more harm than a normal subject that is looked at once more. The rows, in the schema
    `SUBJECTS`, are ordered by split, validation before test, then by subject_id.
    """
    evaluated = predictions[predictions["split"].isin(list(EVALUATED_SPLITS))]
    called = evaluated["blast_probability"] >= operating_point["threshold"]
    cells = evaluated[[*IDENTITY, "blast_probability"]].assign(
        called=called, is_right=called == mark_blasts(evaluated["label"])
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


def count_votes(subjects: pd.DataFrame, *, settings: EvaluationParameters) -> dict[str, Any]:
    """Count the subject groups whose cells' vote is right.

    Subjects that share an image may be the same person: their cells vote together, by the rule of `describe_subjects`.

    Returns:
        Per split: n_subject_groups, n_right, accuracy, interval; and under sensitivity (groups with blasts) and
        specificity (the others) again n_subject_groups, n_right, rate, interval; and data_source. A rate without groups
        is None. Ready for JSON.
    """
    groups = subjects.groupby(["split", "subject_group", "label"], as_index=False)[["n_cells", "n_right"]].sum()
    margin = 2 * groups["n_right"] - groups["n_cells"]
    votes = groups.assign(is_right=(margin > 0) | (mark_blasts(groups["label"]) & (margin == 0)))
    found: dict[str, Any] = {}
    for split in EVALUATED_SPLITS:
        cast = votes[votes["split"] == split]
        overall, blasts, normals = (
            _rate(cast[mask], settings.confidence_level)
            for mask in (np.ones(len(cast), dtype=bool), mark_blasts(cast["label"]), ~mark_blasts(cast["label"]))
        )
        found[split.value] = {"accuracy": overall.pop("rate"), **overall, "sensitivity": blasts, "specificity": normals}
    return found | {"data_source": join_sources(subjects)}


def _rate(votes: pd.DataFrame, confidence_level: float) -> dict[str, Any]:
    is_right = votes["is_right"].to_numpy(dtype=np.bool_)
    return {
        "n_subject_groups": len(votes),
        "n_right": int(is_right.sum()),
        "rate": float(is_right.mean()) if len(votes) else None,
        "interval": share_interval(votes, is_right, np.ones_like(is_right), confidence_level=confidence_level),
    }
