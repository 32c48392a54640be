import json

import numpy as np
import pandas as pd
import pytest

from blastscreen.evaluation.confusion import Confusion
from blastscreen.evaluation.rates import METRICS, evaluate_cells, evaluate_predictions
from blastscreen.parameters import EvaluationParameters

LEVEL = {"confidence_level": 0.95}


def predictions(split, *cells):
    """Make predictions of one split from (subject, label, probability)."""
    subjects, labels, probabilities = zip(*cells, strict=True)
    return pd.DataFrame(
        {
            "image_id": [f"{split}_{number}" for number in range(len(cells))],
            "subject_id": subjects,
            "subject_group": [f"group of {subject}" for subject in subjects],
            "label": labels,
            "split": split,
            "data_source": "simulated",
            "blast_probability": np.array(probabilities, float),
        }
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


def evaluate(cells, *, threshold=0.5):
    return evaluate_cells(cells, threshold=threshold, **LEVEL)


def test_evaluation_by_hand():
    result = evaluate(VALIDATION)
    assert set(result.pop("intervals")) == set(METRICS)
    assert result == {
        "n_cells": 5,
        "n_subjects": 3,
        "n_subject_groups": 3,
        "threshold": 0.5,
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
        "brier": pytest.approx((0.1**2 + 0.5**2 + 0.7**2 + 0.6**2 + 0.2**2) / 5),
        "confusion": {"true_negatives": 1, "false_positives": 1, "false_negatives": 1, "true_positives": 2},
    }


def test_every_split_is_evaluated_by_itself_and_training_cells_are_not():
    table = pd.concat([VALIDATION, TEST, TEST.assign(split="train", label="hem")])
    calibrated = table.assign(reasons="lossy_source")
    calibrated.loc[table["image_id"] == "test_0", "reasons"] = "lossy_source;small_cell"
    settings = EvaluationParameters.model_construct(**LEVEL)
    result = evaluate_predictions(table, calibrated, {"threshold": 0.5}, settings=settings)
    assert result == {
        "validation": evaluate(VALIDATION) | {"n_unfit": 0},
        "test": evaluate(TEST) | {"n_unfit": 1},
        "data_source": "simulated",
    }


@pytest.mark.parametrize("other", [VALIDATION[1:], VALIDATION.assign(split="test")])
def test_calibrated_predictions_of_other_cells_are_refused(other):
    settings = EvaluationParameters.model_construct(**LEVEL)
    with pytest.raises(ValueError, match="Load both from the same run"):
        evaluate_predictions(VALIDATION, other.assign(reasons=""), {"threshold": 0.5}, settings=settings)


def test_the_threshold_itself_calls_a_blast():
    assert evaluate(VALIDATION, threshold=0.9)["confusion"]["true_positives"] == 1
    assert evaluate(VALIDATION, threshold=0.9000001)["confusion"]["true_positives"] == 0


def test_metrics_survive_json():
    result = evaluate(VALIDATION)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_no_cells_have_no_rates():
    result = evaluate(VALIDATION[:0])
    assert result.pop("confusion") == dict.fromkeys(Confusion._fields, 0)
    assert set(result.pop("intervals").values()) == {None}
    assert [result.pop(name) for name in ("n_cells", "n_subjects", "n_subject_groups")] == [0, 0, 0]
    assert result.pop("threshold") == 0.5
    assert set(result.values()) == {None}


def test_a_missing_class_leaves_its_rates_undefined():
    result = evaluate(VALIDATION[VALIDATION["label"] == "all"])
    undefined = {name for name, value in result.items() if value is None}
    assert undefined == {"balanced_accuracy", "specificity", "false_positive_rate", "auroc"}
    # two of three blasts found, none called wrongly: precision 1, recall 2/3
    assert (result["f1_weighted"], result["f1_all"]) == pytest.approx((4 / 5, 4 / 5))
    assert result["precision_hem"] == 0.0
