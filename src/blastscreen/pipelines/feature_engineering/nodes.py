"""Nodes of pipeline `feature_engineering`."""

from functools import partial

import pandas as pd

from blastscreen.features.table import measure_cells
from blastscreen.imaging.stack import CellStack
from blastscreen.parallel import map_batches, ranges
from blastscreen.parameters import ComputeParameters, FeatureParameters


def measure_features(cell_images: CellStack, settings: FeatureParameters, compute: ComputeParameters) -> pd.DataFrame:
    """Measure the features of every standardised cell."""
    total = len(ranges(len(cell_images), compute.batch_size))
    tables = map_batches(
        partial(measure_cells, settings=settings),
        cell_images.batches(compute.batch_size),
        total=total,
        settings=compute,
        description="Measuring features",
    )
    return pd.concat(tables, ignore_index=True)
