import numpy as np
import pandas as pd
import pytest

from blastscreen.report.figures.protocol_audit import draw_area_correlations, draw_audit
from blastscreen.vocabulary import GENERATED_SAMPLE

RESULTS = pd.DataFrame(
    [
        ("rf", "subject", "cell", 1, 0.7),
        ("rf", "subject", "cell", 2, 0.8),
        ("rf", "image", "cell", 1, 0.9),
        ("rf", "image", "cell", 2, 0.9),
        ("cnn", "subject", "cell", 1, 0.6),
    ],
    columns=["model", "strategy", "region", "seed", "auroc"],
)
RESULTS = RESULTS.assign(accuracy=0.5, f1_weighted=0.5, data_source=GENERATED_SAMPLE)
CORRELATIONS = pd.DataFrame(
    [
        ("cell", "perimeter", 0.9, 0.8),
        ("cell", "glcm_energy", 0.1, 0.2),
        ("cell", "edge_density", np.nan, np.nan),
        ("frame", "perimeter", 0.9, 0.8),
        ("frame", "glcm_energy", -1.0, -0.99),
        ("frame", "edge_density", 0.3, 0.4),
    ],
    columns=["region", "feature", "pearson", "spearman"],
).assign(data_source=GENERATED_SAMPLE)


@pytest.fixture
def audit():
    return draw_audit(RESULTS)


@pytest.fixture
def correlations():
    return draw_area_correlations(CORRELATIONS)


def read_panel(figure, axis, kind):
    """Collect {(model, row label): values} of the dots or the means of one panel."""
    layout = figure.layout["yaxis" + axis[1:]]
    found = {}
    for trace in figure.data:
        if trace.yaxis == axis and trace.name.endswith(kind):
            for x, y in zip(trace.x, trace.y, strict=True):
                label = layout.ticktext[round(y)].replace("<br>", " ")
                found.setdefault((trace.legendgroup, label), []).append(pytest.approx(x))
    return found


def test_every_seed_and_every_mean_is_drawn_in_its_row(audit):
    assert read_panel(audit, "y", "a dot per seed") == {
        ("random forest", "split by subject, cell's own pixels"): [0.7, 0.8],
        ("random forest", "split by image, cell's own pixels"): [0.9, 0.9],
        ("convolutional network", "split by subject, cell's own pixels"): [0.6],
    }
    assert read_panel(audit, "y", "mean") == {
        ("random forest", "split by subject, cell's own pixels"): [0.75],
        ("random forest", "split by image, cell's own pixels"): [0.9],
        ("convolutional network", "split by subject, cell's own pixels"): [0.6],
    }
    assert read_panel(audit, "y2", "a dot per seed") == {("random forest", "splitting by image"): [0.2, 0.1]}
    assert read_panel(audit, "y2", "mean") == {("random forest", "splitting by image"): [0.15]}


def test_no_dot_hides_another(audit):
    dots = [(trace.yaxis, y) for trace in audit.data if trace.name.endswith("seed") for y in trace.y]
    assert len(set(dots)) == len(dots)


def test_means_stand_beside_their_rows(audit):
    written = sorted((note.yref, round(note.y, 3), note.text) for note in audit.layout.annotations)
    assert written == [
        ("y", -0.2, "<b>0.750</b>"),
        ("y", 0.2, "<b>0.600</b>"),
        ("y", 0.8, "<b>0.900</b>"),
        ("y2", 0, "<b>+0.150</b>"),
    ]


def test_models_have_colours_of_their_own_and_one_legend(audit):
    assert len({trace.marker.color for trace in audit.data}) == 2
    assert [trace.name for trace in audit.data if trace.showlegend] == [
        f"{model}: {kind}"
        for model in ("random forest", "convolutional network")
        for kind in ("a dot per seed", "mean")
    ]


def test_both_correlations_of_both_regions_are_drawn(correlations):
    found = {
        (trace.xaxis, trace.legendgroup): dict(zip(trace.y, trace.x, strict=True))
        for trace in correlations.data
        if trace.mode == "markers"
    }
    assert found == {
        ("x", "frame"): {"glcm_energy": -1.0, "perimeter": 0.9, "edge_density": 0.3},
        ("x", "cell"): {"glcm_energy": 0.1, "perimeter": 0.9},
        ("x2", "frame"): {"glcm_energy": -0.99, "perimeter": 0.8, "edge_density": 0.4},
        ("x2", "cell"): {"glcm_energy": 0.2, "perimeter": 0.8},
    }


def test_features_are_ordered_by_what_they_repeat_of_the_area(correlations):
    assert list(correlations.layout.yaxis.categoryarray) == ["glcm_energy", "perimeter", "edge_density"]


def test_lines_join_the_two_regions_of_a_feature(correlations):
    line = next(trace for trace in correlations.data if trace.mode == "lines")
    ends = list(zip(line.y, line.x, strict=True))
    assert ends[:3] == [("glcm_energy", -1.0), ("glcm_energy", 0.1), ("glcm_energy", None)]


def test_notes_are_drawn(audit, correlations):
    for figure in (audit, correlations):
        assert "generated sample" in figure.layout.title.text
