import math
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blastscreen.features.cell import blur_within
from blastscreen.features.measurement import measure_cell
from blastscreen.features.shape import measure_shape
from blastscreen.vocabulary import Region


@pytest.fixture(scope="session")
def measure(feature_settings):
    """Measure all features of a grey cell."""

    def values(grey, mask, region, **changes):
        pixels = np.dstack([grey] * 3)
        return [*measure_cell(pixels, mask, settings=feature_settings(region=region, **changes)).values()]

    return values


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
def test_blur_comes_before_everything_else(measure, cell):
    grey, mask = cell
    own, whole = blur_within(grey, mask.view(np.uint8)), cv2.GaussianBlur(grey, (3, 3), 0)
    for region, smooth in ((Region.CELL, own), (Region.FRAME, whole)):
        blurred = measure(grey, mask, region, gaussian_blur=True)
        np.testing.assert_array_equal(blurred, measure(smooth, mask, region))


@given(cells())
@settings(deadline=None)
def test_the_frame_does_not_depend_on_the_mask_nor_the_shape_on_the_region(measure, see, cell):
    grey, mask = cell
    over_frame, over_cell = (measure(grey, mask, region) for region in (Region.FRAME, Region.CELL))
    n_shapes = len(measure_shape(see(grey, mask)))
    np.testing.assert_array_equal(over_frame[:n_shapes], over_cell[:n_shapes])
    np.testing.assert_array_equal(over_frame[n_shapes:], measure(grey, ~mask, Region.FRAME)[n_shapes:])


@given(cells())
@settings(deadline=None)
def test_the_inputs_stay_as_they_are(feature_settings, cell):
    grey, mask = cell
    pixels = np.dstack([grey] * 3)
    before = pixels.copy(), mask.copy()
    for region in Region:
        measure_cell(pixels, mask, settings=feature_settings(region=region, gaussian_blur=True))
    np.testing.assert_array_equal(pixels, before[0])
    np.testing.assert_array_equal(mask, before[1])


@given(cells())
@settings(deadline=None)
def test_neither_order_in_memory_nor_a_lock_on_it_matters(feature_settings, cell):
    cell = np.dstack([cell[0]] * 3), cell[1]
    locked = [np.asfortranarray(image) for image in cell]
    for image in locked:
        image.flags.writeable = False
    sliced = [np.repeat(np.repeat(image, 2, axis=0), 3, axis=1)[::2, ::3] for image in cell]
    for region in Region:
        seen = feature_settings(region=region)
        expected = measure_cell(*cell, settings=seen)
        for images in (locked, sliced):
            assert measure_cell(*images, settings=seen) == pytest.approx(expected, rel=0, abs=0, nan_ok=True)


def test_threads_measure_the_same(measure):
    rng = np.random.default_rng(3)
    greys = [cv2.GaussianBlur(rng.integers(1, 256, (60 + n, 70), dtype=np.uint8), (5, 5), 0) for n in range(40)]

    def of_cell(grey):
        return measure(grey, grey > 90, Region.CELL)

    with ThreadPoolExecutor(8) as threads:
        np.testing.assert_array_equal(list(threads.map(of_cell, greys)), list(map(of_cell, greys)))


@given(cells())
@settings(deadline=None)
def test_blur_within_a_mask_equals_brute_force(cell):
    grey, mask = cell
    np.testing.assert_array_equal(blur_within(grey, mask.view(np.uint8)), blur_by_brute_force(*cell))


def test_blur_does_not_darken_the_rim():
    grey = np.zeros((9, 9), dtype=np.uint8)
    grey[2:7, 2:7] = 90
    np.testing.assert_array_equal(blur_within(grey, (grey > 0).view(np.uint8)), grey)


@pytest.mark.parametrize(
    ("pixels", "mask"),
    [
        (np.zeros((4, 4), dtype=np.uint8), np.ones((4, 4), dtype=bool)),
        (np.zeros((4, 4, 3), dtype=np.uint8), np.ones((4, 5), dtype=bool)),
        (np.zeros((4, 4, 3), dtype=np.float64), np.ones((4, 4), dtype=bool)),
        (np.zeros((4, 4, 3), dtype=np.uint8), np.ones((4, 4), dtype=np.uint8)),
        (np.zeros((0, 4, 3), dtype=np.uint8), np.ones((0, 4), dtype=bool)),
    ],
)
def test_refuses_what_is_not_a_picture_with_its_mask(feature_settings, pixels, mask):
    with pytest.raises(ValueError, match="expected a picture"):
        measure_cell(pixels, mask, settings=feature_settings())


def test_real_cells_are_finite_in_every_mode(measure, real_cells):
    for region in Region:
        for blur in (False, True):
            vectors = [measure(*cell, region, gaussian_blur=blur) for cell in real_cells[::4]]
            assert np.isfinite(vectors).all()


def test_blur_of_real_cells_differs_from_that_of_the_frame_at_the_rim_only(real_cells):
    for grey, mask in real_cells[::10]:
        core = cv2.erode(mask.astype(np.uint8), np.ones((3, 3))) > 0
        own, whole = blur_within(grey, mask.view(np.uint8)), cv2.GaussianBlur(grey, (3, 3), 0)
        np.testing.assert_array_equal(own[core], whole[core])
        rim = mask & ~core
        assert own[rim].mean() > whole[rim].mean()


def test_texture_of_the_whole_frame_measures_the_size_of_the_cell(feature_settings, real_cells):
    def energy_against_area(region):
        settings = feature_settings(region=region)
        cells = [measure_cell(np.dstack([grey] * 3), mask, settings=settings) for grey, mask in real_cells]
        return np.corrcoef(*([cell[name] for cell in cells] for name in ("area", "glcm_energy")))[0, 1]

    assert energy_against_area(Region.FRAME) < -0.95
    assert abs(energy_against_area(Region.CELL)) < 0.5
