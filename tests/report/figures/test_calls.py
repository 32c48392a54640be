import json

import pandas as pd
import pytest

from blastscreen.report.figures.calls import draw_confusion_matrices, draw_roc_curves
from blastscreen.vocabulary import GENERATED_SAMPLE


def metrics(n_cells, n_subjects, *counts):
    names = ("true_negatives", "false_positives", "false_negatives", "true_positives")
    confusion = dict(zip(names, counts, strict=True))
    return {"n_cells": n_cells, "n_subjects": n_subjects, "threshold": 0.125, "confusion": confusion}


METRICS = {
    "data_source": GENERATED_SAMPLE,
    "validation": metrics(1600, 20, 335, 174, 72, 1019),
    "test": metrics(4, 1, 0, 0, 1, 3),
}


@pytest.fixture
def figure():
    return draw_confusion_matrices(METRICS, model="Forest <1>")


def test_rows_are_true_labels_and_columns_calls(figure):
    validation = figure.data[0]
    assert list(validation.x) == list(validation.y) == ["hem (normal)", "all (blast)"]
    assert [list(row) for row in validation.customdata] == [[335, 174], [72, 1019]]
    assert validation.z[0] == pytest.approx([335 / 509, 174 / 509])
    assert validation.z[1] == pytest.approx([72 / 1091, 1019 / 1091])
    assert validation.text[0][1] == "174<br>34.2%"
    assert validation.text[1][1] == "1,019<br>93.4%"
    assert figure.layout.yaxis.autorange == "reversed"
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("called", "true label")


def test_a_row_without_cells_has_counts_but_no_shares(figure):
    test = figure.data[1]
    assert [list(row) for row in test.z] == [[None, None], [0.25, 0.75]]
    assert list(test.text[0]) == ["0", "0"]


def test_title_note_and_sizes_are_told(figure):
    text = figure.layout.title.text
    assert "Forest &lt;1&gt;: true labels against calls at threshold 0.125" in text
    assert "generated sample, not patient data" in text
    assert [annotation.text for annotation in figure.layout.annotations] == [
        "validation: 1,600 cells, 20 subjects",
        "test: 4 cells, 1 subjects",
    ]


def test_real_cells_have_no_note():
    figure = draw_confusion_matrices(METRICS | {"data_source": "cells"}, model="Forest")
    assert figure.layout.title.text == "<b>Forest: true labels against calls at threshold 0.125</b>"


def test_a_result_without_a_source_says_so():
    metrics = {name: value for name, value in METRICS.items() if name != "data_source"}
    assert "unknown data source" in draw_confusion_matrices(metrics, model="Forest").layout.title.text


PREDICTIONS = pd.DataFrame(
    {
        "label": ["all", "hem", "all", "hem", "all"],
        "split": ["validation"] * 4 + ["test"],
        "blast_probability": [0.9, 0.6, 0.4, 0.2, 0.7],
    }
)
ROC_METRICS = {
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
def roc():
    return draw_roc_curves(PREDICTIONS, ROC_METRICS, model="Forest")


def test_curve_by_hand(roc):
    curve = roc.data[0]
    # cuts from the highest probability down: blast, normal, blast, normal
    assert list(zip(curve.x, curve.y, strict=True)) == [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)]
    assert list(curve.customdata) == ["above 1", "0.900", "0.600", "0.400", "0.200"]
    assert curve.name == "validation: AUROC 0.750"


def test_the_cut_in_use_is_marked(roc):
    marker = roc.data[1]
    assert (marker.x, marker.y, marker.mode) == ((0.5,), (0.5,), "markers")
    assert marker.name == "validation at threshold 0.500"


def test_a_split_that_lacks_a_class_has_no_curve(roc):
    assert [trace.name for trace in roc.data] == [
        "validation: AUROC 0.750",
        "validation at threshold 0.500",
        "chance",
    ]


def test_both_splits_are_drawn_and_told_apart():
    both = pd.concat([PREDICTIONS, PREDICTIONS.iloc[:4].assign(split="test", blast_probability=[0.9, 0.1, 0.8, 0.2])])
    metrics = ROC_METRICS | {
        "test": {
            "auroc": 1.0,
            "false_positive_rate": 0.0,
            "sensitivity": 1.0,
            "threshold": 0.5,
            "intervals": {"auroc": {"low": 0.614, "high": 1.0}},
        }
    }
    roc = draw_roc_curves(both, metrics, model="Forest")
    curves = {trace.name: trace for trace in roc.data}
    validation, test = curves["validation: AUROC 0.750"], curves["test: AUROC 1.000 (0.61 to 1.00)"]
    assert (curves["test at threshold 0.500"].x, curves["test at threshold 0.500"].y) == ((0.0,), (1.0,))
    assert validation.line.color != test.line.color
    assert validation.line.dash != test.line.dash


def test_title_and_note_are_drawn_and_json_holds_the_figure(roc):
    assert "Forest: ROC curves" in roc.layout.title.text
    assert "generated sample" in roc.layout.title.text
    json.dumps(json.loads(roc.to_json()), allow_nan=False)
