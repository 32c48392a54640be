"""Features of many cells as a table."""

from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.compute.parallel import PartStore, cache_key, gather, map_batches
from blastscreen.features import FEATURES
from blastscreen.features.cell import cut_out
from blastscreen.imaging.cell_stack import CellBatch, CellStack
from blastscreen.imaging.masks import cell_mask, content_box, to_grey
from blastscreen.parameters import ComputeParameters, FeatureParameters
from blastscreen.vocabulary import ReasonCode, Region

MeasuredCells = tuple[Sequence[str], Sequence[Sequence[float]]]
"""Image ids, and a row of features for each in the order of `feature_names`."""


def measure_features(
    cell_images: CellStack, finished: PartStore, *, settings: FeatureParameters, compute: ComputeParameters
) -> pd.DataFrame:
    """Measure the features of every cell of a stack, but for what an interrupted run has finished.

    Returns:
        Table in the schema `CELL_FEATURES`; see `tabulate_features`.
    """

    def key(batch: CellBatch) -> str | None:
        cells = (cell_images.origin, batch.start, len(batch.image_ids))
        return None if cell_images.origin is None else cache_key(settings.model_dump(mode="json"), *cells)

    ranges = cell_images.ranges(compute.batch_size)
    measured = map_batches(
        partial(measure_cells, settings=settings),
        (cell_images.batch(start, stop) for start, stop in ranges),
        total=len(ranges),
        settings=compute,
        description=f"Measuring features ({settings.region})",
        names=lambda batch: batch.image_ids,
        finished=finished,
        key=key,
    )
    tabulate = partial(tabulate_features, settings=settings)
    return pd.concat([tabulate([]), *map(tabulate, gather(measured))], ignore_index=True)


def measure_cells(batch: CellBatch, *, settings: FeatureParameters) -> MeasuredCells:
    """Read a few cells and measure their features."""
    names, rows = feature_names(settings), []
    for pixels in batch.read():
        # where only the cell counts, all that follows has less to look through
        picture = pixels[content_box(pixels)] if settings.region == Region.CELL else pixels
        values = measure_cell(picture, cell_mask(to_grey(picture)), settings=settings)
        rows.append([values[name] for name in names])
    return batch.image_ids, rows


def measure_cell(
    pixels: NDArray[np.uint8], mask: NDArray[np.bool_], *, settings: FeatureParameters
) -> dict[str, float]:
    """Measure the chosen groups of features of a cell, in their order.

    Args:
        pixels: (H, W, 3) RGB at native resolution.
        mask: (H, W), True on the cell.
        settings: Groups of features, and what they see.

    Returns:
        Values by name. What a cell does not define is NaN, and the aspect ratio of a straight line of pixels inf.
    """
    cell = cut_out(pixels, mask, settings=settings)
    return {name: value for group in settings.groups for name, value in FEATURES[group](cell).items()}


@lru_cache
def feature_names(settings: FeatureParameters) -> tuple[str, ...]:
    """List the features that the settings choose, as a cell of noise has them."""
    pixels = np.random.default_rng(0).integers(1, 256, (16, 16, 3), dtype=np.uint8)
    return tuple(measure_cell(pixels, np.ones((16, 16), dtype=np.bool_), settings=settings))


def tabulate_features(measured: Sequence[MeasuredCells], *, settings: FeatureParameters) -> pd.DataFrame:
    """Tabulate image_id, features and reasons, one row per cell.

    Reasons name every feature that is not finite (`non_finite:<feature>`, joined by ";").
    """
    names = feature_names(settings)
    values = np.concatenate([np.empty((0, len(names))), *(np.array(rows) for _, rows in measured)])
    finite = np.isfinite(values)
    reasons = np.full(len(values), "", dtype=object)
    for row in np.flatnonzero(~finite.all(axis=1)):
        missing = [name for name, is_finite in zip(names, finite[row], strict=True) if not is_finite]
        reasons[row] = ";".join(f"{ReasonCode.NON_FINITE}:{name}" for name in missing)
    table = pd.DataFrame(np.where(finite, values, np.nan), columns=list(names))
    image_ids = [image_id for ids, _ in measured for image_id in ids]
    table.insert(0, "image_id", pd.Series(image_ids, dtype="str"))
    table["reasons"] = pd.Series(reasons, dtype="str")
    return table
