"""Folds in which every cell is tested once; what is never divided between two is the only difference."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from blastscreen.cohort.soundness import CohortError
from blastscreen.vocabulary import CellLabel, SplitStrategy

N_FOLDS = 4
"""Folds of a cohort that has as many subjects in each class: training then sees three quarters of the cells."""

_UNITS = {SplitStrategy.SUBJECT: "subject_group", SplitStrategy.IMAGE: "image_id"}
STRATEGIES = tuple(_UNITS)


def count_folds(cells: pd.DataFrame, *, fewest: int) -> int:
    """Tell how many folds leave subjects of both classes in each.

    Args:
        cells: subject_group and label; a group has one label.
        fewest: Folds that are needed.

    Returns:
        `N_FOLDS`, or the number of subject groups of the rarer class if that is less.

    Raises:
        CohortError: There are fewer groups than folds needed.
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
    """Divide cells into folds, image by image or subject group by subject group.

    Both are scikit-learn's `StratifiedKFold`, of images or of subject groups: every fold has as many units of each
    class as the others, give or take one. Folds of groups therefore differ in their numbers of cells.

    Args:
        cells: image_id, subject_group and label; a group has one label.
        strategy: Image or subject.
        n_folds: At least 2, and no more than the subject groups of the rarer class.
        seed: The same seed gives the same folds, whatever the order of the rows.

    Returns:
        Fold of each row, 0 to n_folds - 1, shape (n,).

    Example:
        >>> cells = pd.DataFrame({"subject_group": list("aabbccdd"), "label": ["all"] * 4 + ["hem"] * 4})
        >>> draw_folds(cells, strategy=SplitStrategy.SUBJECT, n_folds=2, seed=0)
        array([1, 1, 0, 0, 0, 0, 1, 1])
    """
    unit = _UNITS[strategy]
    label_of_unit = cells.groupby(unit)["label"].first()
    fold_of_unit = pd.Series(0, index=label_of_unit.index)
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(folds.split(label_of_unit, label_of_unit)):
        fold_of_unit.iloc[held_out] = number
    return np.asarray(cells[unit].map(fold_of_unit), dtype=np.intp)


def seeds_of_audit(first: int, number: int) -> list[int]:
    """List the seeds of an audit: so many from the first one upwards, from 0 again after the largest there is."""
    return [(first + step) % 2**32 for step in range(number)]
