"""What is added up for each subject group, so that the metrics of any of them together are functions of sums."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.evaluation.confusion import rates_of, share
from blastscreen.evaluation.intervals import LeftOut, leave_each_out
from blastscreen.vocabulary import POSITIVE_LABEL, CellLabel

GroupSums: TypeAlias = Mapping[CellLabel, NDArray[np.float64]]
"""Per class and group what its cells add up to, shape (groups, sums)."""

CLASSES = (POSITIVE_LABEL, CellLabel.HEM)
# every other metric needs cells of both classes
_CLASSES_NEEDED = {
    "sensitivity": (POSITIVE_LABEL,),
    "specificity": (CellLabel.HEM,),
    "false_positive_rate": (CellLabel.HEM,),
}


def sum_calls(cells: pd.DataFrame, *, threshold: float) -> GroupSums:
    """Add up the calls of each subject group.

    Args:
        cells: subject_group, label, blast_probability.
        threshold: A cell at or above this is called a blast.

    Returns:
        Cells called normal, cells called blasts, squared errors, and wins as in `count_wins`.
    """
    probability = cells["blast_probability"].to_numpy(dtype=np.float64)
    is_blast = (cells["label"] == POSITIVE_LABEL).to_numpy(dtype=np.bool_)
    called = (probability >= threshold).astype(np.float64)
    wins = count_wins(is_blast, probability)
    return sum_by_group(cells, np.column_stack([1 - called, called, (probability - is_blast) ** 2, wins]))


def sum_by_group(cells: pd.DataFrame, values: NDArray[np.float64]) -> GroupSums:
    """Add up values of cells within each subject group.

    Args:
        cells: subject_group, label; n rows.
        values: Shape (n, m).

    Returns:
        The sums of the groups, shape (groups, m), ordered by group.
    """
    table = pd.DataFrame(values).groupby([cells["label"].to_numpy(), cells["subject_group"].to_numpy()]).sum()
    labels = table.index.get_level_values(0)
    return {label: table[labels == label].to_numpy(dtype=np.float64) for label in CLASSES}


def count_wins(is_blast: NDArray[np.bool_], probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Count for each cell those of the other class from which its probability tells it rightly, ties half.

    Args:
        is_blast: True labels, shape (n,).
        probability: Shape (n,).

    Example:
        >>> count_wins(np.array([True, True, False, False]), np.array([0.9, 0.5, 0.5, 0.1]))
        array([2. , 1.5, 1.5, 2. ])
    """
    wins = np.empty(len(probability))
    for of_class, sign in ((is_blast, 1), (~is_blast, -1)):
        others, own = np.sort(sign * probability[~of_class]), sign * probability[of_class]
        wins[of_class] = (np.searchsorted(others, own, "left") + np.searchsorted(others, own, "right")) / 2
    return wins


def leave_out_of_metric(sums: GroupSums, metric: str) -> LeftOut:
    """Compute a metric of all groups of the classes that it needs, and without each of them.

    Args:
        sums: Result of `sum_calls`.
        metric: A rate of `describe_calls`, auroc or brier.
    """
    needed = _CLASSES_NEEDED.get(metric, CLASSES)

    def of_totals(*totals: NDArray[np.float64]) -> NDArray[np.float64]:
        given = dict(zip(needed, totals, strict=True))
        blasts, normals = (given.get(label, np.zeros_like(totals[0])) for label in CLASSES)
        n_blasts, n_normals = blasts[..., :2].sum(axis=-1), normals[..., :2].sum(axis=-1)
        if metric == "auroc":
            # a group that is left out takes its wins from its own class alone
            return share(np.minimum(blasts[..., 3], normals[..., 3]), n_blasts * n_normals)
        if metric == "brier":
            return share(blasts[..., 2] + normals[..., 2], n_blasts + n_normals)
        return rates_of(np.concatenate([normals[..., :2], blasts[..., :2]], axis=-1))[metric]

    return leave_each_out(of_totals, [sums[label] for label in needed])
