"""The canvas: same cell, same scale, black around it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from blastscreen.imaging.masks import cell_mask, to_grey
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.imaging.segmentation import Segmentation, place_cell
from blastscreen.vocabulary import ReasonCode


def standardise(pixels: np.ndarray, mask: np.ndarray, *, canvas: int) -> np.ndarray:
    square = np.zeros((canvas, canvas, 3), np.uint8)
    height, width = mask.shape
    whole = slice(0, height), slice(0, width)
    place_cell(pixels, Segmentation(whole, to_grey(pixels), mask, 0, (height, width)), square)
    return square


def cell_in_frame(height: int, width: int, *, top: int, left: int, side: int = 5) -> np.ndarray:
    """Return noise with a bright, lopsided cell at a place of a black frame."""
    pixels = np.zeros((height, width, 3), np.uint8)
    cell = np.random.default_rng(0).integers(50, 256, (side, side, 3), dtype=np.uint8)
    cell[0, -1] = cell[-1, 0] = cell[-1, 1] = 0
    pixels[top : top + side, left : left + side] = cell
    return pixels


def mask_of(pixels: np.ndarray) -> np.ndarray:
    return cell_mask(to_grey(pixels))


def trimmed(pixels: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask_of(pixels))
    return pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


@given(
    pixels=array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24).flatmap(
        lambda shape: arrays(np.uint8, (*shape, 3), elements=st.sampled_from([0, 0, 1, 2, 90, 255]))
    ),
    canvas=st.integers(1, 30),
)
@settings(max_examples=200, deadline=None)
def test_the_cell_is_found_again_on_the_canvas(pixels: np.ndarray, canvas: int) -> None:
    mask = mask_of(pixels)
    try:
        standardised = standardise(pixels, mask, canvas=canvas)
    except ImageRejected as rejection:
        extents = [np.ptp(np.nonzero(mask)[axis]) + 1 if mask.any() else 0 for axis in (0, 1)]
        expected = ReasonCode.CELL_TOO_LARGE if mask.any() else ReasonCode.NO_CELL
        assert rejection.code == expected  # noqa: PT017 -- both outcomes are the law
        assert max(extents) > canvas or not mask.any()
        return

    assert standardised.shape == (canvas, canvas, 3)
    assert mask_of(standardised).sum() == mask.sum()
    np.testing.assert_array_equal(standardised[mask_of(standardised)], pixels[mask])
    assert not standardised[~mask_of(standardised)].any()
    np.testing.assert_array_equal(standardise(standardised, mask_of(standardised), canvas=canvas), standardised)


def test_a_frame_of_the_canvas_size_keeps_its_place() -> None:
    pixels = cell_in_frame(20, 20, top=3, left=11)

    np.testing.assert_array_equal(standardise(pixels, mask_of(pixels), canvas=20), pixels)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (15, 15), (0, 15), (15, 7)])
def test_a_cell_at_the_very_edge_of_the_canvas_keeps_its_place(top: int, left: int) -> None:
    pixels = cell_in_frame(20, 20, top=top, left=left)

    np.testing.assert_array_equal(standardise(pixels, mask_of(pixels), canvas=20), pixels)


def test_a_frame_of_600_is_cropped_at_its_middle() -> None:
    pixels = cell_in_frame(600, 600, top=290, left=200, side=90)

    np.testing.assert_array_equal(standardise(pixels, mask_of(pixels), canvas=450), pixels[75:525, 75:525])


def test_a_smaller_frame_is_padded_on_all_sides() -> None:
    pixels = cell_in_frame(10, 8, top=2, left=1)

    standardised = standardise(pixels, mask_of(pixels), canvas=20)

    np.testing.assert_array_equal(standardised, np.pad(pixels, ((5, 5), (6, 6), (0, 0))))


@pytest.mark.parametrize(("height", "width"), [(21, 20), (20, 21), (11, 9), (9, 12)])
def test_odd_differences_move_the_middle_by_half_a_pixel_at_most(height: int, width: int) -> None:
    pixels = cell_in_frame(height, width, top=3, left=2)

    rows, columns = np.nonzero(mask_of(standardise(pixels, mask_of(pixels), canvas=20)))

    assert abs((rows.min() - 3) - (20 - height) / 2) <= 0.5
    assert abs((columns.min() - 2) - (20 - width) / 2) <= 0.5


@pytest.mark.parametrize("top", [0, 1, 30, 94, 95])
def test_the_canvas_moves_onto_a_cell_that_it_would_cut(top: int) -> None:
    pixels = cell_in_frame(100, 100, top=top, left=48)

    standardised = standardise(pixels, mask_of(pixels), canvas=21)

    rows, columns = np.nonzero(mask_of(standardised))
    np.testing.assert_array_equal(trimmed(standardised), trimmed(pixels))
    assert (rows.min(), rows.max()) == (8, 12)
    assert columns.min() == 48 - (100 - 21) // 2


def test_other_objects_and_their_surroundings_become_black() -> None:
    pixels = cell_in_frame(20, 20, top=3, left=3)
    alone = pixels.copy()
    pixels[15, 15] = 255

    np.testing.assert_array_equal(standardise(pixels, mask_of(pixels), canvas=20), alone)


def test_a_cell_may_just_fit() -> None:
    pixels = cell_in_frame(9, 9, top=1, left=3)

    np.testing.assert_array_equal(standardise(pixels, mask_of(pixels), canvas=5), pixels[1:6, 3:8])
    with pytest.raises(ImageRejected) as rejected:
        standardise(pixels, mask_of(pixels), canvas=4)
    assert rejected.value.code == ReasonCode.CELL_TOO_LARGE


def test_inputs_are_left_alone() -> None:
    pixels = cell_in_frame(9, 9, top=1, left=3)
    mask = mask_of(pixels)
    before = pixels.copy(), mask.copy()

    standardise(pixels, mask, canvas=9)[:] = 7

    np.testing.assert_array_equal(pixels, before[0])
    np.testing.assert_array_equal(mask, before[1])
