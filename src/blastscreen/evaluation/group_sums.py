"""What is added up for each subject group, so that the metrics of any resample of groups are sums of sums."""

from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.evaluation.confusion import rates_of, share
from blastscreen.vocabulary import POSITIVE_LABEL, CellLabel

Weights: TypeAlias = NDArray[np.float64]
"""How often each group of a class counts, shape (..., groups)."""

CLASSES = (POSITIVE_LABEL, CellLabel.HEM)
# every other metric needs cells of both classes
CLASSES_NEEDED = {
    "sensitivity": (POSITIVE_LABEL,),
    "specificity": (CellLabel.HEM,),
    "false_positive_rate": (CellLabel.HEM,),
}


class GroupSums(NamedTuple):
    """What the metrics of any resample are made of.

    Per class (blasts, normal cells) and group: cells called normal, cells called blasts, squared errors, shape
    (groups, 3). And wins, shape (groups of blasts, groups of normal cells): pairs of cells in which the blast has the
    higher probability, ties half.
    """

    blasts: NDArray[np.float64]
    normals: NDArray[np.float64]
    wins: NDArray[np.float64]

    def count_groups(self, metric: str) -> tuple[int, ...]:
        """Count the groups of each class that a metric needs."""
        sums = dict(zip(CLASSES, (self.blasts, self.normals), strict=True))
        return tuple(len(sums[label]) for label in CLASSES_NEEDED.get(metric, CLASSES))

    def find_uniform(self) -> NDArray[np.bool_]:
        """Tell for each class whether all its groups have the same share of calls, so that no resample of them varies.

        Both classes need groups.
        """
        rates = (groups[:, 1] / groups[:, :2].sum(axis=1) for groups in (self.blasts, self.normals))
        return np.array([np.ptp(of_class) == 0 for of_class in rates])


def sum_calls(cells: pd.DataFrame, *, threshold: float) -> GroupSums:
    """Add up the calls of each subject group.

    Args:
        cells: subject_group, label, blast_probability.
        threshold: A cell at or above this is called a blast.
    """
    probability = cells["blast_probability"].to_numpy(dtype=np.float64)
    is_blast = (cells["label"] == POSITIVE_LABEL).to_numpy(dtype=np.float64)
    called = (probability >= threshold).astype(np.float64)
    values = np.column_stack([1 - called, called, (probability - is_blast) ** 2])
    blasts, normals = sum_by_group(cells, values)
    return GroupSums(blasts, normals, _count_wins(cells))


def sum_by_group(cells: pd.DataFrame, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Add up values of cells within each subject group.

    Args:
        cells: subject_group, label; n rows.
        values: Shape (n, m).

    Returns:
        The sums of the groups of blasts, and of the groups of normal cells; each (groups, m), ordered by group.
    """
    of_blasts, of_normals = ((cells["label"] == label).to_numpy(dtype=np.bool_) for label in CLASSES)
    groups = cells["subject_group"].to_numpy(dtype=np.str_)
    return _sum_rows(values[of_blasts], groups[of_blasts]), _sum_rows(values[of_normals], groups[of_normals])


def weighted_metric(sums: GroupSums, metric: str, *weights: Weights) -> NDArray[np.float64]:
    """Compute a metric of groups that count several times or not at all.

    Args:
        sums: Result of `sum_calls`.
        metric: A rate of `describe_calls`, auroc or brier.
        weights: How often each group counts, shape (..., groups); one array per class that the metric needs.

    Returns:
        Shape (...); NaN where the metric is undefined.
    """
    given = dict(zip(CLASSES_NEEDED.get(metric, CLASSES), weights, strict=True))
    blasts, normals = (
        given[label] @ groups if label in given else np.zeros((*weights[0].shape[:-1], 3))
        for label, groups in zip(CLASSES, (sums.blasts, sums.normals), strict=True)
    )
    n_blasts, n_normals = blasts[..., :2].sum(axis=-1), normals[..., :2].sum(axis=-1)
    if metric == "auroc":
        wins = ((given[POSITIVE_LABEL] @ sums.wins) * given[CellLabel.HEM]).sum(axis=-1)
        return share(wins, n_blasts * n_normals)
    if metric == "brier":
        return share(blasts[..., 2] + normals[..., 2], n_blasts + n_normals)
    return rates_of(np.concatenate([normals[..., :2], blasts[..., :2]], axis=-1))[metric]


def metric_at_rates(
    sums: GroupSums, metric: str, *, sensitivity: NDArray[np.float64], specificity: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute a metric as it would be if the calls on these cells had other rates.

    Args:
        sums: Result of `sum_calls`.
        metric: A rate of `describe_calls`.
        sensitivity: 0 to 1, shape (...).
        specificity: 0 to 1, shape (...).

    Returns:
        Shape (...); NaN where the metric is undefined.
    """
    n_blasts, n_normals = (groups[:, :2].sum() for groups in (sums.blasts, sums.normals))
    of_normals = [specificity * n_normals, (1 - specificity) * n_normals]
    of_blasts = [(1 - sensitivity) * n_blasts, sensitivity * n_blasts]
    return rates_of(np.stack([*of_normals, *of_blasts], axis=-1))[metric]


def _count_wins(cells: pd.DataFrame) -> NDArray[np.float64]:
    blasts, normals = (cells[cells["label"] == label] for label in CLASSES)
    groups = [np.sort(scores) for _, scores in normals.groupby("subject_group")["blast_probability"]]
    wins = np.zeros((len(blasts), len(groups)))
    for column, scores in enumerate(groups):
        below = np.searchsorted(scores, blasts["blast_probability"], "left")
        not_above = np.searchsorted(scores, blasts["blast_probability"], "right")
        wins[:, column] = (below + not_above) / 2
    return _sum_rows(wins, blasts["subject_group"].to_numpy(dtype=np.str_))


def _sum_rows(values: NDArray[np.float64], groups: NDArray[np.str_]) -> NDArray[np.float64]:
    names, numbers = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, numbers, values)
    return sums
