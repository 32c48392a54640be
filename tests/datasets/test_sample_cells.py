import pickle
from collections.abc import MutableMapping

import numpy as np
import pytest
from kedro.io import DataCatalog, DatasetError

from blastscreen.datasets.sample_cells import SampleCells
from blastscreen.synthesis.drawing import draw_cell
from blastscreen.synthesis.plan import plan_sample

SIZE = {"n_cells": 60, "n_subjects": 8, "seed": 3}


def test_the_catalog_serves_the_planned_cells_lazily_and_sorted():
    catalog = DataCatalog.from_config({"raw_cells": {"type": "blastscreen.datasets.SampleCells", **SIZE}})
    cells = catalog.load("raw_cells")
    plans = plan_sample(**SIZE)
    assert list(cells) == sorted(plan.image_id for plan in plans)
    assert len(cells) == 60
    for plan in plans[::20]:
        load = cells[plan.image_id]
        assert callable(load)
        np.testing.assert_array_equal(load(), draw_cell(plan, seed=3))
        np.testing.assert_array_equal(load(), cells[plan.image_id]())


def test_a_name_that_is_not_planned_is_a_key_error():
    with pytest.raises(KeyError, match="fold_9"):
        SampleCells(**SIZE).load()["fold_9/all/UID_1_1_1_all.bmp"]


def test_what_is_loaded_is_read_only():
    cells = SampleCells(**SIZE).load()
    assert not isinstance(cells, MutableMapping)
    with pytest.raises(TypeError, match="item assignment"):
        cells["fold_0/all/UID_1_1_1_all.bmp"] = None


def test_a_drawn_array_belongs_to_the_caller():
    load = next(iter(SampleCells(**SIZE).load().values()))
    first = load()
    first[:] = 255
    assert load().min() == 0


def test_a_cell_can_be_drawn_in_another_process():
    load = next(iter(SampleCells(**SIZE).load().values()))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(load))(), load())


def test_saving_is_refused():
    with pytest.raises(DatasetError, match="read only"):
        SampleCells(**SIZE).save({})


def test_it_always_exists_and_describes_itself():
    dataset = SampleCells(**SIZE, metadata={"kedro-viz": {"layer": "01_raw"}})
    assert dataset.exists()
    assert dataset._describe() == SIZE
    assert dataset.metadata == {"kedro-viz": {"layer": "01_raw"}}


def test_settings_are_named_and_required():
    with pytest.raises(TypeError, match="positional"):
        SampleCells(60, 8, 3)
    with pytest.raises(TypeError, match="seed"):
        SampleCells(n_cells=60, n_subjects=8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_cells": 39}, "n_cells must be at least 40 for 8 subjects, not 39"),
        ({"n_subjects": 1}, "n_subjects must be at least 2"),
        ({"seed": -1}, "seed must not be negative"),
        ({"seed": "42"}, "seed must be a whole number, not '42'"),
    ],
)
def test_impossible_settings_are_refused_at_once(change, message):
    with pytest.raises(DatasetError, match=message):
        SampleCells(**(SIZE | change))
