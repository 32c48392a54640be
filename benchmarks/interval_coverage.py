"""How often intervals over subject groups hold the truth, in drawn cohorts of people who differ in size and in skill.

    python benchmarks/interval_coverage.py --out docs/results/interval_coverage.json

Numbers of cells are log-normal as in C-NMC (146 a person on average, standard deviation of the logarithm 1): a few
people hold half of the cells. Rates of calls are beta distributed between people. Scores are normal, and so is what is
common to all cells of a person. What two models find hard agrees with a correlation of 0.7 for people, 0.5 for cells.
"""

import argparse
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, logit
from timing import write_json

from blastscreen.evaluation.intervals import (
    CLASSES,
    GroupSums,
    LeftOut,
    count_wins,
    difference_interval,
    leave_out_of_metric,
    rate_interval,
)

LEVEL = 0.95
SUBJECTS = (3, 5, 6, 10, 20, 40)
CORRELATIONS = (0.1, 0.3)


class Study(NamedTuple):
    """A quantity, what it is in the population, and how to draw its value in a cohort: one model's, or two models'.

    `draw` takes a generator, the number of subjects of each class, and the intra-class correlation.
    """

    name: str
    truth: float
    draw: Callable[[np.random.Generator, int, float], Sequence[LeftOut]]


def draw_sizes(rng: np.random.Generator, n_subjects: int) -> NDArray[np.int64]:
    """Draw how many cells each person has."""
    return np.maximum(1, np.rint(rng.lognormal(math.log(146) - 0.5, 1.0, n_subjects))).astype(np.int64)


def draw_calls(metric: str, sensitivity: float, specificity: float) -> Callable[..., list[LeftOut]]:
    """Draw a metric of calls: each person's own rate, and with it the calls of their cells."""

    def draw(rng: np.random.Generator, n_subjects: int, correlation: float) -> list[LeftOut]:
        sums = {}
        for label, rate in zip(CLASSES, (sensitivity, specificity), strict=True):
            n_cells = draw_sizes(rng, n_subjects)
            concentration = (1 - correlation) / correlation
            own = rng.beta(rate * concentration, (1 - rate) * concentration, n_subjects)
            right = rng.binomial(n_cells, own)
            calls = (n_cells - right, right) if label == CLASSES[0] else (right, n_cells - right)
            sums[label] = np.column_stack([*calls, np.zeros((n_subjects, 2))])
        return [leave_out_of_metric(sums, metric)]

    return draw


def draw_scores(*aurocs: float) -> Callable[..., list[LeftOut]]:
    """Draw the area under the curve of one or two models on the same cells."""

    def draw(rng: np.random.Generator, n_subjects: int, correlation: float) -> list[LeftOut]:
        sizes = [draw_sizes(rng, n_subjects) for _ in CLASSES]
        n_cells = sum(map(np.sum, sizes))
        group = np.repeat(np.arange(2 * n_subjects), np.concatenate(sizes))
        is_blast = group < n_subjects
        of_people, of_cells = (
            rng.multivariate_normal([0, 0], [[1, common], [common, 1]], n).T
            for common, n in ((0.7, 2 * n_subjects), (0.5, n_cells))
        )
        found = []
        for auroc, person, cell in zip(aurocs, of_people, of_cells, strict=False):
            score = math.sqrt(correlation) * person[group] + math.sqrt(1 - correlation) * cell
            score += is_blast * math.sqrt(2) * stats.norm.ppf(auroc)
            wins = np.bincount(group, count_wins(is_blast, score))
            columns = np.column_stack([np.concatenate(sizes), np.zeros((2 * n_subjects, 2)), wins])
            sums: GroupSums = dict(zip(CLASSES, np.split(columns, 2), strict=True))
            found.append(leave_out_of_metric(sums, "auroc"))
        return found

    return draw


STUDIES = (
    Study("sensitivity .875", 0.875, draw_calls("sensitivity", 0.875, 0.5)),
    Study("accuracy .85", 0.85, draw_calls("accuracy", 0.9, 0.8)),
    Study("AUROC .86", 0.86, draw_scores(0.86)),
    Study("AUROC .86 - .82", 0.04, draw_scores(0.86, 0.82)),
    Study("sensitivity .97", 0.97, draw_calls("sensitivity", 0.97, 0.5)),
    Study("AUROC .97", 0.97, draw_scores(0.97)),
)
"""The last two are extremes, at which many cohorts have no error."""


def jackknife_t(left_out: LeftOut) -> tuple[float, float]:
    """Compute the textbook's interval, to compare with: Student's on the log odds, Welch's degrees of freedom."""
    value, parts = left_out.value, []
    for without in left_out.without:
        n = len(without)
        parts.append((n - 1, (n - 1) / n * float(np.sum((without - value) ** 2))))
    variance = sum(part for _, part in parts)
    if value in (0, 1) or not variance:
        return value, value
    quantile = stats.t.ppf((1 + LEVEL) / 2, variance**2 / sum(part**2 / freedom for freedom, part in parts))
    reach = quantile * math.sqrt(variance) / (value * (1 - value))
    return float(expit(logit(value) - reach)), float(expit(logit(value) + reach))


def measure(number: int, n_subjects: int, correlation: float, n_cohorts: int) -> dict[str, Any]:
    """Draw cohorts of one of `STUDIES`, and count what their intervals do.

    Returns:
        covered, above, below: shares of intervals that hold the truth, lie above it, lie below it; width: their mean
        width, where 1 is that of 1.96 standard errors either way, of which one would have to know the size;
        jackknife_t: share of intervals of `jackknife_t` that hold the truth, None for a difference.
    """
    study, rng = STUDIES[number], np.random.default_rng([number, n_subjects, round(100 * correlation)])
    values, bounds, textbook = [], [], []
    for _ in range(n_cohorts):
        drawn = study.draw(rng, n_subjects, correlation)
        interval_of = rate_interval if len(drawn) == 1 else difference_interval
        found: Any = interval_of(*drawn, confidence_level=LEVEL)
        values.append(drawn[0].value - sum(other.value for other in drawn[1:]))
        bounds.append((found["low"], found["high"]))
        textbook += [jackknife_t(drawn[0])] if len(drawn) == 1 else []
    above, below = _misses(study.truth, bounds)
    return {
        "quantity": study.name,
        "n_subjects": n_subjects,
        "correlation": correlation,
        "covered": 1 - above - below,
        "above": above,
        "below": below,
        "width": float(np.mean(np.diff(bounds)) / (2 * stats.norm.ppf((1 + LEVEL) / 2) * np.std(values))),
        "jackknife_t": 1 - sum(_misses(study.truth, textbook)) if textbook else None,
    }


def _misses(truth: float, bounds: Iterable[tuple[float, float]]) -> tuple[float, float]:
    low, high = np.transpose(list(bounds))
    return float(np.mean(low > truth)), float(np.mean(high < truth))


def format_table(results: Mapping[str, Any]) -> str:
    """Write a table in Markdown: the worst over the numbers of subjects, for each quantity and correlation."""
    how = {"covered": "min", "above": "max", "below": "max", "width": "max", "jackknife_t": "min"}
    worst = pd.DataFrame(results["rows"]).groupby(["quantity", "correlation"], sort=False).agg(how).reset_index()
    lines = [
        "| quantity | ICC | covered, least | above, most | below, most | width, most | textbook, least |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in worst.to_dict("records"):
        textbook = "" if pd.isna(row["jackknife_t"]) else f"{row['jackknife_t']:.3f}"
        cells = [
            row["quantity"],
            f"{row['correlation']:.1f}",
            *(f"{row[name]:.3f}" for name in ("covered", "above", "below")),
        ]
        lines.append(f"| {' | '.join([*cells, format(row['width'], '.2f'), textbook])} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure all, print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--cohorts", type=int, default=2000, help="drawn for each line and correlation")
    options = parser.parse_args(argv)
    cases = [(*case, options.cohorts) for case in product(range(len(STUDIES)), SUBJECTS, CORRELATIONS)]
    with ProcessPoolExecutor() as pool:
        rows = list(pool.map(measure, *zip(*cases, strict=True)))
    results = {"level": LEVEL, "n_cohorts": options.cohorts, "rows": rows}
    print(format_table(results))
    write_json(options.out, results)


if __name__ == "__main__":
    main()
