import logging
from itertools import product

import numpy as np
import pandas as pd
import pytest

from blastscreen.models.hybrid import average_predictions
from blastscreen.parameters import HybridParameters
from blastscreen.schemas import PREDICTIONS
from blastscreen.vocabulary import IDENTITY


def predictions(probabilities, version=None):
    """Predictions of cells "a", "b" ... in the schema `PREDICTIONS`; None is a cell that is left out."""
    cells = [(chr(ord("a") + number), value) for number, value in enumerate(probabilities) if value is not None]
    table = pd.DataFrame(cells, columns=["image_id", "blast_probability"])
    table = table.assign(subject_id="1", subject_group="1", label="all", split="test", data_source="a test")
    table.attrs["version"] = version
    return table[list(PREDICTIONS.columns)].astype({"image_id": "str", "blast_probability": float})


def average(forest, network, weight=0.5):
    return average_predictions(forest, network, settings=HybridParameters(forest_weight=weight))


def test_a_mean_by_hand_with_certain_models_and_rows_in_any_order():
    forest, network = predictions([0.0, 1.0, 1.0, 0.2]), predictions([1.0, 1.0, 0.5, 0.4])
    hybrid = average(forest, network.iloc[[2, 0, 3, 1]], weight=0.25)
    PREDICTIONS.validate(hybrid)
    assert hybrid["blast_probability"].tolist() == pytest.approx([0.75, 1.0, 0.625, 0.35])
    pd.testing.assert_frame_equal(hybrid[IDENTITY], forest[IDENTITY])
    pd.testing.assert_frame_equal(average(forest.iloc[::-1], network, weight=0.25), hybrid)


@pytest.mark.parametrize("weight", [0, 0.1, 1 / 3, 0.5, np.nextafter(1, 0), 1])
def test_laws_of_a_mean(weight):
    awkward = [0, 5e-324, 0.1, 1 / 3, 0.5, np.nextafter(1, 0), 1]
    forest, network = (predictions(side) for side in zip(*product(awkward, awkward), strict=True))
    one, other = forest["blast_probability"], network["blast_probability"]
    mean = average(forest, network, weight)["blast_probability"]
    assert mean.between(np.minimum(one, other) - 1e-15, np.maximum(one, other) + 1e-15).all()
    assert mean.between(0, 1).all()
    np.testing.assert_allclose(average(network, forest, 1 - weight)["blast_probability"], mean, rtol=0, atol=1e-15)


def test_a_model_of_weight_1_is_repeated():
    forest, network = predictions([0.1, 0.0, 1.0]), predictions([0.7, 1.0, 0.0])
    pd.testing.assert_frame_equal(average(forest, network, weight=1), forest)
    pd.testing.assert_frame_equal(average(forest, network, weight=0), network)


def test_cells_that_one_model_left_out_are_left_out_and_named(caplog):
    with caplog.at_level(logging.WARNING, logger="blastscreen"):
        whole = average(predictions([0.1, 0.2, 0.3]), predictions([0.1, 0.2, 0.3]))
        assert caplog.messages == []
        hybrid = average(predictions([None, 0.2, None]), predictions([0.1, 0.4, 0.3]))
    pd.testing.assert_frame_equal(hybrid[IDENTITY], whole.loc[[1], IDENTITY].reset_index(drop=True))
    assert hybrid["blast_probability"].tolist() == pytest.approx([0.3])
    assert "2 cells with no score in rf_predictions (a, c)" in caplog.text
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("column", IDENTITY[1:])
def test_tables_that_contradict_each_other_are_refused(column):
    forest, network = predictions([0.1, 0.2, 0.3], "monday"), predictions([0.1, 0.2, 0.3], "friday")
    network.loc[1, column] = "other"
    with pytest.raises(
        ValueError, match=rf"1 cell with another {column} \(b\)\. Name versions .*--load-versions"
    ) as told:
        average(forest, network)
    assert "rf_predictions of version monday and cnn_predictions of version friday" in str(told.value)


def test_tables_that_each_lack_cells_are_refused():
    with pytest.raises(
        ValueError, match=r"1 cell with no score in rf_predictions \(b\), 1 cell with no score in cnn_predictions \(c\)"
    ):
        average(predictions([0.1, None, 0.3]), predictions([0.1, 0.2, None]))
