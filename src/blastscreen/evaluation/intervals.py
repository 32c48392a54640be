"""Intervals over subject groups: cells of one person are alike, so that persons are what is resampled."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit

from blastscreen.evaluation.group_sums import sum_calls, weighted_metric

Statistic: TypeAlias = Callable[..., NDArray[np.float64]]
"""Takes how often each group of a class counts, shape (..., groups), one array per class; returns shape (...)."""


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
        Per metric the result of `group_interval`. A metric of one class resamples the groups of that class, any other
        those of both, each class by itself: the number of persons with and without a leukemia is the study's choice.
    """
    sums = sum_calls(cells, threshold=threshold)
    settings: dict[str, Any] = {"confidence_level": confidence_level, "n_resamples": n_resamples, "seed": seed}
    return {
        metric: group_interval(
            partial(weighted_metric, sums, metric), sums.count_groups(metric), bounds=(0.0, 1.0), **settings
        )
        for metric in metrics
    }


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
    - "Clopper-Pearson": where all groups agree on a bound, as when no group has an error, resampling sees no variation.
      Each group then counts as one observation, the most cautious view.

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
        regression" (1977), on the jackknife; Clopper and Pearson, Biometrika 26 (1934).
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
        low, high, method = _agree(value, fewest, bounds, confidence_level)
    elif 2.0 ** (1 - fewest) > 1 - confidence_level:
        low, high, method = _jackknife(statistic, value, n_groups, bounds, confidence_level)
    else:
        low, high, method = _read_off(bootstrap, resampled, level=_raise_level(confidence_level, fewest))
    return None if math.isnan(low + high) else Interval(low=low, high=high, method=method, n_groups=sum(n_groups))


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
        variances.append((n - 1) * float(np.var(statistic(*weights) / width)))
    # Welch's degrees of freedom: the variance of each class is an estimate of its own
    freedom = sum(variances) ** 2 / sum(part**2 / (n - 1) for part, n in zip(variances, n_groups, strict=True))
    inside = (value - lowest) / width
    reach = stats.t.ppf((1 + level) / 2, freedom) * math.sqrt(sum(variances)) / (inside * (1 - inside))
    low, high = expit(logit(inside) + np.array([-reach, reach])) * width + lowest
    return float(low), float(high), "jackknife-t"


def _agree(value: float, n: int, bounds: tuple[float, float], level: float) -> tuple[float, float, str]:
    lowest, width = bounds[0], bounds[1] - bounds[0]
    if value not in bounds:
        return value, value, "percentile"
    exact = stats.binomtest(n if value == bounds[1] else 0, n).proportion_ci(level, method="exact")
    return float(exact.low) * width + lowest, float(exact.high) * width + lowest, "Clopper-Pearson"
