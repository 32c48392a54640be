import json

import pandas as pd
import pytest

from blastscreen.report.figures.roc import draw_roc_curves
from blastscreen.vocabulary import GENERATED_SAMPLE

PREDICTIONS = pd.DataFrame(
    {
        "label": ["all", "hem", "all", "hem", "all"],
        "split": ["validation"] * 4 + ["test"],
        "blast_probability": [0.9, 0.6, 0.4, 0.2, 0.7],
    }
)
METRICS = {
    "data_source": GENERATED_SAMPLE,
    "validation": {
        "auroc": 0.75,
        "false_positive_rate": 0.5,
        "sensitivity": 0.5,
        "threshold": 0.5,
        "intervals": {"auroc": None},
    },
    "test": {"auroc": None, "false_positive_rate": None, "sensitivity": 1.0, "threshold": 0.5},
}


@pytest.fixture
def figure():
    return draw_roc_curves(PREDICTIONS, METRICS, model="Forest")


def test_curve_by_hand(figure):
    curve = figure.data[0]
    # cuts from the highest probability down: blast, normal, blast, normal
    assert list(zip(curve.x, curve.y, strict=True)) == [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)]
    assert list(curve.customdata) == ["above 1", "0.900", "0.600", "0.400", "0.200"]
    assert curve.name == "validation: AUROC 0.750"


def test_the_cut_in_use_is_marked(figure):
    marker = figure.data[1]
    assert (marker.x, marker.y, marker.mode) == ((0.5,), (0.5,), "markers")
    assert marker.name == "validation at threshold 0.500"


def test_a_split_that_lacks_a_class_has_no_curve(figure):
    assert [trace.name for trace in figure.data] == [
        "validation: AUROC 0.750",
        "validation at threshold 0.500",
        "chance",
    ]


def test_both_splits_are_drawn_and_told_apart():
    both = pd.concat([PREDICTIONS, PREDICTIONS.iloc[:4].assign(split="test", blast_probability=[0.9, 0.1, 0.8, 0.2])])
    metrics = METRICS | {
        "test": {
            "auroc": 1.0,
            "false_positive_rate": 0.0,
            "sensitivity": 1.0,
            "threshold": 0.5,
            "intervals": {"auroc": {"low": 0.614, "high": 1.0}},
        }
    }
    figure = draw_roc_curves(both, metrics, model="Forest")
    curves = {trace.name: trace for trace in figure.data}
    validation, test = curves["validation: AUROC 0.750"], curves["test: AUROC 1.000 (0.61 to 1.00)"]
    assert (curves["test at threshold 0.500"].x, curves["test at threshold 0.500"].y) == ((0.0,), (1.0,))
    assert validation.line.color != test.line.color
    assert validation.line.dash != test.line.dash


def test_title_and_note_are_drawn_and_json_holds_the_figure(figure):
    assert "Forest: ROC curves" in figure.layout.title.text
    assert "generated sample" in figure.layout.title.text
    json.dumps(json.loads(figure.to_json()), allow_nan=False)
