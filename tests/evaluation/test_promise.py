"""What is promised of new subjects: bounds by hand, the order of trials, and how often a promise is kept."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from blastscreen.evaluation.promise import (
    bound_error,
    choose_min_confidence,
    count_groups_needed,
    explain_referral,
    explain_sensitivity,
)

LEVEL = 0.95


def cells(confidence, is_right, groups):
    return pd.DataFrame({"confidence": confidence, "is_right": is_right, "subject_group": groups})


def choose(table, *, max_residual_error=0.05):
    return choose_min_confidence(table, max_residual_error=max_residual_error, confidence_level=LEVEL)


def test_groups_that_are_right_or_wrong_altogether_are_one_observation_each():
    n_cells = np.arange(1, 13)
    groups, is_wrong = np.repeat(n_cells, n_cells), np.repeat(n_cells, n_cells) % 6 == 0
    # the mean over the groups is 2 of 12, over the cells 18 of 78, and the larger counts
    _, low = proportion_confint(2, 12, alpha=0.1, method="beta")
    _, high = proportion_confint(3, 12, alpha=0.1, method="beta")
    assert low < bound_error(is_wrong, groups, confidence_level=LEVEL) < high
    even = np.repeat(n_cells, 5)
    assert bound_error(even % 6 == 0, even, confidence_level=LEVEL) == pytest.approx(low)


def test_the_larger_of_both_averages_is_bounded():
    # one cell of a person with one, or ten of one with ten: 1/2 over persons or 10/11 over cells
    groups = np.repeat([1, 2], [1, 10])
    small, large = (bound_error(groups == wrong, groups, confidence_level=LEVEL) for wrong in (1, 2))
    assert small == pytest.approx(proportion_confint(1, 2, alpha=0.1, method="beta")[1])
    assert small < large < 1
    assert bound_error(np.ones(3, bool), np.arange(3), confidence_level=LEVEL) == 1
    assert bound_error(np.ones(0, bool), np.arange(0), confidence_level=LEVEL) == 1


@given(st.floats(0.01, 0.9), st.floats(0.5, 0.999))
def test_with_a_group_less_than_needed_not_even_right_calls_are_enough(max_error, level):
    n = count_groups_needed(max_error, confidence_level=level)
    bounds = [bound_error(np.zeros(k, bool), np.arange(k), confidence_level=level) for k in (n - 1, n)]
    assert bounds[1] <= max_error * (1 + 1e-9)
    assert bounds[0] > max_error * (1 - 1e-9)


def test_with_too_few_groups_nothing_is_tried():
    groups = np.arange(58)
    assert choose(cells(np.linspace(0.6, 1, 58), True, groups)) == (None, [])
    assert choose(cells([], [], [])) == (None, [])
    # 59 have to be among the cells that are decided, so all cells are needed
    least, (trial,) = choose(cells(np.linspace(0.6, 1, 59), True, np.arange(59)))
    assert (least, trial["coverage"], trial["n_groups"]) == (0.0, 1.0, 59)


def test_a_trial_that_fails_is_the_last_though_a_later_one_would_pass():
    # 1,000 sure cells of 100 groups, of which the surest 200 hold all the errors: 30 groups' surest two
    groups = np.tile(np.arange(100), 10)
    rank = np.arange(1000)
    confidence = 1 - rank / 2000
    is_right = ~((rank < 200) & (groups < 30))
    least, trials = choose(cells(confidence, is_right, groups), max_residual_error=0.2)
    assert least is None
    assert [trial["coverage"] for trial in trials] == [0.2]
    everything = bound_error(~is_right, groups, confidence_level=LEVEL)
    assert everything <= 0.2 < trials[0]["bound"]


def test_the_confidence_before_the_first_failure_is_chosen():
    groups = np.tile(np.arange(100), 10)
    confidence = 1 - np.arange(1000) / 2000
    least, trials = choose(cells(confidence, np.arange(1000) < 500, groups))
    assert [trial["coverage"] for trial in trials] == [0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55]
    assert least == trials[-2]["min_confidence"] == confidence[499]
    assert trials[-1]["bound"] > 0.05 >= trials[-2]["bound"]


TABLE = st.lists(
    st.tuples(st.sampled_from([0.5, 0.7, 0.9, 0.95]), st.booleans(), st.integers(0, 25)), min_size=1, max_size=80
)


@settings(max_examples=60, deadline=None)
@given(TABLE)
def test_cells_without_a_confidence_and_the_order_of_rows_change_nothing(rows):
    table = cells(*map(list, zip(*rows, strict=True)))
    unrated = cells(np.nan, False, np.arange(100, 140))
    mixed = pd.concat([unrated, table]).sample(frac=1, random_state=0)
    assert choose(mixed, max_residual_error=0.3) == choose(table, max_residual_error=0.3)
    # what is tried first depends on no label
    turned = table.assign(is_right=~table["is_right"])
    first, other = (choose(one, max_residual_error=0.3)[1][:1] for one in (table, turned))
    assert [trial["min_confidence"] for trial in first] == [trial["min_confidence"] for trial in other]


def draw(rng, n_subjects, *, wrong_altogether, correlation=0.3):
    """Draw cells of subjects with lognormal sizes; errors grow towards low confidence, and some are always wrong."""
    n_cells = np.ceil(rng.lognormal(2.5, 1, n_subjects)).astype(int)
    groups = np.repeat(np.arange(n_subjects), n_cells)
    effect = rng.normal(scale=correlation**0.5, size=n_subjects)[groups]
    latent = 1.6 + effect + rng.normal(scale=(1 - correlation) ** 0.5, size=len(groups))
    turned = (rng.random(n_subjects) < wrong_altogether)[groups]
    return cells(1 / (1 + np.exp(-2 * np.abs(latent))), (latent > 0) ^ turned, groups)


def look_back(strangers, least):
    decided = strangers[strangers["confidence"] >= least]
    wrong = ~decided["is_right"]
    return max(wrong.mean(), wrong.groupby(decided["subject_group"]).mean().mean())


@pytest.mark.parametrize("correlation", [0.1, 0.3])
def test_a_promise_is_kept_in_nearly_all_cohorts_where_the_best_of_many_cuts_is_not(correlation):
    """Some 7 % of people are called wrong altogether, so no confidence leaves as few as 5 % wrong."""
    rng = np.random.default_rng(1)
    strangers = draw(rng, 20_000, wrong_altogether=0.07, correlation=correlation)
    kept = {"ours": [], "best of many": []}
    for _ in range(300):
        table = draw(rng, 80, wrong_altogether=0.07, correlation=correlation)
        least, _ = choose(table)
        kept["ours"].append(least is None or look_back(strangers, least) <= 0.05)
        by_confidence = table.sort_values("confidence", ascending=False)
        risk = (~by_confidence["is_right"]).expanding().mean().to_numpy()
        allowed = np.flatnonzero(risk <= 0.05)
        kept["best of many"].append(not allowed.size)
    assert np.mean(kept["ours"]) >= 0.95
    assert np.mean(kept["best of many"]) < 0.6


def test_a_good_model_is_let_decide():
    rng = np.random.default_rng(2)
    strangers = draw(rng, 5_000, wrong_altogether=0)
    found = [choose(draw(rng, 160, wrong_altogether=0))[0] for _ in range(60)]
    assert sum(least is not None for least in found) >= 54
    decided = [least for least in found if least is not None]
    assert np.mean([(strangers["confidence"] >= least).mean() for least in decided]) > 0.4
    assert np.mean([look_back(strangers, least) <= 0.05 for least in decided]) >= 0.95


PLAN = {"max_residual_error": 0.05, "confidence_level": 0.95, "n_groups_needed": 59, "n_groups": 12}
TRIAL = {"coverage": 0.2, "min_confidence": 0.9, "n_groups": 60, "bound": 0.08}


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"trials": [], "attainable": False, "min_confidence": None}, "takes 59 subject groups .* there are 12"),
        ({"trials": [TRIAL], "attainable": False, "min_confidence": None}, "up to 8% .* and at most 5% is wanted"),
        ({"trials": [TRIAL], "attainable": True, "min_confidence": 0.9}, "confidence of 0.900 or more"),
        ({"trials": [TRIAL], "attainable": True, "min_confidence": 0.0}, "^Every call is decided alone"),
    ],
)
def test_a_plan_is_told_in_a_sentence(plan, said):
    assert re.search(said, explain_referral(PLAN | plan))


def test_a_sensitivity_that_cannot_be_promised_is_told():
    promise = {"sensitivity": 0.713, "confidence_level": 0.95, "n_groups": 12, "n_groups_needed": 59}
    point = {"wanted": {"min_sensitivity": 0.95}, "promise": promise}
    assert "find 71.3%" in explain_sensitivity(point)
    assert "validate on 59 or more" in explain_sensitivity(point)
    assert "59" not in explain_sensitivity(point | {"promise": promise | {"n_groups": 60}})
    assert explain_sensitivity(point | {"promise": promise | {"sensitivity": 0.96}}) == ""
    assert explain_sensitivity(point | {"promise": None}) == ""
