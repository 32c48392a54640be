"""Every file has its row, and those that count are standardised; what was done before is not done again."""

import cv2
import numpy as np
import pandas as pd
import pytest

from blastscreen.cohort.soundness import CohortError
from blastscreen.imaging.intake import index_cells, standardise_cells
from blastscreen.imaging.rejection import ImageRejected
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
