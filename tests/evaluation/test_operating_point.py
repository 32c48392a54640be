from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_curve
from statsmodels.stats.proportion import proportion_confint

from blastscreen.evaluation.operating_point import choose_operating_point, choose_threshold, list_cuts
from blastscreen.parameters import EvaluationParameters

IS_BLAST = np.array([False, True, False, True, True, False])
PROBABILITY = np.array([0.1, 0.2, 0.4, 0.6, 0.8, 0.9])


BASE = yaml.safe_load((Path(__file__).parents[2] / "conf/base/parameters/evaluation.yml").read_text())["evaluation"]


def rules(**changes):
    return EvaluationParameters.model_validate(BASE | changes)


def cut(is_blast, probability, rule, **wanted):
    return choose_threshold(is_blast, probability, settings=rules(operating_rule=rule, **wanted))


def table(split, is_blast, probability):
    """Make predictions of one split, every cell of another subject."""
    labels, groups = np.where(is_blast, "all", "hem"), [f"{number}" for number in range(len(is_blast))]
    columns = {"subject_group": groups, "label": labels, "split": split, "data_source": "simulated"}
    return pd.DataFrame(columns | {"blast_probability": probability})


def rate(is_blast, probability, threshold):
    called = probability >= threshold
    return called[is_blast].mean(), 1 - called[~is_blast].mean()


@pytest.mark.parametrize(
    ("min_sensitivity", "threshold"), [(0.3, 0.7), (1 / 3, 0.7), (0.34, 0.5), (2 / 3, 0.5), (0.67, 0.15), (0.99, 0.15)]
)
def test_sensitivity_by_hand(min_sensitivity, threshold):
    found = cut(IS_BLAST, PROBABILITY, "sensitivity", min_sensitivity=min_sensitivity)
    assert found == pytest.approx(threshold)


def test_youden_and_cost_by_hand():
    # at 0.5: 2 of 3 blasts, 2 of 3 normals; at 0.15: 3 of 3 and 1 of 3: equal, and the latter finds more
    assert cut(IS_BLAST, PROBABILITY, "youden") == pytest.approx(0.15)
    assert cut(IS_BLAST, PROBABILITY, "cost", missed_blast_cost=0.9) == pytest.approx(0.5)
    assert cut(IS_BLAST, PROBABILITY, "cost", missed_blast_cost=1) == pytest.approx(0.15)
    # three missed blasts for 0.3 false alarms: nothing is worth calling
    assert cut(IS_BLAST, PROBABILITY, "cost", missed_blast_cost=0.1) == pytest.approx(0.95)


CELLS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])), min_size=2, max_size=25)
BOTH_CLASSES = CELLS.filter(lambda cells: len({is_blast for is_blast, _ in cells}) == 2)


@settings(max_examples=100, deadline=None)
@given(
    CELLS.filter(lambda cells: len({is_blast for is_blast, _ in cells}) == 2), st.sampled_from([0.2, 0.5, 0.9, 0.999])
)
def test_no_cut_does_better(cells, wanted):
    is_blast, probability = (np.array(column) for column in zip(*cells, strict=True))
    everything = [rate(is_blast, probability, at) for at in np.linspace(0.001, 0.999, 500)]
    sensitivity, specificity = rate(
        is_blast, probability, cut(is_blast, probability, "sensitivity", min_sensitivity=wanted)
    )
    enough = [rates for rates in everything if rates[0] >= wanted]
    best = max(specificity for _, specificity in enough) if enough else None
    assert specificity == best if enough else sensitivity == max(everything)[0]
    youden = sum(rate(is_blast, probability, cut(is_blast, probability, "youden")))
    assert youden == pytest.approx(max(map(sum, everything)))
    cheapest = cut(is_blast, probability, "cost", missed_blast_cost=3)
    costs = [
        3 * (1 - found) * is_blast.sum() + (1 - passed) * (~is_blast).sum()
        for found, passed in [rate(is_blast, probability, cheapest), *everything]
    ]
    assert costs[0] == pytest.approx(min(costs))


@settings(max_examples=60, deadline=None)
@given(BOTH_CLASSES)
def test_cuts_are_those_of_the_roc_curve(cells):
    is_blast, probability = (np.array(column) for column in zip(*cells, strict=True))
    thresholds, hits, false_alarms = list_cuts(is_blast, probability)
    false_positive_rates, sensitivities, at = roc_curve(is_blast, probability, drop_intermediate=False)
    # a cut of 0 (everything) and one above 1 (nothing) are not among ours
    wanted = [(fpr, tpr) for fpr, tpr, cut in zip(false_positive_rates, sensitivities, at, strict=True) if cut > 0]
    wanted = wanted[1:] if 1.0 in probability else wanted
    found = np.column_stack([false_alarms / (~is_blast).sum(), hits / is_blast.sum()])[::-1]
    np.testing.assert_allclose(found, wanted)
    assert ((thresholds > 0) & (thresholds < 1)).all()


def test_rounding_errors_do_not_move_a_call():
    noisy = np.array([0.3, 0.1 + 0.2, 0.6])
    assert noisy[0] != noisy[1]
    thresholds, _, _ = list_cuts(np.array([True, False, True]), noisy)
    assert thresholds == pytest.approx([0.15, 0.45, 0.8])


def test_only_validation_cells_decide():
    validation = table("validation", IS_BLAST, PROBABILITY)
    others = [table(split, IS_BLAST, 1 - PROBABILITY) for split in ("test", "train")]
    found = choose_operating_point(pd.concat([validation, *others]), settings=rules(min_sensitivity=0.5))
    assert found == {
        "rule": "sensitivity",
        "wanted": {"min_sensitivity": 0.5},
        "threshold": pytest.approx(0.5),
        "chosen_on": "validation",
        "validation": {
            "sensitivity": 2 / 3,
            "specificity": 2 / 3,
            "false_positive_rate": 1 / 3,
        },
        "attainable": True,
        "promise": {
            # one of three missed: the bound of Clopper and Pearson
            "sensitivity": pytest.approx(proportion_confint(2, 3, alpha=0.1, method="beta")[0]),
            "confidence_level": 0.95,
            "n_groups": 3,
            "n_groups_needed": 5,
        },
        "data_source": "simulated",
    }


def test_every_rule_is_applied():
    cells = table("validation", IS_BLAST, PROBABILITY)
    chosen = {
        rule: choose_operating_point(cells, settings=rules(operating_rule=rule, missed_blast_cost=0.9, threshold=0.3))
        for rule in ("fixed", "youden", "cost")
    }
    assert {rule: point["threshold"] for rule, point in chosen.items()} == pytest.approx(
        {"fixed": 0.3, "youden": 0.15, "cost": 0.5}
    )
    assert (chosen["fixed"]["chosen_on"], chosen["fixed"]["wanted"]) == ("given", {"threshold": 0.3})
    # what is chosen by its rates on these cells can't be relied on as the rule of a wanted sensitivity can
    assert [point["promise"] for point in chosen.values()] == [None] * 3
    assert (chosen["cost"]["chosen_on"], chosen["cost"]["wanted"]) == ("validation", {"missed_blast_cost": 0.9})


def test_blasts_scored_zero_make_a_wanted_sensitivity_unattainable():
    cells = table("validation", np.array([True, True, False]), np.array([0.0, 0.6, 0.2]))
    found = choose_operating_point(cells, settings=rules(min_sensitivity=0.9))
    assert (found["threshold"], found["validation"]["sensitivity"]) == (pytest.approx(0.1), 0.5)
    assert not found["attainable"]


def test_a_missing_class_is_refused_unless_the_threshold_is_given():
    cells = table("validation", np.array([True, True]), np.array([0.4, 0.6]))
    with pytest.raises(ValueError, match="of 2 validation cells 2 are all, 0 hem"):
        choose_operating_point(cells, settings=rules())
    given = choose_operating_point(cells, settings=rules(operating_rule="fixed"))
    assert given["validation"] == {"sensitivity": 0.5, "specificity": None, "false_positive_rate": None}


@pytest.mark.parametrize("missed_altogether", [0, 0.05])
def test_the_promised_sensitivity_is_kept_though_the_threshold_was_chosen_on_the_same_cells(missed_altogether):
    """Subjects share an effect (intra-class correlation 0.3), their numbers of cells are lognormal."""
    rng, distance, kept, reached = np.random.default_rng(3), 1.5, [], []
    for _ in range(200):
        n_cells = np.ceil(rng.lognormal(2.5, 1, 24)).astype(int)
        subject = np.repeat(np.arange(24), n_cells)
        side = np.where(rng.random(24) < missed_altogether, -1, 1)
        odds = (side * distance + rng.normal(scale=0.3**0.5, size=24))[subject]
        odds = np.append(odds + rng.normal(scale=0.7**0.5, size=len(subject)), -distance)
        cells = table("validation", np.arange(len(odds)) < len(subject), norm.cdf(odds))
        found = choose_operating_point(cells.assign(subject_group=[*subject, 99]), settings=rules())
        cut = norm.ppf(found["threshold"])
        truth = (1 - missed_altogether) * norm.sf(cut - distance) + missed_altogether * norm.sf(cut + distance)
        kept.append(found["promise"]["sensitivity"] <= truth)
        reached.append(truth >= 0.95)
    assert np.mean(kept) >= 0.95
    # the wanted one itself is reached about every other time, so that the bound has something to do
    assert np.mean(reached) < 0.75
