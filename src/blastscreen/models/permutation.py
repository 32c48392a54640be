"""How much a model on features depends on each of them, and on groups of correlated ones."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from blastscreen.models.estimators import Classifier, TabularParameters
from blastscreen.models.tabular import (
    blast_probability,
    require_both_classes,
    require_finite,
    select_cells,
    training_table,
)
from blastscreen.vocabulary import Split, mark_blasts


def measure_importances(
    model: Classifier, cell_features: pd.DataFrame, cell_splits: pd.DataFrame, settings: TabularParameters
) -> pd.DataFrame:
    """Measure how much a model depends on each feature, and on each group of correlated features.

    Permutation importance is the AUROC lost on the validation cells when a column is shuffled. Correlated features
    stand in for each other there, so that a group is also shuffled as a whole.

    The table, in the schema `IMPORTANCES`, begins with the largest permutation importance; ties are in order of the
    names. Impurity importances are NaN for a model that has none.

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
    """Put features that are chained by |Spearman's rho| above the threshold into one group; a constant stands alone.

    Returns:
        Group number of each column.
    """
    from scipy.sparse.csgraph import connected_components

    correlation = features.corr(method="spearman").abs()
    _, groups = connected_components(correlation.to_numpy() > threshold, directed=False)
    return np.asarray(groups, dtype=np.intp)


def permute_groups(
    model: Classifier, cells: pd.DataFrame, groups: NDArray[np.intp], *, repeats: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure the AUROC lost when all features of a group are shuffled by the same permutation of the cells.

    scikit-learn shuffles one column per group that holds row numbers; the features follow those. With every feature in
    a group of its own this is `sklearn.inspection.permutation_importance` with scoring "roc_auc".

    Args:
        model: Fitted.
        cells: Of both classes.
        groups: Group number of each feature of the model, counted from 0.
        repeats: Permutations per group.
        seed: Of the permutations, the same for all groups.

    Returns:
        Mean and standard deviation over the repeats, one per group.
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
