"""The table names every feature that could not be measured and never passes one on."""

import cv2
import numpy as np

from blastscreen.features.measurement import measure_cells, tabulate_features
from blastscreen.features.vector import measure_cell
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.imaging.masks import cell_mask, to_grey
from blastscreen.parameters import FeatureParameters
from blastscreen.schemas import CELL_FEATURES
from blastscreen.vocabulary import FEATURE_NAMES, Region

SETTINGS = FeatureParameters(region=Region.CELL, gaussian_blur=False, canny_low=100, canny_high=200, rim_width=2)


def textured_and_flat():
    rng = np.random.default_rng(0)
    disc = cv2.circle(np.zeros((64, 64), np.uint8), (32, 32), 15, 1, -1)
    textured = rng.integers(30, 90, (64, 64, 3), dtype=np.uint8) * disc[..., None]
    flat = np.full((64, 64, 3), 60, np.uint8) * disc[..., None]
    return np.stack([textured, flat])


def two_cells(pixels):
    return CellStack(image_ids=("a", "b"), side=64, read=lambda start, stop: pixels[start:stop]).batch(0, 2)


def test_rows_hold_what_the_vector_measures():
    pixels = textured_and_flat()
    table = tabulate_features([measure_cells(two_cells(pixels), settings=SETTINGS)])
    CELL_FEATURES.validate(table)
    grey = to_grey(pixels[0])
    np.testing.assert_array_equal(
        table.loc[0, list(FEATURE_NAMES)].to_numpy(float), measure_cell(grey, cell_mask(grey), settings=SETTINGS)
    )


def test_a_cell_without_any_texture_is_kept_out_by_name():
    table = tabulate_features([measure_cells(two_cells(textured_and_flat()), settings=SETTINGS)])
    assert table["reasons"].tolist() == ["", "non_finite:glcm_correlation;non_finite:intensity_skewness"]
