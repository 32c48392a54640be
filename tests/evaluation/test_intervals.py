import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import brier_score_loss, roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from blastscreen.evaluation.confusion import count_calls, describe_calls
from blastscreen.evaluation.intervals import (
    LeftOut,
    difference_interval,
    leave_each_out,
    leave_out_of_metric,
    rate_interval,
    share_interval,
    sum_calls,
)
from blastscreen.evaluation.rates import METRICS, evaluate_cells

LEVEL = {"confidence_level": 0.95}


def table(groups):
    """Make cells from (group, label, probabilities)."""
    rows = [(group, label, probability) for group, label, probabilities in groups for probability in probabilities]
    return pd.DataFrame(rows, columns=["subject_group", "label", "blast_probability"])


def subjects(label, *n_right_of_ten):
    """Make one group of ten cells for each number of right calls at 0.5."""
    right, wrong = (0.9, 0.1) if label == "all" else (0.1, 0.9)
    return [(f"{label}{i:02}", label, [right] * n + [wrong] * (10 - n)) for i, n in enumerate(n_right_of_ten)]


def intervals(groups, *metrics, **changes):
    sums = sum_calls(table(groups), threshold=0.5)
    return {metric: rate_interval(leave_out_of_metric(sums, metric), **LEVEL | changes) for metric in metrics}


def bounds(interval):
    return interval["low"], interval["high"]


def wilson(value, variance, freedom):
    """Compute Wilson's interval of as many cells as would vary like this, by statsmodels."""
    quantiles = stats.norm.ppf(0.975) / stats.t.ppf(0.975, freedom)
    n_cells = value * (1 - value) / variance * quantiles**2
    return proportion_confint(value * n_cells, n_cells, method="wilson")


def count_freedom(rates):
    """Count degrees of freedom after Johnson and Rust, of groups of one size."""
    n, squares = len(rates), (rates - np.mean(rates)) ** 2
    return np.clip((3.16 - 2.77 / np.sqrt(n)) * squares.sum() ** 2 / (squares**2).sum(), 1, n - 1)


SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=4)
CLASS = st.lists(SCORES, min_size=2, max_size=4)

# groups of a few cells, of a model that is as often constant as not
MODELS = st.sampled_from([[0.0], [1.0], [0.5], [0.0, 1.0], [0.0, 0.25, 0.5, 0.75, 1.0]])
GROUPS = MODELS.flatmap(
    lambda scores: st.lists(st.lists(st.sampled_from(scores), min_size=1, max_size=3), min_size=2, max_size=7)
).map(lambda groups: list(enumerate(groups)))


@settings(max_examples=20, deadline=None)
@given(CLASS, CLASS)
def test_a_metric_without_a_group_is_that_of_the_other_cells(blasts, normals):
    groups = [(f"b{i}", "all", scores) for i, scores in enumerate(blasts)]
    groups += [(f"n{i}", "hem", scores) for i, scores in enumerate(normals)]

    def describe(groups):
        cells = table(groups)
        is_blast, probability = (cells["label"] == "all").to_numpy(), cells["blast_probability"].to_numpy()
        found = describe_calls(count_calls(is_blast, probability, threshold=0.5))
        found |= {"brier": brier_score_loss(is_blast, probability), "auroc": roc_auc_score(is_blast, probability)}
        return {name: np.nan if value is None else value for name, value in found.items()}

    by_hand = {name: describe([group for group in groups if group[0] != name]) for name, _, _ in groups}
    needed = {"sensitivity": "b", "specificity": "n", "false_positive_rate": "n"}
    sums = sum_calls(table(groups), threshold=0.5)
    for metric in METRICS:
        found = leave_out_of_metric(sums, metric)
        assert found.value == pytest.approx(describe(groups)[metric], nan_ok=True)
        expected = [of[metric] for name, of in by_hand.items() if name[0] in needed.get(metric, "bn")]
        np.testing.assert_allclose(np.concatenate(found.without), expected)


def test_interval_is_wilsons_with_the_variance_between_groups_and_one_more_observation():
    n_right = np.array([10, 9, 9, 8, 10, 7, 10, 3])
    value, freedom = n_right.mean() / 10, count_freedom(n_right)
    variance = (freedom * n_right.var(ddof=1) / 100 / 8 + value * (1 - value) / 8) / (freedom + 1)
    found = intervals(subjects("all", *n_right), "sensitivity")["sensitivity"]
    assert bounds(found) == pytest.approx(wilson(value, variance, freedom + 1))
    assert found["n_groups"] == 8


def test_each_class_varies_by_itself():
    blasts, normals = np.array([9, 6, 8, 9, 5]), np.array([4, 7, 2])
    value = (blasts.mean() + normals.mean()) / 20
    freedoms = [count_freedom(rights) for rights in (blasts, normals)]
    # a class is half of the metric, and its groups are five or three of eight
    variances = [
        (freedom * rights.var(ddof=1) / 400 / len(rights) + value * (1 - value) * len(rights) / 64) / (freedom + 1)
        for rights, freedom in zip((blasts, normals), freedoms, strict=True)
    ]
    satterthwaite = sum(variances) ** 2 / sum(v**2 / (f + 1) for v, f in zip(variances, freedoms, strict=True))
    found = intervals(subjects("all", *blasts) + subjects("hem", *normals), "balanced_accuracy")["balanced_accuracy"]
    assert bounds(found) == pytest.approx(wilson(value, sum(variances), satterthwaite))
    assert found["n_groups"] == 8


def test_difference_is_students_with_one_more_group_that_differs_as_much():
    first, second = (leave_each_out(lambda t: t[..., 0] / 50, [np.array([n]).T]) for n in ([9, 6, 8], [5, 6, 7]))
    # 0.46 and 0.36; without each of the groups 0.28 - 0.26, 0.34 - 0.24, 0.30 - 0.22
    squares = (np.array([0.02, 0.1, 0.08]) - 0.1) ** 2 * 2 / 3
    freedom = np.clip((3.16 - 2.77 / np.sqrt(3)) * squares.sum() ** 2 / (squares**2).sum(), 1, 2)
    variance = (freedom * squares.sum() + 0.1 * 0.9 / 3) / (freedom + 1)
    reach = stats.t.ppf(0.975, freedom + 1) * np.sqrt(variance)
    found = difference_interval(first, second, **LEVEL)
    assert bounds(found) == pytest.approx((0.1 - reach, 0.1 + reach))


def test_specificity_and_false_positive_rate_are_mirror_images():
    found = intervals(subjects("hem", 2, 9, 5, 6, 8, 8, 10), "specificity", "false_positive_rate")
    low, high = bounds(found["specificity"])
    assert bounds(found["false_positive_rate"]) == pytest.approx((1 - high, 1 - low))


def test_more_cells_of_the_same_people_make_nothing_surer():
    groups = subjects("all", 9, 6, 8, 9, 10) + subjects("hem", 4, 7, 2, 10)
    thrice = [(name, label, scores * 3) for name, label, scores in groups]
    found, repeated = intervals(groups, *METRICS), intervals(thrice, *METRICS)
    for metric in METRICS:
        assert bounds(repeated[metric]) == pytest.approx(bounds(found[metric]))


def test_people_who_outweigh_the_others_make_it_less_sure():
    even = subjects("all", 9, 6, 8, 9, 10, 7, 8, 9)
    uneven = [(name, label, scores * (20 if i < 2 else 1)) for i, (name, label, scores) in enumerate(even)]
    of_even, of_uneven = (intervals(groups, "sensitivity")["sensitivity"] for groups in (even, uneven))
    assert of_uneven["high"] - of_uneven["low"] > 1.5 * (of_even["high"] - of_even["low"])


@pytest.mark.parametrize("n", [2, 3, 5, 8, 20, 60])
def test_groups_without_an_error_count_once_each_and_are_never_surer_than_exact(n):
    found = intervals(subjects("all", *[10] * n) + subjects("hem", *[10] * n), *METRICS)
    assert bounds(found["sensitivity"]) == pytest.approx((1 / (1 + stats.t.ppf(0.975, n) ** 2 / n), 1))
    assert bounds(found["false_positive_rate"]) == pytest.approx((0, 1 - found["sensitivity"]["low"]))
    for metric, n_groups in {"sensitivity": n, "accuracy": 2 * n, "auroc": 2 * n}.items():
        exact = proportion_confint(n_groups, n_groups, method="beta")[0]
        assert exact - 0.12 < found[metric]["low"] < exact


def test_groups_that_agree_on_a_value_count_once_each():
    found = intervals(subjects("all", *[7] * 10), "sensitivity")["sensitivity"]
    assert bounds(found) == pytest.approx(wilson(0.7, 0.7 * 0.3 / 10, 10))


def test_a_model_that_calls_every_cell_a_blast_is_not_sure_of_it():
    found = intervals(subjects("all", *[10] * 4) + subjects("hem", *[0] * 4), *METRICS)
    assert bounds(found["balanced_accuracy"]) == pytest.approx(wilson(0.5, 0.25 / 8, 8))
    assert found["precision_hem"] is None


def test_a_class_without_an_error_adds_what_it_leaves_open():
    normals = subjects("hem", 2, 9, 5, 6, 8, 8, 7)
    found = intervals(subjects("all", *[10] * 7) + normals, "balanced_accuracy", "specificity")
    low, high = bounds(found["balanced_accuracy"])
    # the specificity's own part is half of its interval
    assert high - low > 1.1 * np.subtract(*bounds(found["specificity"])[::-1]) / 2


@settings(max_examples=25, deadline=None)
@given(GROUPS, GROUPS)
def test_no_interval_is_without_width_and_each_holds_its_value(blasts, normals):
    cells = table([(f"{label}{i}", label, p) for label, of in (("all", blasts), ("hem", normals)) for i, p in of])
    found = evaluate_cells(cells.assign(subject_id=cells["subject_group"]), threshold=0.5, **LEVEL)
    for metric, interval in found["intervals"].items():
        assert (interval is None) == (found[metric] is None)
        if interval:
            assert 0 <= interval["low"] < interval["high"] <= 1
            assert interval["low"] - 1e-9 <= found[metric] <= interval["high"] + 1e-9


def test_a_class_of_one_group_has_no_interval():
    found = intervals(subjects("all", 9, 8, 7) + subjects("hem", 4), *METRICS)
    assert {metric for metric, interval in found.items() if interval} == {"sensitivity"}


def test_what_rests_on_one_group_is_open():
    # only one group is called normal at all: without it there is no precision
    found = intervals(subjects("all", *[10] * 7) + subjects("hem", 5, *[0] * 6), "precision_hem", "precision_all")
    assert found["precision_hem"] == {"low": 0, "high": 1, "n_groups": 14}
    assert 0 < found["precision_all"]["low"] < found["precision_all"]["high"] < 1
    # with two, one stands in for the other
    two = intervals(subjects("all", 10, 10) + subjects("hem", 5, 5, 0), "precision_hem")["precision_hem"]
    assert 0 < two["low"] < two["high"] == 1


def test_the_order_of_rows_does_not_matter():
    groups = subjects("all", 3, 9, 5, 6, 8, 8, 10) + subjects("hem", 2, 9, 5, 6, 8, 8, 10)
    first, shuffled = intervals(groups, *METRICS), intervals(groups[::-1], *METRICS)
    for metric in METRICS:
        assert bounds(shuffled[metric]) == pytest.approx(bounds(first[metric]))


def test_a_higher_level_is_wider():
    groups = subjects("all", 9, 6, 8, 9, 10)
    sure, surer = (intervals(groups, "sensitivity", confidence_level=level)["sensitivity"] for level in (0.9, 0.99))
    assert surer["low"] < sure["low"] < sure["high"] < surer["high"]


def test_cells_counted_one_by_one_pretend_to_know():
    """Ten subjects of 80 cells, whose rates vary with an intra-class correlation of 0.1."""
    rng, truth, covered = np.random.default_rng(0), 0.85, {"groups": [], "cells": []}
    for _ in range(400):
        n_right = rng.binomial(80, rng.beta(truth * 9, (1 - truth) * 9, 10))
        without = (n_right.sum() - n_right) / 720
        found = rate_interval(LeftOut(n_right.sum() / 800, (without,)), **LEVEL)
        for name, (low, high) in {
            "groups": bounds(found),
            "cells": proportion_confint(n_right.sum(), 800, method="wilson"),
        }.items():
            covered[name].append(low <= truth <= high)
    assert np.mean(covered["groups"]) >= 0.93
    assert 0.34 <= np.mean(covered["cells"]) <= 0.7


@pytest.mark.parametrize(("number", "n_subjects"), [(0, 6), (2, 6), (3, 6), (1, 20), (4, 40)])
def test_intervals_cover_what_they_say_where_people_are_very_uneven(monkeypatch, number, n_subjects):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    found = importlib.import_module("interval_coverage").measure(number, n_subjects, 0.3, 400)
    assert found["covered"] >= 0.93
    assert max(found["above"], found["below"]) <= 0.06
    # no wider than four standard errors by half, but where most cohorts have no error
    assert found["width"] <= 1.5


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 16, size=400)
    label = np.where(group < 10, "all", "hem")
    return pd.DataFrame(
        {"subject_group": group.astype(str), "label": label, "blast_probability": rng.beta(1 + group % 3, 2)}
    )


def test_the_share_of_right_calls_has_the_interval_of_the_accuracy(cells):
    is_right = ((cells["blast_probability"] >= 0.5) == (cells["label"] == "all")).to_numpy()
    cells = cells.assign(subject_id=cells["subject_group"])
    expected = evaluate_cells(cells, threshold=0.5, **LEVEL)["intervals"]["accuracy"]
    found = share_interval(cells, is_right, np.ones_like(is_right), **LEVEL)
    assert found == pytest.approx(expected)


def test_groups_outside_the_whole_do_not_count(cells):
    whole = cells["subject_group"].isin(["1", "3", "4", "11", "12"]).to_numpy()
    part = whole & (cells["blast_probability"] >= 0.5).to_numpy()
    found = share_interval(cells, part, whole, **LEVEL)
    assert found == share_interval(cells[whole], part[whole], whole[whole], **LEVEL)
    assert found["n_groups"] == 5


def test_where_a_class_has_one_group_all_are_alike(cells):
    few = cells["subject_group"].isin(["1", "3", "11"]).to_numpy()
    part = few & (cells["blast_probability"] >= 0.5).to_numpy()
    found = share_interval(cells, part, few, **LEVEL)
    assert found == pytest.approx(share_interval(cells.assign(label="all"), part, few, **LEVEL))
    assert 0 < found["low"] < part.sum() / few.sum() < found["high"] < 1


def test_a_whole_of_one_group_or_none_has_no_interval(cells):
    one_group = (cells["subject_group"] == "3").to_numpy()
    assert share_interval(cells, one_group, one_group, **LEVEL) is None
    assert share_interval(cells.iloc[:0], one_group[:0], one_group[:0], **LEVEL) is None
