"""Nodes of pipeline `feature_engineering`."""

import pandas as pd

from blastscreen import cell_features
from blastscreen.imaging.stack import CellStack
from blastscreen.parameters import ComputeParameters, FeatureParameters
from blastscreen.resume import PartStore


def measure_features(
    cell_images: CellStack, finished: PartStore, settings: FeatureParameters, compute: ComputeParameters
) -> pd.DataFrame:
    """Measure the features of every standardised cell."""
    return cell_features.measure_features(cell_images, finished, settings=settings, compute=compute)
