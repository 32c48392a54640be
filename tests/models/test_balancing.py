import joblib
import numpy as np
import pandas as pd
import pytest
from imblearn.ensemble import EasyEnsembleClassifier
from sklearn.ensemble import RandomForestClassifier

from blastscreen.models.balancing import oversample, undersample
from blastscreen.models.tabular import blast_probability, fit_classifier
from blastscreen.vocabulary import Balancing, CellLabel, Split

FEATURES = ["area", "perimeter", "circularity", "solidity", "glcm_energy", "intensity_skewness", "sobel_mean"]
CELLS_OF_SUBJECTS = {"big": 30, "middle": 8, "small": 2, "H1": 6, "H2": 6}
DRAWN = [Balancing.SMOTE, Balancing.UNDERSAMPLING, Balancing.EASY_ENSEMBLE]


@pytest.fixture
def table():
    """40 blasts of three subjects and 12 normal cells of two to train on, 20 cells to test; area in the thousands."""
    rng = np.random.default_rng(0)
    groups = [name for name, number in CELLS_OF_SUBJECTS.items() for _ in range(number)] + ["T1"] * 10 + ["HT"] * 10
    table = pd.DataFrame({"image_id": [f"{number:03d}" for number in range(len(groups))], "subject_group": groups})
    table["label"] = [CellLabel.HEM.value if name.startswith("H") else CellLabel.ALL.value for name in groups]
    table["split"] = [Split.TEST.value if "T" in name else Split.TRAIN.value for name in groups]
    table[FEATURES] = rng.normal(size=(len(table), len(FEATURES)))
    table["area"] = 1000 * (table["area"] + (table["label"] == CellLabel.ALL))
    table["solidity"] = 0.5
    return table


def training(table):
    return table[table["split"] == Split.TRAIN]


@pytest.fixture
def predict(forest_block):
    """Fit a forest with something done about the rarer class; predict the same cells or others."""

    def fit(table, balancing, *, seed=7, asked=None):
        fitted = fit_classifier(table, settings=forest_block(balancing=balancing, seed=seed))
        return blast_probability(fitted, table if asked is None else asked)

    return fit


def test_made_cells_lie_between_a_normal_cell_and_one_of_its_neighbours(table):
    cells = training(table)
    grown = oversample(cells, FEATURES, seed=1)
    pd.testing.assert_frame_equal(grown.iloc[: len(cells)], cells)
    assert grown["label"].value_counts().tolist() == [40, 40]
    scaled = (grown[FEATURES] - cells[FEATURES].mean()) / cells[FEATURES].std(ddof=0).replace(0, 1)
    made, normal = scaled.iloc[52:].to_numpy(), scaled.iloc[40:52].to_numpy()
    apart = np.linalg.norm(normal[:, None] - normal, axis=-1)
    nearest = np.argsort(apart, axis=1)[:, 1:6]
    towards = normal[nearest] - normal[:, None]
    # the share of the way that comes nearest, for every made cell, normal cell and neighbour of it
    offset = made[:, None, None] - normal[:, None]
    way = (offset * towards).sum(-1) / (towards**2).sum(-1)
    missed_by = np.linalg.norm(offset - np.clip(way, 0, 1)[..., None] * towards, axis=-1)
    assert missed_by.min(axis=(1, 2)).max() < 1e-9
    assert not (np.isclose(way, 0) & (missed_by < 1e-9)).any()


@pytest.mark.parametrize("n_normal", [2, 5])
def test_a_class_with_few_cells_has_fewer_neighbours(table, n_normal):
    cells = training(table).iloc[: 40 + n_normal]
    assert oversample(cells, FEATURES, seed=0)["label"].value_counts().tolist() == [40, 40]


def test_a_lone_cell_has_nothing_to_lie_between(table, predict):
    cells = training(table).iloc[:41]
    assert oversample(cells, FEATURES, seed=0) is cells
    np.testing.assert_array_equal(
        predict(cells, Balancing.SMOTE, asked=table), predict(cells, Balancing.CLASS_WEIGHT, asked=table)
    )


def test_undersampling_keeps_every_normal_cell_and_takes_from_the_subjects_in_turn(table):
    kept = undersample(training(table), seed=0)
    counts = kept["subject_group"].value_counts().to_dict()
    assert counts == {"H1": 6, "H2": 6, "small": 2, "big": 5, "middle": 5}
    pd.testing.assert_frame_equal(kept, table.loc[kept.index])
    assert undersample(training(table), seed=1)["image_id"].tolist() != kept["image_id"].tolist()


@pytest.mark.parametrize("balancing", [Balancing.SMOTE, Balancing.UNDERSAMPLING])
def test_equal_classes_are_left_as_they_are(table, balancing, predict):
    equal = training(table).iloc[28:]
    np.testing.assert_array_equal(predict(equal, balancing), predict(equal, Balancing.CLASS_WEIGHT))


def test_either_class_may_be_the_rarer(table):
    other = table.assign(label=table["label"].map({"all": "hem", "hem": "all"}))
    assert undersample(training(other), seed=0)["image_id"].tolist() == (
        undersample(training(table), seed=0)["image_id"].tolist()
    )
    made = oversample(training(other), FEATURES, seed=0).iloc[52:]
    assert set(made["label"]) == {"all"}


def test_weights_are_those_of_scikit_learn_and_false_alarms_cost_on_top(table, predict):
    cells = training(table)
    # 52 / (2 * 40) and 52 / (2 * 12), the latter three times
    by_hand = RandomForestClassifier(10, class_weight={"all": 0.65, "hem": 6.5}, random_state=7)
    by_hand.fit(cells[FEATURES], cells["label"].to_numpy(dtype=np.str_))
    costly = predict(table, Balancing.COST)
    np.testing.assert_array_equal(costly, blast_probability(by_hand, table))
    weighted = RandomForestClassifier(10, class_weight="balanced", random_state=7)
    weighted.fit(cells[FEATURES], cells["label"].to_numpy(dtype=np.str_))
    np.testing.assert_array_equal(predict(table, Balancing.CLASS_WEIGHT), blast_probability(weighted, table))
    assert costly.mean() < predict(table, Balancing.CLASS_WEIGHT).mean() < predict(table, Balancing.NONE).mean()


def test_the_ensemble_is_that_of_imbalanced_learn(table, predict):
    cells = training(table)
    ensemble = EasyEnsembleClassifier(2, RandomForestClassifier(10, random_state=7), random_state=7)
    ensemble.fit(cells[FEATURES], cells["label"].to_numpy(dtype=np.str_))
    np.testing.assert_array_equal(
        predict(table, Balancing.EASY_ENSEMBLE), ensemble.predict_proba(table[FEATURES])[:, 0]
    )


@pytest.mark.parametrize("balancing", Balancing)
def test_cells_that_are_not_trained_on_do_not_matter(table, balancing, predict):
    other = table.copy()
    held_out = other["split"] == Split.TEST
    other.loc[held_out, FEATURES] += 100.0
    other.loc[held_out, "label"] = CellLabel.HEM.value
    np.testing.assert_array_equal(predict(other, balancing, asked=table), predict(table, balancing))


@pytest.mark.parametrize("balancing", Balancing)
def test_the_order_of_rows_and_the_threads_do_not_matter_but_the_seed_does(table, balancing, predict):
    with joblib.parallel_config(backend="threading", n_jobs=2):
        again = predict(table.sample(frac=1, random_state=3), balancing, asked=table)
    np.testing.assert_array_equal(again, predict(table, balancing))
    assert (predict(table, balancing, seed=8) != again).any()


@pytest.mark.parametrize("balancing", Balancing)
def test_a_missing_class_is_refused_with_counts(table, balancing, predict):
    with pytest.raises(ValueError, match="the train cells hold 40 all, 0 hem"):
        predict(table.drop(index=table.index[40:52]), balancing)
