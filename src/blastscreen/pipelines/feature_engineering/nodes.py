"""Nodes of pipeline `feature_engineering`."""

from functools import partial

import pandas as pd

from blastscreen.features.table import identify_cells, measure_cells, name_cells
from blastscreen.imaging.stack import CellStack
from blastscreen.parameters import ComputeParameters, FeatureParameters
from blastscreen.resume import PartStore, map_parts


def measure_features(
    cell_images: CellStack, finished: PartStore, settings: FeatureParameters, compute: ComputeParameters
) -> pd.DataFrame:
    """Measure the features of every standardised cell."""
    tables = map_parts(
        partial(measure_cells, settings=settings),
        cell_images.ranges(compute.batch_size),
        make_batch=cell_images.batch,
        identify=partial(identify_cells, cell_images, settings=settings),
        parts=finished,
        settings=compute,
        description="Measuring features",
        names=name_cells,
    )
    return pd.concat(tables, ignore_index=True)
