"""Whether what is promised of new subjects is kept: from scores to a plan of referral, on drawn cohorts.

    .venv/bin/python benchmarks/promise.py --out=docs/results/promise.json

Each cohort is a set of validation cells. On it threshold, calibration and plan are chosen by the functions that
`kedro run` uses (the fit of a calibration excepted, see `QuickCalibration`); then many new subjects of the same
population tell what the choice is worth.
"""

import argparse
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, Self
from unittest.mock import patch

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn import calibration
from sklearn.isotonic import IsotonicRegression
from threadpoolctl import threadpool_limits
from timing import write_json

from blastscreen.evaluation.calibration import calibrate, choose_calibration, fit_calibration
from blastscreen.evaluation.operating_point import choose_operating_point
from blastscreen.evaluation.promise import choose_min_confidence, count_groups_needed
from blastscreen.parameters import EvaluationParameters
from blastscreen.vocabulary import Calibration, CellLabel, OperatingRule, Split

LEVEL = 0.95
WANTED = (0.05, 0.2)
"""Of these the smallest that the number of subjects allows to be promised at all is asked for."""
N_SUBJECTS = (4, 10, 20, 40, 80, 160)
CORRELATIONS = (0.1, 0.3, 0.5)
N_STRANGERS = 1500


class Population(NamedTuple):
    """How far the classes are apart, in standard deviations of a cell from 0; and who is called wrong altogether."""

    distance: float
    turned: float = 0.0
    with_size: bool = False


POPULATIONS = {
    "weak": Population(0.7),
    "good": Population(1.6, turned=0.01),
    # nothing is doubtful, but more people are called wrong than is wanted: confidence is no help
    "sure and wrong": Population(3.0, turned=0.06),
    # and those of whom there are many cells are called wrong more often: the mean over people is below that over cells
    "wrong with size": Population(3.0, turned=0.025, with_size=True),
}


def draw_cells(
    rng: np.random.Generator, n_subjects: int, *, population: Population, correlation: float
) -> pd.DataFrame:
    """Draw cells of subjects that share an effect; numbers of cells are lognormal, and scores exaggerate."""
    n_cells = np.ceil(rng.lognormal(np.log(15), 1, n_subjects)).clip(max=400).astype(np.int64)
    is_blast = np.arange(n_subjects) < round(0.6 * n_subjects)
    chance = population.turned * (n_cells / n_cells.mean() if population.with_size else 1)
    side = np.where(is_blast, 1, -1) * np.where(rng.random(n_subjects) < chance, -1, 1)
    effect = side * population.distance + rng.normal(scale=correlation**0.5, size=n_subjects)
    subject = np.repeat(np.arange(n_subjects), n_cells)
    latent = effect[subject] + rng.normal(scale=(1 - correlation) ** 0.5, size=len(subject))
    return pd.DataFrame(
        {
            "subject_group": subject,
            "label": np.where(is_blast, CellLabel.ALL, CellLabel.HEM)[subject],
            "split": Split.VALIDATION,
            "data_source": "drawn",
            "blast_probability": expit(3 * latent),
        }
    )


class QuickCalibration:
    """`CalibratedClassifierCV` without its checks and copies, which take ten times as long as the fit."""

    classes_ = (False, True)

    def __init__(self, _: Any, *, method: str, **__: Any) -> None:
        self.method = method

    def fit(self, log_odds: NDArray[np.float64], is_blast: NDArray[np.bool_]) -> Self:
        """Fit by Platt's method, with Newton's steps, or by steps upwards (isotonic)."""
        odds = log_odds[:, 0]
        if self.method == Calibration.ISOTONIC:
            self.map = IsotonicRegression(out_of_bounds="clip").fit(odds, is_blast).predict
            return self
        n_blasts, n_normals = is_blast.sum(), (~is_blast).sum()
        target = np.where(is_blast, (n_blasts + 1) / (n_blasts + 2), 1 / (n_normals + 2))
        design, weights = np.column_stack([odds, np.ones_like(odds)]), np.zeros(2)
        for _ in range(30):
            given = expit(design @ weights)
            curvature = (design * (given * (1 - given))[:, np.newaxis]).T @ design
            step = np.linalg.solve(curvature + 1e-9 * np.eye(2), design.T @ (target - given))
            weights += step * min(1.0, 1.0 / np.abs(step).max())
            if np.abs(step).max() < 1e-9:
                break
        self.map = lambda odds: expit(weights[0] * odds + weights[1])
        return self

    def predict_proba(self, log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the probabilities of both classes, shape (n, 2)."""
        probability = self.map(log_odds[:, 0])
        return np.column_stack([1 - probability, probability])


def call(cells: pd.DataFrame, probability: NDArray[np.float64], *, threshold: float) -> pd.DataFrame:
    """Give each cell the confidence of its call, and whether it is right."""
    is_called = (cells["blast_probability"] >= threshold).to_numpy()
    is_right = is_called == (cells["label"] == CellLabel.ALL).to_numpy()
    return cells.assign(confidence=np.where(is_called, probability, 1 - probability), is_right=is_right)


def try_cohort(cells: pd.DataFrame, strangers: pd.DataFrame, *, settings: EvaluationParameters) -> dict[str, float]:
    """Choose on a cohort, and tell what comes of it for strangers."""
    point = choose_operating_point(cells, settings=settings)
    promised, threshold = point["promise"]["sensitivity"], point["threshold"]
    blasts = strangers[strangers["label"] == CellLabel.ALL]
    is_found = blasts["blast_probability"] >= threshold
    found = {
        "sensitivity": promised,
        "found over subjects": float(is_found.groupby(blasts["subject_group"]).mean().mean() >= promised),
        "found over cells": float(is_found.mean() >= promised),
    }
    nothing = {"decides": 0.0, "coverage": 0.0, "kept over cells": 1.0, "kept over subjects": 1.0}
    wanted, level = settings.max_residual_error, settings.confidence_level
    if cells["subject_group"].nunique() < count_groups_needed(wanted, confidence_level=level):
        return found | nothing
    method, _ = choose_calibration(cells, wanted=settings.calibration)
    calibrator = fit_calibration(cells, method=method)
    rated = call(cells, calibrate(calibrator, cells["blast_probability"].to_numpy()), threshold=threshold)
    least, _ = choose_min_confidence(rated, max_residual_error=wanted, confidence_level=level)
    if least is None:
        return found | nothing
    probability = calibrate(calibrator, strangers["blast_probability"].to_numpy())
    return found | look_back(call(strangers, probability, threshold=threshold), least, wanted)


def look_back(strangers: pd.DataFrame, least: float, wanted: float) -> dict[str, float]:
    """Tell what a least confidence decides among strangers, and whether no more of it is wrong than was wanted."""
    is_decided = (strangers["confidence"] >= least).to_numpy()
    is_wrong = ~strangers["is_right"].to_numpy()[is_decided]
    _, number = np.unique(strangers["subject_group"].to_numpy()[is_decided], return_inverse=True)
    over_subjects = (np.bincount(number, weights=is_wrong) / np.bincount(number)).mean() if is_wrong.size else 0.0
    return {
        "decides": 1.0,
        "coverage": float(is_decided.mean()),
        "kept over cells": float(not is_wrong.sum() > wanted * is_wrong.size),
        "kept over subjects": float(over_subjects <= wanted),
    }


def try_cell(cell: tuple[str, str, float, int], n_cohorts: int) -> dict[str, Any]:
    """Draw cohorts of one population, correlation and size; average what came of them."""
    method, name, correlation, n_subjects = cell
    possible = [share for share in WANTED if n_subjects >= count_groups_needed(share, confidence_level=LEVEL)]
    settings = EvaluationParameters(
        operating_rule=OperatingRule.SENSITIVITY,
        threshold=0.5,
        min_sensitivity=0.95,
        missed_blast_cost=1,
        calibration=Calibration(method),
        max_residual_error=min(possible, default=min(WANTED)),
        confidence_level=LEVEL,
    )
    draw = partial(draw_cells, population=POPULATIONS[name], correlation=correlation)
    strangers = draw(np.random.default_rng(0), N_STRANGERS)
    rng = np.random.default_rng([n_subjects, int(100 * correlation), list(POPULATIONS).index(name)])
    with threadpool_limits(1), patch.object(calibration, "CalibratedClassifierCV", QuickCalibration):
        found = pd.DataFrame(
            [try_cohort(draw(rng, n_subjects), strangers, settings=settings) for _ in range(n_cohorts)]
        )
    row = {"calibration": method, "population": name, "correlation": correlation, "n_subjects": n_subjects}
    row |= {"wanted": settings.max_residual_error}
    return row | {column: round(float(values.mean()), 4) for column, values in found.items()}


def list_cells() -> list[tuple[str, str, float, int]]:
    """List what is tried: calibration, population, correlation, number of subjects."""
    everywhere = product([Calibration.SIGMOID], ["weak", "good"], CORRELATIONS, N_SUBJECTS)
    hard = product([Calibration.SIGMOID], ["sure and wrong", "wrong with size"], CORRELATIONS[1:2], N_SUBJECTS)
    # steps follow chance more than a slope does
    steps = product([Calibration.ISOTONIC], ["good", "sure and wrong"], CORRELATIONS[1:2], N_SUBJECTS)
    return [(str(method), *cell) for method, *cell in (*everywhere, *hard, *steps)]


def main(argv: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Try every cell of the table, print it and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--cohorts", type=int, default=1000, help="per cell of the table")
    options = parser.parse_args(argv)
    with ProcessPoolExecutor() as pool:
        rows = list(pool.map(partial(try_cell, n_cohorts=options.cohorts), list_cells()))
    print(format_table(rows))
    write_json(options.out, {"n_cohorts": options.cohorts, "confidence_level": LEVEL, "rows": rows})
    return rows


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write a Markdown table: for each population the worst over all that was drawn."""
    kept = ["kept over subjects", "kept over cells", "found over subjects", "found over cells"]
    how = dict.fromkeys(kept, "min") | dict.fromkeys(("decides", "coverage"), "max")
    worst = pd.DataFrame(rows).groupby(["population", "wanted"], sort=False).agg(how).reset_index()
    lines = [[*worst.columns], ["---"] * len(worst.columns)]
    lines += [
        [f"{cell:.3f}" if name in how else str(cell) for name, cell in row.items()] for row in worst.to_dict("records")
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
