import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr

from blastscreen.datasets import PartFolder
from blastscreen.experiments.protocols import correlate_with_area, measure_other_region, pair_regions
from blastscreen.features.measurement import measure_cells, tabulate_features
from blastscreen.schemas import AREA_CORRELATIONS, CELL_FEATURES
from blastscreen.vocabulary import Region

FEATURES = ["area", "perimeter", "glcm_contrast", "glcm_energy"]


def measure_table(stack, settings):
    return tabulate_features([measure_cells(stack.batch(0, len(stack)), settings=settings)], settings=settings)


@pytest.mark.parametrize(("own", "other"), [(Region.CELL, Region.FRAME), (Region.FRAME, Region.CELL)])
def test_cells_are_measured_over_the_other_region_and_nothing_else_changes(
    toy_cells, feature_settings, compute, tmp_path, own, other
):
    stack, _ = toy_cells(20)
    measured = measure_other_region(
        stack, PartFolder(filepath=str(tmp_path)).load(), settings=feature_settings(region=own), compute=compute
    )
    CELL_FEATURES.validate(measured)
    expected = measure_table(stack, feature_settings(region=other))
    pd.testing.assert_frame_equal(measured, expected)


def test_regions_are_paired_for_cells_that_have_both(toy_cells, feature_settings):
    stack, splits = toy_cells(12)
    cell, frame = (measure_table(stack, feature_settings(region=region)) for region in (Region.CELL, Region.FRAME))
    cell.loc[4, ["solidity", "reasons"]] = [float("nan"), "non_finite:solidity"]
    frame.loc[7, ["edge_density", "reasons"]] = [float("nan"), "non_finite:edge_density"]
    paired = pair_regions(cell, frame, splits, settings=feature_settings(region=Region.CELL))
    pd.testing.assert_frame_equal(
        paired, pair_regions(frame, cell, splits, settings=feature_settings(region=Region.FRAME))
    )
    kept = [name for name in stack.image_ids if name not in ("004", "007")]
    for region, features in ((Region.CELL, cell), (Region.FRAME, frame)):
        rows = paired[paired["region"] == region]
        assert rows["image_id"].tolist() == kept
        expected = features.set_index("image_id").loc[kept, "intensity_mean"]
        assert rows["intensity_mean"].tolist() == expected.tolist()


def test_features_that_repeat_the_area_are_found_in_the_region_where_they_do():
    area = np.array([1.0, 2.0, 3.0, 6.0])
    cell = pd.DataFrame({name: [1.0, 0.0, 0.0, 1.0] for name in FEATURES})
    cell = cell.assign(region="cell", data_source="a test", area=area, perimeter=area**3, glcm_contrast=5.0)
    frame = cell.assign(region="frame", glcm_energy=10 - 2 * area)
    table = correlate_with_area(pd.concat([frame, cell], ignore_index=True))
    AREA_CORRELATIONS.validate(table)
    assert table["feature"].tolist() == [name for name in FEATURES if name != "area"] * 2
    row = table.set_index(["region", "feature"])[["pearson", "spearman"]]
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


def test_nothing_correlates_with_an_area_that_was_not_measured(cohort):
    table = AREA_CORRELATIONS.validate(correlate_with_area(cohort().drop(columns="area")))
    assert table[["pearson", "spearman"]].isna().all(axis=None)
