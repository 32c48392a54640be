"""Nodes of pipeline `feature_engineering`."""

import pandas as pd

from blastscreen.compute.parallel import PartStore
from blastscreen.features import measurement
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.parameters import ComputeParameters, FeatureParameters


def measure_features(
    cell_images: CellStack, finished: PartStore, settings: FeatureParameters, compute: ComputeParameters
) -> pd.DataFrame:
    """Measure the features of every standardised cell."""
    return measurement.measure_features(cell_images, finished, settings=settings, compute=compute)
