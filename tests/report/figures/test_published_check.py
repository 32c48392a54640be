import json

import pytest

from blastscreen.report.figures.interval_chart import OURS, PRINTED, RECOMPUTED, draw_published
from blastscreen.vocabulary import GENERATED_SAMPLE


def published(value, *printed):
    return {"recomputed": value, "printed": [{"text": text, "value": x, "agrees": good} for text, x, good in printed]}


CHECK = {
    "rates": {
        "rf": {
            "test": {
                "accuracy": published(0.8462, ("85%", 0.85, True)),
                "sensitivity": published(None),
                "false_positive_rate": published(0.3418, ("35.76%", 0.3576, False)),
            }
        }
    }
}
OURS_RF = {
    "accuracy": 0.8,
    "sensitivity": 0.9,
    "false_positive_rate": None,
    "intervals": {"accuracy": {"low": 0.7, "high": 0.85}, "sensitivity": None, "false_positive_rate": None},
}


@pytest.fixture
def traces():
    figure = draw_published(CHECK, rf={"test": OURS_RF, "data_source": GENERATED_SAMPLE})
    assert GENERATED_SAMPLE in figure.layout.title.text
    json.dumps(json.loads(figure.to_json()), allow_nan=False)
    return {(trace.name, trace.xaxis): trace for trace in figure.data}


def test_ours_stands_with_its_interval(traces):
    accuracy, sensitivity = traces[OURS, "x"], traces[OURS, "x2"]
    assert (list(accuracy.x), list(accuracy.y)) == ([0.8], ["random forest"])
    assert (accuracy.error_x.array, accuracy.error_x.arrayminus) == (pytest.approx([0.05]), pytest.approx([0.1]))
    assert list(accuracy.customdata) == ["70.0% to 85.0%"]
    assert (list(sensitivity.x), list(sensitivity.customdata)) == ([0.9], ["no interval"])


def test_what_the_tables_give_stands_beside_and_print_only_where_it_differs(traces):
    found = {(kind, axis): list(trace.x) for (kind, axis), trace in traces.items() if kind != OURS}
    assert found == {(RECOMPUTED, "x"): [0.8462], (RECOMPUTED, "x3"): [0.3418], (PRINTED, "x3"): [0.3576]}
    assert list(traces[PRINTED, "x3"].customdata) == ["printed 35.76%"]


def test_every_kind_of_marker_is_explained_once(traces):
    for name in (OURS, RECOMPUTED, PRINTED):
        assert sum(trace.showlegend for (kind, _), trace in traces.items() if kind == name) == 1
