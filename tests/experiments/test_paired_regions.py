import pandas as pd
import pytest

from blastscreen.datasets import PartFolder
from blastscreen.experiments.paired_regions import measure_other_region, pair_regions
from blastscreen.features.measurement import measure_cells, tabulate_features
from blastscreen.schemas import CELL_FEATURES
from blastscreen.vocabulary import Region


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
    paired = pair_regions(cell, frame, splits, region=Region.CELL)
    pd.testing.assert_frame_equal(paired, pair_regions(frame, cell, splits, region=Region.FRAME))
    kept = [name for name in stack.image_ids if name not in ("004", "007")]
    for region, features in ((Region.CELL, cell), (Region.FRAME, frame)):
        rows = paired[paired["region"] == region]
        assert rows["image_id"].tolist() == kept
        expected = features.set_index("image_id").loc[kept, "intensity_mean"]
        assert rows["intensity_mean"].tolist() == expected.tolist()
