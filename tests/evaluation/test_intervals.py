import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import brier_score_loss, roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from blastscreen.evaluation.confusion import count_calls, describe_calls
from blastscreen.evaluation.group_sums import sum_calls, weighted_metric
from blastscreen.evaluation.intervals import group_interval, subject_bootstrap_interval
from blastscreen.evaluation.metrics import METRICS, evaluate_cells

BOOTSTRAP = {"confidence_level": 0.95, "n_resamples": 500, "seed": 0}


def table(groups):
    """Make cells from (group, label, probabilities)."""
    rows = [(group, label, probability) for group, label, probabilities in groups for probability in probabilities]
    return pd.DataFrame(rows, columns=["subject_group", "label", "blast_probability"])


def subjects(label, *n_right_of_ten):
    """Make one group of ten cells for each number of right calls at 0.5."""
    right, wrong = (0.9, 0.1) if label == "all" else (0.1, 0.9)
    return [(f"{label}{i:02}", label, [right] * n + [wrong] * (10 - n)) for i, n in enumerate(n_right_of_ten)]


def intervals(groups, *metrics, **changes):
    return subject_bootstrap_interval(table(groups), metrics, threshold=0.5, **BOOTSTRAP | changes)


def bounds(interval):
    return interval["low"], interval["high"]


SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=4)
CLASS = st.lists(st.tuples(SCORES, st.integers(0, 3)), min_size=1, max_size=3)

# groups of a few cells, of a model that is as often constant as not
MODELS = st.sampled_from([[0.0], [1.0], [0.5], [0.0, 1.0], [0.0, 0.25, 0.5, 0.75, 1.0]])
GROUPS = MODELS.flatmap(
    lambda scores: st.lists(st.lists(st.sampled_from(scores), min_size=1, max_size=3), min_size=2, max_size=7)
).map(lambda groups: list(enumerate(groups)))
FEW_RESAMPLES = {"confidence_level": 0.95, "n_resamples": 200, "seed": 0}


@settings(max_examples=50, deadline=None)
@given(CLASS, CLASS)
def test_a_weight_counts_a_group_as_often_as_its_cells_repeated(blasts, normals):
    groups = [(f"b{i}", "all", scores) for i, (scores, _) in enumerate(blasts)]
    groups += [(f"n{i}", "hem", scores) for i, (scores, _) in enumerate(normals)]
    weights = [np.array([weight for _, weight in of_class], float) for of_class in (blasts, normals)]
    repeated = table(
        [(g, label, scores * int(w)) for (g, label, scores), w in zip(groups, np.concatenate(weights), strict=True)]
    )
    is_blast, probability = (repeated["label"] == "all").to_numpy(), repeated["blast_probability"].to_numpy()
    expected = describe_calls(count_calls(is_blast, probability, threshold=0.5))
    expected["brier"] = brier_score_loss(is_blast, probability) if len(repeated) else None
    expected["auroc"] = roc_auc_score(is_blast, probability) if len(set(is_blast)) == 2 else None
    sums = sum_calls(table(groups), threshold=0.5)
    needed = {"sensitivity": weights[:1], "specificity": weights[1:], "false_positive_rate": weights[1:]}
    found = {metric: float(weighted_metric(sums, metric, *needed.get(metric, weights))) for metric in METRICS}
    assert found == pytest.approx(
        {name: np.nan if value is None else value for name, value in expected.items()}, nan_ok=True
    )


def test_bca_is_that_of_scipy_at_a_raised_level():
    n_right = [10, 9, 9, 8, 10, 7, 10, 3]
    rates = np.array(n_right) / 10
    level = 2 * stats.norm.cdf(stats.t.ppf(0.975, 7) * np.sqrt(8 / 7)) - 1
    expected = stats.bootstrap(
        (rates,),
        lambda rates, axis: np.round(rates.mean(axis=axis), 12),
        n_resamples=500,
        confidence_level=level,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    found = intervals(subjects("all", *n_right), "sensitivity")["sensitivity"]
    assert found == {
        "low": pytest.approx(expected[0]),
        "high": pytest.approx(expected[1]),
        "method": "BCa",
        "n_groups": 8,
    }


def test_both_classes_are_resampled_each_by_itself():
    blasts, normals = [10, 9, 9, 8, 10, 7, 10, 3], [2, 9, 5, 6, 8, 8]
    level = 2 * stats.norm.cdf(stats.t.ppf(0.975, 5) * np.sqrt(6 / 5)) - 1
    expected = stats.bootstrap(
        (np.array(blasts) / 10, np.array(normals) / 10),
        lambda *rates, axis: np.round(sum(rate.mean(axis=axis) for rate in rates) / 2, 12),
        n_resamples=500,
        confidence_level=level,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    found = intervals(subjects("all", *blasts) + subjects("hem", *normals), "balanced_accuracy")["balanced_accuracy"]
    assert bounds(found) == pytest.approx(tuple(expected))
    assert found["n_groups"] == 14


def test_specificity_and_false_positive_rate_are_mirror_images():
    found = intervals(subjects("hem", 2, 9, 5, 6, 8, 8, 10), "specificity", "false_positive_rate")
    low, high = bounds(found["specificity"])
    assert bounds(found["false_positive_rate"]) == pytest.approx((1 - high, 1 - low))


def test_few_groups_are_left_out_in_turn():
    # without each group in turn: 0.8, 0.6; variance 1/2 (0.1^2 + 0.1^2) = 0.1^2; on the log odds 0.1 / (0.7 * 0.3)
    reach = stats.t.ppf(0.975, 1) * 0.1 / 0.21
    found = intervals(subjects("all", 6, 8), "sensitivity")["sensitivity"]
    assert bounds(found) == pytest.approx((expit(logit(0.7) - reach), expit(logit(0.7) + reach)))
    assert (found["method"], found["n_groups"]) == ("jackknife-t", 2)


def test_few_groups_have_welchs_degrees_of_freedom():
    blasts, normals = np.array([9, 6, 8, 9]), np.array([4, 7, 2])
    welch = stats.ttest_ind(blasts, normals, equal_var=False)
    value = (blasts.mean() + normals.mean()) / 20
    error = np.sqrt(blasts.var(ddof=1) / 4 + normals.var(ddof=1) / 3) / 20
    reach = stats.t.ppf(0.975, welch.df) * error / (value * (1 - value))
    found = intervals(subjects("all", *blasts) + subjects("hem", *normals), "balanced_accuracy")["balanced_accuracy"]
    assert bounds(found) == pytest.approx((expit(logit(value) - reach), expit(logit(value) + reach)))


@pytest.mark.parametrize(
    ("level", "n", "method"), [(0.95, 5, "jackknife-t"), (0.95, 6, "BCa"), (0.99, 7, "jackknife-t")]
)
def test_what_is_few_depends_on_the_level(level, n, method):
    found = intervals(subjects("all", *range(3, 3 + n)), "sensitivity", confidence_level=level)["sensitivity"]
    assert found["method"] == method


def test_groups_without_an_error_count_once_each():
    found = intervals(subjects("all", *[10] * 8) + subjects("hem", *[10] * 3), *METRICS)
    # one-sided Clopper-Pearson at 97.5 %: the n-th root of 0.025
    assert bounds(found["sensitivity"]) == pytest.approx((0.025 ** (1 / 8), 1))
    assert bounds(found["false_positive_rate"]) == pytest.approx((0, 1 - 0.025 ** (1 / 3)))
    assert bounds(found["auroc"]) == pytest.approx((0.025 ** (1 / 3), 1))
    assert found["accuracy"]["method"] == "Clopper-Pearson"


def test_groups_that_agree_on_a_value_count_once_each():
    # seven of ten groups, as statsmodels has it; the fraction of eight groups is between the whole numbers
    ten = intervals(subjects("all", *[7] * 10), "sensitivity")["sensitivity"]
    low, high = proportion_confint(7, 10, method="beta")
    assert ten == {"low": pytest.approx(low), "high": pytest.approx(high), "method": "Clopper-Pearson", "n_groups": 10}
    low, high = bounds(intervals(subjects("all", *[7] * 8), "sensitivity")["sensitivity"])
    assert proportion_confint(5, 8, method="beta")[0] < low < proportion_confint(6, 8, method="beta")[0]
    assert proportion_confint(5, 8, method="beta")[1] < high < proportion_confint(6, 8, method="beta")[1]


def test_a_model_that_calls_every_cell_a_blast_is_as_unsure_as_its_rates():
    found = intervals(subjects("all", *[10] * 4) + subjects("hem", *[0] * 4), *METRICS)
    open_ = 1 - 0.025 ** (1 / 4)
    assert bounds(found["balanced_accuracy"]) == pytest.approx((0.5 - open_ / 2, 0.5 + open_ / 2))
    assert found["balanced_accuracy"]["method"] == found["f1_weighted"]["method"] == "MOVER"
    # 40 hits of 80 calls; with fewer hits or fewer false alarms
    assert bounds(found["precision_all"]) == pytest.approx((1 - 1 / (2 - open_), 1 / (2 - open_)))
    assert found["precision_hem"] is None


def test_a_class_without_an_error_adds_what_it_leaves_open():
    normals = subjects("hem", 2, 9, 5, 6, 8, 8, 7)
    found = intervals(subjects("all", *[10] * 7) + normals, "balanced_accuracy", "specificity")
    low, high = bounds(found["specificity"])
    # half of each class: the bootstrap's share of the normal cells, and Clopper-Pearson's of the blasts
    expected = (0.5 + 4.5 / 14 - np.hypot(4.5 / 7 - low, 1 - 0.025 ** (1 / 7)) / 2, (1 + high) / 2)
    assert bounds(found["balanced_accuracy"]) == pytest.approx(expected, abs=0.01)


@settings(max_examples=25, deadline=None)
@given(GROUPS, GROUPS)
def test_no_interval_is_without_width_and_each_holds_its_value(blasts, normals):
    cells = table([(f"{label}{i}", label, p) for label, of in (("all", blasts), ("hem", normals)) for i, p in of])
    found = evaluate_cells(cells.assign(subject_id=cells["subject_group"]), threshold=0.5, **FEW_RESAMPLES)
    for metric, interval in found["intervals"].items():
        if interval:
            assert 0 <= interval["low"] < interval["high"] <= 1
            assert interval["low"] - 1e-9 <= found[metric] <= interval["high"] + 1e-9


def test_where_bca_is_undefined_percentiles_stand_in():
    # without any one group the statistic is the same, so there is nothing to accelerate by
    def largest(weights):
        return np.where(weights[..., 0] + weights[..., 1] > 0, 1.0, 0.0)

    found = group_interval(largest, [8], bounds=(0, 1), **BOOTSTRAP)
    assert (*bounds(found), found["method"]) == (0, 1, "percentile")


def test_too_few_groups_have_no_interval():
    found = intervals(subjects("all", 9, 8, 7) + subjects("hem", 4), *METRICS)
    assert {metric for metric, interval in found.items() if interval} == {"sensitivity"}


def test_what_a_resample_leaves_undefined_has_no_interval():
    # only one group is called normal at all: without it there is no precision
    found = intervals(subjects("all", *[10] * 7) + subjects("hem", 5, *[0] * 6), "precision_hem", "precision_all")
    assert found["precision_hem"] is None
    assert found["precision_all"] is not None
    # leaving out any one of three leaves another that is called normal; drawing one three times does not
    few = intervals(subjects("all", 10, 10) + subjects("hem", 5, 5, 0), "precision_hem", "precision_all")
    assert few["precision_hem"] is None
    assert few["precision_all"] is not None


def test_the_seed_decides_and_the_order_of_rows_does_not():
    groups = subjects("all", 3, 9, 5, 6, 8, 8, 10) + subjects("hem", 2, 9, 5, 6, 8, 8, 10)
    first = intervals(groups, *METRICS)
    assert intervals(groups, *METRICS) == first
    shuffled = intervals(groups[::-1], *METRICS)
    assert [bounds(found) for found in shuffled.values()] == [bounds(found) for found in first.values()]
    assert bounds(intervals(groups, "accuracy", seed=1)["accuracy"]) != bounds(first["accuracy"])


def test_intervals_cover_what_they_say_where_those_per_cell_cover_half():
    """Ten subjects of each class with 80 cells each, whose rates vary with an intra-class correlation of 0.1."""
    truth, correlation, n_studies, n_subjects, n_cells = 0.85, 0.1, 400, 10, 80
    concentration = (1 - correlation) / correlation
    rng = np.random.default_rng(0)
    covered = {"sensitivity": [], "accuracy": [], "per cell": []}
    for seed in range(n_studies):
        rates = rng.beta(truth * concentration, (1 - truth) * concentration, (2, n_subjects))
        n_right = rng.binomial(n_cells, rates)
        right = {"sensitivity": n_right[:1], "accuracy": n_right}
        for metric, of_classes in right.items():
            found = group_interval(
                lambda *weights, of=of_classes: (
                    sum(w @ right for w, right in zip(weights, of, strict=True))
                    / sum(w.sum(axis=-1) for w in weights)
                    / n_cells
                ),
                [n_subjects] * len(of_classes),
                bounds=(0, 1),
                **BOOTSTRAP | {"seed": seed},
            )
            covered[metric].append(found["low"] <= truth <= found["high"])
        low, high = proportion_confint(n_right[0].sum(), n_subjects * n_cells, method="wilson")
        covered["per cell"].append(low <= truth <= high)
    coverage = {name: np.mean(hits) for name, hits in covered.items()}
    assert coverage["sensitivity"] >= 0.90, coverage
    assert coverage["accuracy"] >= 0.90, coverage
    assert 0.34 <= coverage["per cell"] <= 0.65, coverage
