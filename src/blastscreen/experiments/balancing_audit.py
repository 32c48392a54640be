"""Ways to balance the classes, on the same held-out cells: what each moves, and what it gains."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.compute.parallel import map_batches, use_cores
from blastscreen.evaluation.confusion import share
from blastscreen.evaluation.group_sums import CLASSES, count_wins, leave_out_of_metric, sum_by_group, sum_calls
from blastscreen.evaluation.intervals import Interval, LeftOut, difference_interval, leave_each_out, rate_interval
from blastscreen.experiments.flattery import HONEST
from blastscreen.experiments.fold_scores import THRESHOLD
from blastscreen.experiments.folds import count_folds, draw_folds, seeds_of_audit
from blastscreen.experiments.forests import divide_cores, predict_held_out
from blastscreen.models.estimators import ForestParameters
from blastscreen.models.tabular import fit_classifier
from blastscreen.parameters import AuditParameters, ComputeParameters, EvaluationParameters
from blastscreen.schemas import AUDIT_IMBALANCE
from blastscreen.vocabulary import POSITIVE_LABEL, Balancing

BASELINE = Balancing.CLASS_WEIGHT

Division = tuple[NDArray[np.intp], NDArray[np.float64]]
"""In which fold each cell was held out, and the probability that it then got of being a blast; both of shape (n,)."""
Fold = tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]
"""Subject groups of its blasts, by rising score, shape (m,); normal cells of each group scored below each of these
blasts, shape (m, groups); and all normal cells of each group, shape (groups,)."""


def audit_imbalance(
    cells: pd.DataFrame,
    *,
    settings: AuditParameters,
    forest: ForestParameters,
    evaluation: EvaluationParameters,
    first_seed: int,
    compute: ComputeParameters,
) -> pd.DataFrame:
    """Cross-validate every way to balance the classes, on folds of subjects and features of the cell.

    Classes are balanced anew in every fold, among its training cells; the cells held out stay as they are.

    Args:
        cells: Result of `pair_regions`.
        settings: Number of seeds, cost of a false alarm, size of the ensemble.
        forest: Trees; the seed is that of the folds.
        evaluation: Wanted sensitivity, and how intervals are made.
        first_seed: Of folds, forests and draws; the others follow.
        compute: Workers; their number does not change the result.

    Returns:
        Table in the schema `AUDIT_IMBALANCE`, see `measure_balancing`.

    Raises:
        CohortError: A class has fewer than two subject groups.
    """
    table = cells[cells["region"] == HONEST.region]
    seeds = seeds_of_audit(first_seed, settings.balancing_seeds)
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
    costs = {"false_alarm_cost": settings.false_alarm_cost, "ensemble_size": settings.ensemble_size}
    fit = partial(fit_classifier, settings=forest.model_copy(update={"balancing": balancing, "seed": seed, **costs}))
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
    measures = {way: make_measures(cells, of_way, settings.min_sensitivity) for way, of_way in divisions.items()}
    level = settings.confidence_level
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


def make_measures(cells: pd.DataFrame, divisions: Sequence[Division], min_sensitivity: float) -> dict[str, LeftOut]:
    """Compute each measure of `measure_balancing`, and what it is without each subject group.

    Args:
        cells: subject_group and label, n rows.
        divisions: See `measure_balancing`.
        min_sensitivity: Share of the blasts that the cuts of the last measure find, 0 to 1.
    """
    of_divisions = [sum_calls(cells.assign(blast_probability=scores), threshold=THRESHOLD) for _, scores in divisions]
    calls = {label: np.sum([sums[label] for sums in of_divisions], axis=0) for label in CLASSES}
    pairs = sum_by_group(cells, np.sum([_count_pairs(cells, division) for division in divisions], axis=0))
    folds = [fold for division in divisions for fold in _rank_normals(cells, division)]
    # every group is a sum of its own, so that totals tell which groups are there
    groups = [np.eye(len(calls[label])) for label in CLASSES]
    return {
        "auroc": leave_each_out(_auroc, list(pairs.values())),
        "sensitivity": leave_out_of_metric(calls, "sensitivity"),
        "specificity": leave_out_of_metric(calls, "specificity"),
        "specificity_at_sensitivity": leave_each_out(partial(_specificity_at, folds, min_sensitivity), groups),
    }


def _count_pairs(cells: pd.DataFrame, division: Division) -> NDArray[np.float64]:
    """Count for each cell its wins in its fold, as `count_wins`, and the cells of the other class there."""
    fold, probability = division
    is_blast = (cells["label"] == POSITIVE_LABEL).to_numpy(dtype=np.bool_)
    pairs = np.empty((len(cells), 2))
    for held_out in (fold == one for one in np.unique(fold)):
        blasts = is_blast[held_out]
        pairs[held_out, 0] = count_wins(blasts, probability[held_out])
        pairs[held_out, 1] = np.where(blasts, (~blasts).sum(), blasts.sum())
    return pairs


def _rank_normals(cells: pd.DataFrame, division: Division) -> Iterator[Fold]:
    """Yield for every fold what its specificity is made of, at a cut just below any of its blasts."""
    fold, probability = division
    is_blast = (cells["label"] == POSITIVE_LABEL).to_numpy(dtype=np.bool_)
    groups = cells["subject_group"].to_numpy(dtype=np.str_)
    number = np.empty(len(cells), dtype=np.intp)
    for of_class in (is_blast, ~is_blast):
        number[of_class] = np.unique(groups[of_class], return_inverse=True)[1]
    for held_out in (fold == one for one in np.unique(fold)):
        blasts, normals = np.flatnonzero(held_out & is_blast), np.flatnonzero(held_out & ~is_blast)
        blasts = blasts[np.argsort(probability[blasts], kind="stable")]
        member = np.eye(number[~is_blast].max() + 1)[number[normals]]
        below = probability[normals] < probability[blasts][:, np.newaxis]
        yield number[blasts], below.astype(np.float64) @ member, member.sum(axis=0)


def _specificity_at(
    folds: Sequence[Fold], min_sensitivity: float, of_blasts: NDArray[np.float64], of_normals: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Take which groups are there, shape (..., groups)."""
    right, everybody = np.zeros(of_normals.shape[:-1]), np.zeros(of_normals.shape[:-1])
    for groups, below, n_normals in folds:
        missed = np.cumsum(of_blasts[..., groups], axis=-1)
        n_blasts = missed[..., -1:]
        # the lowest blast that can't be missed as well; without blasts a fold has no cut
        lowest = (share(n_blasts - missed, np.broadcast_to(n_blasts, missed.shape)) < min_sensitivity).argmax(axis=-1)
        counted = of_normals * (n_blasts > 0)
        right += (below[lowest] * counted).sum(axis=-1)
        everybody += (n_normals * counted).sum(axis=-1)
    return share(right, everybody)


def _auroc(of_blasts: NDArray[np.float64], of_normals: NDArray[np.float64]) -> NDArray[np.float64]:
    # a group that is left out takes its wins and its pairs from its own class alone
    both = np.minimum(of_blasts, of_normals)
    return share(both[..., 0], both[..., 1])
