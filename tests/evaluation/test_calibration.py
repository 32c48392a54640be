import json

import hypothesis
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm, t
from sklearn import metrics
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from statsmodels.stats.proportion import proportion_confint

from blastscreen.evaluation.calibration import (
    assign_bins,
    bin_probabilities,
    calibrate,
    calibrate_predictions,
    calibration_error,
    choose_calibration,
    describe_calibration,
    fit_calibration,
    hold_out_brier,
)
from blastscreen.parameters import EvaluationParameters
from blastscreen.schemas import PREDICTIONS
from blastscreen.vocabulary import Calibration

METHODS = [method for method in Calibration if method != Calibration.NONE]
LEVEL = {"confidence_level": 0.95}


def asking(method):
    return EvaluationParameters.model_construct(calibration=method, confidence_level=0.95)


def predictions(is_blast, score, split="validation", n_groups=20):
    """Make predictions of one split, its subjects of one class each."""
    label = np.where(is_blast, "all", "hem")
    subject = [f"{name}{number % n_groups}" for number, name in enumerate(label)]
    return pd.DataFrame(
        {
            "image_id": [f"{split}{number}" for number in range(len(label))],
            "subject_id": subject,
            "subject_group": subject,
            "label": label,
            "split": split,
            "data_source": "simulated",
            "blast_probability": np.asarray(score, float),
        }
    )


def simulate(rng, n, *, overconfidence, split="validation"):
    """Draw cells whose odds are known, and scores that exaggerate them and lean towards blasts."""
    odds = rng.normal(size=n)
    return predictions(rng.random(n) < expit(odds), expit(overconfidence * odds + 0.5), split)


@pytest.fixture
def overconfident():
    rng = np.random.default_rng(7)
    return pd.concat(
        [simulate(rng, 800, overconfidence=4, split=split) for split in ("validation", "test")], ignore_index=True
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_result_is_that_of_scikit_learn_used_directly(method):
    # the log odds of its probabilities are the decision function of a logistic regression
    rng = np.random.default_rng(0)
    features, fresh = rng.normal(size=(300, 3)), rng.normal(size=(50, 3))
    is_blast = features[:, 0] + rng.normal(size=300) > 0.4
    model = LogisticRegression().fit(features[:150], is_blast[:150])
    direct = CalibratedClassifierCV(FrozenEstimator(model), method=str(method)).fit(features[150:], is_blast[150:])
    table = predictions(is_blast[150:], model.predict_proba(features[150:])[:, 1])
    ours = calibrate(fit_calibration(table, method=method), model.predict_proba(fresh)[:, 1])
    np.testing.assert_allclose(ours, direct.predict_proba(fresh)[:, 1], atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_order_is_kept(method, overconfident):
    score = np.sort(np.random.default_rng(1).random(200) * 0.98 + 0.01)
    probability = calibrate(fit_calibration(overconfident, method=method), score)
    steps = np.diff(probability)
    assert (steps >= 0).all() if method == Calibration.ISOTONIC else (steps > 0).all()
    assert probability[0] < probability[-1]


@pytest.mark.parametrize("method", METHODS)
def test_fresh_cells_of_an_overconfident_score_are_described_better(method, overconfident):
    rates = describe_calibration(overconfident, settings=asking(method))["methods"]
    before, after = rates["none"]["test"], rates[method]["test"]
    assert after["brier"] < before["brier"] - 0.03
    assert after["log_loss"] < before["log_loss"] - 0.2
    assert after["ece"] < before["ece"] / 2


def test_a_score_that_is_a_probability_already_is_left_alone():
    rng = np.random.default_rng(3)
    odds = rng.normal(scale=1.5, size=20_000)
    table = predictions(rng.random(20_000) < expit(odds), expit(odds))
    for method in METHODS:
        calibrated = calibrate_predictions(table, method=method)["blast_probability"]
        assert (calibrated - table["blast_probability"]).abs().mean() < 0.02


def test_rates_are_those_of_scikit_learn(overconfident):
    result = describe_calibration(overconfident, settings=asking(Calibration.SIGMOID))
    calibrated = calibrate_predictions(overconfident, method=Calibration.SIGMOID)
    for method, table in {"none": overconfident, "sigmoid": calibrated}.items():
        test = table[table["split"] == "test"]
        is_blast, rates = test["label"] == "all", result["methods"][method]["test"]
        assert rates["brier"] == pytest.approx(metrics.brier_score_loss(is_blast, test["blast_probability"]))
        assert rates["log_loss"] == pytest.approx(metrics.log_loss(is_blast, test["blast_probability"]))
        mean = sum(part["mean_probability"] * part["n_cells"] for part in result["bins"][method]["test"]) / len(test)
        assert mean == pytest.approx(test["blast_probability"].mean())
    assert (result["fitted_on"], result["chosen"]) == ("validation", "sigmoid")
    assert list(result["methods"]) == ["none", "sigmoid", "isotonic", "temperature"]
    assert list(result["bins"]) == ["none", "sigmoid"]
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_test_cells_do_not_move_the_calibration(overconfident):
    turned = overconfident.assign(label=overconfident["label"].where(overconfident["split"] == "validation", "all"))
    before, after = (calibrate_predictions(table, method=Calibration.SIGMOID) for table in (overconfident, turned))
    pd.testing.assert_series_equal(before["blast_probability"], after["blast_probability"])


def test_calibrated_predictions_are_predictions_of_the_same_cells(overconfident):
    untouched = overconfident.copy()
    calibrated = calibrate_predictions(overconfident, method=Calibration.ISOTONIC)
    PREDICTIONS.validate(calibrated)
    pd.testing.assert_frame_equal(
        calibrated.drop(columns="blast_probability"), untouched.drop(columns="blast_probability")
    )
    pd.testing.assert_frame_equal(overconfident, untouched)


@pytest.mark.parametrize("method", [Calibration.SIGMOID, Calibration.TEMPERATURE])
def test_certainty_counts_for_half_a_vote(method):
    # ten trees' votes: one blast has none, and would have infinitely bad odds
    is_blast = np.array([True] * 6 + [False] * 6)
    votes = np.array([0, 0.6, 0.7, 0.9, 1, 1, 0, 0, 0.2, 0.3, 0.4, 0.99])
    half = 0.005
    ends = np.clip(votes, half, 1 - half)
    certain, nearly = (fit_calibration(predictions(is_blast, score), method=method) for score in (votes, ends))
    np.testing.assert_allclose(calibrate(certain, votes), calibrate(nearly, ends), rtol=1e-6)
    outermost = calibrate(certain, np.array([0, 1e-9, 0.005, 0.02]))
    assert outermost[0] == outermost[1] == outermost[2] < outermost[3]
    assert 0 < outermost[0] < 0.5


def test_scores_finer_than_votes_keep_their_order():
    is_blast = np.array([False, True] * 20)
    score = np.where(is_blast, 1 - 1e-5, 1e-5) + np.linspace(-5e-6, 5e-6, 40)
    calibrated = calibrate_predictions(predictions(is_blast, score), method=Calibration.SIGMOID)["blast_probability"]
    assert calibrated.nunique() == 40


@pytest.mark.parametrize("method", METHODS)
def test_a_score_that_ranks_wrongly_is_not_turned_over(method, overconfident):
    wrong = overconfident.assign(blast_probability=1 - overconfident["blast_probability"])
    calibrated = calibrate_predictions(wrong, method=method)["blast_probability"]
    expected = 0.5 if method == Calibration.TEMPERATURE else (overconfident["label"] == "all")[:800].mean()
    np.testing.assert_allclose(calibrated, expected, atol=0.001)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("score", [(0.2, 0.8), (0.0, 1.0), (0.4, 0.4)])
def test_a_cell_of_each_class_is_enough(method, score):
    calibrated = calibrate_predictions(predictions([False, True], score), method=method)["blast_probability"]
    assert calibrated.between(0, 1).all()
    assert calibrated[0] <= calibrated[1]


@pytest.mark.parametrize("is_blast", [[], [True, True], [False]])
def test_a_validation_split_that_lacks_a_class_is_refused(is_blast):
    table = predictions(is_blast, [0.5] * len(is_blast))
    with pytest.raises(ValueError, match=rf"of {len(is_blast)} validation cells {sum(is_blast)} are blasts.*seed"):
        fit_calibration(table, method=Calibration.SIGMOID)


def test_test_cells_may_be_absent_or_of_one_class(overconfident):
    validation = overconfident[overconfident["split"] == "validation"]
    result = describe_calibration(validation, settings=asking(Calibration.TEMPERATURE))
    assert set(result["methods"]["temperature"]["test"].values()) == {None}
    assert result["bins"]["temperature"]["test"] == []
    blasts = overconfident[(overconfident["split"] == "validation") | (overconfident["label"] == "all")]
    rates = describe_calibration(blasts, settings=asking(Calibration.TEMPERATURE))["methods"]["none"]["test"]
    score = blasts[blasts["split"] == "test"]["blast_probability"]
    assert (rates["brier"], rates["log_loss"]) == pytest.approx((((1 - score) ** 2).mean(), -np.log(score).mean()))


def test_subjects_are_described_by_a_calibration_that_has_not_met_them(overconfident):
    validation = overconfident[overconfident["split"] == "validation"]
    total = 0.0
    for fold in range(5):
        # groups all0 to all19 in the order of their names, and hem0 to hem19 likewise
        names = [name for label in ("all", "hem") for name in sorted(f"{label}{n}" for n in range(20))]
        left_out = validation["subject_group"].isin(names[(fold - 1) % 5 :: 5])
        calibrator = fit_calibration(validation[~left_out], method=Calibration.SIGMOID)
        probability = calibrate(calibrator, validation.loc[left_out, "blast_probability"].to_numpy())
        total += ((probability - (validation.loc[left_out, "label"] == "all")) ** 2).sum()
    found = hold_out_brier(overconfident, method=Calibration.SIGMOID)
    assert found == pytest.approx(total / len(validation))
    before = metrics.brier_score_loss(validation["label"] == "all", validation["blast_probability"])
    held_out = {"none": pytest.approx(before), "sigmoid": found}
    assert choose_calibration(overconfident, wanted=Calibration.SIGMOID) == (Calibration.SIGMOID, held_out)


def test_a_calibration_that_makes_it_worse_for_other_subjects_is_not_used():
    # scores are probabilities already, and of few subjects, which isotonic follows
    rng = np.random.default_rng(3)
    odds = rng.normal(scale=1.5, size=60)
    table = predictions(rng.random(60) < expit(odds), expit(odds), n_groups=3)
    fitted = describe_calibration(table, settings=asking(Calibration.ISOTONIC))
    assert (fitted["wanted"], fitted["chosen"], list(fitted["bins"])) == ("isotonic", "none", ["none"])
    assert fitted["held_out_brier"]["isotonic"] > fitted["held_out_brier"]["none"]
    # though the cells that it was fitted to say the contrary
    brier = {method: rates["validation"]["brier"] for method, rates in fitted["methods"].items()}
    assert brier["isotonic"] < brier["none"]
    pd.testing.assert_frame_equal(calibrate_predictions(table, method=Calibration.NONE), table)


def test_what_cannot_be_judged_on_other_subjects_is_not_used():
    table = predictions([True, True, False, False], [0.9, 0.8, 0.2, 0.1], n_groups=2)
    assert choose_calibration(table, wanted=Calibration.SIGMOID)[1]["sigmoid"] is not None
    table.loc[table["label"] == "hem", "subject_group"] = "hem0"
    held_out = {"none": None, "temperature": None}
    assert choose_calibration(table, wanted=Calibration.TEMPERATURE) == (Calibration.NONE, held_out)


def cells_of(is_blast, probability, groups):
    label = np.where(is_blast, "all", "hem")
    return pd.DataFrame({"subject_group": groups, "label": label, "blast_probability": probability})


def test_bins_are_those_of_scikit_learn_where_no_cells_tie():
    rng = np.random.default_rng(5)
    probability = rng.beta(0.5, 0.5, size=1000)
    is_blast = rng.random(1000) < probability**2
    groups = np.where(is_blast, "b", "n") + rng.integers(0, 9, size=1000).astype(str).astype(object)
    bins = bin_probabilities(cells_of(is_blast, probability, groups), **LEVEL)
    fractions, means = calibration_curve(is_blast, probability, n_bins=10, strategy="quantile")
    np.testing.assert_allclose([part["blast_fraction"] for part in bins], fractions)
    np.testing.assert_allclose([part["mean_probability"] for part in bins], means)
    assert [part["n_cells"] for part in bins] == [100] * 10
    assert calibration_error(is_blast, probability) == pytest.approx(np.abs(fractions - means).mean())
    middle = bins[5]
    assert middle["interval"]["low"] < middle["blast_fraction"] < middle["interval"]["high"]


def test_bins_by_hand():
    table = cells_of([True, False, True, True], [0.2, 0.2, 0.9, 0.7], ["1", "H1", "1", "2"])
    # without one of two groups 0 or 1: 1/4, and 1/8 for groups that count once each
    n_seen = 0.25 / ((1 / 4 + 1 / 8) / 2) * (norm.ppf(0.975) / t.ppf(0.975, 2)) ** 2
    low, high = proportion_confint(n_seen / 2, n_seen, method="wilson")
    interval = {"low": pytest.approx(low), "high": pytest.approx(high), "n_groups": 2}
    assert bin_probabilities(table, **LEVEL) == [
        {
            "low": low,
            "high": high,
            "mean_probability": mean,
            "blast_fraction": fraction,
            "n_cells": n_cells,
            "n_groups": n_groups,
            "interval": of_groups,
        }
        for low, high, mean, fraction, n_cells, n_groups, of_groups in [
            (0.2, 0.2, 0.2, 0.5, 2, 2, interval),
            (0.7, 0.7, 0.7, 1.0, 1, 1, None),
            (0.9, 0.9, 0.9, 1.0, 1, 1, None),
        ]
    ]
    # 2/4 * |0.2 - 0.5| + 1/4 * 0.3 + 1/4 * 0.1
    is_blast = (table["label"] == "all").to_numpy()
    assert calibration_error(is_blast, table["blast_probability"].to_numpy()) == pytest.approx(0.25)


def test_no_cells_have_no_error_and_no_bins():
    assert calibration_error(np.array([], bool), np.array([])) is None
    assert bin_probabilities(cells_of([], np.array([]), []), **LEVEL) == []


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(st.lists(st.integers(0, 100).map(lambda votes: votes / 100), min_size=1, max_size=80))
def test_equal_cells_share_a_bin_and_bins_keep_the_order(probability):
    table = pd.DataFrame({"probability": probability, "bin": assign_bins(np.array(probability))})
    assert table.groupby("probability")["bin"].nunique().max() == 1
    assert table.sort_values("probability")["bin"].is_monotonic_increasing
    assert table["bin"].between(0, 9).all()
