"""Intervals over subject groups: cells of one person are alike, so that persons are what is resampled."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import expit, logit

from blastscreen.evaluation.group_sums import CLASSES_NEEDED, GroupSums, metric_at_rates, sum_calls, weighted_metric

Statistic: TypeAlias = Callable[..., NDArray[np.float64]]
"""Takes how often each group of a class counts, shape (..., groups), one array per class; returns shape (...)."""

CLOPPER_PEARSON, MOVER = "Clopper-Pearson", "MOVER"
_NOT_OF_CALLS = ("auroc", "brier")


class Interval(TypedDict):
    """Bounds, how they were found, and the number of subject groups that they rest on."""

    low: float
    high: float
    method: str
    n_groups: int


def subject_bootstrap_interval(
    cells: pd.DataFrame,
    metrics: Iterable[str],
    *,
    threshold: float,
    confidence_level: float,
    n_resamples: int,
    seed: int,
) -> dict[str, Interval | None]:
    """Compute the interval of each metric over the subject groups of these cells.

    Args:
        cells: subject_group, label, blast_probability.
        metrics: Names of rates of `describe_calls`, auroc, brier.
        threshold: A cell at or above this is called a blast.
        confidence_level: 0 to 1.
        n_resamples: Bootstrap samples.
        seed: Of the bootstrap.

    Returns:
        Per metric the result of `metric_interval`.
    """
    sums = sum_calls(cells, threshold=threshold)
    settings: dict[str, Any] = {"confidence_level": confidence_level, "n_resamples": n_resamples, "seed": seed}
    return {metric: metric_interval(sums, metric, **settings) for metric in metrics}


def metric_interval(
    sums: GroupSums, metric: str, *, confidence_level: float, n_resamples: int, seed: int
) -> Interval | None:
    """Compute the interval of a metric over subject groups.

    A metric of one class resamples the groups of that class, any other those of both, each class by itself: the number
    of persons with and without a leukemia is the study's choice. Where all groups of a class agree on its rate, as for
    a model that calls every cell a blast, resampling sees none of that class's uncertainty. There a metric of the calls
    on both classes adds, by `combine_bounds`, what the interval of that sensitivity or specificity leaves open.

    Args:
        sums: Result of `sum_calls`.
        metric: A rate of `describe_calls`, auroc or brier.
        confidence_level: 0 to 1.
        n_resamples: Bootstrap samples.
        seed: Of the bootstrap.

    Returns:
        As `group_interval`, or with "MOVER" as method. The width is never zero.
    """
    n_groups = sums.count_groups(metric)
    settings: dict[str, Any] = {"confidence_level": confidence_level, "n_resamples": n_resamples, "seed": seed}
    found = group_interval(partial(weighted_metric, sums, metric), n_groups, bounds=(0.0, 1.0), **settings)
    if found is None or metric in (*CLASSES_NEEDED, *_NOT_OF_CALLS) or not (uniform := sums.find_uniform()).any():
        return found
    names, everybody = ("sensitivity", "specificity"), [np.ones(n) for n in n_groups]
    rates = [float(weighted_metric(sums, name, ones)) for name, ones in zip(names, everybody, strict=True)]
    a, b = (metric_interval(sums, name, **settings) for name in names)
    value = float(weighted_metric(sums, metric, *everybody))
    if a is None or b is None or value in (0, 1):
        return found
    sensitivity = np.array([a["low"], rates[0], a["high"], rates[0]])
    specificity = np.array([rates[1], b["low"], rates[1], b["high"]])
    moved = metric_at_rates(sums, metric, sensitivity=sensitivity, specificity=specificity).reshape(2, 2)[:, uniform]
    # what resampling does see: the other class, and groups of uneven size
    seen = (value, value) if found["method"] == CLOPPER_PEARSON else (found["low"], found["high"])
    lows, highs = np.column_stack([moved, seen])
    return combine_bounds(value, lows=lows, highs=highs, bounds=(0.0, 1.0), n_groups=sum(n_groups))


def combine_bounds(
    value: float, *, lows: ArrayLike, highs: ArrayLike, bounds: tuple[float, float], n_groups: int
) -> Interval:
    """Combine intervals of independent parts to that of the whole: the method of variance estimates recovery, MOVER.

    Args:
        value: The value as it is.
        lows: What it would be with each part by itself at the bound that lowers it.
        highs: What it would be with each part by itself at the bound that raises it.
        bounds: Lowest and highest value possible.
        n_groups: Subject groups that the parts rest on.

    Source:
        Newcombe, Statistics in Medicine 17 (1998) 873; Zou and Donner, "Construction of confidence limits about effect
        measures: a general approach", Statistics in Medicine 27 (2008).

    Example:
        >>> combine_bounds(0.5, lows=[0.2, 0.1], highs=[0.5, 0.6], bounds=(0.0, 1.0), n_groups=8)
        {'low': 0.0, 'high': 0.6, 'method': 'MOVER', 'n_groups': 8}
    """
    # the skewness that BCa corrects for can put a bound on the far side of the value
    below = np.linalg.norm(np.maximum(value - np.asarray(lows), 0))
    above = np.linalg.norm(np.maximum(np.asarray(highs) - value, 0))
    low, high = np.clip([value - below, value + above], *bounds)
    return Interval(low=float(low), high=float(high), method=MOVER, n_groups=n_groups)


def group_interval(
    statistic: Statistic,
    n_groups: Sequence[int],
    *,
    bounds: tuple[float, float],
    confidence_level: float,
    n_resamples: int,
    seed: int,
) -> Interval | None:
    """Compute the interval of a statistic over groups that are resampled within each class.

    Which method is decided by what the groups allow, and told in the result:

    - "BCa": bias-corrected and accelerated bootstrap, or "percentile" where BCa is undefined. Resampled groups vary
      less than groups do, by (n - 1) / n, and their spread is itself an estimate: the level is raised to make up for
      both.
    - "jackknife-t": where a class has so few groups that not even the range of n values covers their median at the
      level (fewer than 6 at 95 %), resampling can't either. Then Student's t, with Welch's degrees of freedom, on the
      log odds, from the statistic without each group in turn. Two groups leave nearly everything open.
    - "Clopper-Pearson": where nothing varies between resamples, as when no group has an error, they can't tell how sure
      the value is. Each group of the smaller class then counts as one observation, the most cautious view, with a
      fractional count of right ones where the value lies between the bounds. No interval has zero width.

    Args:
        statistic: The value under weights of the groups, NaN where it is undefined.
        n_groups: Groups of each class, in the order of the statistic's arguments.
        bounds: Lowest and highest value that the statistic can take.
        confidence_level: 0 to 1.
        n_resamples: Bootstrap samples.
        seed: Of the bootstrap.

    Returns:
        The interval; None where a class has fewer than two groups, or the statistic is undefined for the groups as they
        are or for any resample of them.

    Source:
        Efron, "Better bootstrap confidence intervals", JASA 82 (1987); Hesterberg, "What teachers should know about the
        bootstrap", The American Statistician 69 (2015), on raising the level; Mosteller and Tukey, "Data analysis and
        regression" (1977), on the jackknife; Clopper and Pearson, Biometrika 26 (1934); Korn and Graubard, Survey
        Methodology 24 (1998), on fractional counts.
    """
    everybody, of_draws = [np.arange(n) for n in n_groups], _on_draws(statistic, n_groups)
    value, fewest = float(of_draws(*everybody, axis=-1)), min(n_groups)
    if fewest < 2 or math.isnan(value):
        return None
    bootstrap = partial(stats.bootstrap, everybody, of_draws)
    with warnings.catch_warnings():
        # scipy warns of an undefined resample, which is decided below
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        resampled = bootstrap(
            n_resamples=n_resamples, method="percentile", vectorized=True, rng=np.random.default_rng(seed)
        )
    values = resampled.bootstrap_distribution
    if np.isnan(values).any():
        return None
    if np.ptp(values) == 0:
        low, high, method = math.nan, math.nan, CLOPPER_PEARSON
    elif 2.0 ** (1 - fewest) > 1 - confidence_level:
        low, high, method = _jackknife(statistic, value, n_groups, bounds, confidence_level)
    else:
        low, high, method = _read_off(bootstrap, resampled, level=_raise_level(confidence_level, fewest))
    # also where a bound is NaN
    if not high - low > 1e-9:
        low, high, method = _count_groups_once(value, fewest, bounds, confidence_level)
    return Interval(low=low, high=high, method=method, n_groups=sum(n_groups))


def _on_draws(statistic: Statistic, n_groups: Sequence[int]) -> Callable[..., NDArray[np.float64]]:
    """Let a statistic of weights take drawn group numbers, shape (..., draws), as scipy gives them."""

    def of_draws(*drawn: NDArray[np.int64], axis: int) -> NDArray[np.float64]:
        counts = (
            (numbers[..., np.newaxis] == np.arange(n)).sum(axis=axis - 1, dtype=np.float64)
            for numbers, n in zip(drawn, n_groups, strict=True)
        )
        # rounded, so that values which differ by rounding errors only tie: BCa counts ties
        return np.round(statistic(*counts), 12)

    return of_draws


def _read_off(bootstrap: Callable[..., Any], resampled: Any, *, level: float) -> tuple[float, float, str]:
    for method in ("BCa", "percentile"):
        # scipy warns where the jackknife does not vary and BCa is undefined; the percentiles never are
        with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            found = bootstrap(
                n_resamples=0, bootstrap_result=resampled, method=method, confidence_level=level, vectorized=True
            ).confidence_interval
        if not math.isnan(found.low + found.high):
            break
    return float(found.low), float(found.high), method


def _raise_level(level: float, n: int) -> float:
    quantile = stats.t.ppf((1 + level) / 2, n - 1) * math.sqrt(n / (n - 1))
    return float(1 - 2 * stats.norm.sf(quantile))


def _jackknife(
    statistic: Statistic, value: float, n_groups: Sequence[int], bounds: tuple[float, float], level: float
) -> tuple[float, float, str]:
    lowest, width = bounds[0], bounds[1] - bounds[0]
    variances = []
    for place, n in enumerate(n_groups):
        weights = [np.ones((n, k)) for k in n_groups]
        weights[place] = 1 - np.eye(n)
        variances.append((n - 1) * float(np.var(np.round(statistic(*weights) / width, 12))))
    if not np.sum(variances) > 0:
        return math.nan, math.nan, "jackknife-t"
    # Welch's degrees of freedom: the variance of each class is an estimate of its own
    freedom = sum(variances) ** 2 / sum(part**2 / (n - 1) for part, n in zip(variances, n_groups, strict=True))
    inside = (value - lowest) / width
    reach = stats.t.ppf((1 + level) / 2, freedom) * math.sqrt(sum(variances)) / (inside * (1 - inside))
    low, high = expit(logit(inside) + np.array([-reach, reach])) * width + lowest
    return float(low), float(high), "jackknife-t"


def _count_groups_once(value: float, n: int, bounds: tuple[float, float], level: float) -> tuple[float, float, str]:
    lowest, width = bounds[0], bounds[1] - bounds[0]
    right, tail = (value - lowest) / width * n, (1 - level) / 2
    low = stats.beta.ppf(tail, right, n - right + 1) if right > 0 else 0.0
    high = stats.beta.isf(tail, right + 1, n - right) if right < n else 1.0
    return float(low) * width + lowest, float(high) * width + lowest, CLOPPER_PEARSON
