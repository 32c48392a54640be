import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import skew

from blastscreen.features.intensity import measure_intensity

images = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@pytest.fixture(scope="session")
def measure(see):
    return lambda grey, mask: [*measure_intensity(see(grey, mask)).values()]


def reference(values):
    constant = values.min() == values.max()
    values = values.astype(float)
    return [values.mean(), values.std(), math.nan if constant else skew(values)]


def assert_same(measured, expected):
    np.testing.assert_allclose(measured, expected, rtol=1e-9, atol=1e-12)


def test_by_hand(measure):
    # Deviations -2, -2, -2, 6: mean square 12, mean cube (216 - 24) / 4 = 48.
    measured = measure(np.array([[0, 0], [0, 8]], dtype=np.uint8), None)
    assert measured == pytest.approx([2, math.sqrt(12), 48 / 12**1.5])


def test_the_background_counts_in_the_frame_only(measure):
    grey = np.pad(np.array([[4, 8]], dtype=np.uint8), 1)
    assert measure(grey, grey > 0)[:2] == [6, 2]
    assert measure(grey, None)[0] == 1
    # Pixels of the cell may be black, too.
    assert measure(grey, np.ones(grey.shape, dtype=bool)) == measure(grey, None)


@pytest.mark.parametrize("level", [0, 1, 77, 255])
def test_a_constant_has_no_skewness(measure, level):
    flat = np.full((3, 4), level, dtype=np.uint8)
    for mask in (None, np.eye(3, 4, dtype=bool)):
        measured = measure(flat, mask)
        assert measured[:2] == [level, 0]
        assert math.isnan(measured[2])


def test_nothing_is_measured_on_an_empty_mask(measure):
    assert np.isnan(measure(np.ones((3, 4), dtype=np.uint8), np.zeros((3, 4), dtype=bool))).all()


@given(images, st.integers(0, 2**32))
@settings(deadline=None)
def test_equal_numpy_and_scipy(measure, grey, seed):
    grey = np.pad(grey, ((0, 2), (1, 0)))
    assert_same(measure(grey, None), reference(grey.ravel()))
    mask = np.random.default_rng(seed).random(grey.shape) < 0.5
    mask[0, 0] = True
    assert_same(measure(grey, mask), reference(grey[mask]))


def test_real_cells_equal_numpy_and_scipy(measure, real_cells):
    for grey, mask in real_cells:
        assert_same(measure(grey, None), reference(grey.ravel()))
        assert_same(measure(grey, mask), reference(grey[mask]))
