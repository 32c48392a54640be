import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from blastscreen.experiments.fold_scores import auroc_within_folds, score_cells


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
    record = score_cells(cells, probability, np.array([0, 1, 0, 1]))
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
