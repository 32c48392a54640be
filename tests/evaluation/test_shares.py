import numpy as np
import pandas as pd
import pytest

from blastscreen.evaluation.rates import evaluate_cells
from blastscreen.evaluation.shares import share_interval

LEVEL = {"confidence_level": 0.95}


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 16, size=400)
    label = np.where(group < 10, "all", "hem")
    return pd.DataFrame(
        {"subject_group": group.astype(str), "label": label, "blast_probability": rng.beta(1 + group % 3, 2)}
    )


def test_the_share_of_right_calls_has_the_interval_of_the_accuracy(cells):
    is_right = ((cells["blast_probability"] >= 0.5) == (cells["label"] == "all")).to_numpy()
    cells = cells.assign(subject_id=cells["subject_group"])
    expected = evaluate_cells(cells, threshold=0.5, **LEVEL)["intervals"]["accuracy"]
    found = share_interval(cells, is_right, np.ones_like(is_right), **LEVEL)
    assert found == pytest.approx(expected)


def test_groups_outside_the_whole_do_not_count(cells):
    whole = cells["subject_group"].isin(["1", "3", "4", "11", "12"]).to_numpy()
    part = whole & (cells["blast_probability"] >= 0.5).to_numpy()
    found = share_interval(cells, part, whole, **LEVEL)
    assert found == share_interval(cells[whole], part[whole], whole[whole], **LEVEL)
    assert found["n_groups"] == 5


def test_where_a_class_has_one_group_all_are_alike(cells):
    few = cells["subject_group"].isin(["1", "3", "11"]).to_numpy()
    part = few & (cells["blast_probability"] >= 0.5).to_numpy()
    found = share_interval(cells, part, few, **LEVEL)
    assert found == pytest.approx(share_interval(cells.assign(label="all"), part, few, **LEVEL))
    assert 0 < found["low"] < part.sum() / few.sum() < found["high"] < 1


def test_a_whole_of_one_group_or_none_has_no_interval(cells):
    one_group = (cells["subject_group"] == "3").to_numpy()
    assert share_interval(cells, one_group, one_group, **LEVEL) is None
    assert share_interval(cells.iloc[:0], one_group[:0], one_group[:0], **LEVEL) is None
