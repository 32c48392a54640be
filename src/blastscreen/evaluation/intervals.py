"""Intervals over subject groups: cells of one person are alike, so that persons are what is left out in turn."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.evaluation.confusion import rates_of, share
from blastscreen.vocabulary import POSITIVE_LABEL, CellLabel, mark_blasts

GroupSums: TypeAlias = Mapping[CellLabel, NDArray[np.float64]]
"""Per class and group what its cells add up to, shape (groups, sums)."""
Statistic: TypeAlias = Callable[..., NDArray[np.float64]]
"""Takes what the groups of each class add up to, shape (..., sums), one array per class; returns shape (...)."""

CLASSES = (POSITIVE_LABEL, CellLabel.HEM)
# every other metric needs cells of both classes
_CLASSES_NEEDED = {"sensitivity": (CellLabel.ALL,)}
_CLASSES_NEEDED |= dict.fromkeys(("specificity", "false_positive_rate"), (CellLabel.HEM,))


class Interval(TypedDict):
    """Bounds, and the number of subject groups that they rest on."""

    low: float
    high: float
    n_groups: int


class LeftOut(NamedTuple):
    """A value, and what it is without each subject group in turn, one array of shape (groups,) per class."""

    value: float
    without: tuple[NDArray[np.float64], ...]

    @property
    def n_groups(self) -> int:
        """Number of groups of all classes."""
        return sum(map(len, self.without))


def leave_each_out(statistic: Statistic, sums: Sequence[NDArray[np.float64]]) -> LeftOut:
    """Compute a statistic of all groups, and without each of them; of each class the sums of its groups are given."""
    totals = [of_class.sum(axis=0) for of_class in sums]
    without = []
    for place, of_class in enumerate(sums):
        left = [np.broadcast_to(total, (len(of_class), len(total))) for total in totals]
        left[place] = totals[place] - of_class
        without.append(statistic(*left))
    return LeftOut(float(statistic(*totals)), tuple(without))


def sum_calls(cells: pd.DataFrame, *, threshold: float) -> GroupSums:
    """Add up for each subject group: cells called normal, called blasts, squared errors, and wins of `count_wins`."""
    probability, is_blast = cells["blast_probability"].to_numpy(dtype=np.float64), mark_blasts(cells["label"])
    called = (probability >= threshold).astype(np.float64)
    wins = count_wins(is_blast, probability)
    return sum_by_group(cells, np.column_stack([1 - called, called, (probability - is_blast) ** 2, wins]))


def sum_by_group(cells: pd.DataFrame, values: NDArray[np.float64]) -> GroupSums:
    """Add up values of cells, shape (n, m), within each subject group: shape (groups, m), ordered by group."""
    table = pd.DataFrame(values).groupby([cells["label"].to_numpy(), cells["subject_group"].to_numpy()]).sum()
    labels = table.index.get_level_values(0)
    return {label: table[labels == label].to_numpy(dtype=np.float64) for label in CLASSES}


def count_wins(is_blast: NDArray[np.bool_], probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Count for each cell those of the other class that its probability is on the right side of, ties half."""
    wins = np.empty(len(probability))
    for of_class, sign in ((is_blast, 1), (~is_blast, -1)):
        others, own = np.sort(sign * probability[~of_class]), sign * probability[of_class]
        wins[of_class] = (np.searchsorted(others, own, "left") + np.searchsorted(others, own, "right")) / 2
    return wins


def leave_out_of_metric(sums: GroupSums, metric: str) -> LeftOut:
    """Compute one of `METRICS` of the groups of `sum_calls` in the classes that it needs, and without each of them."""
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


def share_interval(
    cells: pd.DataFrame, part: NDArray[np.bool_], whole: NDArray[np.bool_], *, confidence_level: float
) -> Interval | None:
    """Compute the interval, over subject groups, of the share that the cells of a part are of a whole, both masks.

    Groups without a cell in the whole do not count. Where a class has fewer than two groups left, classes are pooled.
    """
    sums = list(sum_by_group(cells[whole], np.column_stack([part, whole])[whole].astype(np.float64)).values())
    if min(map(len, sums)) < 2:
        sums = [np.concatenate(sums)]

    def of_totals(*totals: NDArray[np.float64]) -> NDArray[np.float64]:
        both = np.sum(totals, axis=0)
        return share(both[..., 0], both[..., 1])

    return rate_interval(leave_each_out(of_totals, sums), confidence_level=confidence_level)


def rate_interval(left_out: LeftOut, *, confidence_level: float) -> Interval | None:
    """Compute the interval of a value between 0 and 1; None where it is undefined or a class has fewer than two groups.

    It is Wilson's interval (JASA 22, 1927), with the design effect (Korn and Graubard, Survey Methodology 24, 1998)
    that the jackknife over groups finds in place of independent cells, and Student's quantile in place of the normal
    one. What few groups can't show is made up for by one more group, imagined with cells that are all alike (see
    `_pool`): so no interval has zero width. It is 0 to 1 where the value is undefined without one of the groups, on
    which it rests alone.
    """
    return _within(left_out, partial(_rate_bounds, left_out, confidence_level), limits=(0.0, 1.0))


def difference_interval(one: LeftOut, other: LeftOut, *, confidence_level: float) -> Interval | None:
    """Compute the interval of the difference between two values of the same groups, in the same order.

    What makes a subject hard for both cancels out. The interval is Student's; the group that `_pool` imagines has cells
    that differ just as much as the values do. Where the difference is the same without any group, the values' own
    intervals are combined as if they were independent, which is wide (Zou and Donner, Statistics in Medicine 27, 2008).
    """
    difference = one.value - other.value
    left_out = LeftOut(difference, tuple(a - b for a, b in zip(one.without, other.without, strict=True)))

    def bounds() -> tuple[float, float]:
        if any(_deviations(difference, without).any() for without in left_out.without):
            variance, freedom = _pool(left_out, abs(difference) * (1 - abs(difference)))
            reach = _quantile(confidence_level, freedom) * math.sqrt(variance)
            return difference - reach, difference + reach
        (low, high), (other_low, other_high) = (_rate_bounds(side, confidence_level) for side in (one, other))
        below = math.hypot(one.value - low, other_high - other.value)
        return difference - below, difference + math.hypot(high - one.value, other.value - other_low)

    return _within(left_out, bounds, limits=(-1.0, 1.0))


def _within(
    left_out: LeftOut, bounds: Callable[[], tuple[float, float]], *, limits: tuple[float, float]
) -> Interval | None:
    if math.isnan(left_out.value) or min(map(len, left_out.without)) < 2:
        return None
    rests_on_one = any(np.isnan(without).any() for without in left_out.without)
    low, high = limits if rests_on_one else bounds()
    # also after rounding the value is inside
    low, high = max(limits[0], min(low, left_out.value)), min(limits[1], max(high, left_out.value))
    return Interval(low=low, high=high, n_groups=left_out.n_groups)


def _rate_bounds(left_out: LeftOut, confidence_level: float) -> tuple[float, float]:
    value = left_out.value
    # without an error nothing varies, and only the ratio of the two counts
    of_one = value * (1 - value) or 1.0
    variance, freedom = _pool(left_out, of_one)
    weight = variance / of_one * _quantile(confidence_level, freedom) ** 2
    middle = value + weight / 2
    reach = math.sqrt(weight * (value * (1 - value) + weight / 4))
    return (middle - reach) / (1 + weight), (middle + reach) / (1 + weight)


def _deviations(value: float, without: NDArray[np.float64]) -> NDArray[np.float64]:
    # what differs by rounding errors alone does not vary
    return np.round(without - value, 12)


def _quantile(confidence_level: float, freedom: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + confidence_level) / 2))


def _pool(left_out: LeftOut, of_one: float) -> tuple[float, float]:
    """Estimate the variance of a value, and how many degrees of freedom it has.

    Each class has the jackknife's variance, whose freedom is less than groups less one when few large groups decide
    (Johnson and Rust, Journal of Educational Statistics 17, 1992). Few groups often are alike by chance, mostly those
    without errors: so the variance is averaged with the one that it would have if each group were one observation,
    which counts as one degree of freedom, and as the only one where nothing varies. Classes are summed after
    Satterthwaite (1946).
    """
    variances, freedoms = [], []
    for without in left_out.without:
        n = len(without)
        squares = _deviations(left_out.value, without) ** 2 * (n - 1) / n
        seen, freedom = squares.sum(), n - 1.0
        if seen > 0:
            freedom = np.clip((3.16 - 2.77 / math.sqrt(n)) * seen**2 / (squares**2).sum(), 1, n - 1)
        evidence = freedom if seen > 0 else 0.0
        variances.append((evidence * seen + of_one * n / left_out.n_groups**2) / (evidence + 1))
        freedoms.append(freedom + 1)
    variance = sum(variances)
    return float(variance), float(variance**2 / sum(v**2 / f for v, f in zip(variances, freedoms, strict=True)))
