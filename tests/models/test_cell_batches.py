"""Every cell comes once an epoch, whole and under its own label, however it is read."""

import numpy as np
import pytest

from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.cell_batches import (
    BLOCK,
    CellBatches,
    gather_cells,
    locate_cells,
    plan_pools,
    read_cells,
    resize_cells,
)
from blastscreen.vocabulary import Split

N_CELLS = 150
POSITIONS = np.flatnonzero(np.arange(N_CELLS) % 7 < 4)


def numbered_stack():
    """Cell i is of the colour i."""

    def read(start, stop):
        return np.broadcast_to(np.arange(start, stop, dtype=np.uint8).reshape(-1, 1, 1, 1), (stop - start, 8, 8, 3))

    return CellStack(image_ids=map(str, range(N_CELLS)), side=8, read=read)


def make_batches(*, in_memory, pool_cells=40):
    stack = numbered_stack()
    pixels = np.concatenate(list(read_cells(stack, POSITIONS, side=4))) if in_memory else None
    return CellBatches(
        stack=stack,
        positions=POSITIONS,
        is_blast=POSITIONS % 3 == 0,
        side=4,
        batch_size=16,
        pool_cells=pool_cells,
        pixels=pixels,
    )


def numbers(batches, rng):
    """Positions that came, having checked the shapes and that labels belong to their pixels."""
    seen = []
    for pixels, labels in batches.epoch(rng):
        assert pixels.dtype == np.uint8
        assert pixels.shape == (len(labels), 4, 4, 3)
        assert labels.shape == (len(pixels), 1)
        came = pixels[:, 0, 0, 0]
        np.testing.assert_array_equal(labels[:, 0], came % 3 == 0)
        seen.append(came.tolist())
    assert [len(batch) for batch in seen[:-1]] == [16] * (len(batches) - 1)
    assert len(seen) == len(batches)
    return [number for batch in seen for number in batch]


@pytest.mark.parametrize("side", [4, 2, 1])
def test_shrinking_averages_the_pixels_that_become_one(side):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    factor = 8 // side
    means = pixels.reshape(3, side, factor, side, factor, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(resize_cells(pixels, side=side), means, atol=0.5)


def test_cells_of_the_right_side_are_left_alone():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize_cells(pixels, side=8), pixels)


def test_a_uniform_cell_stays_so_when_enlarged():
    assert np.all(resize_cells(np.full((1, 8, 8, 3), 77, np.uint8), side=20) == 77)


def test_scattered_cells_are_read_in_order_and_no_block_twice():
    spans = []
    stack = numbered_stack()
    watched = CellStack(
        image_ids=stack.image_ids, side=8, read=lambda i, j: [spans.append((i, j)), stack.read(i, j)][1]
    )
    pixels = np.concatenate(list(read_cells(watched, POSITIONS, side=4)))
    np.testing.assert_array_equal(pixels[:, 0, 0, 0], POSITIONS)
    assert len(spans) == -(-N_CELLS // BLOCK)
    assert all(stop - start <= BLOCK and start // BLOCK == (stop - 1) // BLOCK for start, stop in spans)


@pytest.mark.parametrize("pool_cells", [1, 20, 40, 1000])
def test_pools_hold_every_cell_once_and_are_bounded(pool_cells):
    pools = plan_pools(POSITIONS, pool_cells=pool_cells, rng=np.random.default_rng(1))
    assert sorted(np.concatenate(pools)) == list(range(len(POSITIONS)))
    assert max(map(len, pools)) <= pool_cells + BLOCK
    assert len(pools) <= -(-len(POSITIONS) // pool_cells)


def test_pools_in_order_of_the_stack():
    pools = plan_pools(POSITIONS, pool_cells=40, rng=None)
    np.testing.assert_array_equal(np.concatenate(pools), np.arange(len(POSITIONS)))
    assert len(pools) > 1


@pytest.mark.parametrize("in_memory", [True, False])
def test_an_epoch_holds_every_cell_once_in_an_order_that_follows_from_the_seed(in_memory):
    batches = make_batches(in_memory=in_memory)
    first, again, other = (numbers(batches, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert sorted(first) == sorted(other) == POSITIONS.tolist()


@pytest.mark.parametrize("in_memory", [True, False])
def test_without_shuffling_the_order_is_that_of_the_stack(in_memory):
    assert numbers(make_batches(in_memory=in_memory), None) == POSITIONS.tolist()


def test_shuffling_of_streamed_cells_mixes_distant_ones():
    first_batch = numbers(make_batches(in_memory=False), np.random.default_rng(1))[:16]
    assert len({number // BLOCK for number in first_batch}) > 2


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
