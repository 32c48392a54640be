import json

import pandas as pd
import pytest

from blastscreen.report.figures.learning import draw_importances
from blastscreen.vocabulary import GENERATED_SAMPLE

IMPORTANCES = pd.DataFrame(
    {
        "feature": ["area", "solidity", "perimeter", "edge_density", "sobel_mean"],
        "impurity_importance": [0.4, 0.3, 0.15, 0.1, 0.05],
        "permutation_importance": [0.2, 0.1, 0.05, 0.0, -0.01],
        "permutation_std": [0.01, 0.02, 0.03, 0.04, 0.05],
        "feature_group": [
            "area+perimeter",
            "solidity",
            "area+perimeter",
            "edge_density+sobel_mean",
            "edge_density+sobel_mean",
        ],
        "group_importance": [0.35, 0.1, 0.35, 0.001, 0.001],
        "group_std": [0.06, 0.02, 0.06, 0.07, 0.07],
    }
)

METRICS = {"data_source": GENERATED_SAMPLE}


@pytest.fixture
def figure():
    return draw_importances(IMPORTANCES, METRICS, model="Forest")


def values(figure, axis, kind):
    """Collect {feature: (value, error)} of one panel."""
    return {
        feature: (value, trace.error_x.array[i] if trace.error_x.array else None)
        for trace in figure.data
        if trace.type == kind and trace.xaxis == axis
        for i, (feature, value) in enumerate(zip(trace.y, trace.x, strict=True))
    }


def test_both_importances_of_every_feature_are_drawn(figure):
    rows = IMPORTANCES.set_index("feature")
    assert values(figure, "x", "bar") == {name: (rows["impurity_importance"][name], None) for name in rows.index}
    assert values(figure, "x2", "bar") == {
        name: (rows["permutation_importance"][name], rows["permutation_std"][name]) for name in rows.index
    }


def test_groups_of_several_features_are_drawn_as_a_whole_too(figure):
    assert values(figure, "x2", "scatter") == {
        "area": (0.35, 0.06),
        "perimeter": (0.35, 0.06),
        "edge_density": (0.001, 0.07),
        "sobel_mean": (0.001, 0.07),
    }


def test_groups_are_lettered_and_coloured(figure):
    assert list(figure.layout.yaxis.ticktext) == [
        "area (A)",
        "solidity",
        "perimeter (A)",
        "edge_density (B)",
        "sobel_mean (B)",
    ]
    assert list(figure.layout.yaxis.tickvals) == list(figure.layout.yaxis.categoryarray) == list(IMPORTANCES["feature"])
    assert figure.layout.yaxis.autorange == "reversed"
    legend = {trace.name for trace in figure.data if trace.showlegend is not False}
    assert legend == {
        "(A) correlated: area + perimeter",
        "(B) correlated: edge_density + sobel_mean",
        "features on their own",
    }
    colours = {feature: trace.marker.color for trace in figure.data for feature in trace.y}
    assert colours["area"] == colours["perimeter"]
    assert len(set(colours.values())) == 3


@pytest.mark.parametrize(
    ("groups", "n_colours"),
    [
        pytest.param([str(i // 2) for i in range(60)], 7, id="more groups than letters"),
        pytest.param([str(i) for i in range(15)], 1, id="no group"),
        pytest.param(["one"] * 15, 1, id="one group"),
    ],
)
def test_any_grouping_of_features_can_be_drawn(groups, n_colours):
    table = pd.DataFrame({"feature": [f"feature {i}" for i in range(len(groups))], "feature_group": groups})
    table[[name for name in IMPORTANCES if name not in table]] = 0.1
    figure = draw_importances(table, METRICS, model="Forest")
    assert len({trace.marker.color for trace in figure.data}) == n_colours
    assert len(figure.layout.yaxis.ticktext) == len(groups)


def test_a_model_without_impurity_importances_can_be_drawn():
    figure = draw_importances(IMPORTANCES.assign(impurity_importance=float("nan")), METRICS, model="Boosting")
    traces = json.loads(figure.to_json(engine="json"))["data"]
    assert {value for trace in traces if trace["xaxis"] == "x" for value in trace["x"]} == {None}


def test_title_and_note_are_drawn(figure):
    assert "Forest: impurity and permutation importance" in figure.layout.title.text
    assert "generated sample" in figure.layout.title.text
