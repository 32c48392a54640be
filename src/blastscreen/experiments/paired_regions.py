"""The same cells with features of both regions."""

import pandas as pd

from blastscreen.compute.parallel import PartStore
from blastscreen.features.measurement import measure_features
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.random_forest import training_table
from blastscreen.parameters import ComputeParameters, FeatureParameters
from blastscreen.vocabulary import Region


def measure_other_region(
    stack: CellStack, finished: PartStore, *, settings: FeatureParameters, compute: ComputeParameters
) -> pd.DataFrame:
    """Measure the features over the region that the run does not, with everything else as the run has it.

    Args:
        stack: `cell_images`.
        finished: Where what an interrupted run has measured lies.
        settings: Of the run's own features.
        compute: Workers, and cells per unit of work.

    Returns:
        Table in the schema `CELL_FEATURES`.
    """
    other = settings.model_copy(update={"region": other_region(settings.region)})
    return measure_features(stack, finished, settings=other, compute=compute)


def other_region(region: Region) -> Region:
    """Name the region that features could see instead."""
    return Region.FRAME if region == Region.CELL else Region.CELL


def pair_regions(
    features: pd.DataFrame, other_features: pd.DataFrame, splits: pd.DataFrame, *, region: Region
) -> pd.DataFrame:
    """Join the features of both regions, for the cells that have all of them in both.

    Args:
        features: `cell_features`, measured over `region`.
        other_features: The same cells measured over the other region.
        splits: `cell_splits`.
        region: Of `features`.

    Returns:
        Two rows per cell: region, image_id, subject_id, subject_group, label, split, data_source and the 15 features;
        sorted by region and image_id.

    Raises:
        ValueError: The tables speak of different cells.
    """
    tables = {
        region: training_table(features, splits),
        other_region(region): training_table(other_features, splits),
    }
    in_both = set.intersection(*(set(table["image_id"]) for table in tables.values()))
    parts = []
    for of_region in sorted(tables):
        table = tables[of_region]
        part = table[table["image_id"].isin(in_both)].copy()
        part.insert(0, "region", of_region.value)
        parts.append(part)
    return pd.concat(parts, ignore_index=True).astype({"region": "str"})
