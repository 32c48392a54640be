"""Masks: equal to scipy's slow way, hand-drawn cases, and real cells."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from blastscreen.imaging.decoding import decode_image
from blastscreen.imaging.masks import cell_mask, content_box, find_background_threshold, to_grey

EIGHT_CONNECTED = np.ones((3, 3))
SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14)
BINARY = SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 255])))


def drawn(*rows: str) -> np.ndarray:
    """Read a picture off its rows: '#' is 200, 'o' is 8, '.' is 0."""
    return np.array([[{"#": 200, "o": 8, ".": 0}[mark] for mark in row] for row in rows], np.uint8)


def mask_by_scipy(grey: np.ndarray, threshold: int) -> np.ndarray:
    labels, n_objects = ndimage.label(grey > threshold, structure=EIGHT_CONNECTED)
    if n_objects == 0:
        return np.zeros(grey.shape, bool)
    # scipy numbers objects in reading order, so the first of the largest is the one met first
    sizes = ndimage.sum_labels(np.ones(grey.shape), labels, range(1, n_objects + 1))
    return ndimage.binary_fill_holes(labels == 1 + int(np.argmax(sizes)))


def test_grey_weighs_red_green_and_blue() -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [100, 100, 100]]], np.uint8)

    assert to_grey(pixels).tolist() == [[76, 150, 29, 100]]


@given(pixels=SHAPES.flatmap(lambda shape: arrays(np.uint8, (*shape, 3), elements=st.sampled_from([0] * 9 + [1, 255]))))
def test_the_box_of_a_picture_holds_all_that_is_not_black_and_no_more(pixels: np.ndarray) -> None:
    rows, columns = content_box(pixels)
    places = np.argwhere(pixels.any(axis=2))
    expected = [*places.min(axis=0), *(places.max(axis=0) + 1)] if len(places) else [0, 0, 1, 1]
    assert [rows.start, columns.start, rows.stop, columns.stop] == expected


@given(grey=BINARY)
@example(grey=drawn("#.#", ".#.", "#.#"))
@example(grey=drawn(".#.", "#.#", ".#."))
@example(grey=drawn("####", "#..#", "#.#.", "####"))
@example(grey=drawn("#" * 41, "#." * 20 + "#", "#." * 20 + "#"))
@example(grey=drawn("#####", "#...#", "#.#.#", "#...#", "#####"))
@settings(max_examples=200, deadline=None)
def test_masks_equal_the_filled_largest_object_of_scipy(grey: np.ndarray) -> None:
    np.testing.assert_array_equal(cell_mask(grey), mask_by_scipy(grey, 0))


@given(
    grey=SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 40))),
    threshold=st.integers(0, 40),
)
@settings(max_examples=200, deadline=None)
def test_masks_equal_scipy_at_any_threshold(grey: np.ndarray, threshold: int) -> None:
    np.testing.assert_array_equal(cell_mask(grey, threshold=threshold), mask_by_scipy(grey, threshold))


@pytest.mark.parametrize("seed", range(6))
def test_masks_of_large_noise_equal_scipy(seed: int) -> None:
    noise = np.random.default_rng(seed).random((300, 280))
    smooth = ndimage.gaussian_filter(noise, seed % 3)
    grey = np.where(smooth > np.quantile(smooth, 0.55), 255, 0).astype(np.uint8)

    np.testing.assert_array_equal(cell_mask(grey), mask_by_scipy(grey, 0))


def test_a_hole_is_closed_by_corners_that_touch() -> None:
    diamond = drawn(".#.", "#.#", ".#.")

    assert cell_mask(diamond).sum() == 5


def test_background_does_not_leak_through_a_corner_but_through_a_side() -> None:
    closed = drawn(".##.", "#..#", "#..#", ".##.")
    opened = drawn(".##.", "#..#", "#..#", ".#..")

    assert cell_mask(closed).sum() == 12
    assert cell_mask(opened).sum() == 7


def test_what_lies_in_a_hole_belongs_to_the_cell() -> None:
    ring_around_dot = drawn("#####", "#...#", "#.#.#", "#...#", "#####")

    assert cell_mask(ring_around_dot).all()


def test_the_first_of_two_equal_objects_is_the_cell() -> None:
    grey = drawn("....##", "......", "##....")

    mask = cell_mask(grey)

    np.testing.assert_array_equal(mask, drawn("....##", "......", "......") > 0)


def test_nothing_brighter_than_the_background_is_an_empty_mask() -> None:
    assert not cell_mask(drawn("....", "....")).any()
    assert not cell_mask(drawn("oooo", "...."), threshold=8).any()


def test_the_grey_image_is_left_alone() -> None:
    grey = drawn("###", "#.#", "###")
    before = grey.copy()

    mask = cell_mask(grey)
    mask[:] = False

    np.testing.assert_array_equal(grey, before)


def test_specks_mean_a_lossy_background() -> None:
    exact = drawn("#####", "#####", ".....", ".....", ".....")
    specks = drawn("#####", "#####", ".....", "o.o.o", ".....")

    assert find_background_threshold(exact, lossy_threshold=10, max_specks=3) == 0
    assert find_background_threshold(specks, lossy_threshold=10, max_specks=3) == 10
    assert find_background_threshold(specks, lossy_threshold=10, max_specks=4) == 0
    assert find_background_threshold(np.zeros((3, 3), np.uint8), lossy_threshold=10, max_specks=1) == 0


def real_greys(cnmc: Path, pattern: str) -> list[np.ndarray]:
    paths = sorted(cnmc.glob(pattern))
    return [to_grey(decode_image(path.read_bytes(), suffix=path.suffix, max_pixels=450**2).pixels) for path in paths]


def test_original_cells_are_all_that_is_not_black(cnmc: Path) -> None:
    greys = real_greys(cnmc, "C-NMC_training_data/**/*.bmp")

    assert len(greys) == 52
    for grey in greys:
        assert find_background_threshold(grey, lossy_threshold=10, max_specks=10) == 0
        np.testing.assert_array_equal(cell_mask(grey), ndimage.binary_fill_holes(grey > 0))
        assert 18_000 < np.count_nonzero(grey) <= cell_mask(grey).sum() < 52_000


def test_lossy_cells_are_freed_of_their_specks(cnmc: Path) -> None:
    greys = real_greys(cnmc, "jpeg300/**/*.png")

    assert len(greys) == 300
    for grey in greys:
        threshold = find_background_threshold(grey, lossy_threshold=10, max_specks=10)
        mask = cell_mask(grey, threshold=threshold)
        n_labels, _ = cv2.connectedComponents(mask.view(np.uint8))
        assert (threshold, n_labels) == (10, 2)
        assert 17_000 < mask.sum() < 52_000
        assert grey[~mask].max() <= 10
