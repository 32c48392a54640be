"""Every file has its row, and those that count are standardised; what was done before is not done again."""

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blastscreen.cohort.soundness import CohortError
from blastscreen.imaging.intake import index_cells, inspect_cells, standardise_batch, standardise_cells
from blastscreen.imaging.masks import cell_mask, find_background_threshold, to_grey
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.imaging.segmentation import Segmentation, place_cell, segment
from blastscreen.parameters import ComputeParameters, PreprocessingParameters
from blastscreen.vocabulary import ReasonCode, ReferenceCohort

COMPUTE = ComputeParameters(backend="threading", n_jobs=1, scheduler="", batch_size=2)
SETTINGS = PreprocessingParameters(
    canvas=64,
    expected_sizes=(64,),
    lossy_threshold=10,
    max_specks=10,
    min_cell_area=100,
    second_object_fraction=0.05,
    max_cell_fraction=0.6,
    count_duplicates_once=True,
    reference_cohort=ReferenceCohort.NONE,
)
NAMES = [f"UID_{subject}_1_{cell}_all.bmp" for subject in (1, 2) for cell in (1, 2)]


class Cells(dict):
    """Discs by name; counts how often they are read, and has a stamp that changes with the files."""

    def __init__(self, names):
        super().__init__({name: lambda name=name: self.read(name) for name in names})
        self.seen, self.stamp = [], "today"

    def read(self, name):
        self.seen.append(name)
        if "broken" in name:
            raise ImageRejected(ReasonCode.TRUNCATED, "cut short")
        image = np.zeros((64, 64, 3), np.uint8)
        cv2.circle(image, (32, 32), 10 + list(self).index(name), (80, 40, 80), -1)
        return image

    def fingerprint(self, image_ids):
        return None if self.stamp is None else self.stamp + ",".join(image_ids)


class Parts(dict):
    def read(self, key):
        return self.get(key)

    def write(self, key, result):
        self[key] = result


def test_a_batch_that_was_finished_is_not_read_again_and_the_table_is_the_same():
    cells, parts = Cells(NAMES), Parts()
    whole = index_cells(cells, parts, SETTINGS, COMPUTE)
    assert len(parts) == 2
    assert set(whole["data_source"]) == {"unnamed source"}
    parts.popitem()
    cells.seen.clear()
    again = index_cells(cells, parts, SETTINGS, COMPUTE)
    pd.testing.assert_frame_equal(again, whole)
    assert cells.seen == NAMES[2:]


@pytest.mark.parametrize("change", [{"stamp": "tomorrow"}, {"settings": {"min_cell_area": 101}}])
def test_other_files_or_settings_are_read_again(change):
    cells, parts = Cells(NAMES), Parts()
    index_cells(cells, parts, SETTINGS, COMPUTE)
    cells.stamp = change.get("stamp", cells.stamp)
    index_cells(cells, parts, SETTINGS.model_copy(update=change.get("settings", {})), COMPUTE)
    assert cells.seen == 2 * NAMES


def test_files_that_cannot_tell_whether_they_changed_are_never_kept():
    cells, parts = Cells(NAMES), Parts()
    cells.stamp = None
    index = index_cells(cells, parts, SETTINGS, COMPUTE)
    assert parts == {}
    assert standardise_cells(cells, index, SETTINGS, COMPUTE).origin is None


def test_what_counts_is_standardised_and_copies_are_not_taken_for_rejected_files(caplog):
    cells = Cells(["a.bmp", "b.bmp", "c.bmp"])
    index = index_cells(cells, Parts(), SETTINGS, COMPUTE)
    index["status"] = ["accepted", "duplicate", "duplicate"]
    stack = standardise_cells(cells, index, SETTINGS, COMPUTE)
    assert stack.image_ids == ("a.bmp",)
    np.testing.assert_array_equal(stack.cell("a.bmp"), cells.read("a.bmp"))
    assert "rejected" not in caplog.text


def test_a_folder_without_a_usable_file_is_refused_with_the_reasons(caplog):
    cells = Cells(["broken 1.bmp", "broken 2.bmp"])
    index = index_cells(cells, Parts(), SETTINGS, COMPUTE)
    with pytest.raises(CohortError, match=r"2 of 2 files rejected \(truncated 2\)"):
        standardise_cells(cells, index, SETTINGS, COMPUTE)
    cells = Cells(["broken 1.bmp", "broken 2.bmp", "a.bmp"])
    assert len(standardise_cells(cells, index_cells(cells, Parts(), SETTINGS, COMPUTE), SETTINGS, COMPUTE)) == 1
    assert "2 of 3 files rejected (truncated 2). The others go on." in caplog.text


def disc(*, side=64, centre=(32, 32), radius=12, value=80):
    image = np.zeros((side, side, 3), np.uint8)
    cv2.circle(image, centre, radius, (value, value // 2, value), -1)
    return image


def refuse():
    raise ImageRejected(ReasonCode.TRUNCATED, "cut short")


def break_down():
    raise OSError("the disk is gone")


def test_an_ordinary_cell_is_accepted_with_its_measures():
    (record,) = inspect_cells([("a", disc)], settings=SETTINGS)
    area = int((disc()[..., 0] > 0).sum())
    assert (record["status"], record["reasons"], record["cell_area"]) == ("accepted", "", area)
    assert (record["height"], record["width"], record["background_threshold"]) == (64, 64, 0)


@pytest.mark.parametrize(
    ("load", "status", "reasons"),
    [
        (refuse, "rejected", "truncated"),
        (break_down, "rejected", "unreadable"),
        (lambda: disc(radius=2), "rejected", "no_cell"),
        (lambda: np.zeros((64, 64, 3), np.uint8), "rejected", "no_cell"),
        (lambda: disc(side=200, centre=(100, 100), radius=40), "rejected", "cell_too_large"),
        (lambda: disc(centre=(10, 32)), "review", "border"),
        (lambda: disc(side=80), "review", "frame_size"),
        (lambda: disc() | disc(centre=(8, 8), radius=5), "review", "multi_object"),
    ],
)
def test_a_strange_source_gets_a_reason_and_its_neighbours_are_untouched(load, status, reasons):
    records = inspect_cells([("before", disc), ("strange", load), ("after", disc)], settings=SETTINGS)
    assert [record["image_id"] for record in records] == ["before", "strange", "after"]
    assert (records[1]["status"], records[1]["reasons"]) == (status, reasons)
    assert records[0]["pixel_hash"] == records[2]["pixel_hash"]


def test_specks_mean_a_lossy_background_whose_grey_is_not_the_cell():
    lossy = disc()
    lossy[::4, ::4] = np.maximum(lossy[::4, ::4], 5)
    found = segment(lossy, settings=SETTINGS)
    assert found.threshold == SETTINGS.lossy_threshold
    np.testing.assert_array_equal(found.mask, disc()[found.box][..., 0] > 0)
    assert np.count_nonzero(found.mask) == np.count_nonzero(disc()[..., 0])


@given(
    side=st.integers(1, 14),
    levels=st.sampled_from([(0, 90), (0, 0, 0, 5, 90), (0, 0, 0, 0, 1)]),
    seed=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=150)
def test_segments_as_threshold_and_mask_one_by_one(side, levels, seed):
    pixels = (
        np.random.default_rng(seed).choice(np.array(levels, np.uint8), (side, side + 1))[..., None].repeat(3, axis=2)
    )
    found = segment(np.pad(pixels, ((2, 3), (0, 1), (0, 0))), settings=SETTINGS)
    threshold = find_background_threshold(found.grey, lossy_threshold=10, max_specks=10)
    assert found.threshold == threshold
    np.testing.assert_array_equal(found.mask, cell_mask(found.grey, threshold=threshold))


def test_standardised_cells_are_masked_and_keep_their_scale():
    small, large = disc(), disc(side=100, centre=(50, 50))
    cells = standardise_batch([("a", lambda: small), ("b", lambda: large)], settings=SETTINGS)
    np.testing.assert_array_equal(cells[0], small)
    np.testing.assert_array_equal(cells[1], large[18:82, 18:82])


@given(side=st.integers(40, 110), row=st.integers(0, 110), column=st.integers(0, 110), speck=st.booleans())
@settings(deadline=None)
def test_standardised_cells_lie_where_those_of_the_whole_picture_do(side, row, column, speck):
    pixels = disc(side=side, centre=(min(column, side), min(row, side)))
    if speck:
        pixels[0, 0] = 1
    mask = cell_mask(to_grey(pixels))
    (cell,) = standardise_batch([("a", lambda: pixels)], settings=SETTINGS)
    expected = np.zeros_like(cell)
    whole = slice(0, mask.shape[0]), slice(0, mask.shape[1])
    place_cell(pixels, Segmentation(whole, to_grey(pixels), mask, 0, mask.shape), expected)
    np.testing.assert_array_equal(cell, expected)


def test_a_file_that_can_no_longer_be_read_is_not_passed_over():
    with pytest.raises(ImageRejected, match="cut short") as caught:
        standardise_batch([("a", disc), ("b", refuse)], settings=SETTINGS)
    assert caught.value.__notes__ == ["b"]
