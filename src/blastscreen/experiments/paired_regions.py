"""The same cells with features of both regions, and how much each feature repeats the area of the cell."""

import pandas as pd

from blastscreen.cohort.index import join_sources
from blastscreen.compute.parallel import PartStore
from blastscreen.features.measurement import measure_features
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.tabular import training_table
from blastscreen.parameters import ComputeParameters, FeatureParameters
from blastscreen.vocabulary import Region

_AREA = "area"
_OTHER = {Region.CELL: Region.FRAME, Region.FRAME: Region.CELL}


def measure_other_region(
    stack: CellStack, finished: PartStore, *, settings: FeatureParameters, compute: ComputeParameters
) -> pd.DataFrame:
    """Measure the features over the region that `settings`, the run's own, does not have; see `measure_features`."""
    other = settings.model_copy(update={"region": _OTHER[settings.region]})
    return measure_features(stack, finished, settings=other, compute=compute)


def pair_regions(
    features: pd.DataFrame, other_features: pd.DataFrame, splits: pd.DataFrame, *, settings: FeatureParameters
) -> pd.DataFrame:
    """Join the features of both regions, for the cells that have all of them in both.

    Returns:
        Two rows per cell: region, the columns of `splits`, the features; sorted by region and image_id.

    Raises:
        ValueError: Mismatched image ids.
    """
    tables = {settings.region: training_table(features, splits)}
    tables[_OTHER[settings.region]] = training_table(other_features, splits)
    paired = pd.concat([tables[region].assign(region=region.value) for region in sorted(tables)], ignore_index=True)
    in_both = paired.groupby("image_id")["region"].transform("size") == len(tables)
    columns = ["region", *paired.columns.drop("region")]
    return paired.loc[in_both, columns].reset_index(drop=True).astype({"region": "str"})


def correlate_with_area(cells: pd.DataFrame) -> pd.DataFrame:
    """Correlate every other feature with the area of the cell, in each region.

    Returns:
        Table in the schema `AREA_CORRELATIONS`, sorted by region and in the order of the features. NaN where a feature
        or the area is the same for all cells, or the area was not measured.
    """
    from blastscreen.schemas import feature_columns

    names, parts = feature_columns(cells), []
    for region, of_region in cells.groupby("region"):
        of_area = {
            method: of_region[names].corr(method).reindex(columns=[_AREA])[_AREA] for method in ("pearson", "spearman")
        }
        parts.append(pd.DataFrame(of_area).drop(index=_AREA, errors="ignore").assign(region=region))
    table = pd.concat(parts).rename_axis("feature").reset_index().astype({"region": "str", "feature": "str"})
    return table[["region", "feature", "pearson", "spearman"]].assign(data_source=join_sources(cells))
