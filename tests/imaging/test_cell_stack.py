import pickle

import numpy as np
import pytest

from blastscreen.imaging.cell_stack import CellStack, cut_ranges

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)
NAMES = ["a", "b", "c", "d", "e"]


def read_pixels(start, stop):
    return PIXELS[start:stop]


def make_stack(**changes):
    return CellStack(**{"image_ids": NAMES, "side": 4, "read": lambda i, j: PIXELS[i:j]} | changes)


def test_batches_give_every_cell_once_in_order():
    batches = list(make_stack().batches(2))
    assert [ids for ids, _ in batches] == [("a", "b"), ("c", "d"), ("e",)]
    np.testing.assert_array_equal(np.concatenate([pixels for _, pixels in batches]), PIXELS)


def test_says_what_it_is_without_reading():
    assert repr(make_stack(read=None)) == "CellStack(5 cells, 4 x 4 pixels)"


def test_can_be_read_again():
    stack = make_stack()
    first, second = (np.concatenate([pixels for _, pixels in stack.batches(3)]) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_reads_nothing_before_it_is_asked_and_only_what_is_asked():
    asked = []

    def read(start, stop):
        asked.append((start, stop))
        return PIXELS[start:stop]

    batches = make_stack(read=read).batches(2)
    assert asked == []
    next(batches)
    assert asked == [(0, 2)]


def test_read_gives_the_range():
    np.testing.assert_array_equal(make_stack().read(1, 4), PIXELS[1:4])


@pytest.mark.parametrize("which", ["c", 2])
def test_cell_by_name_or_position(which):
    np.testing.assert_array_equal(make_stack().cell(which), PIXELS[2])


def test_unknown_cells_are_refused():
    with pytest.raises(KeyError, match="No cell 'x' among the 5"):
        make_stack().cell("x")
    for position in (5, -1):
        with pytest.raises(IndexError, match="stack of 5"):
            make_stack().cell(position)


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (3, 2), (0, 6)])
def test_ranges_outside_the_stack_are_refused(start, stop):
    with pytest.raises(IndexError, match="stack of 5"):
        make_stack().read(start, stop)


def test_empty_stack_has_no_batches_and_never_reads():
    def read(start, stop):
        raise AssertionError

    stack = CellStack(image_ids=[], side=4, read=read)
    assert len(stack) == 0
    assert list(stack.batches(3)) == []
    assert stack.read(0, 0).shape == (0, 4, 4, 3)


def test_repeated_names_are_refused_with_an_example():
    with pytest.raises(ValueError, match=r"2 image ids occur more than once, such as \['a', 'b'\]"):
        make_stack(image_ids=["a", "b", "a", "c", "b"])


@pytest.mark.parametrize(
    "pixels",
    [PIXELS[:1], PIXELS[:2, :3], PIXELS[:2, :, :, 0], PIXELS[:2].astype(float)],
    ids=["too few", "not square", "grey", "float"],
)
def test_wrong_pixels_are_refused_naming_the_cells(pixels):
    with pytest.raises(ValueError, match="Cells a to b came as"):
        make_stack(read=lambda i, j: pixels).read(0, 2)


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="at least 1 pixel"):
        make_stack(side=0)
    with pytest.raises(ValueError, match="at least 1 cell"):
        make_stack().batches(0)


def test_many_ranges_are_computed_by_the_given_function():
    seen = []

    def map_many(function, ranges):
        seen.append(list(ranges))
        return (function(PIXELS[start:stop]) for start, stop in ranges)

    stack = make_stack(map_many=map_many)
    np.testing.assert_array_equal(np.concatenate([pixels for _, pixels in stack.batches(3)]), PIXELS)
    assert list(stack.map_ranges(len, [(1, 2), (0, 4)])) == [1, 4]
    assert seen == [[(0, 3), (3, 5)], [(1, 2), (0, 4)]]


def test_a_function_that_loses_ranges_is_noticed():
    stack = make_stack(map_many=lambda function, ranges: [function(PIXELS[start:stop]) for start, stop in ranges[:-1]])
    with pytest.raises(ValueError, match="shorter"):
        list(stack.batches(3))


def test_a_batch_reads_its_own_cells_wherever_it_was_sent():
    batch = pickle.loads(pickle.dumps(make_stack(read=read_pixels).batch(1, 4)))
    assert batch.image_ids == make_stack().image_ids[1:4]
    np.testing.assert_array_equal(batch.read(), PIXELS[1:4])


def test_a_batch_of_another_shape_is_refused():
    stack = make_stack(read=lambda start, stop: PIXELS[start : stop + 1])
    with pytest.raises(ValueError, match="not as uint8"):
        stack.batch(0, 2).read()


@pytest.mark.parametrize(("length", "size", "expected"), [(0, 3, []), (3, 3, [(0, 3)]), (4, 3, [(0, 3), (3, 4)])])
def test_ranges_cover_everything_once(length, size, expected):
    assert cut_ranges(length, size) == expected
