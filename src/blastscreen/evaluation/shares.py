"""Intervals of shares of cells, such as the share that is decided without an expert."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.evaluation.confusion import share
from blastscreen.evaluation.group_sums import sum_by_group
from blastscreen.evaluation.intervals import Interval, leave_each_out, rate_interval


def share_interval(
    cells: pd.DataFrame, part: NDArray[np.bool_], whole: NDArray[np.bool_], *, confidence_level: float
) -> Interval | None:
    """Compute the interval, over the subject groups, of the cells of a part among those of a whole.

    Groups without a cell in the whole do not count. Where fewer than two groups of a class are left, the classes are
    not told apart.

    Args:
        cells: subject_group, label; n rows.
        part: Whether a cell is in the part, shape (n,); nothing is in it that is not in the whole.
        whole: Whether a cell is in the whole, shape (n,).
        confidence_level: 0 to 1.

    Returns:
        See `rate_interval`; None where fewer than two groups are left.
    """
    sums = list(sum_by_group(cells[whole], np.column_stack([part, whole])[whole].astype(np.float64)).values())
    if min(map(len, sums)) < 2:
        sums = [np.concatenate(sums)]
    return rate_interval(leave_each_out(_share, sums), confidence_level=confidence_level)


def _share(*totals: NDArray[np.float64]) -> NDArray[np.float64]:
    both = np.sum(totals, axis=0)
    return share(both[..., 0], both[..., 1])
