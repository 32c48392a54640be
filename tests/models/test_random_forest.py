import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from blastscreen.models.random_forest import (
    blast_probability,
    fit_forest,
    group_features,
    measure_importances,
    permute_groups,
    predict_cells,
    require_finite,
    training_table,
)
from blastscreen.parameters import ForestParameters
from blastscreen.schemas import IMPORTANCES, PREDICTIONS
from blastscreen.vocabulary import CellLabel, Refusal, Split

N_CELLS = 120
FEATURES = [
    *("area", "perimeter", "circularity", "solidity", "glcm_energy", "glcm_correlation"),
    *("intensity_mean", "intensity_skewness", "sobel_mean"),
]


def parameters(**changes):
    usual = {
        "n_trees": 10,
        "class_weight": "balanced",
        "permutation_repeats": 2,
        "correlation_threshold": 0.8,
        "seed": 7,
    }
    return ForestParameters(**(usual | changes))


@pytest.fixture
def features():
    """Noise, but blasts are larger; perimeter and energy tell the same fact again, one of them backwards."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(N_CELLS, len(FEATURES))), columns=FEATURES)
    table["area"] += 1.5 * (np.arange(N_CELLS) % 3 != 0)
    table["perimeter"] = table["area"] ** 3
    table["glcm_energy"] = -table["area"]
    table.insert(0, "image_id", [f"cell_{number:03d}" for number in range(N_CELLS)])
    table["reasons"] = pd.Series([""] * N_CELLS, dtype="str")
    return table


@pytest.fixture
def splits(features):
    number = np.arange(N_CELLS)
    return pd.DataFrame(
        {
            "image_id": features["image_id"],
            "subject_id": [str(n % 10) for n in number],
            "subject_group": [f"group {n % 10}" for n in number],
            "label": np.where(number % 3 == 0, CellLabel.HEM, CellLabel.ALL).astype(str),
            "split": np.select([number < 70, number < 100], [Split.TRAIN, Split.VALIDATION], Split.TEST).astype(str),
            "data_source": "a test",
        }
    )


@pytest.fixture
def table(features, splits):
    return training_table(features, splits)


@pytest.fixture
def forest(table):
    return fit_forest(table, settings=parameters())


def test_the_table_joins_by_image_id_in_whatever_order_rows_come(features, splits):
    joined = training_table(features.sample(frac=1, random_state=1), splits.sample(frac=1, random_state=2))
    assert list(joined.columns) == [
        "image_id",
        "subject_id",
        "subject_group",
        "label",
        "split",
        "data_source",
        *FEATURES,
    ]
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


def test_the_forest_has_what_the_settings_ask(table):
    forest = fit_forest(table, settings=parameters(n_trees=100))
    assert len(forest.estimators_) == 100
    assert forest.class_weight == "balanced"
    assert forest.random_state == 7
    assert forest.feature_names_in_.tolist() == FEATURES
    assert fit_forest(table, settings=parameters(class_weight="none")).class_weight is None


def test_the_forest_learns_from_training_cells_alone(table, forest):
    other = table.copy()
    held_out = other["split"] != Split.TRAIN
    other.loc[held_out, FEATURES] += 100.0
    other.loc[held_out, "label"] = CellLabel.HEM.value
    again = fit_forest(other, settings=parameters())
    np.testing.assert_array_equal(blast_probability(again, table), blast_probability(forest, table))


def test_the_order_of_rows_and_the_threads_do_not_matter_but_the_seed_does(table, forest):
    with joblib.parallel_config(n_jobs=2):
        again = fit_forest(table.sample(frac=1, random_state=3), settings=parameters())
        np.testing.assert_array_equal(blast_probability(again, table), blast_probability(forest, table))
    assert again.n_jobs is None
    other = fit_forest(table, settings=parameters(seed=8))
    assert (blast_probability(other, table) != blast_probability(forest, table)).any()


def test_a_class_missing_from_training_is_refused_with_counts(table):
    only_blasts = table[(table["label"] == CellLabel.ALL) | (table["split"] != Split.TRAIN)]
    with pytest.raises(ValueError, match="the train cells hold 46 all, 0 hem"):
        fit_forest(only_blasts, settings=parameters())


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


def test_predictions_hold_every_evaluated_cell_once(table, forest):
    predictions = predict_cells(forest, table.sample(frac=1, random_state=4))
    PREDICTIONS.validate(predictions)
    expected = table[table["split"].isin([Split.VALIDATION, Split.TEST])].reset_index(drop=True)
    assert len(predictions) == 50
    pd.testing.assert_frame_equal(predictions.drop(columns="blast_probability"), expected[predictions.columns[:-1]])
    np.testing.assert_array_equal(predictions["blast_probability"], blast_probability(forest, expected))


def validation_cells(table):
    return table[table["split"] == Split.VALIDATION]


def test_importances_of_single_features_are_those_of_scikit_learn(table, forest):
    importances = measure_importances(forest, table, settings=parameters())
    IMPORTANCES.validate(importances)
    cells = validation_cells(table)
    expected = permutation_importance(
        forest, cells[FEATURES], cells["label"].to_numpy(), scoring="roc_auc", n_repeats=2, random_state=7
    )
    by_name = importances.set_index("feature").loc[FEATURES]
    np.testing.assert_allclose(by_name["permutation_importance"], expected.importances_mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(by_name["permutation_std"], expected.importances_std, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(by_name["impurity_importance"], forest.feature_importances_)


def test_importances_are_ordered_and_correlated_features_share_a_group(table, forest):
    importances = measure_importances(forest, table, settings=parameters())
    by_hand = sorted(importances.to_dict("records"), key=lambda row: (-row["permutation_importance"], row["feature"]))
    assert importances["feature"].tolist() == [row["feature"] for row in by_hand]
    assert set(importances["feature"]) == set(FEATURES)
    by_name = importances.set_index("feature")
    family = ["area", "glcm_energy", "perimeter"]
    assert by_name.index[by_name["feature_group"] == "area+glcm_energy+perimeter"].sort_values().tolist() == family
    alone = by_name.drop(index=family)
    assert (alone["feature_group"] == alone.index).all()
    np.testing.assert_array_equal(alone["group_importance"], alone["permutation_importance"])
    np.testing.assert_array_equal(alone["group_std"], alone["permutation_std"])
    # the members cover for each other: only as a whole is size worth what it is
    assert len(set(by_name.loc[family, "group_importance"])) == 1
    assert by_name.loc["area", "group_importance"] > by_name.loc[family, "permutation_importance"].max()


def test_groups_are_found_among_training_cells(table, forest):
    training = table["split"] == Split.TRAIN
    table.loc[training, "solidity"] = table["sobel_mean"]
    table.loc[~training, "circularity"] = table["sobel_mean"]
    groups = measure_importances(forest, table, settings=parameters()).set_index("feature")["feature_group"]
    assert groups["sobel_mean"] == groups["solidity"] == "sobel_mean+solidity"
    assert groups["circularity"] == "circularity"


def test_ties_are_ordered_by_name(table):
    table.loc[:, FEATURES] = 0.0
    table["area"] = (table["label"] == CellLabel.ALL).astype(float)
    importances = measure_importances(fit_forest(table, settings=parameters()), table, settings=parameters())
    assert importances["feature"].tolist() == ["area", *sorted(set(FEATURES) - {"area"})]


def test_importances_do_not_depend_on_the_order_of_rows(table, forest):
    pd.testing.assert_frame_equal(
        measure_importances(forest, table.sample(frac=1, random_state=5), settings=parameters()),
        measure_importances(forest, table, settings=parameters()),
    )


def test_a_class_missing_from_validation_is_refused(table, forest):
    table.loc[table["split"] == Split.VALIDATION, "label"] = CellLabel.HEM.value
    with pytest.raises(ValueError, match="the validation cells hold 0 all, 30 hem"):
        measure_importances(forest, table, settings=parameters())


def test_importances_of_cells_that_lack_a_feature_are_refused(table, forest):
    table.loc[table["split"] == Split.VALIDATION, "area"] = np.nan
    with pytest.raises(ValueError, match="area in 30 cells"):
        permute_groups(forest, table[table["split"] == Split.VALIDATION], np.arange(len(FEATURES)), repeats=1, seed=0)


def test_features_group_by_chains_of_rank_correlation():
    # Spearman's rho of these ranks by hand, 1 - 6 * sum(d^2) / (5 * 24): area-perimeter 0.9, perimeter-solidity 0.9,
    # area-solidity 0.8; circularity is area backwards; all others are constant
    cells = pd.DataFrame(0.0, index=range(5), columns=FEATURES)
    cells["area"] = [1, 2, 3, 4, 5]
    cells["perimeter"] = [2, 1, 3, 4, 50]
    cells["solidity"] = [2, 1, 3, 5, 4]
    cells["circularity"] = [5, 4, 3, 2, 1]

    def members(threshold):
        groups = group_features(cells, threshold=threshold)
        return {name for name, group in zip(FEATURES, groups, strict=True) if group == groups[0]}

    assert members(0.95) == {"area", "circularity"}
    assert members(0.85) == {"area", "circularity", "perimeter", "solidity"}
    assert len(set(group_features(cells, threshold=0.85))) == len(FEATURES) - 3


def test_a_group_is_shuffled_as_one_column(table):
    """Oracle: one input column, copied into every feature before the forest sees it, shuffled by scikit-learn."""
    for name in FEATURES:
        table[name] = table["area"]
    forest = fit_forest(table, settings=parameters())
    cells = validation_cells(table)
    copy_column = FunctionTransformer(lambda column: pd.DataFrame(dict.fromkeys(FEATURES, column[:, 0])))
    pipeline = make_pipeline(copy_column, forest)
    labels = cells["label"].to_numpy()
    expected = permutation_importance(
        pipeline, cells[["area"]].to_numpy(), labels, scoring="roc_auc", n_repeats=4, random_state=2
    )
    mean, std = permute_groups(forest, cells, np.zeros(len(FEATURES), dtype=np.intp), repeats=4, seed=2)
    np.testing.assert_allclose(mean, expected.importances_mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(std, expected.importances_std, rtol=0, atol=1e-12)
    assert mean[0] > 0


def test_shuffling_all_features_together_shuffles_the_probabilities(table, forest):
    cells = validation_cells(table)
    is_blast = (cells["label"] == CellLabel.ALL).to_numpy()
    probability = blast_probability(forest, cells)
    mean, std = permute_groups(forest, cells, np.zeros(len(FEATURES), dtype=np.intp), repeats=80, seed=0)
    # over all permutations the AUROC is 0.5 on average, with the variance of a rank sum: (n + 1) / (12 m (n - m))
    expected_std = np.sqrt(31 / (12 * 20 * 10))
    assert mean[0] == pytest.approx(roc_auc_score(is_blast, probability) - 0.5, abs=4 * expected_std / np.sqrt(80))
    assert std[0] == pytest.approx(expected_std, rel=0.3)


def test_cells_without_a_feature_that_the_forest_knows_are_refused(table, forest):
    with pytest.raises(Refusal, match=r"trained on features that these cells lack: area, solidity\. Measure the same"):
        blast_probability(forest, table.drop(columns=["solidity", "area"]))
    more = table.assign(feature_of_another_group=np.nan)
    np.testing.assert_array_equal(blast_probability(forest, more), blast_probability(forest, table))
