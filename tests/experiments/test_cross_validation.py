import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from blastscreen.cohort.soundness import CohortError
from blastscreen.experiments.cross_validation import (
    STRATEGIES,
    HeldOut,
    auroc_within_folds,
    count_folds,
    draw_folds,
    list_seeds,
    score_folds,
)
from blastscreen.vocabulary import SplitStrategy


@pytest.fixture
def cells():
    """Thirteen groups of 1 to 13 cells; every third one is hem."""
    group = np.repeat(np.arange(13), np.arange(1, 14))
    return pd.DataFrame(
        {
            "image_id": [f"{number:03}" for number in range(len(group))],
            "subject_group": [f"g{number}" for number in group],
            "label": np.where(group % 3 == 0, "hem", "all"),
        }
    )


def test_subjects_stay_whole_and_every_fold_has_its_share_of_both_classes(cells):
    fold = draw_folds(cells, strategy=SplitStrategy.SUBJECT, n_folds=4, seed=3)
    assert cells.groupby("subject_group")["image_id"].count().sum() == len(fold)
    assert pd.Series(fold).groupby(cells["subject_group"]).nunique().max() == 1
    groups = cells.assign(fold=fold).groupby(["label", "fold"])["subject_group"].nunique()
    # 8 and 5 groups over 4 folds
    assert groups["all"].tolist() == [2, 2, 2, 2]
    assert sorted(groups["hem"]) == [1, 1, 1, 2]


def test_images_are_divided_as_scikit_learn_divides_them(cells):
    fold = draw_folds(cells, strategy=SplitStrategy.IMAGE, n_folds=4, seed=3)
    expected = StratifiedKFold(4, shuffle=True, random_state=3).split(cells, cells["label"])
    assert all(set(np.flatnonzero(fold == number)) == set(held_out) for number, (_, held_out) in enumerate(expected))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_order_of_rows_does_not_matter_but_the_seed_does(cells, strategy):
    fold = pd.Series(draw_folds(cells, strategy=strategy, n_folds=3, seed=1))
    shuffled = cells.sample(frac=1, random_state=5)
    again = draw_folds(shuffled, strategy=strategy, n_folds=3, seed=1)
    assert fold[shuffled.index].tolist() == again.tolist()
    assert fold.tolist() != draw_folds(cells, strategy=strategy, n_folds=3, seed=2).tolist()


def test_there_are_four_folds_or_as_many_as_the_rarer_class_has_groups(cells):
    assert count_folds(cells, fewest=2) == 4
    two_controls = cells[~cells["subject_group"].isin(["g3", "g6", "g9"])]
    assert count_folds(two_controls, fewest=2) == 2
    with pytest.raises(CohortError, match=r"subject groups per class: 8 all, 2 hem\. .* needs 3 of each"):
        count_folds(two_controls, fewest=3)


def test_seeds_follow_each_other_and_wrap():
    assert list_seeds(2**32 - 2, 3) == [2**32 - 2, 2**32 - 1, 0]


def test_pairs_are_counted_within_folds_by_hand():
    is_blast = np.array([True, True, False, False, True, False])
    probability = np.array([0.9, 0.4, 0.4, 0.1, 0.2, 0.3])
    fold = np.array([0, 0, 0, 0, 1, 1])
    # fold 0: 0.9 above both, 0.4 tied with one and above the other: 3.5 of 4; fold 1: 0 of 1
    assert auroc_within_folds(is_blast, probability, fold) == pytest.approx(3.5 / 5)


def test_one_fold_gives_the_auroc_and_levels_of_folds_do_not_matter():
    rng = np.random.default_rng(0)
    is_blast = np.arange(40) % 3 == 0
    probability = rng.random(40)
    fold = np.repeat([0, 1], 20)
    assert auroc_within_folds(is_blast, probability, fold * 0) == pytest.approx(roc_auc_score(is_blast, probability))
    lowered = np.where(fold == 1, probability / 10, probability)
    assert auroc_within_folds(is_blast, lowered, fold) == auroc_within_folds(is_blast, probability, fold)


def test_a_record_counts_cells_groups_and_folds_and_calls_at_a_half():
    cells = pd.DataFrame({"subject_group": ["a", "a", "b", "c"], "label": ["all", "all", "hem", "hem"]})
    probability = np.array([0.5, 0.4, 0.6, 0.1])
    record = score_folds(cells, HeldOut(np.array([0, 1, 0, 1]), probability))
    assert {name: record[name] for name in ("n_folds", "n_test_cells", "n_test_groups")} == {
        "n_folds": 2,
        "n_test_cells": 4,
        "n_test_groups": 3,
    }
    assert record["accuracy"] == 0.5
    expected = f1_score(cells["label"], np.array(["all", "hem", "all", "hem"]), average="weighted")
    assert record["f1_weighted"] == pytest.approx(expected)
    # fold 0 has 0.5 below 0.6, fold 1 0.4 above 0.1
    assert record["auroc"] == 0.5
