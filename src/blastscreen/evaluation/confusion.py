"""Rates of right and wrong calls, from the four counts of a confusion matrix. Leukemic blast is the positive class."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Confusion(NamedTuple):
    """Counts of cells: what they are against what they were called."""

    true_negatives: int
    false_positives: int
    false_negatives: int
    true_positives: int


def count_calls(is_blast: NDArray[np.bool_], blast_probability: NDArray[np.float64], *, threshold: float) -> Confusion:
    """Count the calls of a cut on probability; a cell at or above it is called a blast."""
    called = blast_probability >= threshold
    counts = (~is_blast & ~called, ~is_blast & called, is_blast & ~called, is_blast & called)
    return Confusion(*(int(np.sum(cells)) for cells in counts))


def rates_of(counts: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Compute every rate of `Confusion` matrices of shape (..., 4); NaN where a rate has nothing to be a share of."""
    negatives, false_alarms, misses, hits = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    blasts, normals = hits + misses, negatives + false_alarms
    wrong = false_alarms + misses
    sensitivity, specificity = share(hits, blasts), share(negatives, normals)
    f1_of_blasts, f1_of_normals = share(2 * hits, 2 * hits + wrong), share(2 * negatives, 2 * negatives + wrong)
    # a class without cells weighs nothing, so its own undefined score does not matter
    weighted_sum = blasts * np.nan_to_num(f1_of_blasts) + normals * np.nan_to_num(f1_of_normals)
    return {
        "accuracy": share(hits + negatives, blasts + normals),
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "false_positive_rate": share(false_alarms, normals),
        "precision_all": share(hits, hits + false_alarms),
        "precision_hem": share(negatives, negatives + misses),
        "f1_all": f1_of_blasts,
        "f1_weighted": share(weighted_sum, blasts + normals),
    }


def describe_calls(counts: Confusion) -> dict[str, float | None]:
    """Compute every rate of a confusion matrix; None where a rate has nothing to be a share of."""
    return {name: None if np.isnan(rate) else float(rate) for name, rate in rates_of(counts).items()}


def share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide arrays of one shape; NaN where the whole is 0."""
    shares = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=shares, where=np.asarray(whole) != 0)
    return shares
