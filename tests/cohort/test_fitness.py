import cv2
import numpy as np
import pandas as pd
import pytest

from blastscreen.cohort.fitness import list_reasons, measure_training_cells
from blastscreen.imaging.masks import cell_mask, to_grey
from blastscreen.vocabulary import GENERATED_SAMPLE, Refusal, is_unfit


def index_of(areas, reasons, status="accepted", source="a lab"):
    names = [f"{number}.bmp" for number in range(len(areas))]
    table = pd.DataFrame({"image_id": names, "status": status, "reasons": reasons, "data_source": source})
    return table.assign(cell_area=pd.array(areas, dtype="Int64"))


def splits_of(index, n_training):
    roles = ["train"] * n_training + ["test"] * (len(index) - n_training)
    return pd.DataFrame({"image_id": index["image_id"], "split": roles})


def test_the_range_is_that_of_the_fit_training_cells_widened() -> None:
    # 0.5 % of 1001 areas at either end are 5; the unfit training cell and the test cells are not asked
    index = index_of([*range(20_000, 21_001), 90_000, 5_000, 100], [""] * 1001 + ["unsegmented", "", ""])
    assert measure_training_cells(index, splits_of(index, 1002)) == {
        "n_cells": 1001,
        "cell_area": {"low": pytest.approx(20_005 * 0.9), "high": pytest.approx(20_995 / 0.9)},
        "data_source": "a lab",
    }


def test_without_a_fit_training_cell_there_is_no_range() -> None:
    index = index_of([30_000, 30_000], ["border;lossy_source", ""])
    with pytest.raises(Refusal, match="none of 1 training cells is fit"):
        measure_training_cells(index, splits_of(index, 1))


def test_areas_outside_the_range_are_a_reason_beside_the_others() -> None:
    status = ["accepted", "review", "accepted", "duplicate", "rejected", "rejected"]
    cells = index_of([999, 1000, 2000, 2001, 9, None], ["", "border", "", "duplicate", "no_cell", "truncated"], status)
    reasons = list_reasons(cells, {"n_cells": 3, "cell_area": {"low": 1000.0, "high": 2000.0}, "data_source": "a lab"})
    assert reasons.index.tolist() == cells["image_id"].tolist()
    assert reasons.tolist() == ["small_cell", "border", "", "duplicate;large_cell", "no_cell", "truncated"]


def test_models_of_drawn_cells_decide_on_no_others() -> None:
    drawn, real = index_of([2000], [""], source=GENERATED_SAMPLE), index_of([2000, None], ["", "truncated"])
    real["status"] = ["accepted", "rejected"]
    learned = measure_training_cells(drawn, splits_of(drawn, 1))
    assert learned["data_source"] == GENERATED_SAMPLE
    assert list_reasons(drawn, learned).tolist() == [""]
    assert list_reasons(real, learned).tolist() == ["drawn_model", "truncated"]
    assert is_unfit(list_reasons(real, learned)).tolist() == [True, False]


def test_real_cells_are_fit_and_at_half_or_double_scale_they_are_not(cnmc) -> None:
    pictures = [cv2.imread(str(file)) for file in sorted((cnmc / "C-NMC_training_data").rglob("*.bmp"))]

    def reasons_at(scale, training_range):
        scaled = (cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for picture in pictures)
        areas = [np.count_nonzero(cell_mask(to_grey(picture), threshold=5)) for picture in scaled]
        index = index_of(areas, "")
        return list_reasons(index, training_range or measure_training_cells(index, splits_of(index, len(index))))

    whole = {
        "n_cells": 52,
        "cell_area": {"low": 14_358.0, "high": 55_818.0},
        "data_source": "a lab",
    }  # of 2,518 training cells
    for training_range in (None, whole):
        assert is_unfit(reasons_at(1, training_range)).sum() == 0
    assert set(reasons_at(0.5, whole)) == {"small_cell"}
    assert set(reasons_at(2, whole)) == {"large_cell"}
