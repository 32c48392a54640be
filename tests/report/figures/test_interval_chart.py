import json

import pytest

from blastscreen.report.figures.interval_chart import SHOWN, draw_comparison
from blastscreen.vocabulary import GENERATED_SAMPLE

TITLES = ["random forest", "convolutional network"]


def interval(low, high):
    return {"low": low, "high": high, "n_groups": 13}


def metrics(value):
    return {
        "data_source": GENERATED_SAMPLE,
        "test": dict.fromkeys(SHOWN, value) | {"intervals": dict.fromkeys(SHOWN, interval(value - 0.1, value + 0.05))},
    }


@pytest.fixture
def figure():
    differences = {name: {"difference": 0.2, "interval": interval(-0.1, 0.3)} for name in SHOWN}
    differences["auroc"] = {"difference": 0.2, "interval": interval(0.1, 0.3)}
    differences["specificity"] = {"difference": -0.2, "interval": interval(-0.3, -0.1)}
    differences["sensitivity"] = {"difference": 0.2, "interval": None}
    differences["precision_hem"] = {"difference": None, "interval": None}
    comparison = {
        "data_source": GENERATED_SAMPLE,
        "pairs": [{"first": "rf", "second": "cnn", "differences": differences}],
    }
    return draw_comparison(comparison, rf=metrics(0.8), cnn=metrics(0.6))


def test_every_model_has_its_values_and_intervals(figure):
    forest, network, _ = figure.data
    assert (forest.name, network.name) == tuple(TITLES)
    assert set(forest.x) == {0.8}
    assert forest.error_x.array[0] == pytest.approx(0.05)
    assert forest.error_x.arrayminus[0] == pytest.approx(0.1)
    assert forest.customdata[0] == "(0.700 to 0.850; 13 subject groups)"
    # two markers share a line without touching
    assert forest.y[0] < 0 < network.y[0]


def test_differences_that_may_be_none_are_hollow(figure):
    trace = figure.data[2]
    assert trace.name == " minus ".join(TITLES)
    rows = [list(SHOWN)[round(line)] for line in trace.y]
    assert set(SHOWN) - set(rows) == {"precision_hem"}
    filled = {row for row, symbol in zip(rows, trace.marker.symbol, strict=True) if not symbol.endswith("-open")}
    assert filled == {"auroc", "specificity"}
    assert trace.customdata[rows.index("sensitivity")] == "(no interval)"


def test_note_is_drawn_and_json_holds_the_figure(figure):
    assert "generated sample" in figure.layout.title.text
    json.dumps(json.loads(figure.to_json()), allow_nan=False)
