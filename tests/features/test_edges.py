import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.filters import sobel

from blastscreen.features.edges import measure_edges

SQUARE = np.ones((3, 3))


@pytest.fixture(scope="session")
def measure(see):
    return lambda grey, mask, low, high, rim: measure_edges(
        see(grey, mask, canny_low=low, canny_high=high, rim_width=rim)
    )


@pytest.fixture(scope="session")
def density(measure):
    return lambda *arguments: measure(*arguments)["edge_density"]


@pytest.fixture(scope="session")
def sobel_mean(measure):
    return lambda grey, mask, rim: measure(grey, mask, 100, 200, rim)["sobel_mean"]


@st.composite
def cells(draw, background=False):
    """A noisy image and a ragged mask; black outside, or noise there, too."""
    shape = draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    noise = rng.integers(1, draw(st.sampled_from([2, 40, 256])), shape, dtype=np.uint8)
    grey = cv2.GaussianBlur(noise, (3, 3), 0) if draw(st.booleans()) else noise
    mask = rng.random(shape) < draw(st.sampled_from([0.5, 0.97, 1.0]))
    return (grey if background else grey * mask), mask


def ridges(horizontal, vertical, threshold):
    """Canny's thinning, pixel by pixel: the L1 gradient is above the threshold and the largest across the edge."""
    size = np.pad(np.abs(horizontal) + np.abs(vertical), 1)
    found = np.zeros(horizontal.shape, dtype=bool)
    for (i, j), here in np.ndenumerate(size[1:-1, 1:-1]):
        x, y = abs(horizontal[i, j]), abs(vertical[i, j])
        row, column = i + 1, j + 1
        if y < x * math.tan(math.pi / 8):
            before, after = size[row, column - 1], size[row, column + 1] - 1
        elif y > x * math.tan(3 * math.pi / 8):
            before, after = size[row - 1, column], size[row + 1, column] - 1
        else:
            slope = -1 if (horizontal[i, j] < 0) != (vertical[i, j] < 0) else 1
            before, after = size[row - 1, column - slope], size[row + 1, column + slope]
        found[i, j] = here > threshold and here > before and here > after
    return found


def gradients(grey):
    wide = np.pad(grey.astype(int), 1, mode="edge")
    smooth, step = np.array([1, 2, 1]), np.array([-1, 0, 1])
    horizontal = ndimage.correlate(wide, np.outer(smooth, step))[1:-1, 1:-1]
    vertical = ndimage.correlate(wide, np.outer(step, smooth))[1:-1, 1:-1]
    return horizontal, vertical


def connected_edges(horizontal, vertical, region, low, high):
    weak = ridges(horizontal, vertical, low) & region
    strong = weak & (np.abs(horizontal) + np.abs(vertical) > high)
    labels, _ = ndimage.label(weak, SQUARE)
    return np.isin(labels, np.unique(labels[strong]))


def eroded(mask, width):
    return ndimage.binary_erosion(mask, SQUARE, iterations=width)


def cell_density_by_brute_force(grey, mask, low, high, rim_width):
    core = eroded(mask, rim_width)
    horizontal, vertical = (np.where(eroded(mask, 1), gradient, 0) for gradient in gradients(grey))
    return connected_edges(horizontal, vertical, core, low, high).sum() / core.sum() if core.any() else math.nan


def step(width, dark, bright):
    return np.repeat(np.array([[dark, bright]], dtype=np.uint8), width, axis=1).repeat(2 * width, axis=0)


@given(cells(), st.sampled_from([(20, 60), (20.5, 60.5), (100, 200), (300, 301), (3000, 3000)]))
@settings(deadline=None, max_examples=60)
def test_frame_density_equals_opencv_and_brute_force(density, cell, thresholds):
    grey, _ = cell
    framed = np.pad(grey, ((3, 0), (0, 4)))
    low, high = thresholds
    measured = density(framed, None, low, high, 1)
    assert measured == np.mean(cv2.Canny(framed, low, high) > 0)
    everywhere = np.ones(framed.shape, dtype=bool)
    assert measured == connected_edges(*gradients(framed), everywhere, low, high).mean()


@given(cells(background=True), st.sampled_from([(20, 60), (20.5, 60.5), (0.5, 0.5), (100, 200)]), st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_cell_density_equals_brute_force(density, cell, thresholds, rim_width):
    low, high = thresholds
    measured = density(*cell, low, high, rim_width)
    assert measured == pytest.approx(cell_density_by_brute_force(*cell, low, high, rim_width), rel=1e-12, nan_ok=True)


@given(cells())
@settings(deadline=None)
def test_frame_sobel_equals_scikit_image(sobel_mean, cell):
    framed = np.pad(cell[0], ((3, 0), (0, 4)))
    assert sobel_mean(framed, None, 1) == pytest.approx(sobel(framed).mean(), rel=1e-9, abs=1e-15)


@given(cells(background=True), st.integers(1, 4))
@settings(deadline=None)
def test_cell_sobel_equals_scikit_image_off_the_rim(sobel_mean, cell, rim_width):
    grey, mask = cell
    core = eroded(mask, rim_width)
    expected = sobel(grey)[core].mean() if core.any() else math.nan
    assert sobel_mean(grey, mask, rim_width) == pytest.approx(expected, rel=1e-9, abs=1e-15, nan_ok=True)


def test_a_step_by_hand(density, sobel_mean):
    # One edge of 8 pixels down a frame of 8x8. Its gradient is 4 * 60 = 240 on both sides of it.
    grey = step(4, 40, 100)
    mask = np.ones(grey.shape, dtype=bool)
    assert density(grey, None, 100, 239, 1) == 1 / 8
    assert density(grey, None, 100, 239.5, 1) == 1 / 8
    assert density(grey, None, 239.5, 239.5, 1) == 1 / 8
    assert density(grey, None, 100, 240, 1) == 0
    # Off a rim of 2, the region is 4x4: an edge of 4, and half of the pixels with a gradient.
    assert density(grey, mask, 100, 200, 2) == 1 / 4
    assert sobel_mean(grey, mask, 2) == pytest.approx(60 / 255 / math.sqrt(2) / 2)
    assert sobel_mean(grey, None, 2) == pytest.approx(60 / 255 / math.sqrt(2) / 4)


def test_the_outline_is_an_edge_of_the_frame_only(measure):
    grey = np.zeros((20, 20), dtype=np.uint8)
    grey[4:16, 4:16] = 200
    assert measure(grey, grey > 0, 100, 200, 1) == {"edge_density": 0, "sobel_mean": 0}
    whole = measure(grey, None, 100, 200, 1)
    assert whole["edge_density"] > 40 / 400
    assert whole["sobel_mean"] > 0


def test_an_edge_of_the_rim_does_not_carry_on_into_the_cell(density):
    # Down the middle runs a step of 240 / 4 on the rim and of 160 / 4 inside: strong, then weak.
    grey = step(6, 40, 80)
    grey[[0, 1, 2, 9, 10, 11], 6:] = 100
    mask = np.ones(grey.shape, dtype=bool)
    assert density(grey, mask, 100, 200, 1) > 0
    assert density(grey, mask, 100, 200, 4) == 0
    assert density(grey, mask, 100, 160, 4) == 0
    assert density(grey, mask, 100, 159, 4) == 1 / 4


@pytest.mark.parametrize("mask", [np.zeros((9, 9), dtype=bool), np.eye(9, dtype=bool), np.ones((9, 4), dtype=bool)])
def test_nothing_is_measured_where_the_rim_is_everything(measure, mask):
    grey = np.ones(mask.shape, dtype=np.uint8)
    assert np.isnan([*measure(grey, mask, 100, 200, 2).values()]).all()


def test_real_cells_equal_opencv_and_scikit_image(measure, sobel_mean, real_cells):
    for grey, mask in real_cells[::3]:
        core = eroded(mask, 3)
        expected = {"edge_density": (cv2.Canny(grey, 100, 200) > 0).mean(), "sobel_mean": sobel(grey).mean()}
        assert measure(grey, None, 100, 200, 3) == pytest.approx(expected, rel=1e-9)
        assert sobel_mean(grey, mask, 3) == pytest.approx(sobel(grey)[core].mean(), rel=1e-9)


def test_real_cells_equal_brute_force(density, real_cells):
    grey, mask = (image[90:310, 120:350] for image in real_cells[0])
    measured = density(grey, mask, 20, 40, 3)
    assert measured == pytest.approx(cell_density_by_brute_force(grey, mask, 20, 40, 3), rel=1e-12)
    assert measured > 0
