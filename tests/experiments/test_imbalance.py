from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from blastscreen.evaluation.operating_point import choose_threshold
from blastscreen.experiments.cross_validation import HeldOut, Run, draw_folds, hold_out
from blastscreen.experiments.imbalance import audit_imbalance, leave_groups_out, measure_balancing
from blastscreen.experiments.protocols import predict_held_out
from blastscreen.parameters import EvaluationParameters
from blastscreen.schemas import AUDIT_IMBALANCE
from blastscreen.vocabulary import Balancing, Region, SplitStrategy

EVALUATION = EvaluationParameters.model_construct(min_sensitivity=0.9, confidence_level=0.9)


@pytest.fixture(scope="module")
def cells(cohort):
    """100 cells of both regions, less half of the normal ones."""
    cells = cohort(blasts=3)
    return cells[(cells["label"] == "all") | (cells["image_id"].astype(int) % 2 == 0)]


@pytest.fixture(scope="module")
def held_out(cells):
    """The cells of one region, and two divisions into folds with scores that know a little."""
    table = cells[cells["region"] == "cell"]
    rng = np.random.default_rng(0)
    scores = [np.round(rng.random(len(table)) * 0.7 + 0.3 * (table["label"] == "all"), 2) for _ in range(2)]
    folds = [draw_folds(table, strategy=SplitStrategy.SUBJECT, n_folds=4, seed=seed) for seed in (0, 1)]
    return table, [HeldOut(fold, score.to_numpy()) for fold, score in zip(folds, scores, strict=True)]


def rates_by_hand(cells, divisions, *, min_sensitivity):
    """Go through folds and count."""
    wanted = EVALUATION.model_copy(update={"operating_rule": "sensitivity", "min_sensitivity": min_sensitivity})
    is_blast = (cells["label"] == "all").to_numpy()
    right_at_cut, wins, pairs = 0, 0.0, 0
    for fold, scores in divisions:
        for inside in (fold == number for number in np.unique(fold)):
            cut = choose_threshold(is_blast[inside], scores[inside], settings=wanted)
            right_at_cut += (scores[inside & ~is_blast] < cut).sum()
            n_pairs = (inside & is_blast).sum() * (inside & ~is_blast).sum()
            wins += n_pairs * roc_auc_score(is_blast[inside], scores[inside]) if n_pairs else 0
            pairs += n_pairs
    called = np.concatenate([scores >= 0.5 for _, scores in divisions])
    blasts = np.tile(is_blast, len(divisions))
    return {
        "auroc": wins / pairs,
        "sensitivity": called[blasts].mean(),
        "specificity": 1 - called[~blasts].mean(),
        "specificity_at_sensitivity": right_at_cut / (~blasts).sum(),
    }


def test_measures_are_those_of_the_folds_together(held_out):
    cells, divisions = held_out
    by_hand = rates_by_hand(cells, divisions, min_sensitivity=0.9)
    measures = leave_groups_out(cells, divisions, 0.9)
    assert {name: measure.value for name, measure in measures.items()} == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("label", ["all", "hem"])
def test_a_group_that_is_left_out_might_never_have_been_there(held_out, label):
    """A cut is chosen anew, since it depends on the blasts that are there."""
    cells, divisions = held_out
    measures = leave_groups_out(cells, divisions, 0.9)
    place = {"auroc": ["all", "hem"].index(label), "specificity_at_sensitivity": ["all", "hem"].index(label)}
    for number, name in enumerate(sorted(cells.loc[cells["label"] == label, "subject_group"].unique())):
        there = (cells["subject_group"] != name).to_numpy()
        others = [HeldOut(fold[there], scores[there]) for fold, scores in divisions]
        by_hand = rates_by_hand(cells[there], others, min_sensitivity=0.9)
        for measure in (*place, "sensitivity" if label == "all" else "specificity"):
            found = measures[measure].without[place.get(measure, 0)][number]
            assert found == pytest.approx(by_hand[measure])


def test_a_fold_that_loses_all_its_blasts_has_no_cut(held_out):
    cells, ((fold, scores), _) = held_out
    first = (fold == 0) & (cells["label"] == "all").to_numpy()
    # one person has all blasts of the first fold
    cells = cells.assign(subject_group=cells["subject_group"].mask(first, "group 00"))
    number = sorted(cells.loc[cells["label"] == "all", "subject_group"].unique()).index("group 00")
    found = leave_groups_out(cells, [HeldOut(fold, scores)], 0.9)["specificity_at_sensitivity"].without[0][number]
    others = [HeldOut(fold[fold != 0], scores[fold != 0])]
    assert found == pytest.approx(
        rates_by_hand(cells[fold != 0], others, min_sensitivity=0.9)["specificity_at_sensitivity"]
    )


def test_scores_that_are_all_lower_move_the_calls_and_gain_nothing(held_out):
    cells, divisions = held_out
    lower = [HeldOut(fold, scores**1.5) for fold, scores in divisions]
    table = measure_balancing(
        cells, {Balancing.CLASS_WEIGHT: divisions, Balancing.COST: lower}, settings=EVALUATION
    ).set_index(["balancing", "measure"])
    moved = table.loc["cost", "difference"]
    assert moved["sensitivity"] < 0 < moved["specificity"]
    assert table.loc[("cost", "sensitivity"), "difference_high"] < 0
    assert moved["auroc"] == moved["specificity_at_sensitivity"] == 0
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()
    own = table.loc["class_weight"]
    assert (own["difference"] == 0).all()
    assert own[["difference_low", "difference_high"]].isna().all(axis=None)


def test_every_way_is_audited_and_workers_the_order_of_rows_and_the_frame_do_not_matter(
    cells, audit_settings, split_settings, forest_settings, compute
):
    settings = {"settings": audit_settings, "split_settings": split_settings}
    settings |= {"forest": forest_settings, "evaluation": EVALUATION}
    table = audit_imbalance(cells, **settings, compute=compute)
    AUDIT_IMBALANCE.validate(table)
    assert table["balancing"].unique().tolist() == list(Balancing)
    assert set(table["n_seeds"]) == {1}
    auroc = table[table["measure"] == "auroc"]["value"]
    assert auroc.nunique() == len(Balancing)
    assert auroc.between(0.7, 0.99).all()
    other = cells.assign(area=cells["area"].where(cells["region"] == "cell", 0.0)).sample(frac=1, random_state=0)
    alone = compute.model_copy(update={"n_jobs": 1})
    pd.testing.assert_frame_equal(audit_imbalance(other, **settings, compute=alone), table)


@pytest.mark.parametrize("balancing", [Balancing.SMOTE, Balancing.UNDERSAMPLING, Balancing.EASY_ENSEMBLE])
def test_cells_that_are_held_out_have_no_part_in_the_scores_of_their_fold(held_out, forest_settings, balancing):
    cells, ((fold, _), _) = held_out
    predict = partial(predict_held_out, forest=forest_settings.model_copy(update={"balancing": balancing}))
    run = Run(SplitStrategy.SUBJECT, Region.CELL, 0, predict)
    moved = (cells["subject_group"] == "group 0").to_numpy()
    other = cells.assign(area=cells["area"].where(~moved, -cells["area"]))
    before, after = (hold_out(run, table, n_folds=4).probability for table in (cells, other))
    beside = fold == fold[moved][0]
    np.testing.assert_array_equal(before[beside & ~moved], after[beside & ~moved])
    assert (before[~beside] != after[~beside]).any()
