"""Intervals of shares of cells, such as the share that is decided without an expert."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.evaluation.confusion import share
from blastscreen.evaluation.group_sums import sum_by_group
from blastscreen.evaluation.intervals import Interval, group_interval


def share_interval(
    cells: pd.DataFrame,
    part: NDArray[np.bool_],
    whole: NDArray[np.bool_],
    *,
    confidence_level: float,
    n_resamples: int,
    seed: int,
) -> Interval | None:
    """Compute the interval, over the subject groups, of the cells of a part among those of a whole.

    Args:
        cells: subject_group, label; n rows.
        part: Whether a cell is in the part, shape (n,); nothing is in it that is not in the whole.
        whole: Whether a cell is in the whole, shape (n,).
        confidence_level: 0 to 1.
        n_resamples: Bootstrap samples.
        seed: Of the bootstrap.

    Returns:
        See `group_interval`; None too where a resample of the groups may leave the whole without cells.
    """
    sums = sum_by_group(cells, np.column_stack([part, whole]).astype(np.float64))

    def weighted_share(*weights: NDArray[np.float64]) -> NDArray[np.float64]:
        of_classes = [weight @ groups for weight, groups in zip(weights, sums, strict=True)]
        both = np.sum(of_classes, axis=0)
        return share(both[..., 0], both[..., 1])

    return group_interval(
        weighted_share,
        [len(groups) for groups in sums],
        bounds=(0.0, 1.0),
        confidence_level=confidence_level,
        n_resamples=n_resamples,
        seed=seed,
    )
