import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t
from sklearn.calibration import calibration_curve
from statsmodels.stats.proportion import proportion_confint

from blastscreen.evaluation.reliability import assign_bins, bin_probabilities, calibration_error

SETTINGS = {"confidence_level": 0.95}


def cells(is_blast, probability, groups):
    label = np.where(is_blast, "all", "hem")
    return pd.DataFrame({"subject_group": groups, "label": label, "blast_probability": probability})


def test_bins_are_those_of_scikit_learn_where_no_cells_tie():
    rng = np.random.default_rng(5)
    probability = rng.beta(0.5, 0.5, size=1000)
    is_blast = rng.random(1000) < probability**2
    groups = np.where(is_blast, "b", "n") + rng.integers(0, 9, size=1000).astype(str).astype(object)
    bins = bin_probabilities(cells(is_blast, probability, groups), **SETTINGS)
    fractions, means = calibration_curve(is_blast, probability, n_bins=10, strategy="quantile")
    np.testing.assert_allclose([part["blast_fraction"] for part in bins], fractions)
    np.testing.assert_allclose([part["mean_probability"] for part in bins], means)
    assert [part["n_cells"] for part in bins] == [100] * 10
    assert calibration_error(is_blast, probability) == pytest.approx(np.abs(fractions - means).mean())
    middle = bins[5]
    assert middle["interval"]["low"] < middle["blast_fraction"] < middle["interval"]["high"]


def test_bins_by_hand():
    table = cells([True, False, True, True], [0.2, 0.2, 0.9, 0.7], ["1", "H1", "1", "2"])
    # without one of two groups 0 or 1: 1/4, and 1/8 for groups that count once each
    n_seen = 0.25 / ((1 / 4 + 1 / 8) / 2) * (norm.ppf(0.975) / t.ppf(0.975, 2)) ** 2
    low, high = proportion_confint(n_seen / 2, n_seen, method="wilson")
    interval = {"low": pytest.approx(low), "high": pytest.approx(high), "n_groups": 2}
    assert bin_probabilities(table, **SETTINGS) == [
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
    assert bin_probabilities(cells([], np.array([]), []), **SETTINGS) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 100).map(lambda votes: votes / 100), min_size=1, max_size=80))
def test_equal_cells_share_a_bin_and_bins_keep_the_order(probability):
    table = pd.DataFrame({"probability": probability, "bin": assign_bins(np.array(probability))})
    assert table.groupby("probability")["bin"].nunique().max() == 1
    assert table.sort_values("probability")["bin"].is_monotonic_increasing
    assert table["bin"].between(0, 9).all()
