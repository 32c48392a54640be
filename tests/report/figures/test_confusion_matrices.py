import pytest

from blastscreen.report.figures.confusion_matrices import draw_confusion_matrices
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
