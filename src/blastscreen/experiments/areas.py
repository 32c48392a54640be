"""How much of every feature is the size of the cell, told again."""

import pandas as pd

from blastscreen.vocabulary import FEATURE_NAMES

_AREA = "area"


def correlate_with_area(cells: pd.DataFrame) -> pd.DataFrame:
    """Correlate every other feature with the area of the cell, in each region.

    Args:
        cells: Result of `pair_regions`, or any table with region and the 15 features.

    Returns:
        region, feature, pearson and spearman (-1 to 1), sorted by region and in the order of `FEATURE_NAMES`. NaN where
        a feature, or the area, is the same for all cells.
    """
    parts = []
    for region, of_region in cells.groupby("region"):
        features = of_region[list(FEATURE_NAMES)]
        pearson, spearman = (features.corr(method="pearson")[_AREA], features.corr(method="spearman")[_AREA])
        part = (
            pd.DataFrame({"pearson": pearson, "spearman": spearman})
            .drop(index=_AREA)
            .rename_axis("feature")
            .reset_index()
        )
        part.insert(0, "region", region)
        parts.append(part)
    return pd.concat(parts, ignore_index=True).astype({"region": "str", "feature": "str"})
