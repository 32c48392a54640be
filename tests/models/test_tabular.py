import joblib
import numpy as np
import pandas as pd
import pytest

from blastscreen.models.tabular import (
    blast_probability,
    fit_classifier,
    predict_cells,
    require_finite,
    score_features,
    training_table,
)
from blastscreen.schemas import EXTERNAL_SCORES, PREDICTIONS
from blastscreen.vocabulary import CellLabel, Refusal, Split

FEATURES = ["area", "perimeter", "circularity", "solidity", "glcm_energy", "intensity_skewness", "sobel_mean"]


def test_the_table_joins_by_image_id_in_whatever_order_rows_come(features, splits):
    joined = training_table(features.sample(frac=1, random_state=1), splits.sample(frac=1, random_state=2))
    assert list(joined.columns) == [*splits.columns, *FEATURES]
    pd.testing.assert_frame_equal(joined[FEATURES], features[FEATURES])
    pd.testing.assert_frame_equal(joined[splits.columns], splits)


def test_cells_with_a_reason_are_left_out(features, splits):
    features.loc[3, "intensity_skewness"] = np.nan
    features.loc[3, "reasons"] = "non_finite:intensity_skewness"
    joined = training_table(features, splits)
    assert set(splits["image_id"]) - set(joined["image_id"]) == {"cell_003"}


def test_tables_of_different_runs_are_refused_with_counts(features, splits):
    with pytest.raises(ValueError, match=r"different runs: 2 cells are in cell_features only, 1 in cell_splits only"):
        training_table(features.iloc[1:], splits.iloc[:-2])


def test_a_cell_that_comes_twice_is_refused(features, splits):
    with pytest.raises(ValueError, match="one-to-one"):
        training_table(pd.concat([features, features.iloc[:1]]), splits)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_named(features, splits, value):
    features.loc[[3, 4], "solidity"] = value
    with pytest.raises(ValueError, match="not finite: solidity in 2 cells"):
        training_table(features, splits)


def test_finite_features_pass(features):
    require_finite(features)


def test_the_forest_has_what_the_settings_ask(table, forest_block):
    forest = fit_classifier(table, settings=forest_block(n_trees=30))
    assert len(forest.estimators_) == 30
    assert forest.random_state == 7
    assert forest.feature_names_in_.tolist() == FEATURES


def test_the_forest_learns_from_training_cells_alone(table, forest, forest_block):
    other = table.copy()
    held_out = other["split"] != Split.TRAIN
    other.loc[held_out, FEATURES] += 100.0
    other.loc[held_out, "label"] = CellLabel.HEM.value
    again = fit_classifier(other, settings=forest_block())
    np.testing.assert_array_equal(blast_probability(again, table), blast_probability(forest, table))


def test_the_order_of_rows_and_the_threads_do_not_matter_but_the_seed_does(table, forest, forest_block):
    with joblib.parallel_config(n_jobs=2):
        again = fit_classifier(table.sample(frac=1, random_state=3), settings=forest_block())
        np.testing.assert_array_equal(blast_probability(again, table), blast_probability(forest, table))
    assert again.n_jobs is None
    other = fit_classifier(table, settings=forest_block(seed=8))
    assert (blast_probability(other, table) != blast_probability(forest, table)).any()


def test_a_class_missing_from_training_is_refused_with_counts(table, forest_block):
    only_blasts = table[(table["label"] == CellLabel.ALL) | (table["split"] != Split.TRAIN)]
    with pytest.raises(ValueError, match="the train cells hold 46 all, 0 hem"):
        fit_classifier(only_blasts, settings=forest_block())


def test_the_probability_is_that_of_the_positive_label_wherever_it_stands(table, forest):
    by_hand = np.mean([tree.predict_proba(table[FEATURES].to_numpy())[:, 0] for tree in forest.estimators_], axis=0)
    assert forest.classes_.tolist() == ["all", "hem"]
    np.testing.assert_allclose(blast_probability(forest, table), by_hand, rtol=0, atol=1e-12)
    forest.classes_ = forest.classes_[::-1]
    np.testing.assert_allclose(blast_probability(forest, table), 1 - by_hand, rtol=0, atol=1e-12)


def test_columns_are_found_by_name(table, forest):
    np.testing.assert_array_equal(
        blast_probability(forest, table[table.columns[::-1]]), blast_probability(forest, table)
    )


def test_no_cells_have_no_probabilities(table, forest):
    assert blast_probability(forest, table.iloc[:0]).shape == (0,)


def test_a_forest_that_never_saw_a_blast_is_refused(table, forest):
    forest.classes_ = np.array(["0", "1"])
    with pytest.raises(ValueError, match="not all: fit it again"):
        blast_probability(forest, table)


def test_nan_is_not_predicted(table, forest):
    table.loc[0, "area"] = np.nan
    with pytest.raises(ValueError, match="area in 1 cells"):
        blast_probability(forest, table)


def test_features_that_the_model_knows_and_the_cells_lack_are_named(table, forest):
    with pytest.raises(Refusal, match="that these cells lack: area, solidity"):
        blast_probability(forest, table.drop(columns=["solidity", "area"]))


def test_predictions_hold_every_evaluated_cell_once(features, splits, table, forest):
    predictions = predict_cells(forest, features.sample(frac=1, random_state=4), splits)
    PREDICTIONS.validate(predictions)
    expected = table[table["split"].isin([Split.VALIDATION, Split.TEST])].reset_index(drop=True)
    assert len(predictions) == 50
    pd.testing.assert_frame_equal(predictions.drop(columns="blast_probability"), expected[predictions.columns[:-1]])
    np.testing.assert_array_equal(predictions["blast_probability"], blast_probability(forest, expected))


def test_a_cell_from_outside_that_lacks_a_feature_has_no_score_but_a_reason(features, forest):
    features.loc[3, ["solidity", "reasons"]] = [np.nan, "non_finite:solidity"]
    scores = EXTERNAL_SCORES.validate(score_features(forest, features))
    assert np.flatnonzero(scores["blast_probability"].isna()).tolist() == [3]
    assert scores["reasons"][3] == "non_finite:solidity"
    expected = blast_probability(forest, features.drop(index=3))
    np.testing.assert_array_equal(scores["blast_probability"].dropna(), expected)
