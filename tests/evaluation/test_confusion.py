import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from blastscreen.evaluation.confusion import Confusion, count_calls, describe_calls, rates_of

PUBLISHED = Confusion(true_negatives=335, false_positives=174, false_negatives=72, true_positives=1019)


def test_published_table_by_hand():
    rates = describe_calls(PUBLISHED)
    assert rates["accuracy"] == 0.84625
    assert rates["false_positive_rate"] == pytest.approx(0.341847, abs=1e-6)
    assert rates["specificity"] == 335 / 509
    assert rates["sensitivity"] == 1019 / 1091
    assert rates["precision_all"] == 1019 / 1193
    assert rates["precision_hem"] == 335 / 407


def test_many_matrices_are_rated_as_one_by_one():
    rates = rates_of([[PUBLISHED, (0, 0, 1, 3)], [(2, 0, 0, 0), (0, 0, 0, 0)]])
    assert rates["accuracy"].shape == (2, 2)
    assert rates["f1_all"][0].tolist() == [describe_calls(PUBLISHED)["f1_all"], 6 / 7]
    assert np.isnan(rates["sensitivity"][1]).all()


def test_nothing_called_leaves_the_precision_undefined():
    nothing = Confusion(true_negatives=2, false_positives=0, false_negatives=0, true_positives=0)
    rates = describe_calls(nothing)
    assert {name for name, value in rates.items() if value is None} == {
        "balanced_accuracy",
        "sensitivity",
        "precision_all",
        "f1_all",
    }
    assert rates["f1_weighted"] == rates["accuracy"] == 1.0


CELLS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(CELLS, st.sampled_from([0.05, 0.25, 0.5, 0.9]))
def test_rates_equal_those_of_scikit_learn(cells, threshold):
    is_blast, probability = (np.array(column) for column in zip(*cells, strict=True))
    called = probability >= threshold
    counts = count_calls(is_blast, probability, threshold=threshold)
    assert tuple(counts) == tuple(metrics.confusion_matrix(is_blast, called, labels=[False, True]).ravel())
    undefined = float("nan")
    recalls = {
        label: metrics.recall_score(is_blast, called, pos_label=label, zero_division=undefined)
        for label in (True, False)
    }
    expected = {
        "accuracy": metrics.accuracy_score(is_blast, called),
        "balanced_accuracy": (recalls[True] + recalls[False]) / 2,
        "sensitivity": recalls[True],
        "specificity": recalls[False],
        "false_positive_rate": 1 - recalls[False],
        "precision_all": metrics.precision_score(is_blast, called, zero_division=undefined),
        "precision_hem": metrics.precision_score(is_blast, called, pos_label=False, zero_division=undefined),
        "f1_all": metrics.f1_score(is_blast, called, zero_division=undefined),
        "f1_weighted": metrics.f1_score(is_blast, called, average="weighted", zero_division=0.0),
    }
    rates = {name: undefined if value is None else value for name, value in describe_calls(counts).items()}
    assert rates == pytest.approx(expected, nan_ok=True)


@given(st.builds(Confusion, *[st.integers(0, 50)] * 4))
def test_weighted_f1_does_not_care_which_class_is_positive(counts):
    mirrored = Confusion(*reversed(counts))
    assert describe_calls(counts)["f1_weighted"] == pytest.approx(describe_calls(mirrored)["f1_weighted"])
