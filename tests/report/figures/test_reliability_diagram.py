import json

import pytest

from blastscreen.report.figures.reliability_diagram import draw_calibration
from blastscreen.vocabulary import GENERATED_SAMPLE


def part(mean, fraction, interval):
    return {
        "low": mean - 0.1,
        "high": mean + 0.1,
        "mean_probability": mean,
        "blast_fraction": fraction,
        "n_cells": 30,
        "n_groups": 4,
        "interval": interval,
    }


INTERVAL = {"low": 0.25, "high": 0.75, "n_groups": 9}
CALIBRATION = {
    "data_source": GENERATED_SAMPLE,
    "fitted_on": "validation",
    "chosen": "isotonic",
    "methods": {
        "none": {"validation": {"brier": 0.2, "ece": 0.11}, "test": {"brier": 0.3, "ece": 0.12}},
        "isotonic": {"validation": {"brier": 0.1, "ece": 0.0}, "test": {"brier": None, "ece": None}},
    },
    "bins": {
        "none": {"validation": [part(0.2, 0.5, INTERVAL), part(0.9, 0.8, None)], "test": [part(0.3, 0.4, None)]},
        "isotonic": {"validation": [part(0.5, 0.5, None)], "test": []},
    },
}


@pytest.fixture
def figure():
    return draw_calibration(CALIBRATION, model="Forest <1>")


def find(figure, name, axis):
    return [trace for trace in figure.data if trace.name == name and trace.xaxis == axis]


def test_bins_and_their_intervals_are_drawn(figure):
    (before,) = find(figure, "validation (fitted here)", "x")
    assert (before.x, before.y) == ((0.2, 0.9), (0.5, 0.8))
    # a bin without interval has no bar
    assert (before.error_y.array, before.error_y.arrayminus) == ((0.25, 0.0), (0.25, 0.0))
    (after,) = find(figure, "validation (fitted here)", "x2")
    assert (after.x, after.y) == ((0.5,), (0.5,))


def test_a_split_without_cells_is_left_out(figure):
    assert len(find(figure, "test", "x")) == 1
    assert find(figure, "test", "x2") == []


def test_panels_say_what_they_show(figure):
    before, after = (annotation.text for annotation in figure.layout.annotations)
    assert before.startswith("scores as they are")
    assert "test: Brier 0.300, ECE 0.120" in before
    assert after.startswith("after isotonic calibration")
    assert "test" not in after


def test_title_and_note_are_drawn_and_json_holds_the_figure(figure):
    assert "Forest &lt;1&gt;: can its probabilities" in figure.layout.title.text
    assert "generated sample" in figure.layout.title.text
    json.dumps(json.loads(figure.to_json()), allow_nan=False)
