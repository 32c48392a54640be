"""Ways to balance the classes, on the same held-out cells: what each moves, and what it gains."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.compute.parallel import map_batches, use_cores
from blastscreen.evaluation.intervals import Interval, LeftOut, difference_interval, rate_interval
from blastscreen.experiments.cross_validation import (
    THRESHOLD,
    auroc_within_folds,
    count_folds,
    draw_folds,
    list_seeds,
    predict_held_out,
)
from blastscreen.experiments.protocols import HONEST, divide_cores
from blastscreen.models.balancing import fit_balanced
from blastscreen.parameters import (
    AuditParameters,
    ComputeParameters,
    EvaluationParameters,
    ForestParameters,
    SplitParameters,
)
from blastscreen.schemas import AUDIT_IMBALANCE
from blastscreen.vocabulary import Balancing, CellLabel, mark_blasts

BASELINE = Balancing.CLASS_WEIGHT
MEASURES: dict[str, tuple[CellLabel, ...]] = {
    "auroc": tuple(CellLabel),
    "sensitivity": (CellLabel.ALL,),
    "specificity": (CellLabel.HEM,),
    "specificity_at_sensitivity": tuple(CellLabel),
}
"""Measures, and the classes that each of them needs."""

Division = tuple[NDArray[np.intp], NDArray[np.float64]]
"""In which fold each cell was held out, and the probability that it then got of being a blast; both of shape (n,)."""


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

    Classes are balanced anew in every fold, among its training cells; the cells held out stay as they are.

    Args:
        cells: Result of `pair_regions`.
        settings: Number of seeds, cost of a false alarm, size of the ensemble.
        split_settings: The first seed, of folds, forests and draws; the others follow.
        forest: Trees.
        evaluation: Wanted sensitivity, and how intervals are made.
        compute: Workers; their number does not change the result.

    Returns:
        Table in the schema `AUDIT_IMBALANCE`, see `measure_balancing`.

    Raises:
        CohortError: A class has fewer than two subject groups.
    """
    table = cells[cells["region"] == HONEST.region]
    seeds = list_seeds(split_settings.seed, settings.balancing_seeds)
    runs = [(way, seed) for way in Balancing for seed in seeds]
    of_runs, of_trees = divide_cores(compute)
    n_folds = count_folds(table, fewest=2)
    run = partial(_hold_out, table=table, n_folds=n_folds, settings=settings, forest=forest, compute=of_trees)
    found = map_batches(run, runs, total=len(runs), settings=of_runs, description="Auditing the classes' balance")
    divisions: dict[Balancing, list[Division]] = {way: [] for way in Balancing}
    for (way, _), division in zip(runs, found, strict=True):
        divisions[way].append(division)
    return measure_balancing(table, divisions, settings=evaluation)


def _hold_out(
    run: tuple[Balancing, int],
    *,
    table: pd.DataFrame,
    n_folds: int,
    settings: AuditParameters,
    forest: ForestParameters,
    compute: ComputeParameters,
) -> Division:
    balancing, seed = run
    fit = partial(
        fit_balanced,
        balancing=balancing,
        forest=forest.model_copy(update={"seed": seed}),
        false_alarm_cost=settings.false_alarm_cost,
        ensemble_size=settings.ensemble_size,
    )
    fold = draw_folds(table, strategy=HONEST.strategy, n_folds=n_folds, seed=seed)
    with use_cores(compute):
        return fold, predict_held_out(table, fold, fit=fit)


def measure_balancing(
    cells: pd.DataFrame, divisions: Mapping[Balancing, Sequence[Division]], *, settings: EvaluationParameters
) -> pd.DataFrame:
    """Measure held-out probabilities, and subtract from each measure that of the forest with class weights.

    - auroc: of pairs within a fold, as in `auroc_within_folds`.
    - sensitivity and specificity: at a cut of 0.5.
    - specificity_at_sensitivity: at the cut that finds the wanted share of the blasts, chosen in each fold on the very
      cells that it cuts. No way to use a model, but the point of every ROC curve at which models can be compared.
      Without a subject group, the cuts are chosen anew.

    Args:
        cells: subject_group and label, n rows.
        divisions: As many for each way to balance, `BASELINE` among them. Every fold has cells of both classes, and no
            subject group is in two. Values are of all divisions together.
        settings: Wanted sensitivity, and how intervals are made.

    Returns:
        Table in the schema `AUDIT_IMBALANCE`, in the order of the divisions; bounds are NaN where subject groups are
        too few for an interval.
    """
    level = settings.confidence_level
    measures = {way: leave_groups_out(cells, of_way, settings.min_sensitivity) for way, of_way in divisions.items()}
    rows = []
    for way, of_way in measures.items():
        for measure, own in of_way.items():
            baseline = measures[BASELINE][measure]
            gained = None if way == BASELINE else difference_interval(own, baseline, confidence_level=level)
            row = [way.value, measure, own.value, *_bounds(rate_interval(own, confidence_level=level))]
            rows.append([*row, own.value - baseline.value, *_bounds(gained)])
    table = pd.DataFrame(rows, columns=list(AUDIT_IMBALANCE.columns)[:-2])
    table = table.assign(min_sensitivity=settings.min_sensitivity, n_seeds=len(divisions[BASELINE]))
    return table.astype({"balancing": "str", "measure": "str"})


def _bounds(interval: Interval | None) -> tuple[float, float]:
    return (interval["low"], interval["high"]) if interval else (np.nan, np.nan)


def leave_groups_out(cells: pd.DataFrame, divisions: Sequence[Division], min_sensitivity: float) -> dict[str, LeftOut]:
    """Compute each measure of `measure_balancing`, and what it is without each subject group."""
    is_blast = np.tile(mark_blasts(cells["label"]), len(divisions))
    groups = np.tile(cells["subject_group"].to_numpy(dtype=np.str_), len(divisions))
    # a fold is told from those of other divisions
    fold = np.concatenate([number * len(cells) + fold for number, (fold, _) in enumerate(divisions)])
    probability = np.concatenate([scores for _, scores in divisions])

    def measure(there: NDArray[np.bool_]) -> dict[str, float]:
        return _measure(is_blast[there], probability[there], fold[there], min_sensitivity)

    everybody = measure(np.ones(len(groups), dtype=np.bool_))
    of_class = {CellLabel.ALL: is_blast, CellLabel.HEM: ~is_blast}
    without = {
        label: pd.DataFrame([measure(groups != group) for group in np.unique(groups[inside])])
        for label, inside in of_class.items()
    }
    return {
        name: LeftOut(everybody[name], tuple(without[label][name].to_numpy() for label in needed))
        for name, needed in MEASURES.items()
    }


def _measure(
    is_blast: NDArray[np.bool_], probability: NDArray[np.float64], fold: NDArray[np.intp], min_sensitivity: float
) -> dict[str, float]:
    called = probability >= THRESHOLD
    return {
        "auroc": auroc_within_folds(is_blast, probability, fold),
        "sensitivity": float(called[is_blast].mean()),
        "specificity": float((~called[~is_blast]).mean()),
        "specificity_at_sensitivity": _specificity_at(is_blast, probability, fold, min_sensitivity),
    }


def _specificity_at(
    is_blast: NDArray[np.bool_], probability: NDArray[np.float64], fold: NDArray[np.intp], min_sensitivity: float
) -> float:
    n_right, n_normals = 0, 0
    # without blasts a fold has no cut
    for inside in (fold == number for number in np.unique(fold[is_blast])):
        blasts, normals = np.sort(probability[inside & is_blast]), probability[inside & ~is_blast]
        # at the lowest blast that can't be missed as well
        found = np.arange(len(blasts))[::-1] / len(blasts)
        n_right += int((normals < blasts[np.argmax(found < min_sensitivity)]).sum())
        n_normals += len(normals)
    return n_right / n_normals if n_normals else np.nan
