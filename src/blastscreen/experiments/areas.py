"""How far every feature is redundant with the area of the cell."""

import pandas as pd

from blastscreen.schemas import feature_columns

_AREA = "area"


def correlate_with_area(cells: pd.DataFrame) -> pd.DataFrame:
    """Correlate every other feature with the area of the cell, in each region.

    Args:
        cells: Result of `pair_regions`, or any table of cells with region and features.

    Returns:
        region, feature, pearson and spearman (-1 to 1), sorted by region and in the order of their columns. NaN where
        a feature, or the area, is the same for all cells, and where the area was not measured.
    """
    parts = []
    for region, of_region in cells.groupby("region"):
        features = of_region[feature_columns(of_region)]
        pearson, spearman = (
            features.corr(method=method).reindex(columns=[_AREA])[_AREA] for method in ("pearson", "spearman")
        )
        part = (
            pd.DataFrame({"pearson": pearson, "spearman": spearman})
            .drop(index=_AREA, errors="ignore")
            .rename_axis("feature")
            .reset_index()
        )
        part.insert(0, "region", region)
        parts.append(part)
    return pd.concat(parts, ignore_index=True).astype({"region": "str", "feature": "str"})
