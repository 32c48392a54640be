import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from blastscreen.models.tabular import (
    blast_probability,
    fit_classifier,
    group_features,
    measure_importances,
    permute_groups,
)
from blastscreen.schemas import IMPORTANCES
from blastscreen.vocabulary import CellLabel, Split

FEATURES = ["area", "perimeter", "circularity", "solidity", "glcm_energy", "intensity_skewness", "sobel_mean"]


def importances_of(model, table, settings):
    """Measure importances of a joined table."""
    features = table[["image_id", *FEATURES]].assign(reasons="")
    return measure_importances(model, features, table.drop(columns=FEATURES), settings)


def validation_cells(table):
    return table[table["split"] == Split.VALIDATION]


def test_importances_of_single_features_are_those_of_scikit_learn(table, forest, forest_block):
    importances = importances_of(forest, table, forest_block())
    IMPORTANCES.validate(importances)
    cells = validation_cells(table)
    expected = permutation_importance(
        forest, cells[FEATURES], cells["label"].to_numpy(), scoring="roc_auc", n_repeats=2, random_state=7
    )
    by_name = importances.set_index("feature").loc[FEATURES]
    np.testing.assert_allclose(by_name["permutation_importance"], expected.importances_mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(by_name["permutation_std"], expected.importances_std, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(by_name["impurity_importance"], forest.feature_importances_)


def test_importances_are_ordered_and_correlated_features_share_a_group(table, forest, forest_block):
    importances = importances_of(forest, table, forest_block())
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


def test_groups_are_found_among_training_cells(table, forest, forest_block):
    training = table["split"] == Split.TRAIN
    table.loc[training, "solidity"] = table["sobel_mean"]
    table.loc[~training, "circularity"] = table["sobel_mean"]
    groups = importances_of(forest, table, forest_block()).set_index("feature")["feature_group"]
    assert groups["sobel_mean"] == groups["solidity"] == "sobel_mean+solidity"
    assert groups["circularity"] == "circularity"


def test_ties_are_ordered_by_name(table, forest_block):
    table.loc[:, FEATURES] = 0.0
    table["area"] = (table["label"] == CellLabel.ALL).astype(float)
    importances = importances_of(fit_classifier(table, settings=forest_block()), table, forest_block())
    assert importances["feature"].tolist() == ["area", *sorted(set(FEATURES) - {"area"})]


def test_importances_do_not_depend_on_the_order_of_rows(table, forest, forest_block):
    pd.testing.assert_frame_equal(
        importances_of(forest, table.sample(frac=1, random_state=5), forest_block()),
        importances_of(forest, table, forest_block()),
    )


def test_a_class_missing_from_validation_is_refused(table, forest, forest_block):
    table.loc[table["split"] == Split.VALIDATION, "label"] = CellLabel.HEM.value
    with pytest.raises(ValueError, match="the validation cells hold 0 all, 30 hem"):
        importances_of(forest, table, forest_block())


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
    assert len(set(group_features(cells, threshold=0.85))) == 4


def test_a_group_is_shuffled_as_one_column(table, forest_block):
    """Oracle: one input column, copied into every feature before the forest sees it, shuffled by scikit-learn."""
    for name in FEATURES:
        table[name] = table["area"]
    forest = fit_classifier(table, settings=forest_block())
    cells = validation_cells(table)
    copy_column = FunctionTransformer(
        lambda column: pd.DataFrame(np.repeat(column, len(FEATURES), axis=1), columns=FEATURES)
    )
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
