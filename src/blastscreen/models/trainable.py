"""What cells must be like before a model may learn from them."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from blastscreen.vocabulary import POSITIVE_LABEL, CellLabel, Refusal, Split


def require_same_cells(entry: str, image_ids: Iterable[str], roles: Iterable[str]) -> None:
    """Refuse a catalog entry that speaks of other cells than `cell_splits`.

    Args:
        entry: Name of the entry.
        image_ids: Its cells.
        roles: The cells of `cell_splits`.

    Raises:
        Refusal: A cell is in one of the two only; says how many.
    """
    without_role = len(set(image_ids) - set(roles))
    missing = len(set(roles) - set(image_ids))
    if without_role or missing:
        raise Refusal(
            f"{entry} and cell_splits come from different runs: {without_role} cells are in {entry} only, "
            f"{missing} in cell_splits only. Load the versions of one run for both, or run again from preprocessing"
        )


def require_both_classes(is_blast: NDArray[np.bool_], split: Split) -> None:
    """Refuse cells of one class.

    Args:
        is_blast: True labels, shape (n,).
        split: Named in the message.

    Raises:
        Refusal: A class is missing; says how many cells there are of each.
    """
    n_blasts = int(is_blast.sum())
    n_others = len(is_blast) - n_blasts
    if not n_blasts or not n_others:
        raise Refusal(
            f"the {split} cells hold {n_blasts} {POSITIVE_LABEL}, {n_others} {CellLabel.HEM}: both classes are needed. "
            "Change the fractions or the seed"
        )
