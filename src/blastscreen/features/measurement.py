"""Features of many cells as a table."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from blastscreen.compute.cache_key import cache_key
from blastscreen.compute.parallel import PartStore, Resume, gather, map_batches
from blastscreen.features.vector import measure_cell
from blastscreen.imaging.cell_stack import CellBatch, CellStack
from blastscreen.imaging.masks import cell_mask, content_box, to_grey
from blastscreen.parameters import ComputeParameters, FeatureParameters
from blastscreen.vocabulary import FEATURE_NAMES, ReasonCode, Region

MeasuredCells = tuple[Sequence[str], Sequence[Sequence[float]]]
"""Names of cells, and their features in the order of `FEATURE_NAMES`, some of them perhaps not finite."""


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

    def key(batch: CellBatch) -> str | None:
        cells = (stack.origin, batch.start, len(batch.image_ids))
        return None if stack.origin is None else cache_key(settings.model_dump(mode="json"), *cells)

    ranges = stack.ranges(compute.batch_size)
    measured = map_batches(
        partial(measure_cells, settings=settings),
        (stack.batch(start, stop) for start, stop in ranges),
        total=len(ranges),
        settings=compute,
        description=f"Measuring features ({settings.region})",
        names=lambda batch: batch.image_ids,
        resume=Resume(finished, key),
    )
    return pd.concat([tabulate_features([]), *map(tabulate_features, gather(measured))], ignore_index=True)


def measure_cells(batch: CellBatch, *, settings: FeatureParameters) -> MeasuredCells:
    """Measure the features of a few cells, which are read here, where they are measured."""
    rows = []
    for cell in batch.read():
        # where only the cell counts, all that follows has less to look through
        grey = to_grey(cell[content_box(cell)] if settings.region == Region.CELL else cell)
        rows.append(measure_cell(grey, cell_mask(grey), settings=settings).tolist())
    return batch.image_ids, rows


def tabulate_features(measured: Sequence[MeasuredCells]) -> pd.DataFrame:
    """Make a table of what was measured.

    Returns:
        One row per cell: image_id, the features in the order of `FEATURE_NAMES`, and reasons, which names every
        feature that is not finite (`non_finite:<feature>`, joined by ";") and is empty otherwise.
    """
    values = np.concatenate([np.empty((0, len(FEATURE_NAMES))), *(np.array(rows) for _, rows in measured)])
    finite = np.isfinite(values)
    reasons = np.full(len(values), "", dtype=object)
    for row in np.flatnonzero(~finite.all(axis=1)):
        missing = [name for name, is_finite in zip(FEATURE_NAMES, finite[row], strict=True) if not is_finite]
        reasons[row] = ";".join(f"{ReasonCode.NON_FINITE}:{name}" for name in missing)
    table = pd.DataFrame(np.where(finite, values, np.nan), columns=list(FEATURE_NAMES))
    image_ids = [image_id for names, _ in measured for image_id in names]
    table.insert(0, "image_id", pd.Series(image_ids, dtype="str"))
    table["reasons"] = pd.Series(reasons, dtype="str")
    return table
