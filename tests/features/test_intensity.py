import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import skew

from blastscreen.features.intensity import IntensityFeatures, intensity_features, power_sums
from blastscreen.vocabulary import INTENSITY_FEATURES

images = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def reference(values):
    constant = values.min() == values.max()
    values = values.astype(float)
    return [values.mean(), values.std(), math.nan if constant else skew(values)]


def assert_same(measured, expected):
    np.testing.assert_allclose(measured, expected, rtol=1e-9, atol=1e-12)


def test_by_hand():
    # Deviations -2, -2, -2, 6: mean square 12, mean cube (216 - 24) / 4 = 48.
    measured = intensity_features(np.array([[0, 0], [0, 8]], dtype=np.uint8), None)
    assert measured == pytest.approx((2, math.sqrt(12), 48 / 12**1.5))


def test_the_background_counts_in_the_frame_only():
    grey = np.pad(np.array([[4, 8]], dtype=np.uint8), 1)
    assert intensity_features(grey, grey > 0)[:2] == (6, 2)
    assert intensity_features(grey, None).intensity_mean == 1
    # Pixels of the cell may be black, too.
    assert intensity_features(grey, np.ones(grey.shape, dtype=bool)) == intensity_features(grey, None)


@pytest.mark.parametrize("level", [0, 1, 77, 255])
def test_a_constant_has_no_skewness(level):
    flat = np.full((3, 4), level, dtype=np.uint8)
    for mask in (None, np.eye(3, 4, dtype=bool)):
        measured = intensity_features(flat, mask)
        assert measured[:2] == (level, 0)
        assert math.isnan(measured.intensity_skewness)


def test_nothing_is_measured_on_an_empty_mask():
    assert np.isnan(intensity_features(np.ones((3, 4), dtype=np.uint8), np.zeros((3, 4), dtype=bool))).all()


@given(images, st.integers(0, 2**32))
@settings(deadline=None)
def test_equal_numpy_and_scipy(grey, seed):
    grey = np.pad(grey, ((0, 2), (1, 0)))
    assert_same(intensity_features(grey, None), reference(grey.ravel()))
    mask = np.random.default_rng(seed).random(grey.shape) < 0.5
    mask[0, 0] = True
    assert_same(intensity_features(grey, mask), reference(grey[mask]))


@given(images, st.booleans())
@settings(deadline=None)
def test_sums_are_those_of_whole_numbers(grey, framed):
    grey = np.pad(grey, int(framed))
    levels = [int(level) for level in grey.ravel()]
    expected = tuple(sum(level**power for level in levels) for power in range(4))
    assert power_sums(grey, None) == power_sums(grey, np.ones(grey.shape, dtype=bool)) == expected


def test_names_are_those_of_the_vocabulary():
    assert IntensityFeatures._fields == INTENSITY_FEATURES


def test_real_cells_equal_numpy_and_scipy(real_cells):
    for grey, mask in real_cells:
        assert_same(intensity_features(grey, None), reference(grey.ravel()))
        assert_same(intensity_features(grey, mask), reference(grey[mask]))
