import numpy as np
import pandas as pd
import pytest

from blastscreen.evaluation.intervals import subject_bootstrap_interval
from blastscreen.evaluation.shares import share_interval

SETTINGS = {"confidence_level": 0.95, "n_resamples": 300, "seed": 4}


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
    expected = subject_bootstrap_interval(cells, ["accuracy"], threshold=0.5, **SETTINGS)["accuracy"]
    found = share_interval(cells, is_right, np.ones_like(is_right), **SETTINGS)
    assert found == pytest.approx(expected)


def test_a_whole_that_may_be_empty_has_no_interval(cells):
    one_group = (cells["subject_group"] == "3").to_numpy()
    assert share_interval(cells, one_group, one_group, **SETTINGS) is None
    assert share_interval(cells.iloc[:0], one_group[:0], one_group[:0], **SETTINGS) is None
