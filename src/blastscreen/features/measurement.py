"""Features of many cells as a table."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.compute.resume import PartStore, map_parts
from blastscreen.features.vector import measure_cell
from blastscreen.imaging.cell_stack import CellBatch, CellStack
from blastscreen.imaging.masks import cell_mask, content_box, to_grey
from blastscreen.parameters import ComputeParameters, FeatureParameters
from blastscreen.vocabulary import FEATURE_NAMES, ReasonCode, Region


class MeasuredCells(NamedTuple):
    """Names of cells, and their features (n, 15) in the order of `FEATURE_NAMES`, some of them perhaps not finite."""

    image_ids: tuple[str, ...]
    features: NDArray[np.float64]


def measure_features(
    stack: CellStack, finished: PartStore, *, settings: FeatureParameters, compute: ComputeParameters
) -> pd.DataFrame:
    """Measure the features of every cell of a stack.

    Args:
        stack: Standardised cells, black outside.
        finished: Where what an interrupted run has measured lies.
        settings: Region, blur and edge settings.
        compute: Workers, and cells per unit of work.

    Returns:
        Table in the schema `CELL_FEATURES`; see `tabulate_features`.
    """

    def identify(start: int, stop: int) -> list[object] | None:
        return None if stack.origin is None else [settings.model_dump(mode="json"), stack.origin, start, stop]

    parts = map_parts(
        partial(measure_cells, settings=settings),
        stack.ranges(compute.batch_size),
        make_batch=stack.batch,
        identify=identify,
        tabulate=tabulate_features,
        parts=finished,
        settings=compute,
        description=f"Measuring features ({settings.region})",
        names=name_cells,
    )
    return pd.concat([tabulate_features([]), *parts], ignore_index=True)


def measure_cells(batch: CellBatch, *, settings: FeatureParameters) -> MeasuredCells:
    """Measure the features of a few cells, which are read here, where they are measured."""
    pixels = batch.read()
    values = np.empty((len(pixels), len(FEATURE_NAMES)))
    for row, cell in zip(values, pixels, strict=True):
        # where only the cell counts, all that follows has less to look through
        grey = to_grey(cell[content_box(cell)] if settings.region == Region.CELL else cell)
        row[:] = measure_cell(grey, cell_mask(grey), settings=settings)
    return MeasuredCells(batch.image_ids, values)


def tabulate_features(measured: Sequence[MeasuredCells]) -> pd.DataFrame:
    """Make a table of what was measured.

    Returns:
        One row per cell: image_id, the features in the order of `FEATURE_NAMES`, and reasons, which names every
        feature that is not finite (`non_finite:<feature>`, joined by ";") and is empty otherwise.
    """
    values = np.concatenate([np.empty((0, len(FEATURE_NAMES))), *(cells.features for cells in measured)])
    finite = np.isfinite(values)
    reasons = np.full(len(values), "", dtype=object)
    for row in np.flatnonzero(~finite.all(axis=1)):
        missing = [name for name, is_finite in zip(FEATURE_NAMES, finite[row], strict=True) if not is_finite]
        reasons[row] = ";".join(f"{ReasonCode.NON_FINITE}:{name}" for name in missing)
    table = pd.DataFrame(np.where(finite, values, np.nan), columns=list(FEATURE_NAMES))
    image_ids = [image_id for cells in measured for image_id in cells.image_ids]
    table.insert(0, "image_id", pd.Series(image_ids, dtype="str"))
    table["reasons"] = pd.Series(reasons, dtype="str")
    return table


def name_cells(batch: CellBatch) -> tuple[str, ...]:
    """Name the cells of a batch."""
    return batch.image_ids
