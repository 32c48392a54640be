import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from blastscreen.evaluation.confusion import (
    Confusion,
    accuracy,
    count_calls,
    describe_calls,
    evaluate_predictions,
    f1_weighted,
    false_positive_rate,
    precision_all,
    precision_hem,
    sensitivity,
    specificity,
)

PUBLISHED = Confusion(true_negatives=335, false_positives=174, false_negatives=72, true_positives=1019)


def predictions(split, *cells):
    """Make predictions of one split from (subject, label, probability)."""
    subjects, labels, probabilities = zip(*cells, strict=True)
    return pd.DataFrame(
        {"subject_id": subjects, "label": labels, "split": split, "blast_probability": np.array(probabilities, float)}
    )


VALIDATION = predictions(
    "validation",
    ("1", "all", 0.9),
    ("1", "all", 0.5),
    ("2", "all", 0.3),
    ("H1", "hem", 0.6),
    ("H1", "hem", 0.2),
)
TEST = predictions("test", ("3", "all", 0.7), ("H2", "hem", 0.1))


def test_published_table_by_hand():
    assert accuracy(PUBLISHED) == 0.84625
    assert false_positive_rate(PUBLISHED) == pytest.approx(0.341847, abs=1e-6)
    assert specificity(PUBLISHED) == 335 / 509
    assert sensitivity(PUBLISHED) == 1019 / 1091
    assert precision_all(PUBLISHED) == 1019 / 1193
    assert precision_hem(PUBLISHED) == 335 / 407


def test_evaluation_by_hand():
    result = evaluate_predictions(pd.concat([VALIDATION, TEST]), threshold=0.5)
    assert list(result) == ["validation", "test"]
    assert result["validation"] == {
        "n_cells": 5,
        "n_subjects": 3,
        "accuracy": 3 / 5,
        "balanced_accuracy": pytest.approx((2 / 3 + 1 / 2) / 2),
        "sensitivity": 2 / 3,
        "specificity": 1 / 2,
        "false_positive_rate": 1 / 2,
        "precision_all": 2 / 3,
        "precision_hem": 1 / 2,
        "f1_all": 2 / 3,
        "f1_weighted": pytest.approx(3 / 5 * 2 / 3 + 2 / 5 * 1 / 2),
        "auroc": pytest.approx(4 / 6),
        "confusion": {"true_negatives": 1, "false_positives": 1, "false_negatives": 1, "true_positives": 2},
    }
    assert result["test"]["accuracy"] == 1.0
    assert result["test"]["auroc"] == 1.0


def test_the_threshold_itself_calls_a_blast():
    at_threshold = evaluate_predictions(VALIDATION, threshold=0.9)["validation"]["confusion"]
    assert at_threshold["true_positives"] == 1
    above = evaluate_predictions(VALIDATION, threshold=0.9000001)["validation"]["confusion"]
    assert above["true_positives"] == 0


def test_training_cells_are_not_evaluated():
    with_training = pd.concat([VALIDATION, TEST, TEST.assign(split="train", label="hem")])
    assert evaluate_predictions(with_training, threshold=0.5) == evaluate_predictions(
        pd.concat([VALIDATION, TEST]), threshold=0.5
    )


def test_metrics_survive_json():
    result = evaluate_predictions(VALIDATION, threshold=0.5)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_an_empty_split_has_no_rates():
    result = evaluate_predictions(VALIDATION, threshold=0.5)["test"]
    assert result.pop("confusion") == dict.fromkeys(Confusion._fields, 0)
    assert (result.pop("n_cells"), result.pop("n_subjects")) == (0, 0)
    assert set(result.values()) == {None}


def test_a_missing_class_leaves_its_rates_undefined():
    blasts = VALIDATION[VALIDATION["label"] == "all"]
    result = evaluate_predictions(blasts, threshold=0.5)["validation"]
    undefined = {name for name, value in result.items() if value is None}
    assert undefined == {"balanced_accuracy", "specificity", "false_positive_rate", "auroc"}
    # two of three blasts found, none called wrongly: precision 1, recall 2/3
    assert (result["f1_weighted"], result["f1_all"]) == pytest.approx((4 / 5, 4 / 5))
    assert result["precision_hem"] == 0.0


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


@pytest.mark.parametrize("probability", [np.nan, -0.1, 1.1])
def test_impossible_probabilities_are_refused(probability):
    bad = VALIDATION.assign(blast_probability=[0.1, 0.2, 0.3, 0.4, probability])
    with pytest.raises(ValueError, match="1 probabilities are missing or not within"):
        evaluate_predictions(bad, threshold=0.5)


def test_foreign_labels_are_refused():
    with pytest.raises(ValueError, match="2 labels are not one of all, hem"):
        evaluate_predictions(VALIDATION.replace({"label": {"hem": "healthy"}}), threshold=0.5)


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


@settings(max_examples=60, deadline=None)
@given(CELLS)
def test_auroc_is_the_chance_that_a_blast_outranks_a_normal_cell(cells):
    labels = ["all" if is_blast else "hem" for is_blast, _ in cells]
    table = predictions(
        "test", *((str(i), label, p) for i, (label, (_, p)) in enumerate(zip(labels, cells, strict=True)))
    )
    auroc = evaluate_predictions(table, threshold=0.5)["test"]["auroc"]
    blasts = [p for is_blast, p in cells if is_blast]
    normals = [p for is_blast, p in cells if not is_blast]
    if not blasts or not normals:
        assert auroc is None
    else:
        wins = sum((b > n) + (b == n) / 2 for b in blasts for n in normals)
        assert auroc == pytest.approx(wins / (len(blasts) * len(normals)))


@given(st.builds(Confusion, *[st.integers(0, 50)] * 4))
def test_weighted_f1_does_not_care_which_class_is_positive(counts):
    mirrored = Confusion(*reversed(counts))
    assert f1_weighted(counts) == pytest.approx(f1_weighted(mirrored))
