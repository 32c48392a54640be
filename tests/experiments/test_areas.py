import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr

from blastscreen.experiments.areas import correlate_with_area
from blastscreen.schemas import AREA_CORRELATIONS
from blastscreen.vocabulary import FEATURE_NAMES


def test_features_that_repeat_the_area_are_found_in_the_region_where_they_do():
    area = np.array([1.0, 2.0, 3.0, 6.0])
    cell = pd.DataFrame({name: [1.0, 0.0, 0.0, 1.0] for name in FEATURE_NAMES})
    cell = cell.assign(region="cell", area=area, perimeter=area**3, glcm_contrast=5.0)
    frame = cell.assign(region="frame", glcm_energy=10 - 2 * area)
    table = correlate_with_area(pd.concat([frame, cell], ignore_index=True))
    AREA_CORRELATIONS.validate(table.assign(data_source="cells"))
    assert table["feature"].tolist() == [name for name in FEATURE_NAMES if name != "area"] * 2
    row = table.set_index(["region", "feature"])
    # deviations of the area -2, -1, 0, 3 and of the feature .5, -.5, -.5, .5: covariance 1, squares 14 and 1
    assert row.loc[("cell", "glcm_energy"), "pearson"] == pytest.approx(1 / np.sqrt(14))
    # ranks 1 to 4 and 3.5, 1.5, 1.5, 3.5: as much above the middle as below
    assert row.loc[("cell", "glcm_energy"), "spearman"] == pytest.approx(0)
    assert row.loc[("frame", "glcm_energy")].tolist() == pytest.approx([-1, -1])
    assert row.loc[("cell", "perimeter"), "spearman"] == pytest.approx(1)
    assert row.loc[("cell", "perimeter"), "pearson"] < 0.97
    assert row.loc[("cell", "glcm_contrast")].isna().all()


def test_correlations_are_those_of_scipy(cohort):
    cells = cohort(blasts=2, frame=3)
    table = correlate_with_area(cells).set_index(["region", "feature"])
    for (region, feature), row in table.iterrows():
        of_region = cells[cells["region"] == region]
        assert row["pearson"] == pytest.approx(pearsonr(of_region["area"], of_region[feature]).statistic)
        assert row["spearman"] == pytest.approx(spearmanr(of_region["area"], of_region[feature]).statistic)
