"""Cross-validation in which every cell is held out once: draw folds, predict what is held out, score it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from blastscreen.cohort.soundness import CohortError
from blastscreen.compute.parallel import map_batches, use_cores
from blastscreen.evaluation.confusion import count_calls, describe_calls
from blastscreen.parameters import ComputeParameters
from blastscreen.vocabulary import CellLabel, Region, Split, SplitStrategy, mark_blasts

N_FOLDS = 4
"""Folds of a cohort that has as many subjects in each class: training then sees three quarters of the cells."""
THRESHOLD = 0.5
"""Probability from which a cell is called a blast: no cells are left over to choose a better one on."""

_UNITS = {SplitStrategy.SUBJECT: "subject_group", SplitStrategy.IMAGE: "image_id"}
STRATEGIES = tuple(_UNITS)


class Run(NamedTuple):
    """One division into folds. `predict` takes cells with their split in a fold, and scores those in split test."""

    strategy: SplitStrategy
    region: Region
    seed: int
    predict: Callable[[pd.DataFrame], ArrayLike]


class HeldOut(NamedTuple):
    """In which fold each of n cells was held out, and the probability that it then got of being a blast, 0 to 1."""

    fold: NDArray[np.intp]
    probability: NDArray[np.float64]


def cross_validate(
    cells: pd.DataFrame, runs: Sequence[Run], *, compute: ComputeParameters, description: str
) -> list[HeldOut]:
    """Hold out the cells of each run's region, with runs side by side; the number of workers changes nothing."""
    alone = compute.model_copy(update={"n_jobs": 1})
    of_runs, of_trees = (alone, compute) if compute.backend == "threading" else (compute, alone)
    one = partial(_hold_out_region, cells=cells, n_folds=count_folds(cells, fewest=2), compute=of_trees)
    return list(map_batches(one, runs, total=len(runs), settings=of_runs, description=description))


def _hold_out_region(run: Run, *, cells: pd.DataFrame, n_folds: int, compute: ComputeParameters) -> HeldOut:
    with use_cores(compute):
        return hold_out(run, cells[cells["region"] == run.region], n_folds=n_folds)


def hold_out(run: Run, cells: pd.DataFrame, *, n_folds: int, validates: bool = False) -> HeldOut:
    """Predict the cells of each fold from all others; the fold after it validates, if any does."""
    fold = draw_folds(cells, strategy=run.strategy, n_folds=n_folds, seed=run.seed)
    probability = np.empty(len(cells))
    for number in range(n_folds):
        tested, validating = fold == number, validates & (fold == (number + 1) % n_folds)
        roles = np.select([tested, validating], [Split.TEST.value, Split.VALIDATION.value], Split.TRAIN.value)
        probability[tested] = run.predict(cells.assign(split=roles))
    return HeldOut(fold, probability)


def count_folds(cells: pd.DataFrame, *, fewest: int) -> int:
    """Count the folds that leave subjects of both classes in each: `N_FOLDS`, or as many as the rarer class has groups.

    Raises:
        CohortError: A class has fewer subject groups than the fewest folds that are needed.
    """
    groups = {label: int(cells.loc[cells["label"] == label, "subject_group"].nunique()) for label in CellLabel}
    n_folds = min(N_FOLDS, *groups.values())
    if n_folds < fewest:
        found = ", ".join(f"{count} {label}" for label, count in groups.items())
        raise CohortError(
            f"subject groups per class: {found}. The audit divides subjects too, and needs {fewest} of each: add "
            "subjects, or run the other pipelines by name (--pipeline=rf for example)"
        )
    return n_folds


def draw_folds(cells: pd.DataFrame, *, strategy: SplitStrategy, n_folds: int, seed: int) -> NDArray[np.intp]:
    """Divide cells into folds of images or subject groups by `StratifiedKFold`, whatever the order of the rows.

    Every fold has as many units of each class as the others, give or take one. Returns the fold of each row, from 0.
    """
    from sklearn.model_selection import StratifiedKFold

    unit = _UNITS[strategy]
    label_of_unit = cells.groupby(unit)["label"].first()
    fold_of_unit = pd.Series(0, index=label_of_unit.index)
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(folds.split(label_of_unit, label_of_unit)):
        fold_of_unit.iloc[held_out] = number
    return np.asarray(cells[unit].map(fold_of_unit), dtype=np.intp)


def list_seeds(first: int, number: int) -> list[int]:
    """List seeds from the first one upwards, and from 0 again after the largest that there is."""
    return [(first + step) % 2**32 for step in range(number)]


def auroc_within_folds(is_blast: NDArray[np.bool_], probability: NDArray[np.float64], fold: NDArray[np.intp]) -> float:
    """Compute the share of pairs of classes *in one fold* that are in the right order, ties half; NaN without pairs.

    Models of different folds need not agree on a level: a fold that takes many blasts out of training lowers the scores
    of just those. An AUROC over all cells counts that as errors of order, and more so for folds of subjects than of
    images (Forman and Scholz, "Apples-to-apples in cross-validation studies", SIGKDD Explorations 12, 2010).
    """
    from scipy.stats import rankdata

    n_right, n_pairs = 0.0, 0
    for inside in (fold == number for number in np.unique(fold)):
        blasts = is_blast[inside]
        n_blasts = int(blasts.sum())
        n_right += float(rankdata(probability[inside])[blasts].sum()) - n_blasts * (n_blasts + 1) / 2
        n_pairs += n_blasts * (len(blasts) - n_blasts)
    return n_right / n_pairs if n_pairs else np.nan


def score_folds(cells: pd.DataFrame, held_out: HeldOut) -> dict[str, object]:
    """Compute the AUROC within folds, and accuracy and weighted F1 of all cells at `THRESHOLD`."""
    is_blast = mark_blasts(cells["label"])
    calls = describe_calls(count_calls(is_blast, held_out.probability, threshold=THRESHOLD))
    return {
        "n_folds": len(np.unique(held_out.fold)),
        "n_test_cells": len(cells),
        "n_test_groups": int(cells["subject_group"].nunique()),
        "auroc": auroc_within_folds(is_blast, held_out.probability, held_out.fold),
        "accuracy": calls["accuracy"],
        "f1_weighted": calls["f1_weighted"],
    }
