"""Features of many cells as a table."""

import numpy as np
import pandas as pd

from blastscreen.features.vector import measure_cell
from blastscreen.imaging.masks import bounding_box, cell_mask, to_grey
from blastscreen.imaging.stack import CellBatch, CellStack
from blastscreen.parameters import FeatureParameters
from blastscreen.vocabulary import FEATURE_NAMES, ReasonCode, Region


def measure_cells(batch: CellBatch, *, settings: FeatureParameters) -> pd.DataFrame:
    """Measure the features of standardised cells.

    Args:
        batch: Cells, black outside; they are read here, where they are measured.
        settings: Region, blur and edge settings.

    Returns:
        One row per cell: image_id, the features in the order of `FEATURE_NAMES`, and reasons, which names every
        feature that is not finite (`non_finite:<feature>`, joined by ";") and is empty otherwise.
    """
    pixels = batch.read()
    values = np.empty((len(pixels), len(FEATURE_NAMES)))
    for row, cell in zip(values, pixels, strict=True):
        grey = to_grey(cell)
        if settings.region == Region.CELL:
            grey = grey[bounding_box(grey, margin=0)]  # all that follows has less to look through
        row[:] = measure_cell(grey, cell_mask(grey), settings=settings)
    table = pd.DataFrame(values, columns=list(FEATURE_NAMES)).replace([np.inf, -np.inf], np.nan)
    table.insert(0, "image_id", pd.Series(batch.image_ids, dtype="str"))
    missing = table[list(FEATURE_NAMES)].isna()
    table["reasons"] = pd.Series(
        [";".join(f"{ReasonCode.NON_FINITE}:{name}" for name in missing.columns[row]) for row in missing.to_numpy()],
        dtype="str",
    )
    return table


def identify_cells(stack: CellStack, start: int, stop: int, *, settings: FeatureParameters) -> list[object] | None:
    """Say what the features of a range of cells follow from; None if the origin of the pixels is unknown."""
    if stack.origin is None:
        return None
    return [settings.model_dump(mode="json"), stack.origin, start, stop]


def name_cells(batch: CellBatch) -> tuple[str, ...]:
    """Name the cells of a batch."""
    return batch.image_ids
