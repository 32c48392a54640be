import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold

from blastscreen.cohort.soundness import CohortError
from blastscreen.experiments.folds import STRATEGIES, count_folds, draw_folds, seeds_of_audit
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
    assert seeds_of_audit(2**32 - 2, 3) == [2**32 - 2, 2**32 - 1, 0]
