"""Cells are found by name, and held in memory only within the budget."""

import numpy as np
import pytest

from blastscreen.models.gathering import gather_cells, locate_cells
from blastscreen.vocabulary import Split


def test_cells_are_found_by_name_whatever_the_order_of_the_table(toy_cells):
    stack, splits = toy_cells()
    shuffled = splits.sample(frac=1, random_state=0)
    positions, is_blast = locate_cells(stack, shuffled, Split.VALIDATION, Split.TEST)
    wanted = splits[splits["split"].isin(["validation", "test"])]
    assert positions.tolist() == wanted.index.tolist()
    np.testing.assert_array_equal(is_blast, wanted["label"] == "all")


def test_a_budget_that_fits_holds_the_cells_and_a_smaller_one_streams_the_same(toy_cells, cnn_settings, compute):
    stack, splits = toy_cells(400)
    held = gather_cells(stack, splits, settings=cnn_settings(), compute=compute)
    # 320 cells of 32 pixels take 0.94 MiB, of 36 pixels 1.19 MiB
    fitting = gather_cells(stack, splits, settings=cnn_settings(memory_budget_mib=1), compute=compute)
    assert all(cells.pixels is not None for cells in (*held, *fitting))
    streamed = gather_cells(stack, splits, settings=cnn_settings(memory_budget_mib=1, input_side=36), compute=compute)
    assert all(cells.pixels is None for cells in streamed)
    whole = gather_cells(stack, splits, settings=cnn_settings(input_side=36), compute=compute)
    for cells, reference in zip(streamed, whole, strict=True):
        for (pixels, labels), (same_pixels, same_labels) in zip(cells.epoch(None), reference.epoch(None), strict=True):
            np.testing.assert_array_equal(pixels, same_pixels)
            np.testing.assert_array_equal(labels, same_labels)


def test_two_pools_stay_within_the_budget(toy_cells, cnn_settings, compute):
    stack, splits = toy_cells(400)
    train, _ = gather_cells(stack, splits, settings=cnn_settings(memory_budget_mib=1, input_side=36), compute=compute)
    largest = max(len(pixels) for pixels, _, _ in train._pools(np.random.default_rng(0)))
    assert 2 * largest * 36 * 36 * 3 <= 2**20


def test_cells_and_splits_of_different_runs_are_refused(toy_cells, cnn_settings, compute):
    stack, splits = toy_cells()
    with pytest.raises(ValueError, match="2 cells are in cell_images only, 0 in cell_splits only"):
        gather_cells(stack, splits[2:], settings=cnn_settings(), compute=compute)


def test_a_split_without_a_class_is_refused(toy_cells, cnn_settings, compute):
    stack, splits = toy_cells()
    validation = splits["split"] == "validation"
    splits.loc[validation, "label"] = "hem"
    with pytest.raises(ValueError, match=f"the validation cells hold 0 all, {validation.sum()} hem"):
        gather_cells(stack, splits, settings=cnn_settings(), compute=compute)
