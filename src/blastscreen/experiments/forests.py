"""The forest under every protocol."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.compute.parallel import map_batches, use_cores
from blastscreen.experiments.fold_scores import score_cells
from blastscreen.experiments.folds import STRATEGIES, count_folds, draw_folds, seeds_of_audit
from blastscreen.models.estimators import ForestParameters
from blastscreen.models.tabular import blast_probability, fit_classifier
from blastscreen.parameters import AuditParameters, ComputeParameters
from blastscreen.vocabulary import Region, Split, SplitStrategy

Run = tuple[SplitStrategy, Region, int]


def audit_forests(
    cells: pd.DataFrame,
    *,
    settings: AuditParameters,
    forest: ForestParameters,
    first_seed: int,
    compute: ComputeParameters,
) -> list[dict[str, object]]:
    """Cross-validate the forest, by subject and by image, on features of the cell and of the frame.

    Args:
        cells: Result of `pair_regions`.
        settings: Number of seeds.
        forest: Trees and class weight; the seed is that of the folds.
        first_seed: The others follow.
        compute: Workers; their number does not change the result.

    Returns:
        One record in the columns of the schema `AUDIT` per protocol and seed.

    Raises:
        CohortError: A class has fewer than two subject groups.
    """
    seeds = seeds_of_audit(first_seed, settings.n_seeds)
    runs = [(strategy, region, seed) for strategy in STRATEGIES for region in Region for seed in seeds]
    of_runs, of_trees = divide_cores(compute)
    n_folds = count_folds(cells, fewest=2)
    audit = partial(_audit_forest, cells=cells, forest=forest, n_folds=n_folds, compute=of_trees)
    return list(map_batches(audit, runs, total=len(runs), settings=of_runs, description="Auditing the forest"))


def divide_cores(compute: ComputeParameters) -> tuple[ComputeParameters, ComputeParameters]:
    """Give threads to the trees of one forest at a time, or a process to every forest.

    While scikit-learn fits it replaces Python's warning filters, which all threads share: forests that are fitted by
    threads side by side disturb each other.
    """
    alone = compute.model_copy(update={"n_jobs": 1})
    return (alone, compute) if compute.backend == "threading" else (compute, alone)


def _audit_forest(
    run: Run, *, cells: pd.DataFrame, forest: ForestParameters, n_folds: int, compute: ComputeParameters
) -> dict[str, object]:
    strategy, region, seed = run
    table = cells[cells["region"] == region]
    fold = draw_folds(table, strategy=strategy, n_folds=n_folds, seed=seed)
    fit = partial(fit_classifier, settings=forest.model_copy(update={"seed": seed}))
    with use_cores(compute):
        probability = predict_held_out(table, fold, fit=fit)
    protocol: dict[str, object] = {"model": "rf", "strategy": strategy.value, "region": region.value, "seed": seed}
    return protocol | score_cells(table, probability, fold)


def predict_held_out(
    table: pd.DataFrame, fold: NDArray[np.intp], *, fit: Callable[[pd.DataFrame], Any]
) -> NDArray[np.float64]:
    """Predict the cells of each fold by what was fitted on all others.

    Args:
        table: One row per cell, with the 15 features; its own split is not used.
        fold: Of each row, shape (n,).
        fit: Takes the table with the cells of one fold in split test and all others in train.

    Returns:
        Probability of a blast, shape (n,), 0 to 1.
    """
    probability = np.empty(len(table))
    for number in np.unique(fold):
        held_out = fold == number
        fitted = fit(table.assign(split=np.where(held_out, Split.TEST.value, Split.TRAIN.value)))
        probability[held_out] = blast_probability(fitted, table[held_out])
    return probability
