import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from blastscreen.evaluation.calibration import calibrate_predictions
from blastscreen.evaluation.referral import (
    area_under,
    plan_referral,
    rate_calls,
    rate_predictions,
    risk_coverage,
    triage_cells,
)
from blastscreen.parameters import EvaluationParameters
from blastscreen.schemas import CALIBRATED, TRIAGE
from blastscreen.vocabulary import Calibration


def predictions(split, *cells):
    """Make predictions of one split from (subject, label, probability)."""
    subjects, labels, probabilities = zip(*cells, strict=True)
    return pd.DataFrame(
        {
            "image_id": [f"{split}_{number}" for number in range(len(cells))],
            "subject_id": subjects,
            "subject_group": subjects,
            "label": labels,
            "split": split,
            "data_source": "simulated",
            "blast_probability": np.array(probabilities, float),
        }
    )


# called blasts from 0.5 on: confidences 0.9 right, 0.8 wrong, 0.8 right, 0.6 right, 0.6 wrong
VALIDATION = predictions(
    "validation",
    ("1", "all", 0.9),
    ("H1", "hem", 0.8),
    ("H1", "hem", 0.2),
    ("2", "all", 0.6),
    ("2", "all", 0.4),
)
TEST = predictions(
    "test",
    ("3", "all", 0.95),
    ("3", "all", 0.3),
    ("4", "all", 0.1),
    ("H2", "hem", 0.7),
    ("H3", "hem", 0.55),
    ("3", "all", 0.6),
)
BOTH = pd.concat([VALIDATION, TEST], ignore_index=True)
# a confidence in the promise so low that three subjects are enough for one
UNSURE = {"max_residual_error": 0.15, "confidence_level": 0.05}


def fit(table):
    """Give every cell no reason at all."""
    return pd.Series("", index=table["image_id"])


def rate(table, reasons=None, *, threshold=0.5):
    """Call every cell; its score is taken for a probability."""
    probability = table["blast_probability"].to_numpy()
    return rate_calls(table, probability, fit(table) if reasons is None else reasons, threshold=threshold)


def plan(table, reasons=None, *, max_residual_error, confidence_level=0.95):
    wanted = {"max_residual_error": max_residual_error, "confidence_level": confidence_level}
    return plan_referral(rate(table, reasons), settings=EvaluationParameters.model_construct(**wanted))


def triage(table, reasons=None, *, min_confidence):
    return triage_cells(rate(table, reasons), {"min_confidence": min_confidence})


def test_curve_by_hand():
    confidence = np.array([0.6, 0.8, 0.9, 0.8, 0.6])
    is_right = np.array([True, False, True, True, False])
    curve = risk_coverage(confidence, is_right)
    np.testing.assert_allclose(curve.min_confidence, [0.9, 0.8, 0.6])
    np.testing.assert_allclose(curve.coverage, [1 / 5, 3 / 5, 1])
    np.testing.assert_allclose(curve.selective_risk, [0, 1 / 3, 2 / 5])
    assert area_under(curve) == pytest.approx(1 / 5 * 0 + 2 / 5 * 1 / 3 + 2 / 5 * 2 / 5)


def test_no_cells_have_no_curve():
    curve = risk_coverage(np.array([]), np.array([], bool))
    assert curve.empty
    assert area_under(curve) is None


CELLS = st.lists(st.tuples(st.sampled_from([0.5, 0.6, 0.75, 0.9]), st.booleans()), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(CELLS)
def test_every_point_is_what_its_confidence_gives(cells):
    confidence, is_right = (np.array(column) for column in zip(*cells, strict=True))
    curve = risk_coverage(confidence, is_right)
    for least, coverage, risk in curve[["min_confidence", "coverage", "selective_risk"]].to_numpy():
        decided = confidence >= least
        assert coverage == pytest.approx(decided.mean())
        assert risk == pytest.approx(1 - is_right[decided].mean())
    assert curve["coverage"].iloc[-1] == 1
    assert set(curve.min_confidence) == set(confidence)


@settings(max_examples=60, deadline=None)
@given(CELLS, st.randoms(use_true_random=False))
def test_area_lies_between_the_perfect_order_and_the_worst(cells, random):
    is_right = np.array([right for _, right in cells])
    perfect = np.argsort(np.argsort(is_right, kind="stable"))
    order = list(range(len(cells)))
    random.shuffle(order)
    best, any_order, worst = (
        area_under(risk_coverage(np.array(confidence, float), is_right)) for confidence in (perfect, order, -perfect)
    )
    assert best - 1e-12 <= any_order <= worst + 1e-12
    unable = area_under(risk_coverage(np.zeros(len(cells)), is_right))
    assert unable == pytest.approx(1 - is_right.mean())


def test_a_perfect_order_has_the_area_of_the_oracle():
    # wrong calls are exactly the least sure ones
    table = predictions("validation", *[("1", "all", p) for p in (0.99, 0.9, 0.8, 0.45)], ("H1", "hem", 0.6))
    both = plan(pd.concat([table, TEST]), max_residual_error=0.1)["validation"]
    assert both["aurc"] == both["aurc_oracle"] == pytest.approx((1 / 4 + 2 / 5) / 5)
    assert both["aurc_random"] == 2 / 5


def test_plan_by_hand():
    result = plan(BOTH, **UNSURE)
    assert (result["chosen_on"], result["attainable"], result["min_confidence"]) == ("validation", True, 0.8)
    # all cells: 2 of 5 are wrong, as if 1.2 of the 3 subjects were
    assert (result["n_groups"], result["n_groups_needed"]) == (3, 1)
    assert result["trials"][-1] == {
        "coverage": 0.65,
        "min_confidence": 0.6,
        "n_groups": 3,
        "bound": pytest.approx(stats.beta.ppf(0.05, 2.2, 1.8)),
    }
    validation, test = result["validation"], result["test"]
    assert validation.pop("intervals")["coverage"]["n_groups"] == 3
    assert validation == {
        "n_cells": 5,
        "n_decided": 3,
        "n_referred": 2,
        "coverage": 3 / 5,
        "selective_risk": 1 / 3,
        "risk_without_referral": 2 / 5,
        "missed_blasts_without": 1,
        "missed_blasts_with": 0,
        "false_alarms_without": 1,
        "false_alarms_with": 1,
        "n_subjects": 3,
        "n_subjects_with_referral": 1,
        "n_subjects_all_referred": 1,
        "aurc": pytest.approx(22 / 75),
        "aurc_oracle": pytest.approx((1 / 4 + 2 / 5) / 5),
        "aurc_random": 2 / 5,
    }
    # decided: 0.95 rightly, 0.1 wrongly
    assert (test["n_decided"], test["selective_risk"]) == (2, 1 / 2)
    assert (test["missed_blasts_without"], test["missed_blasts_with"]) == (2, 1)
    assert (test["false_alarms_without"], test["false_alarms_with"]) == (2, 0)
    assert (test["n_subjects"], test["n_subjects_with_referral"], test["n_subjects_all_referred"]) == (4, 3, 2)
    assert result["curve"]["validation"] == [
        {"coverage": pytest.approx(share), "selective_risk": pytest.approx(risk), "min_confidence": least}
        for share, risk, least in [(1 / 5, 0, 0.9), (3 / 5, 1 / 3, 0.8), (1, 2 / 5, 0.6)]
    ]
    json.dumps(result, allow_nan=False)


def test_an_error_that_no_confidence_gives_refers_every_cell():
    wrong = BOTH.assign(label=BOTH["label"].map({"all": "hem", "hem": "all"})).iloc[[0, 1, 5, 6]]
    result = plan(wrong, max_residual_error=0.05)
    assert (result["attainable"], result["min_confidence"]) == (False, None)
    test = result["test"]
    assert (test["n_decided"], test["n_referred"], test["coverage"], test["selective_risk"]) == (0, 2, 0, None)
    assert (test["missed_blasts_with"], test["n_subjects_all_referred"]) == (0, 1)
    assert test["intervals"] == {"coverage": None, "selective_risk": None}
    assert set(triage(wrong, min_confidence=None)["decision"]) == {"refer"}


def test_test_cells_do_not_move_the_plan():
    before, after = plan(BOTH, **UNSURE), plan(VALIDATION, **UNSURE)
    assert before["min_confidence"] == after["min_confidence"]
    assert before["validation"] == after["validation"]
    assert (after["test"]["n_cells"], after["test"]["coverage"], after["test"]["aurc"]) == (0, None, None)
    assert after["curve"]["test"] == []


def test_cells_without_a_confidence_are_referred_and_tell_nothing():
    odd = predictions("validation", ("9", "hem", 0.99), ("9", "hem", 0.99))
    odd["image_id"] = ["odd_0", "odd_1"]
    table = pd.concat([BOTH, odd], ignore_index=True)
    reasons = fit(table)
    reasons[["odd_0", "odd_1"]] = "unsegmented"
    found, without = plan(table, reasons, **UNSURE), plan(BOTH, **UNSURE)
    assert (found["trials"], found["n_groups"]) == (without["trials"], without["n_groups"])
    validation = found["validation"]
    assert (validation["n_cells"], validation["n_decided"], validation["n_referred"]) == (7, 3, 4)
    assert validation["selective_risk"] == without["validation"]["selective_risk"]
    assert [validation[name] for name in ("aurc", "aurc_oracle", "aurc_random")] == [
        without["validation"][name] for name in ("aurc", "aurc_oracle", "aurc_random")
    ]
    assert [point["coverage"] for point in found["curve"]["validation"]] == pytest.approx([1 / 7, 3 / 7, 5 / 7])
    decided = triage(table, reasons, min_confidence=0.0)
    assert decided.loc[decided["decision"] == "refer", "image_id"].tolist() == ["odd_0", "odd_1"]


def simulate(n_groups):
    rng = np.random.default_rng(2)
    rows = []
    for label, centre in (("all", 1), ("hem", -1)):
        for group in range(n_groups):
            odds = centre + rng.normal(scale=0.5) + rng.normal(size=60)
            rows += [(f"{label}{group}", label, p) for p in 1 / (1 + np.exp(-2 * odds))]
    return pd.concat([predictions(split, *rows) for split in ("validation", "test")], ignore_index=True)


def test_intervals_hold_the_rates_and_long_curves_are_thinned():
    table = simulate(8)
    result = plan(table, max_residual_error=0.35)
    rates = result["validation"]
    assert 0 < rates["selective_risk"] < result["trials"][-2]["bound"] <= 0.35 < result["trials"][-1]["bound"]
    for name, interval in rates["intervals"].items():
        assert interval["low"] < rates[name] < interval["high"]
        assert interval["n_groups"] == 16
    # to refer no cell is a rule, whoever the subjects are
    assert plan(table, max_residual_error=0.6)["validation"]["intervals"]["coverage"] is None
    points = result["curve"]["validation"]
    assert 150 < len(points) <= 200
    assert points[-1]["coverage"] == 1
    steps = np.diff([point["coverage"] for point in points])
    assert (steps > 0).all()
    assert steps.max() < 0.02
    for point in points[::40]:
        table_of = triage(table, min_confidence=point["min_confidence"])
        decided = table_of[(table_of["decision"] != "refer") & (table_of["split"] == "validation")]
        assert len(decided) == pytest.approx(point["coverage"] * 960)


def test_triage_by_hand():
    calibrated = np.array([0.7, 0.6, 0.1, 0.45, 0.4, 0.8, 0.35, 0.2, 0.5, 0.45, 0.65])
    rated = CALIBRATED.validate(rate_calls(BOTH, calibrated, fit(BOTH), threshold=0.5))
    by_cell = TRIAGE.validate(triage_cells(rated, {"min_confidence": 0.6}))
    assert list(by_cell["image_id"]) == list(BOTH["image_id"])
    called = ["blast", "blast", "normal", "blast", "normal", "blast", "normal", "normal", "blast", "blast", "blast"]
    assert list(by_cell["call"]) == called
    # a call at the threshold may be less sure than even
    np.testing.assert_allclose(by_cell["confidence"], [0.7, 0.6, 0.9, 0.45, 0.6, 0.8, 0.65, 0.8, 0.5, 0.45, 0.65])
    decided = ["blast", "blast", "normal", "refer", "normal", "blast", "normal", "normal", "refer", "refer", "blast"]
    assert list(by_cell["decision"]) == decided
    np.testing.assert_array_equal(by_cell["blast_probability"], calibrated)


def test_no_cell_is_referred_at_confidence_0():
    rated = rate_calls(BOTH, np.zeros(len(BOTH)), fit(BOTH), threshold=0.5)
    decided = triage_cells(rated, {"min_confidence": 0.0})
    assert (decided["decision"] == decided["call"]).all()
    assert decided["confidence"].min() == 0


def test_predictions_are_rated_by_what_was_stored_of_them():
    index = BOTH.assign(cell_area=[500, *[100] * 10], status="accepted", reasons="")
    allowed = {"cell_area": {"low": 90, "high": 110}, "data_source": "a lab"}
    shifted = BOTH.assign(blast_probability=np.repeat([0.3, 0.4], [5, 6]))
    arguments = ({"chosen": "sigmoid"}, {"threshold": 0.35}, index, allowed)
    found = CALIBRATED.validate(rate_predictions(shifted, *arguments))
    assert list(found["call"]) == ["normal"] * 5 + ["blast"] * 6
    assert list(found["reasons"]) == ["large_cell"] + [""] * 10
    expected = calibrate_predictions(shifted, method=Calibration.SIGMOID)["blast_probability"]
    np.testing.assert_array_equal(found["blast_probability"], expected)


def test_confidence_is_the_probability_of_the_call():
    rated = rate(BOTH, threshold=0.3)
    assert all(
        math.isclose(confidence, p if call == "blast" else 1 - p)
        for p, call, confidence in zip(rated["blast_probability"], rated["call"], rated["confidence"], strict=True)
    )
    assert list(rated["call"] == "blast") == list(BOTH["blast_probability"] >= 0.3)


def test_unfit_cells_are_referred_however_sure_the_score_is():
    reasons = fit(BOTH)
    reasons["validation_0"], reasons["test_0"], reasons["test_1"] = "small_cell", "border;lossy_source", "lossy_source"
    table = TRIAGE.validate(triage(BOTH, reasons, min_confidence=0.0))
    assert list(table["reasons"]) == list(reasons)
    unfit = table["image_id"].isin(["validation_0", "test_0"])
    assert table["confidence"].isna().equals(unfit)
    assert (table["decision"] == "refer").equals(unfit)


def test_cells_without_a_row_in_the_index_are_refused():
    with pytest.raises(ValueError, match="1 of 11 cells are not in the cell index"):
        rate(BOTH, fit(BOTH).drop("test_3"))
