import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import ConvexHull
from skimage.measure import regionprops

from blastscreen.features.shape import measure_shape
from blastscreen.imaging.masks import bounding_box

masks = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))
cells = masks.filter(np.any)


@pytest.fixture(scope="session")
def measure(see):
    """Measure the shape of a mask, as attributes."""
    return lambda mask: SimpleNamespace(**measure_shape(see(np.ones(mask.shape, dtype=np.uint8), mask)))


def drawn(*rows):
    return np.array([[character == "#" for character in row] for row in rows])


L_SHAPE = drawn("#..", "#..", "###")
DIAMOND = drawn("..#..", ".###.", "#####", ".###.", "..#..")
RING = drawn("####", "#..#", "#..#", "####")


def solidity_of_corners(mask):
    rows, columns = np.nonzero(mask)
    corners = np.concatenate([np.stack([rows + i, columns + j], axis=1) for i in (0, 1) for j in (0, 1)])
    return np.count_nonzero(mask) / ConvexHull(corners).volume


def aspect_ratio_of_scikit_image(mask):
    (properties,) = regionprops(mask.astype(np.uint8))
    return properties.axis_major_length / properties.axis_minor_length


def outline_length_in_a_wide_frame(mask):
    outlines, _ = cv2.findContours(np.pad(mask, 5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return sum(cv2.arcLength(outline, True) for outline in outlines)


def on_one_line(mask):
    rows, columns = np.nonzero(mask)
    return np.linalg.matrix_rank(np.stack([rows - rows[0], columns - columns[0]])) < 2


@pytest.mark.parametrize(("height", "width"), [(10, 20), (7, 7), (2, 3)])
def test_rectangle(measure, height, width):
    length = 2 * (height - 1) + 2 * (width - 1)
    measured = measure(np.pad(np.ones((height, width), dtype=bool), 4))
    long, short = max(height, width), min(height, width)
    assert measured.area == height * width
    assert measured.perimeter == length
    assert measured.circularity == pytest.approx(min(4 * math.pi * height * width / length**2, 1))
    assert measured.solidity == 1
    assert measured.aspect_ratio == pytest.approx(math.sqrt((long**2 - 1) / (short**2 - 1)))


def test_l_shape(measure):
    # The outline runs down and right in 4 steps, and back by 1 + sqrt(2) + 1, across the inner corner.
    # The hull is the 3x3 square without half of its missing 2x2 corner.
    # Columns (0, 0, 0, 1, 2) and rows (0, 1, 2, 2, 2) have variance 16 / 25 each, and covariance 9 / 25.
    measured = measure(L_SHAPE)
    assert measured.area == 5
    assert measured.perimeter == pytest.approx(6 + math.sqrt(2), rel=1e-7)
    assert measured.circularity == 1
    assert measured.solidity == pytest.approx(5 / 7)
    assert measured.aspect_ratio == pytest.approx(math.sqrt((16 + 9) / (16 - 9)))


def test_diamond(measure):
    # Eight diagonal steps; the hull is the octagon of the corners, the 5x5 square less four triangles of 2x2 / 2.
    measured = measure(DIAMOND)
    assert measured.area == 13
    assert measured.perimeter == pytest.approx(8 * math.sqrt(2), rel=1e-7)
    assert measured.circularity == 1
    assert measured.solidity == pytest.approx(13 / 17)
    assert measured.aspect_ratio == 1


def test_circularity_of_a_disc_is_that_of_its_polygonal_outline(measure):
    rows, columns = np.mgrid[-100:101, -100:101]
    disc = rows**2 + columns**2 <= 100**2
    assert measure(disc).area == pytest.approx(math.pi * 100**2, rel=1e-2)
    # A digital circle of diagonal and orthogonal steps is 8 * (sqrt(2) - 1) / pi = 1.055 times too long.
    assert measure(disc).circularity == pytest.approx((math.pi / (8 * (math.sqrt(2) - 1))) ** 2, rel=1e-2)


def test_holes_have_no_part_in_the_outline(measure):
    ring = measure(RING)
    assert (ring.perimeter, ring.area, ring.solidity) == (12, 12, 12 / 16)


def test_separate_objects_add_up(measure):
    pair = measure(drawn("##..##", "##..##"))
    assert (pair.perimeter, pair.solidity) == (8, 8 / 12)


def test_a_line_has_no_minor_axis(measure):
    for line in (np.ones((1, 9), dtype=bool), np.ones((9, 1), dtype=bool), np.eye(9, dtype=bool)):
        assert measure(line).aspect_ratio == math.inf
        assert measure(line).perimeter == pytest.approx(2 * 8 * (math.sqrt(2) if line.shape == (9, 9) else 1), rel=1e-7)
    assert measure(np.ones((1, 9), dtype=bool)).solidity == 1


def test_a_single_pixel_has_neither_outline_nor_axes(measure):
    measured = measure(drawn("...", ".#.", "..."))
    assert (measured.area, measured.perimeter) == (1, 0)
    assert math.isnan(measured.circularity)
    assert measured.solidity == 1
    assert math.isnan(measured.aspect_ratio)


def test_an_empty_mask_has_no_shape(measure):
    measured = measure(np.zeros((4, 6), dtype=bool))
    assert (measured.area, measured.perimeter) == (0, 0)
    assert np.isnan([measured.circularity, measured.solidity, measured.aspect_ratio]).all()


@given(cells)
@settings(deadline=None)
def test_equal_the_references(measure, mask):
    assert_equal_the_references(measure(mask), mask)


def assert_equal_the_references(measured, mask):
    assert measured.area == mask.sum()
    assert measured.perimeter == pytest.approx(outline_length_in_a_wide_frame(mask), rel=1e-12)
    assert measured.solidity == pytest.approx(solidity_of_corners(mask), rel=1e-9)
    assert 0 < measured.solidity <= 1
    if on_one_line(mask):
        assert not math.isfinite(measured.aspect_ratio)
    else:
        assert measured.aspect_ratio == pytest.approx(aspect_ratio_of_scikit_image(mask), rel=1e-9)
        assert measured.aspect_ratio >= 1


@given(cells, st.integers(0, 3))
@settings(deadline=None)
def test_bounding_box_holds_everything_and_nothing_more(mask, margin):
    rows, columns = np.nonzero(mask)
    box = bounding_box(np.pad(mask, margin), margin=margin)
    assert mask[bounding_box(mask, margin=margin)].sum() == mask.sum()
    assert box[0] == slice(rows.min(), rows.max() + 2 * margin + 1)
    assert box[1] == slice(columns.min(), columns.max() + 2 * margin + 1)


def test_bounding_box_of_nothing_is_one_pixel():
    assert np.zeros((4, 6), dtype=bool)[bounding_box(np.zeros((4, 6), dtype=bool), margin=0)].shape == (1, 1)


def test_real_cells_equal_the_references(measure, real_cells):
    for _, mask in real_cells[::3]:
        assert_equal_the_references(measure(mask), mask)
