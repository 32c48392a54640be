import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import graycomatrix, graycoprops

from blastscreen.features.texture import count_pairs, measure_texture

ANGLES = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
PROPERTIES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")


@pytest.fixture(scope="session")
def measure(see):
    return lambda grey, mask: [*measure_texture(see(grey, mask)).values()]


@pytest.fixture(scope="session")
def cooccurrence(see):
    """Count pairs both ways round, as symmetric matrices."""

    def count(grey, mask):
        one_way = count_pairs(see(grey, mask))
        return one_way + one_way.transpose(0, 2, 1)

    return count


@st.composite
def grey_images(draw, min_side=2):
    """Images of few or many grey levels, with or without a black margin."""
    shape = draw(st.tuples(st.integers(min_side, 10), st.integers(min_side, 10)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lowest, n_levels = draw(st.sampled_from([(0, 1), (9, 1), (0, 2), (7, 5), (3, 60), (0, 256), (254, 2)]))
    image = rng.integers(lowest, lowest + n_levels, shape, dtype=np.uint8)
    margins = [(draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(2)]
    return np.pad(image, margins)


@st.composite
def cells(draw):
    grey = draw(grey_images(min_side=1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return grey, rng.random(grey.shape) < draw(st.sampled_from([0.1, 0.5, 0.9, 1.0]))


def properties_of_scikit_image(matrices):
    """Average over angles; NaN where an angle has no pair, or (correlation) one grey level only."""
    if not matrices.any(axis=(0, 1)).all():
        return [math.nan] * 5
    averages = [graycoprops(matrices, name).mean() for name in PROPERTIES]
    one_level = (matrices.any(axis=0).sum(axis=0) == 1).any()
    return [*averages[:4], math.nan if one_level else averages[4]]


def frame_reference(grey):
    return properties_of_scikit_image(graycomatrix(grey, [1], ANGLES, levels=int(grey.max()) + 1, symmetric=True))


def cell_reference(grey, mask):
    outside = int(grey.max()) + 1
    levels = np.where(mask, grey.astype(np.uint16), np.uint16(outside))
    matrices = graycomatrix(levels, [1], ANGLES, levels=outside + 1, symmetric=True)
    return properties_of_scikit_image(matrices[:outside, :outside])


def assert_same(measured, expected):
    np.testing.assert_allclose(measured, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(measured[:4], expected[:4], rtol=1e-9, atol=0)


# The image in Haralick, Shanmugam and Dinstein (1973), with their counts for 0 and 90 degrees.
HARALICK = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 2, 2, 2], [2, 2, 3, 3]], dtype=np.uint8)


def test_counts_of_haralick(cooccurrence):
    counts = cooccurrence(HARALICK, None)
    assert counts[0].tolist() == [[4, 2, 1, 0], [2, 4, 0, 0], [1, 0, 6, 1], [0, 0, 1, 2]]
    assert counts[2].tolist() == [[6, 0, 2, 0], [0, 4, 2, 0], [2, 2, 2, 2], [0, 0, 2, 0]]
    assert counts.sum(axis=(1, 2)).tolist() == [24, 18, 24, 18]


def test_one_angle_by_hand(cooccurrence, measure):
    # A black and a white pixel in every direction: each angle holds (0, 255) and its mirror image, once or twice.
    checkers = np.array([[0, 255, 0], [255, 255, 255], [0, 255, 0]], dtype=np.uint8)
    counts = cooccurrence(checkers, None)
    assert counts.shape == (4, 256, 256)
    # 0 degrees: four pairs (0, 255), two pairs (255, 255); the diagonals: four pairs, (0, 255) twice each way.
    assert counts[0][0, 255] == counts[0][255, 0] == counts[0][255, 255] == 4
    measured = measure(checkers, None)
    diagonal = counts[1]
    assert [diagonal[0, 255], diagonal[255, 0], diagonal[255, 255], diagonal[0, 0]] == [2, 2, 4, 0]
    assert measured[0] == pytest.approx(255**2 * (4 / 6 + 2 / 4) / 2)
    assert measured[1] == pytest.approx(255 * (4 / 6 + 2 / 4) / 2)


def test_pairs_across_the_rim_are_dropped(measure):
    grey = np.array([[10, 20, 99], [30, 40, 99], [99, 99, 99]], dtype=np.uint8)
    mask = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]], dtype=bool)
    # Differences: 10 twice, 30 once, 20 twice, 10 once.
    measured = measure(grey, mask)
    assert measured[1] == (10 + 30 + 20 + 10) / 4
    assert measured[0] == (100 + 900 + 400 + 100) / 4


def test_a_constant_has_no_correlation(measure):
    flat = np.full((5, 6), 7, dtype=np.uint8)
    for mask in (None, flat > 0):
        measured = measure(flat, mask)
        assert measured[:4] == [0, 0, 1, 1]
        assert math.isnan(measured[4])
    assert measure(np.zeros((5, 6), dtype=np.uint8), None)[:4] == [0, 0, 1, 1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_nothing_is_measured_where_an_angle_has_no_pair(measure, shape):
    grey = np.arange(1, np.prod(shape) + 1, dtype=np.uint8).reshape(shape)
    assert np.isnan(measure(grey, None)).all()
    framed = np.pad(grey, 2)
    assert np.isnan(measure(framed, framed > 0)).all()
    assert np.isnan(measure(framed, framed > 99)).all()


def test_a_cell_of_all_grey_levels_has_no_level_left_for_the_outside(cooccurrence, measure):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    mask = np.ones((18, 18), dtype=bool)
    mask[[0, -1]] = mask[:, [0, -1]] = False
    framed = np.pad(ramp, 1, constant_values=9)
    for grey, inside in [(ramp, np.ones((16, 16), dtype=bool)), (framed, mask)]:
        assert cooccurrence(grey, inside).shape == (4, 256, 256)
        assert_same(measure(grey, inside), cell_reference(grey, inside))


@given(grey_images())
@settings(deadline=None, max_examples=80)
def test_frame_equals_scikit_image(measure, grey):
    assert_same(measure(grey, None), frame_reference(grey))


@given(cells())
@settings(deadline=None, max_examples=80)
def test_cell_equals_scikit_image_without_the_background_level(measure, cell):
    assert_same(measure(*cell), cell_reference(*cell))


@given(grey_images(min_side=1))
@settings(deadline=None)
def test_a_mask_over_everything_is_the_frame(measure, grey):
    np.testing.assert_array_equal(measure(grey, np.ones(grey.shape, dtype=bool)), measure(grey, None))


def test_real_cells_equal_scikit_image(measure, real_cells):
    for grey, mask in real_cells[::6]:
        assert_same(measure(grey, None), frame_reference(grey))
        assert_same(measure(grey, mask), cell_reference(grey, mask))
