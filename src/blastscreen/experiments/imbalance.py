"""Ways to balance the classes, on the same held-out cells: what each moves, and what it gains."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.evaluation.intervals import Interval, LeftOut, difference_interval, rate_interval
from blastscreen.experiments.cross_validation import (
    THRESHOLD,
    HeldOut,
    Run,
    auroc_within_folds,
    cross_validate,
    list_seeds,
)
from blastscreen.experiments.protocols import HONEST, predict_held_out
from blastscreen.models.estimators import ForestParameters
from blastscreen.parameters import AuditParameters, ComputeParameters, EvaluationParameters, SplitParameters
from blastscreen.vocabulary import Balancing, Region, mark_blasts

BASELINE = Balancing.CLASS_WEIGHT


def audit_imbalance(
    cells: pd.DataFrame,
    *,
    settings: AuditParameters,
    split_settings: SplitParameters,
    forest: ForestParameters,
    evaluation: EvaluationParameters,
    compute: ComputeParameters,
) -> pd.DataFrame:
    """Cross-validate every way to balance the classes, on folds of subjects and features of the cell.

    Classes are balanced anew in every fold, among its training cells. Seeds of folds, forests and draws begin with that
    of `split_settings`. The table is that of `measure_balancing`.

    Raises:
        CohortError: A class has fewer than two subject groups.
    """
    seeds = list_seeds(split_settings.seed, settings.balancing_seeds)
    runs = [
        Run(*HONEST, seed, partial(predict_held_out, forest=one))
        for way in Balancing
        for seed in seeds
        for one in [forest.model_copy(update={"balancing": way, "seed": seed})]
    ]
    found = cross_validate(cells, runs, compute=compute, description="Auditing the classes' balance")
    divisions = {way: found[place * len(seeds) :][: len(seeds)] for place, way in enumerate(Balancing)}
    return measure_balancing(cells[cells["region"] == Region.CELL], divisions, settings=evaluation)


def measure_balancing(
    cells: pd.DataFrame, divisions: Mapping[Balancing, Sequence[HeldOut]], *, settings: EvaluationParameters
) -> pd.DataFrame:
    """Measure held-out probabilities, and subtract from each measure that of the forest with class weights.

    Measures are the AUROC within folds; sensitivity and specificity at a cut of 0.5; and the specificity at the cut
    that finds the wanted share of the blasts, chosen in each fold on the very cells that it cuts. That is no way to use
    a model, but the point of every ROC curve at which models can be compared. Without a subject group, the cuts are
    chosen anew.

    Of each way there are as many divisions, whose values are taken together. The table is in the schema
    `AUDIT_IMBALANCE`; bounds are NaN where subject groups are too few for an interval.
    """
    level = settings.confidence_level
    measures = {way: leave_groups_out(cells, of_way, settings.min_sensitivity) for way, of_way in divisions.items()}
    rows = []
    for way, of_way in measures.items():
        for measure, own in of_way.items():
            baseline = measures[BASELINE][measure]
            gained = None if way == BASELINE else difference_interval(own, baseline, confidence_level=level)
            values = {"value": own.value, **_bounds(rate_interval(own, confidence_level=level))}
            differences = {"difference": own.value - baseline.value, **_bounds(gained, prefix="difference_")}
            rows.append({"balancing": way.value, "measure": measure, **values, **differences})
    return pd.DataFrame(rows).assign(min_sensitivity=settings.min_sensitivity, n_seeds=len(divisions[BASELINE]))


def _bounds(interval: Interval | None, *, prefix: str = "") -> dict[str, float]:
    low, high = (interval["low"], interval["high"]) if interval else (np.nan, np.nan)
    return {f"{prefix}low": low, f"{prefix}high": high}


def leave_groups_out(cells: pd.DataFrame, divisions: Sequence[HeldOut], min_sensitivity: float) -> dict[str, LeftOut]:
    """Compute each measure of `measure_balancing`, and what it is without each subject group."""
    is_blast = np.tile(mark_blasts(cells["label"]), len(divisions))
    groups = np.tile(cells["subject_group"].to_numpy(dtype=np.str_), len(divisions))
    # folds of other divisions have other numbers
    fold = np.concatenate([number * len(cells) + division.fold for number, division in enumerate(divisions)])
    probability = np.concatenate([division.probability for division in divisions])

    def measure(there: NDArray[np.bool_]) -> dict[str, float]:
        return _measure(is_blast[there], probability[there], fold[there], min_sensitivity)

    values = measure(np.ones(len(groups), dtype=np.bool_))
    blasts, normals = (
        pd.DataFrame([measure(groups != group) for group in np.unique(groups[of_class])])
        for of_class in (is_blast, ~is_blast)
    )
    # a rate of one class does not need the groups of the other
    needed = {"sensitivity": [blasts], "specificity": [normals]}
    return {
        name: LeftOut(value, tuple(without[name].to_numpy() for without in needed.get(name, [blasts, normals])))
        for name, value in values.items()
    }


def _measure(
    is_blast: NDArray[np.bool_], probability: NDArray[np.float64], fold: NDArray[np.intp], min_sensitivity: float
) -> dict[str, float]:
    n_right, n_normals = 0, 0
    # without blasts a fold has no cut
    for inside in (fold == number for number in np.unique(fold[is_blast])):
        blasts, normals = np.sort(probability[inside & is_blast]), probability[inside & ~is_blast]
        # at the lowest blast that can't be missed as well
        found = np.arange(len(blasts))[::-1] / len(blasts)
        n_right += int((normals < blasts[np.argmax(found < min_sensitivity)]).sum())
        n_normals += len(normals)
    called = probability >= THRESHOLD
    return {
        "auroc": auroc_within_folds(is_blast, probability, fold),
        "sensitivity": float(called[is_blast].mean()),
        "specificity": float((~called[~is_blast]).mean()),
        "specificity_at_sensitivity": n_right / n_normals if n_normals else np.nan,
    }
