import json

import pytest

from blastscreen.report.figures.confidence import draw_calibration, draw_referral
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


def find(figure, name, axis=None):
    return [trace for trace in figure.data if trace.name == name and axis in (None, trace.xaxis)]


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


def rates(n_decided, selective_risk, missed, false_alarms):
    return {
        "n_cells": 200,
        "n_decided": n_decided,
        "n_referred": 200 - n_decided,
        "coverage": n_decided / 200,
        "selective_risk": selective_risk,
        "missed_blasts_with": missed,
        "false_alarms_with": false_alarms,
        "aurc": 0.05,
        "aurc_oracle": 0.01,
        "aurc_random": 0.1,
    }


CURVE = [
    {"coverage": 0.5, "selective_risk": 0.04, "min_confidence": 0.9},
    {"coverage": 1.0, "selective_risk": 0.1, "min_confidence": 0.5},
]
REFERRAL = {
    "data_source": GENERATED_SAMPLE,
    "max_residual_error": 0.05,
    "min_confidence": 0.9,
    "attainable": True,
    "validation": rates(100, 0.04, 1, 3),
    "test": rates(150, 0.08, 10, 2),
    "curve": {"validation": CURVE, "test": CURVE[1:]},
}


@pytest.fixture
def plan_figure():
    return draw_referral(REFERRAL, model="Forest <1>")


def test_curves_plan_and_wanted_error_are_drawn(plan_figure):
    curve, single = (trace for trace in plan_figure.data if "area 0.050 (best 0.010, by chance 0.100)" in trace.name)
    assert (curve.x, curve.y, curve.customdata) == ((0.5, 1.0), (0.04, 0.1), (0.9, 0.5))
    # one point makes no line
    assert (curve.mode, single.mode) == ("lines", "lines+markers")
    (plan,) = find(plan_figure, "test: the plan")
    assert (plan.x, plan.y) == ((0.75,), (0.08,))
    (wanted,) = find(plan_figure, "wanted at most: 5%")
    assert wanted.y == (0.05, 0.05)


def test_cells_are_decided_rightly_or_wrongly_or_referred(plan_figure):
    counts = {
        name: find(plan_figure, name)[0].customdata for name in ("decided rightly", "decided wrongly", "referred")
    }
    assert counts == {"decided rightly": (96, 138), "decided wrongly": (4, 12), "referred": (100, 50)}
    (wrong,) = find(plan_figure, "decided wrongly")
    assert (wrong.x, wrong.y, wrong.text) == (("validation", "test"), (0.02, 0.06), ("", "6%"))


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({}, "5% wrong or fewer on new subjects from a confidence of 0.900 upwards"),
        ({"min_confidence": 0.0}, "5% wrong or fewer on new subjects: no cell is referred"),
        (
            {"min_confidence": None, "attainable": False},
            "5% wrong or fewer can't be promised: all cells are referred",
        ),
    ],
)
def test_the_title_says_the_plan(plan, said):
    assert said in draw_referral(REFERRAL | plan, model="Forest").layout.title.text


def test_a_plan_that_refers_every_cell_and_a_split_without_cells_can_be_drawn():
    nothing = rates(0, None, 0, 0)
    empty = nothing | {"n_cells": 0, "coverage": None, "aurc": None, "aurc_oracle": None, "aurc_random": None}
    plan = REFERRAL | {"attainable": False, "validation": nothing, "test": empty}
    plan_figure = draw_referral(plan | {"curve": {"validation": CURVE, "test": []}}, model="Forest")
    assert find(plan_figure, "validation: the plan") == find(plan_figure, "test: the plan") == []
    assert find(plan_figure, "referred")[0].x == ("validation",)


def test_title_and_note_of_the_plan_are_drawn_and_json_holds_it(plan_figure):
    assert "Forest &lt;1&gt;: 5% wrong" in plan_figure.layout.title.text
    assert "generated sample" in plan_figure.layout.title.text
    json.dumps(json.loads(plan_figure.to_json()), allow_nan=False)
