import json

import pandas as pd
import pytest

from blastscreen.report.figures.learning import draw_learning_curve
from blastscreen.vocabulary import GENERATED_SAMPLE

HISTORY = pd.DataFrame(
    {
        "seed": [7, 7, 7, 8],
        "epoch": [3, 1, 2, 1],
        "train_loss": [0.3, 0.7, 0.5, 0.8],
        "train_auroc": [0.95, 0.6, 0.8, 0.55],
        "validation_loss": [0.6, 0.65, 0.55, 0.75],
        "validation_auroc": [0.7, 0.62, 0.75, 0.5],
        "kept": [False, False, True, True],
    }
)

METRICS = {"data_source": GENERATED_SAMPLE}


@pytest.fixture
def figure():
    return draw_learning_curve(HISTORY, METRICS, model="Network <1>")


def find(figure, name, axis):
    (trace,) = [trace for trace in figure.data if trace.name == name and trace.yaxis == axis]
    return trace


def test_curves_run_from_the_first_epoch_to_the_last(figure):
    expected = {
        ("train, seed 7", "y"): [0.7, 0.5, 0.3],
        ("validation, seed 7", "y"): [0.65, 0.55, 0.6],
        ("train, seed 7", "y2"): [0.6, 0.8, 0.95],
        ("validation, seed 7", "y2"): [0.62, 0.75, 0.7],
        ("validation, seed 8", "y"): [0.75],
    }
    for (name, axis), values in expected.items():
        trace = find(figure, name, axis)
        assert list(trace.y) == values
        assert list(trace.x) == list(range(1, len(values) + 1))
    assert len(figure.data) == 12
    assert (figure.layout.yaxis.title.text, figure.layout.yaxis2.title.text) == ("loss", "AUROC")


def test_the_epoch_that_was_kept_is_marked(figure):
    loss, auroc = find(figure, "kept, seed 7", "y"), find(figure, "kept, seed 7", "y2")
    assert (loss.x, loss.y, auroc.x, auroc.y) == ((2,), (0.55,), (2,), (0.75,))
    assert (loss.mode, loss.marker.symbol) == ("markers", "star")


def test_networks_differ_by_colour_and_splits_by_line(figure):
    train, validation = find(figure, "train, seed 7", "y"), find(figure, "validation, seed 7", "y")
    assert train.line.color == validation.line.color
    assert train.line.color != find(figure, "train, seed 8", "y").line.color
    assert train.line.dash != validation.line.dash


def test_each_curve_stands_in_the_legend_once(figure):
    names = [trace.name for trace in figure.data if trace.showlegend]
    assert len(names) == len(set(names)) == 6


def test_title_and_note_are_drawn_and_json_holds_the_figure(figure):
    assert "Network &lt;1&gt;: loss and AUROC" in figure.layout.title.text
    assert "generated sample, not patient data" in figure.layout.title.text
    json.dumps(json.loads(figure.to_json()), allow_nan=False)
