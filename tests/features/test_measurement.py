"""The table names every feature that could not be measured and never passes one on."""

import cv2
import numpy as np
import pytest

from blastscreen.features.measurement import (
    feature_names,
    measure_cell,
    measure_cells,
    measure_features,
    tabulate_features,
)
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.imaging.masks import cell_mask, to_grey
from blastscreen.schemas import CELL_FEATURES
from blastscreen.vocabulary import feature_columns


@pytest.fixture
def two_cells():
    """A textured disc and a flat one."""
    disc = cv2.circle(np.zeros((64, 64), np.uint8), (32, 32), 15, 1, -1)[..., None]
    textured = np.random.default_rng(0).integers(30, 90, (64, 64, 3), dtype=np.uint8)
    pixels = np.stack([textured * disc, np.full((64, 64, 3), 60, np.uint8) * disc])
    return CellStack(image_ids=("a", "b"), side=64, read=lambda start, stop: pixels[start:stop])


@pytest.fixture
def tabulate(two_cells):
    return lambda settings: tabulate_features(
        [measure_cells(two_cells.batch(0, 2), settings=settings)], settings=settings
    )


@pytest.mark.parametrize("groups", [["shape", "texture", "intensity", "edges"], ["edges", "shape"]])
def test_rows_hold_what_the_groups_measure_in_their_order(two_cells, tabulate, feature_settings, groups):
    settings = feature_settings(groups=groups)
    table = tabulate(settings)
    CELL_FEATURES.validate(table)
    pixels = two_cells.cell("a")
    expected = measure_cell(pixels, cell_mask(to_grey(pixels)), settings=settings)
    assert feature_columns(table) == list(expected) == list(feature_names(settings))
    assert table.loc[0, list(expected)].to_dict() == expected


def test_a_cell_without_any_texture_is_kept_out_by_name(tabulate, feature_settings):
    reasons = tabulate(feature_settings())["reasons"].tolist()
    assert reasons == ["", "non_finite:glcm_correlation;non_finite:intensity_skewness"]


def test_no_cell_makes_a_table_without_rows(feature_settings, compute):
    nothing = CellStack(image_ids=(), side=64, read=lambda start, stop: np.empty((0, 64, 64, 3), np.uint8))
    table = measure_features(nothing, None, settings=feature_settings(), compute=compute)
    CELL_FEATURES.validate(table)
    assert table.empty
    assert feature_columns(table) == list(feature_names(feature_settings()))
