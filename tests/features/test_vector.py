import math
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blastscreen.features.edge import edge_features
from blastscreen.features.intensity import intensity_features
from blastscreen.features.shape import shape_features
from blastscreen.features.texture import texture_features
from blastscreen.features.vector import gaussian_blur, measure_cell
from blastscreen.parameters import FeatureParameters
from blastscreen.vocabulary import FEATURE_NAMES, Region

AREA, ENERGY = FEATURE_NAMES.index("area"), FEATURE_NAMES.index("glcm_energy")


def parameters(region, gaussian_blur=False):
    return FeatureParameters(region=region, gaussian_blur=gaussian_blur, canny_low=20, canny_high=60, rim_width=2)


def one_by_one(grey, mask, seen):
    edges = edge_features(grey, seen, canny_low=20, canny_high=60, rim_width=2)
    return [*shape_features(mask), *texture_features(grey, seen), *intensity_features(grey, seen), *edges]


@st.composite
def cells(draw):
    """Anything from a pixel to a frame without background, of any texture, also constant or all black."""
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lowest = draw(st.sampled_from([0, 1, 200, 255]))
    grey = rng.integers(lowest, draw(st.sampled_from([lowest + 1, 256])), shape, dtype=np.uint8)
    return grey, rng.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.8, 1.0]))


def blur_by_brute_force(grey, mask):
    weights = {(i, j): (2 - abs(i)) * (2 - abs(j)) for i in (-1, 0, 1) for j in (-1, 0, 1)}
    smooth = np.zeros_like(grey)
    for row, column in np.argwhere(mask):
        around = [(row + i, column + j, weight) for (i, j), weight in weights.items()]
        inside = [(grey[i, j], w) for i, j, w in around if 0 <= i < len(mask) and 0 <= j < mask.shape[1] and mask[i, j]]
        total = sum(w for _, w in inside)
        smooth[row, column] = math.floor(sum(int(value) * w for value, w in inside) / total + 0.5)
    return smooth


@given(cells())
@settings(deadline=None)
def test_is_the_features_one_by_one(cell):
    grey, mask = cell
    for blur in (False, True):
        own = gaussian_blur(grey, mask) if blur else grey
        np.testing.assert_array_equal(
            measure_cell(grey, mask, settings=parameters(Region.CELL, blur)), one_by_one(own, mask, mask)
        )
        whole = cv2.GaussianBlur(grey, (3, 3), 0) if blur else grey
        np.testing.assert_array_equal(
            measure_cell(grey, mask, settings=parameters(Region.FRAME, blur)), one_by_one(whole, mask, None)
        )


@given(cells())
@settings(deadline=None)
def test_the_inputs_stay_as_they_are(cell):
    grey, mask = (image.copy() for image in cell)
    for region in Region:
        measure_cell(*cell, settings=parameters(region, gaussian_blur=True))
    np.testing.assert_array_equal(cell[0], grey)
    np.testing.assert_array_equal(cell[1], mask)


@given(cells())
@settings(deadline=None)
def test_neither_order_in_memory_nor_a_lock_on_it_matters(cell):
    locked = [np.asfortranarray(image) for image in cell]
    for image in locked:
        image.flags.writeable = False
    sliced = [np.repeat(np.repeat(image, 2, axis=0), 3, axis=1)[::2, ::3] for image in cell]
    for region in Region:
        expected = measure_cell(*cell, settings=parameters(region))
        for images in (locked, sliced):
            np.testing.assert_array_equal(measure_cell(*images, settings=parameters(region)), expected)


def test_threads_measure_the_same():
    rng = np.random.default_rng(3)
    greys = [cv2.GaussianBlur(rng.integers(1, 256, (60 + n, 70), dtype=np.uint8), (5, 5), 0) for n in range(40)]

    def measure(grey):
        return measure_cell(grey, grey > 90, settings=parameters(Region.CELL))

    with ThreadPoolExecutor(8) as threads:
        np.testing.assert_array_equal(list(threads.map(measure, greys)), list(map(measure, greys)))


@given(cells())
@settings(deadline=None)
def test_blur_within_a_mask_equals_brute_force(cell):
    np.testing.assert_array_equal(gaussian_blur(*cell), blur_by_brute_force(*cell))


def test_blur_does_not_darken_the_rim():
    grey = np.zeros((9, 9), dtype=np.uint8)
    grey[2:7, 2:7] = 90
    np.testing.assert_array_equal(gaussian_blur(grey, grey > 0), grey)
    assert gaussian_blur(grey, None)[2, 2] == round(90 * 9 / 16)


@pytest.mark.parametrize(
    ("grey", "mask"),
    [
        (np.zeros((4, 4, 3), dtype=np.uint8), np.ones((4, 4), dtype=bool)),
        (np.zeros((4, 4), dtype=np.uint8), np.ones((4, 5), dtype=bool)),
        (np.zeros((4, 4), dtype=np.float64), np.ones((4, 4), dtype=bool)),
        (np.zeros((4, 4), dtype=np.uint8), np.ones((4, 4), dtype=np.uint8)),
        (np.zeros((0, 4), dtype=np.uint8), np.ones((0, 4), dtype=bool)),
    ],
)
def test_refuses_what_is_not_a_grey_image_with_its_mask(grey, mask):
    with pytest.raises(ValueError, match="expected a grey image"):
        measure_cell(grey, mask, settings=parameters(Region.CELL))


def test_real_cells_are_finite_in_every_mode(real_cells):
    for region in Region:
        for blur in (False, True):
            vectors = [measure_cell(*cell, settings=parameters(region, blur)) for cell in real_cells[::4]]
            assert np.isfinite(vectors).all()


def test_blur_of_real_cells_differs_from_that_of_the_frame_at_the_rim_only(real_cells):
    for grey, mask in real_cells[::10]:
        core = cv2.erode(mask.astype(np.uint8), np.ones((3, 3))) > 0
        own, whole = gaussian_blur(grey, mask), gaussian_blur(grey, None)
        np.testing.assert_array_equal(own[core], whole[core])
        rim = mask & ~core
        assert own[rim].mean() > whole[rim].mean()


def test_texture_of_the_whole_frame_measures_the_size_of_the_cell(real_cells):
    def energy_against_area(region):
        vectors = np.array([measure_cell(*cell, settings=parameters(region)) for cell in real_cells])
        return np.corrcoef(vectors[:, AREA], vectors[:, ENERGY])[0, 1]

    assert energy_against_area(Region.FRAME) < -0.95
    assert abs(energy_against_area(Region.CELL)) < 0.5
