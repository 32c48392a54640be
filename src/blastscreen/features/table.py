"""Features of many cells as a table."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.features.vector import measure_cell
from blastscreen.imaging.masks import cell_mask, to_grey
from blastscreen.parameters import FeatureParameters
from blastscreen.vocabulary import FEATURE_NAMES, ReasonCode


def measure_cells(batch: tuple[Sequence[str], NDArray[np.uint8]], *, settings: FeatureParameters) -> pd.DataFrame:
    """Measure the features of standardised cells.

    Args:
        batch: Image ids, and as many cells (n, H, W, 3) uint8 RGB, black outside the cell.
        settings: Region, blur and edge settings.

    Returns:
        One row per cell: image_id, the features in the order of `FEATURE_NAMES`, and reasons, which names every
        feature that is not finite (`non_finite:<feature>`, joined by ";") and is empty otherwise.
    """
    image_ids, pixels = batch
    values = np.empty((len(pixels), len(FEATURE_NAMES)))
    for row, cell in zip(values, pixels, strict=True):
        grey = to_grey(cell)
        row[:] = measure_cell(grey, cell_mask(grey), settings=settings)
    table = pd.DataFrame(values, columns=list(FEATURE_NAMES)).replace([np.inf, -np.inf], np.nan)
    table.insert(0, "image_id", pd.Series(image_ids, dtype="str"))
    missing = table[list(FEATURE_NAMES)].isna()
    table["reasons"] = pd.Series(
        [";".join(f"{ReasonCode.NON_FINITE}:{name}" for name in missing.columns[row]) for row in missing.to_numpy()],
        dtype="str",
    )
    return table
