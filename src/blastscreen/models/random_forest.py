"""The random forest over the features of cells: fit, predict, and two kinds of importance."""

import joblib
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score

from blastscreen.models.trainable import require_both_classes, require_same_cells
from blastscreen.parameters import ForestParameters
from blastscreen.schemas import IDENTITY, feature_columns
from blastscreen.vocabulary import EVALUATED_SPLITS, POSITIVE_LABEL, Refusal, Split


def training_table(features: pd.DataFrame, splits: pd.DataFrame) -> pd.DataFrame:
    """Join `cell_features` and `cell_splits` into the table that a forest learns from.

    Cells whose features carry a reason are left out: they stay accounted for in `cell_features`.

    Args:
        features: image_id, the features, reasons ("" where all are usable).
        splits: image_id, subject_id, subject_group, label, split, data_source.

    Returns:
        The columns of `splits` and the features, one row per usable cell, sorted by image_id.

    Raises:
        ValueError: The tables speak of different cells, repeat one, or hold a feature that is not finite.
    """
    require_same_cells("cell_features", features["image_id"], splits["image_id"])
    table = splits[IDENTITY].merge(features, on="image_id", how="inner", validate="1:1")
    usable = table.loc[table["reasons"].fillna("") == "", IDENTITY + feature_columns(features)]
    require_finite(usable)
    return usable.sort_values("image_id", ignore_index=True)


def require_finite(features: pd.DataFrame) -> None:
    """Refuse features that are not finite: scikit-learn's forest would take NaN without a word.

    Args:
        features: Table of cells with feature columns; others are ignored.

    Raises:
        Refusal: A value is NaN or infinite; names the features and counts their cells.
    """
    bad_cells = (~np.isfinite(features[feature_columns(features)])).sum()
    bad = [f"{name} in {count} cells" for name, count in bad_cells.items() if count]
    if bad:
        raise Refusal(
            f"features are not finite: {', '.join(bad)}. Measure the cells again, "
            "or give these rows a reason in cell_features so that they are left out"
        )


def training_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Select the training cells, in the one order that random draws from them are made in.

    Args:
        table: Result of `training_table`.

    Returns:
        Its rows of split train, sorted by image_id.

    Raises:
        ValueError: A class is missing from them, or a feature is not finite.
    """
    cells = _cells_of(table, Split.TRAIN)
    require_both_classes(_is_blast(cells), Split.TRAIN)
    require_finite(cells)
    return cells


def fit_forest(
    table: pd.DataFrame, *, settings: ForestParameters, class_weight: dict[str, float] | None = None
) -> RandomForestClassifier:
    """Fit a random forest on the training cells.

    The order of the rows and the number of threads do not change the result. The forest keeps `n_jobs=None`, so that
    what is stored says nothing of this machine; to use more cores, call inside `joblib.parallel_config(n_jobs=...)`.

    Args:
        table: Result of `training_table`.
        settings: Number of trees, class weight and seed.
        class_weight: By label, in place of that of the settings.

    Returns:
        The fitted forest; it knows its features by name.

    Raises:
        ValueError: A class is missing from the training cells, or a feature is not finite.
    """
    cells = training_cells(table)
    forest = RandomForestClassifier(
        n_estimators=settings.n_trees,
        class_weight=class_weight or (None if settings.class_weight == "none" else settings.class_weight),
        random_state=settings.seed,
    )
    # a plain unicode array, not objects: `classes_` inherits it and is stored as such
    return forest.fit(cells[feature_columns(cells)], cells["label"].to_numpy(dtype=np.str_))


def blast_probability(forest: RandomForestClassifier, features: pd.DataFrame) -> NDArray[np.float64]:
    """Predict the probability that each cell is a leukemic blast.

    Args:
        forest: Fitted on features and the C-NMC labels.
        features: n rows with the columns that the forest knows, in any order; others are ignored.

    Returns:
        Shape (n,), 0 to 1.

    Raises:
        ValueError: The forest never saw a blast, or a feature is missing or not finite.
    """
    if missing := sorted(set(forest.feature_names_in_) - set(features.columns)):
        raise Refusal(
            f"the forest was trained on features that these cells lack: {', '.join(missing)}. Measure the same groups "
            "(features.groups), or train again"
        )
    features = features[list(forest.feature_names_in_)]
    require_finite(features)
    return _blast_probability(forest, features)


def _blast_probability(forest: RandomForestClassifier, features: pd.DataFrame) -> NDArray[np.float64]:
    """Predict, where the features are known to be finite."""
    columns = np.flatnonzero(forest.classes_ == str(POSITIVE_LABEL))
    if columns.size != 1:
        raise Refusal(f"the forest knows the classes {list(forest.classes_)}, not {POSITIVE_LABEL!s}: fit it again")
    if features.empty:
        return np.empty(0, dtype=np.float64)
    # threads add up the trees in the order they finish, which may move the last bit
    with joblib.parallel_config(n_jobs=1):
        probabilities: NDArray[np.float64] = forest.predict_proba(features[list(forest.feature_names_in_)])
    return probabilities[:, columns[0]]


def predict_cells(forest: RandomForestClassifier, table: pd.DataFrame) -> pd.DataFrame:
    """Predict the validation and test cells.

    Args:
        forest: Result of `fit_forest`.
        table: Result of `training_table`.

    Returns:
        image_id, subject_id, subject_group, label, split, data_source, blast_probability; sorted by image_id.
    """
    cells = _cells_of(table, *EVALUATED_SPLITS)
    return cells[IDENTITY].assign(blast_probability=blast_probability(forest, cells))


def measure_importances(
    forest: RandomForestClassifier, table: pd.DataFrame, *, settings: ForestParameters
) -> pd.DataFrame:
    """Measure how much the forest leans on each feature, and on each group of correlated features.

    Permutation importance is the AUROC lost on the validation cells when a column is shuffled. Features that tell one
    fact cover for each other there, so that a group is also shuffled as a whole.

    Args:
        forest: Result of `fit_forest`.
        table: Result of `training_table`.
        settings: Number of repeats, correlation threshold and seed.

    Returns:
        One row per feature, largest permutation importance first, ties by name: feature, impurity_importance (sums to
        1), permutation_importance and permutation_std (AUROC; chance may make it negative), feature_group,
        group_importance and group_std (AUROC, shared by the members).

    Raises:
        ValueError: A class is missing from the validation cells, or a feature is not finite.
    """
    cells = _cells_of(table, Split.VALIDATION)
    require_both_classes(_is_blast(cells), Split.VALIDATION)
    groups = group_features(_cells_of(table, Split.TRAIN), threshold=settings.correlation_threshold)
    permutations = {"repeats": settings.permutation_repeats, "seed": settings.seed}
    features = feature_columns(cells)
    alone_mean, alone_std = permute_groups(forest, cells, np.arange(len(features)), **permutations)
    group_mean, group_std = permute_groups(forest, cells, groups, **permutations)
    importances = pd.DataFrame(
        {
            "feature": features,
            "impurity_importance": forest.feature_importances_,
            "permutation_importance": alone_mean,
            "permutation_std": alone_std,
            "feature_group": pd.Series(features).groupby(groups).transform(lambda names: "+".join(sorted(names))),
            "group_importance": group_mean[groups],
            "group_std": group_std[groups],
        }
    )
    return importances.sort_values(["permutation_importance", "feature"], ascending=[False, True], ignore_index=True)


def group_features(cells: pd.DataFrame, *, threshold: float) -> NDArray[np.intp]:
    """Put features that are chained by a strong rank correlation into one group.

    Args:
        cells: Table of cells with feature columns.
        threshold: |Spearman's rho| above this links two features; 0 to 1.

    Returns:
        Group number of each feature, in the order of their columns. A constant feature stands alone.
    """
    correlation = cells[feature_columns(cells)].corr(method="spearman").abs()
    _, groups = connected_components(correlation.to_numpy() > threshold, directed=False)
    return np.asarray(groups, dtype=np.intp)


def permute_groups(
    forest: RandomForestClassifier, cells: pd.DataFrame, groups: NDArray[np.intp], *, repeats: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure the AUROC lost when all features of a group are shuffled by the same permutation of the cells.

    scikit-learn shuffles one column per group that holds row numbers; the features follow those. With every feature in
    a group of its own this is `sklearn.inspection.permutation_importance` with scoring "roc_auc".

    Args:
        forest: Fitted on the features of `cells`.
        cells: Labelled cells of both classes.
        groups: Group number of each feature, counted from 0.
        repeats: Permutations per group.
        seed: Of the permutations; all groups see the same ones.

    Returns:
        Mean and standard deviation over the repeats, each of shape (number of groups,).

    Raises:
        ValueError: A feature is not finite.
    """
    require_finite(cells)
    features = feature_columns(cells)
    values = cells[features].to_numpy()

    def auroc(forest: RandomForestClassifier, rows: NDArray[np.intp], is_blast: ArrayLike) -> float:
        permuted = np.take_along_axis(values, rows[:, groups], axis=0)
        return float(roc_auc_score(is_blast, _blast_probability(forest, pd.DataFrame(permuted, columns=features))))

    rows = np.tile(np.arange(len(cells))[:, np.newaxis], groups.max() + 1)
    is_blast = _is_blast(cells)
    # one job, whatever the caller's joblib settings: shipping the forest to processes takes longer than it saves
    drop = permutation_importance(forest, rows, is_blast, scoring=auroc, n_repeats=repeats, random_state=seed, n_jobs=1)
    return drop.importances_mean, drop.importances_std


def _cells_of(table: pd.DataFrame, *splits: Split) -> pd.DataFrame:
    """Select the cells of some splits in the one order that bootstraps and permutations are drawn in."""
    return table[table["split"].isin(splits)].sort_values("image_id", ignore_index=True)


def _is_blast(cells: pd.DataFrame) -> NDArray[np.bool_]:
    return (cells["label"] == POSITIVE_LABEL).to_numpy(dtype=np.bool_)
