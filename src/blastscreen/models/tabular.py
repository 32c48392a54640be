"""What every model on features does: join its table, fit, predict."""

from collections.abc import Iterable

import joblib
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from blastscreen.compute.parallel import use_cores
from blastscreen.models.balancing import fit_balanced
from blastscreen.models.estimators import Classifier, TabularParameters
from blastscreen.parameters import ComputeParameters
from blastscreen.vocabulary import (
    EVALUATED_SPLITS,
    POSITIVE_LABEL,
    CellLabel,
    Refusal,
    Split,
    feature_columns,
    mark_blasts,
)


def training_table(cell_features: pd.DataFrame, cell_splits: pd.DataFrame) -> pd.DataFrame:
    """Join roles and features of the cells whose features are all usable, sorted by image_id.

    Raises:
        Refusal: The tables hold different cells, or a feature is not finite.
    """
    require_same_cells("cell_features", cell_features["image_id"], cell_splits["image_id"])
    table = cell_splits.merge(cell_features, on="image_id", how="inner", validate="1:1")
    usable = table[table["reasons"].fillna("") == ""].drop(columns="reasons")
    require_finite(usable)
    return usable.sort_values("image_id", ignore_index=True)


def require_same_cells(entry: str, image_ids: Iterable[str], roles: Iterable[str]) -> None:
    """Refuse a catalog entry whose image ids are not those of `cell_splits`, with the counts."""
    without_role = len(set(image_ids) - set(roles))
    missing = len(set(roles) - set(image_ids))
    if without_role or missing:
        raise Refusal(
            f"{entry} and cell_splits come from different runs: {without_role} cells are in {entry} only, "
            f"{missing} in cell_splits only. Load the versions of one run for both, or run again from preprocessing"
        )


def require_both_classes(is_blast: NDArray[np.bool_], split: Split) -> None:
    """Refuse the cells of a split that are all of one class, with the counts."""
    n_blasts = int(is_blast.sum())
    n_others = len(is_blast) - n_blasts
    if not n_blasts or not n_others:
        raise Refusal(
            f"the {split} cells hold {n_blasts} {POSITIVE_LABEL}, {n_others} {CellLabel.HEM}: both classes are needed. "
            "Change the fractions or the seed"
        )


def require_finite(table: pd.DataFrame) -> None:
    """Refuse features that are NaN, which scikit-learn's trees accept, or infinite; with names and counts."""
    bad_cells = (~np.isfinite(table[feature_columns(table)])).sum()
    bad = [f"{name} in {count} cells" for name, count in bad_cells.items() if count]
    if bad:
        raise Refusal(
            f"features are not finite: {', '.join(bad)}. Measure the cells again, "
            "or give these rows a reason in cell_features so that they are left out"
        )


def train_classifier(
    cell_features: pd.DataFrame, cell_splits: pd.DataFrame, settings: TabularParameters, compute: ComputeParameters
) -> Classifier:
    """Fit a model on the training cells; the number of threads does not change the result."""
    with use_cores(compute):
        return fit_classifier(training_table(cell_features, cell_splits), settings=settings)


def fit_classifier(table: pd.DataFrame, *, settings: TabularParameters) -> Classifier:
    """Fit a model on the training cells of a `training_table`, in whatever order its rows come.

    What is stored says nothing of this machine (`n_jobs=None`): to use cores, call inside `joblib.parallel_config`.

    Raises:
        Refusal: A class is missing from the training cells, or a feature is not finite.
    """
    cells = select_cells(table, Split.TRAIN)
    require_both_classes(mark_blasts(cells["label"]), Split.TRAIN)
    require_finite(cells)
    return fit_balanced(cells, feature_columns(cells), settings=settings)


def blast_probability(model: Classifier, table: pd.DataFrame) -> NDArray[np.float64]:
    """Predict the probability that each cell is a leukemic blast, shape (n,); the model's features are found by name.

    Raises:
        Refusal: The model never saw a blast, or a feature is missing or not finite.
    """
    columns = np.flatnonzero(model.classes_ == str(POSITIVE_LABEL))
    if columns.size != 1:
        raise Refusal(f"the model knows the classes {list(model.classes_)}, not {POSITIVE_LABEL!s}: fit it again")
    names = list(model.feature_names_in_)
    missing = sorted(set(names) - set(table.columns))
    if missing:
        raise Refusal(
            f"the model was fitted on features that these cells lack: {', '.join(missing)}. Measure them, too"
        )
    require_finite(table[names])
    if table.empty:
        return np.empty(0, dtype=np.float64)
    # threads add up the trees in the order they finish, which may move the last bit
    with joblib.parallel_config(n_jobs=1):
        probabilities: NDArray[np.float64] = model.predict_proba(table[names])
    return probabilities[:, columns[0]]


def predict_cells(model: Classifier, cell_features: pd.DataFrame, cell_splits: pd.DataFrame) -> pd.DataFrame:
    """Predict the validation and test cells, in the schema `PREDICTIONS`, sorted by image_id."""
    cells = select_cells(training_table(cell_features, cell_splits), *EVALUATED_SPLITS)
    return cells[list(cell_splits.columns)].assign(blast_probability=blast_probability(model, cells))


def score_features(model: Classifier, external_features: pd.DataFrame) -> pd.DataFrame:
    """Score every cell from outside, in the schema `EXTERNAL_SCORES`; NaN where a feature could not be measured."""
    scores = pd.Series(np.nan, index=external_features.index)
    measured = external_features["reasons"] == ""
    scores[measured] = blast_probability(model, external_features[measured])
    return external_features[["image_id", "reasons"]].assign(blast_probability=scores)


def select_cells(table: pd.DataFrame, *splits: Split) -> pd.DataFrame:
    """Select the cells of some splits in the one order that bootstraps and permutations are drawn in."""
    return table[table["split"].isin(splits)].sort_values("image_id", ignore_index=True)


def measure_importances(
    model: Classifier, cell_features: pd.DataFrame, cell_splits: pd.DataFrame, settings: TabularParameters
) -> pd.DataFrame:
    """Measure how much a model depends on each feature, and on each group of correlated features.

    Permutation importance is the AUROC lost on the validation cells when a column is shuffled. Correlated features
    stand in for each other there, so that a group is also shuffled as a whole. Impurity importances are NaN for a model
    that has none. The table, in the schema `IMPORTANCES`, begins with the largest permutation importance.

    Raises:
        Refusal: A class is missing from the validation cells, or a feature is not finite.
    """
    table = training_table(cell_features, cell_splits)
    cells, features = select_cells(table, Split.VALIDATION), list(model.feature_names_in_)
    require_both_classes(mark_blasts(cells["label"]), Split.VALIDATION)
    groups = group_features(select_cells(table, Split.TRAIN)[features], threshold=settings.correlation_threshold)
    permutations = {"repeats": settings.permutation_repeats, "seed": settings.seed}
    alone_mean, alone_std = permute_groups(model, cells, np.arange(len(features)), **permutations)
    group_mean, group_std = permute_groups(model, cells, groups, **permutations)
    importances = pd.DataFrame(
        {
            "feature": features,
            "impurity_importance": getattr(model, "feature_importances_", np.nan),
            "permutation_importance": alone_mean,
            "permutation_std": alone_std,
            "feature_group": pd.Series(features).groupby(groups).transform(lambda names: "+".join(sorted(names))),
            "group_importance": group_mean[groups],
            "group_std": group_std[groups],
        }
    )
    return importances.sort_values(["permutation_importance", "feature"], ascending=[False, True], ignore_index=True)


def group_features(features: pd.DataFrame, *, threshold: float) -> NDArray[np.intp]:
    """Number groups of features that are chained by |Spearman's rho| above the threshold; a constant stands alone."""
    from scipy.sparse.csgraph import connected_components

    correlation = features.corr(method="spearman").abs()
    _, groups = connected_components(correlation.to_numpy() > threshold, directed=False)
    return np.asarray(groups, dtype=np.intp)


def permute_groups(
    model: Classifier, cells: pd.DataFrame, groups: NDArray[np.intp], *, repeats: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure the AUROC lost (mean and sd) when a group's features are shuffled by the same permutation.

    Features have group numbers from 0. scikit-learn shuffles one column per group that holds row numbers; the features
    follow those. With each in a group of its own this is `sklearn.inspection.permutation_importance` with "roc_auc".
    """
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import roc_auc_score

    features = list(model.feature_names_in_)
    require_finite(cells[features])
    values = cells[features].to_numpy()

    def auroc(model: Classifier, rows: NDArray[np.intp], is_positive: ArrayLike) -> float:
        permuted = np.take_along_axis(values, rows[:, groups], axis=0)
        return float(roc_auc_score(is_positive, blast_probability(model, pd.DataFrame(permuted, columns=features))))

    rows = np.tile(np.arange(len(cells))[:, np.newaxis], groups.max() + 1)
    # one job, whatever the caller's joblib settings: shipping the model to processes takes longer than it saves
    options = {"scoring": auroc, "n_repeats": repeats, "random_state": seed, "n_jobs": 1}
    drop = permutation_importance(model, rows, mark_blasts(cells["label"]), **options)
    return drop.importances_mean, drop.importances_std
