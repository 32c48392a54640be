"""Each review code at, and just off, its limit."""

import numpy as np
import pytest

from blastscreen.imaging.masks import cell_mask, content_box
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.imaging.segmentation import Segmentation, assess
from blastscreen.parameters import PreprocessingParameters
from blastscreen.vocabulary import CONSEQUENCES, Consequence, ReasonCode

SETTINGS = PreprocessingParameters(
    canvas=20,
    expected_sizes=(20, 30),
    lossy_threshold=10,
    max_specks=3,
    min_cell_area=9,
    second_object_fraction=0.25,
    max_cell_fraction=0.5,
    count_duplicates_once=True,
    reference_cohort="none",
)


def frame(height: int = 20, width: int = 20) -> np.ndarray:
    """Return a frame with a cell of 6 x 6 pixels, away from its border."""
    grey = np.zeros((height, width), np.uint8)
    grey[2:8, 2:8] = 200
    return grey


def codes(grey: np.ndarray, *, threshold: int = 0) -> tuple[ReasonCode, ...]:
    box = content_box(np.repeat(grey[..., None], 3, axis=2))
    mask = cell_mask(grey, threshold=threshold)
    return assess(Segmentation(box, grey[box], mask[box], threshold, grey.shape), settings=SETTINGS)


@pytest.mark.parametrize("side", [20, 30])
def test_an_ordinary_cell_has_nothing_to_review(side: int) -> None:
    assert codes(frame(side, side)) == ()


@pytest.mark.parametrize(("height", "width"), [(21, 21), (20, 30), (30, 20)])
def test_a_frame_of_another_size_or_not_square_is_flagged(height: int, width: int) -> None:
    assert codes(frame(height, width)) == (ReasonCode.FRAME_SIZE,)


@pytest.mark.parametrize("area", [0, 8])
def test_less_than_a_cell_is_no_cell(area: int) -> None:
    grey = np.zeros((20, 20), np.uint8)
    grey[5, 3 : 3 + area] = 200

    with pytest.raises(ImageRejected) as rejected:
        codes(grey)

    assert rejected.value.code == ReasonCode.NO_CELL
    assert str(area) in rejected.value.detail


def test_the_smallest_cell_is_a_cell() -> None:
    grey = np.zeros((20, 20), np.uint8)
    grey[5, 3:12] = 200

    assert codes(grey) == ()


@pytest.mark.parametrize("edge", [np.s_[0, 4], np.s_[19, 4], np.s_[4, 0], np.s_[4, 19]])
def test_a_cell_on_any_border_is_flagged(edge: tuple[int, int]) -> None:
    grey = frame()
    row, column = edge
    grey[min(row, 4) : max(row, 4) + 1, min(column, 4) : max(column, 4) + 1] = 200

    assert codes(grey) == (ReasonCode.BORDER,)


def test_another_object_is_flagged_from_its_share_on() -> None:
    grey = frame()
    grey[12, 3:11] = 200
    assert codes(grey) == ()

    grey[12, 11] = 200
    assert codes(grey) == (ReasonCode.MULTI_OBJECT,)


def test_several_small_objects_are_not_one_large_one() -> None:
    grey = frame()
    grey[12:18:2, 3:10] = 200

    assert codes(grey) == ()


def test_the_share_is_of_the_filled_cell() -> None:
    ring = frame()
    ring[3:7, 3:7] = 0
    ring[12, 3:11] = 200

    assert codes(ring) == ()


def test_what_lies_in_the_cell_is_not_another_object() -> None:
    ring = frame()
    ring[2:14, 2:14] = 200
    ring[3:13, 3:13] = 0
    ring[5:11, 5:10] = 200

    assert codes(ring) == ()


def test_objects_are_judged_above_the_background() -> None:
    grey = frame()
    grey[12:18, 12:18] = 10

    assert codes(grey) == (ReasonCode.MULTI_OBJECT,)
    assert codes(grey, threshold=10) == (ReasonCode.LOSSY_SOURCE,)


def test_a_mask_over_most_of_the_frame_is_not_a_segmented_cell() -> None:
    grey = np.zeros((20, 20), np.uint8)
    grey[:, :10] = 200
    assert np.count_nonzero(grey) == 0.5 * grey.size
    assert codes(grey) == (ReasonCode.BORDER,)

    grey[3, 10] = 200
    assert codes(grey) == (ReasonCode.BORDER, ReasonCode.UNSEGMENTED)


def test_a_cell_in_a_tight_frame_is_segmented_as_long_as_black_surrounds_it() -> None:
    grey = np.zeros((20, 20), np.uint8)
    grey[1:19, 1:19] = 200
    assert codes(grey) == ()


def test_codes_are_review_codes_in_order() -> None:
    grey = np.full((21, 24), 200, np.uint8)
    grey[:, 18] = 0

    found = codes(grey, threshold=10)

    assert found == tuple(sorted(found))
    flagged = {code for code, what in CONSEQUENCES.items() if what in (Consequence.REVIEW, Consequence.UNFIT)}
    assert set(found) == flagged - {
        ReasonCode.EXTENSION_MISMATCH,
        ReasonCode.SMALL_CELL,
        ReasonCode.LARGE_CELL,
        ReasonCode.DRAWN_MODEL,
    }
