"""Which cells train, validate and test. No person is on two sides, except by the paper's own protocol."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.cohort.index import select_counted
from blastscreen.cohort.names import natural_key
from blastscreen.cohort.soundness import CohortError
from blastscreen.parameters import SplitParameters
from blastscreen.vocabulary import CellLabel, Split, SplitStrategy

_SPLITS = tuple(Split)
# Held to about a million group draws: the more groups there are, the fewer draws it takes to come close.
_MAX_DRAWS = 4096
_MAX_GROUP_DRAWS = 1_000_000
_SUBJECT_WEIGHT = 0.5
_COST_TOLERANCE = 0.02


def split_cells(cell_index: pd.DataFrame, settings: SplitParameters) -> pd.DataFrame:
    """Split the counted cells into a table in the schema `CELL_SPLITS`; the order of rows does not matter.

    Raises:
        CohortError: No sound split can be made; the text says why and what to do.
    """
    ordered = select_counted(cell_index).sort_values("image_id", ignore_index=True)
    identity = ordered[["image_id", "subject_id", "subject_group", "label"]]
    unknown = identity.loc[identity.isna().any(axis=1), "image_id"]
    if len(unknown):
        raise CohortError(f"cells without subject or label: {len(unknown):,}, such as {unknown.iloc[0]}. Drop them")
    fractions = {"validation_fraction": settings.validation_fraction, "test_fraction": settings.test_fraction}
    match settings.strategy:
        case SplitStrategy.SUBJECT:
            split = split_by_subject(ordered, **fractions, seed=settings.seed)
        case SplitStrategy.SOURCE_FOLD:
            split = split_by_source_fold(
                ordered, validation_fold=settings.validation_fold, test_fold=settings.test_fold
            )
        case SplitStrategy.IMAGE:
            split = split_by_image(ordered, **fractions, seed=settings.seed)
    splits = identity.assign(split=split, data_source=ordered["data_source"])
    require_sound_splits(splits, groups_stay_whole=settings.strategy != SplitStrategy.IMAGE)
    return splits


def split_by_subject(
    cells: pd.DataFrame, *, validation_fraction: float, test_fraction: float, seed: int
) -> "pd.Series[str]":
    """Assign every subject group, whole, to one split; fractions are the wanted shares of the cells of each class.

    Groups are very uneven: one of C-NMC's subjects holds a tenth of all blasts, five hold over half of the normal
    cells. So each class is shared out by a seeded search: some thousand random assignments, each with at least one
    group in every split, are scored by how far the shares of cells are from the wanted ones plus half of how far the
    shares of groups are (sums of absolute differences over the three splits; groups count because the evidence of a
    test set grows with its subjects). One is drawn from those within 0.02 of the best score, so that seeds resample
    the split wherever there is a choice. A group too large for validation or test thereby ends in training.

    Raises:
        CohortError: A class has fewer than three groups, or a group has both labels.
    """
    sizes = _count_cells_per_group(cells)
    rng = np.random.default_rng(seed)
    wanted = np.array([1 - validation_fraction - test_fraction, validation_fraction, test_fraction])
    split_of_group: dict[str, str] = {}
    for label in CellLabel:
        of_label = sizes.loc[sizes[label] > 0, label]
        assignment = _share_out(of_label.to_numpy(), wanted=wanted, rng=rng)
        split_of_group |= {group: _SPLITS[role].value for group, role in zip(of_label.index, assignment, strict=True)}
    return cells["subject_group"].map(split_of_group).astype("str").rename("split")


def _count_cells_per_group(cells: pd.DataFrame) -> pd.DataFrame:
    """Count cells per group (rows, in natural order) and label, and refuse what can't be shared out."""
    sizes = pd.crosstab(cells["subject_group"], cells["label"]).reindex(columns=list(CellLabel), fill_value=0)
    sizes = sizes.loc[sorted(sizes.index, key=natural_key)]
    problems = []
    both = sizes.index[(sizes > 0).all(axis=1)]
    if len(both):
        problems.append(f"subject groups with both labels: {', '.join(both)}. Correct the labels or leave them out")
    n_groups = (sizes > 0).sum()
    if (n_groups < len(_SPLITS)).any():
        counts = ", ".join(f"{n_groups[label]} {label}" for label in CellLabel)
        advice = "Each split needs one: add subjects until each class has 3"
        problems.append(f"subject groups per class: {counts}. {advice}")
    if problems:
        raise CohortError(*problems)
    return sizes


def _share_out(sizes: NDArray[np.int64], *, wanted: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose for each of three or more groups its position in `wanted`, the shares of the splits; each occurs."""
    n_groups, n_splits = len(sizes), len(wanted)
    shape = (min(_MAX_DRAWS, 1 + _MAX_GROUP_DRAWS // n_groups), n_groups)
    draws = rng.choice(n_splits, size=shape, p=wanted)
    one_each = np.argsort(rng.random(shape), axis=1)[:, :n_splits]
    np.put_along_axis(draws, one_each, np.arange(n_splits)[np.newaxis], axis=1)
    cost = np.zeros(len(draws))
    for position, share in enumerate(wanted):
        chosen = draws == position
        cost += np.abs(chosen @ (sizes / sizes.sum()) - share)
        cost += _SUBJECT_WEIGHT * np.abs(chosen.mean(axis=1) - share)
    assignment: NDArray[np.int64] = draws[rng.choice(np.flatnonzero(cost <= cost.min() + _COST_TOLERANCE))]
    return assignment


def split_by_image(
    cells: pd.DataFrame, *, validation_fraction: float, test_fraction: float, seed: int
) -> "pd.Series[str]":
    """Split single images, stratified on the class: the paper's protocol, in which subjects leak between splits.

    Scikit-learn's `train_test_split` first takes validation and test together, then test out of those.

    Raises:
        CohortError: There are too few cells to stratify.
    """
    from sklearn.model_selection import train_test_split

    ordered = cells.sort_values("image_id")
    labels = ordered["label"].to_numpy(dtype=object)
    # rounded up as scikit-learn does, but not for a floating-point tail: 10 * (0.1 + 0.2) is 3, not 4
    n_held_out = math.ceil(round(len(ordered) * (validation_fraction + test_fraction), 6))
    n_test = math.ceil(round(n_held_out * test_fraction / (validation_fraction + test_fraction), 6))
    places, roles = np.arange(len(ordered)), np.full(len(ordered), Split.TRAIN.value, dtype=object)
    try:
        _, held_out = train_test_split(places, test_size=n_held_out, stratify=labels, random_state=seed)
        validation, test = train_test_split(held_out, test_size=n_test, stratify=labels[held_out], random_state=seed)
    except ValueError as error:
        counts = ", ".join(f"{(labels == label).sum():,} {label}" for label in CellLabel)
        raise CohortError(f"too few cells to split by image ({counts}): {error}") from error
    roles[validation] = Split.VALIDATION.value
    roles[test] = Split.TEST.value
    return pd.Series(roles, index=ordered.index, name="split", dtype="str").reindex(cells.index)


def split_by_source_fold(cells: pd.DataFrame, *, validation_fold: str, test_fold: str) -> "pd.Series[str]":
    """Assign one of the official folds to validation, one to test and the others to training.

    The official folds share no subject id but they do share people: a group found in several folds goes, whole, to the
    fold with most of its cells, the first by name among equals.

    Raises:
        CohortError: A cell has no fold, or a named fold isn't there.
    """
    problems = []
    homeless = cells.loc[cells["source_fold"].isna(), "image_id"].sort_values()
    if len(homeless):
        found = f"{len(homeless):,}, such as {homeless.iloc[0]}"
        advice = "Put them into fold_<n> folders, or split by subject"
        problems.append(f"cells outside the official folders: {found}. {advice}")
    counts = pd.crosstab(cells["subject_group"], cells["source_fold"])
    folds = sorted(map(str, counts.columns), key=natural_key)
    missing = [fold for fold in (validation_fold, test_fold) if fold not in folds]
    if missing:
        found = ", ".join(f"{fold} ({counts[fold].sum():,} cells)" for fold in folds) or "none"
        problems.append(f"no cells in {' and '.join(missing)}; folds found: {found}. Name two of them")
    if problems:
        raise CohortError(*problems)
    split_of_fold = {validation_fold: Split.VALIDATION.value, test_fold: Split.TEST.value}
    home_fold = cells["subject_group"].map(counts[folds].idxmax(axis=1))
    return home_fold.map(split_of_fold).fillna(Split.TRAIN.value).astype("str").rename("split")


def require_sound_splits(splits: pd.DataFrame, *, groups_stay_whole: bool) -> None:
    """Refuse splits that miss a class or, where groups stay whole, divide a person."""
    problems = []
    counts = pd.crosstab(splits["split"], splits["label"]).reindex(index=_SPLITS, columns=list(CellLabel), fill_value=0)
    if (counts == 0).any(axis=None):
        texts = [f"{split} {row[CellLabel.ALL]:,} all, {row[CellLabel.HEM]:,} hem" for split, row in counts.iterrows()]
        problems.append(f"a split lacks a class ({'; '.join(texts)} cells). Choose other folds, or add subjects")
    crossing = splits.groupby("subject_group")["split"].nunique().loc[lambda n_splits: n_splits > 1]
    if groups_stay_whole and len(crossing):
        problems.append(f"subject groups in several splits: {len(crossing):,}, such as {crossing.index[0]}")
    if problems:
        raise CohortError(*problems)
