import json

import pandas as pd
import pytest

from blastscreen.report.figures.calls import draw_subjects
from blastscreen.vocabulary import GENERATED_SAMPLE

SUBJECTS = pd.DataFrame(
    [
        ["1", "all", "test", 40, 10, 0.25, 0.3, "hem"],
        ["2", "all", "validation", 10, 9, 0.9, 0.8, "all"],
        ["3", "all", "test", 1200, 1200, 1.0, 0.9, "all"],
        ["<b>4", "all", "test", 4, 4, 1.0, 0.9, "all"],
        ["H1", "hem", "validation", 8, 4, 0.5, 0.5, "all"],
    ],
    columns=["subject_id", "label", "split", "n_cells", "n_right", "rate", "mean_probability", "majority_call"],
)

METRICS = {"data_source": GENERATED_SAMPLE, "test": {"threshold": 0.4}}


@pytest.fixture
def figure():
    return draw_subjects(SUBJECTS, METRICS, model="Forest <1>")


def find(figure, name, axis):
    (trace,) = [trace for trace in figure.data if trace.name == name and trace.xaxis == axis]
    return trace


def test_subjects_stand_beside_their_names_the_best_on_top(figure):
    test, validation = find(figure, "test", "x"), find(figure, "validation", "x")
    # at equal rates the one with more cells comes first; a free line parts the splits
    assert list(zip(test.y, test.x, strict=True)) == [(0, 1.0), (1, 1.0), (2, 0.25)]
    assert (validation.y, validation.x) == ((4,), (0.9,))
    names = dict(zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True))
    assert names == {0: "3 (n=1,200)", 1: "&lt;b&gt;4 (n=4)", 2: "1 (n=40)", 4: "2 (n=10)"}
    top, bottom = figure.layout.yaxis.range[::-1]
    assert top < 0
    assert bottom > 4
    assert list(find(figure, "validation", "x2").x) == [0.5]


def test_a_wrong_vote_is_hollow(figure):
    colours = find(figure, "test", "x").marker.color
    assert [colour == "white" for colour in colours] == [False, False, True]
    assert find(figure, "validation", "x2").marker.color == ("white",)


def test_panels_say_the_range(figure):
    blasts, normals = (annotation.text for annotation in figure.layout.annotations)
    assert "test: 25% to 100%, median 100%" in blasts
    assert "validation: 50% to 50%" in normals
    assert "test" not in normals


def test_more_subjects_make_a_higher_figure(figure):
    many = pd.concat([SUBJECTS.assign(subject_id=SUBJECTS["subject_id"] + str(i)) for i in range(10)])
    assert draw_subjects(many, METRICS, model="Forest").layout.height > figure.layout.height + 500


def test_no_subjects_can_be_drawn():
    assert draw_subjects(SUBJECTS.iloc[:0], METRICS, model="Forest").layout.height > 0


def test_title_and_note_are_drawn_and_json_holds_the_figure(figure):
    assert (
        "Forest &lt;1&gt;: how much its rates differ between subjects, at threshold 0.400" in figure.layout.title.text
    )
    assert "generated sample" in figure.layout.title.text
    json.dumps(json.loads(figure.to_json()), allow_nan=False)
