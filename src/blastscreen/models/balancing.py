"""What training can do about a class being rarer than the other: weights, made cells, fewer cells, an ensemble.

Only training cells are balanced; cells that a model is tested on are neither copied nor counted.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.models.estimators import Classifier, TabularParameters
from blastscreen.vocabulary import Balancing, CellLabel, Refusal

N_NEIGHBOURS = 5
"""Neighbours of a cell that SMOTE may move it towards, as in its literature."""

ENSEMBLE_TYPES = (
    "imblearn.ensemble._easy_ensemble.EasyEnsembleClassifier",
    "imblearn.pipeline.Pipeline",
    "imblearn.under_sampling._prototype_selection._random_under_sampler.RandomUnderSampler",
)
"""What an ensemble on balanced samples holds beyond the types that skops trusts by itself."""


def fit_balanced(cells: pd.DataFrame, features: list[str], *, settings: TabularParameters) -> Classifier:
    """Fit a model on training cells of both classes, sorted by image_id, with something done about the rarer class.

    What is left of an imbalance after resampling is weighed away. An ensemble averages models on several samples, which
    hold all cells of the rarer class and as many others (EasyEnsemble: Liu, Wu and Zhou, IEEE SMC-B 39, 2009). On costs
    see Elkan, "The foundations of cost-sensitive learning", IJCAI (2001).

    Raises:
        Refusal: The estimator can't weigh cells, and has to.
    """
    from sklearn.utils.class_weight import compute_sample_weight

    estimator = settings.build()
    match settings.balancing:
        case Balancing.SMOTE:
            cells = oversample(cells, features, seed=settings.seed)
        case Balancing.UNDERSAMPLING:
            cells = undersample(cells, seed=settings.seed)
        case Balancing.EASY_ENSEMBLE:
            from imblearn.ensemble import EasyEnsembleClassifier

            estimator = EasyEnsembleClassifier(settings.ensemble_size, estimator, random_state=settings.seed)
    # a plain unicode array, not objects: `classes_` inherits it and is stored as such
    labels = cells["label"].to_numpy(dtype=np.str_)
    if settings.balancing in (Balancing.NONE, Balancing.EASY_ENSEMBLE):
        return estimator.fit(cells[features], labels)
    weights = compute_sample_weight("balanced", labels)
    if settings.balancing == Balancing.COST:
        weights *= np.where(labels == CellLabel.HEM, settings.false_alarm_cost, 1.0)
    return estimator.fit(cells[features], labels, **_name_weights(estimator, weights))


def _name_weights(estimator: Any, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    from sklearn.utils.validation import has_fit_parameter

    step, last = estimator.steps[-1] if hasattr(estimator, "steps") else ("", estimator)
    if not has_fit_parameter(last, "sample_weight"):
        if (weights == 1).all():
            return {}
        raise Refusal(
            f"{type(last).__name__} cannot weigh cells: set balancing to none, smote, undersampling or easy_ensemble"
        )
    return {f"{step}__sample_weight" if step else "sample_weight": weights}


def oversample(cells: pd.DataFrame, features: list[str], *, seed: int) -> pd.DataFrame:
    """Add cells of the rarer class that lie between neighbours, until the classes are equal: SMOTE.

    Neighbours are found in standardised features: in raw units that of the largest numbers would decide alone. Made
    cells stand below the others, in raw units, with label and features alone. A lone cell has no neighbours.
    After Chawla, Bowyer, Hall and Kegelmeyer, Journal of Artificial Intelligence Research 16 (2002).
    """
    from imblearn.over_sampling import SMOTE
    from sklearn.preprocessing import StandardScaler

    n_rare = int(cells["label"].value_counts().min())
    if n_rare == 1:
        return cells
    scaler = StandardScaler().fit(cells[features])
    smote = SMOTE(k_neighbors=min(N_NEIGHBOURS, n_rare - 1), random_state=seed)
    values, labels = smote.fit_resample(scaler.transform(cells[features]), cells["label"].to_numpy(dtype=np.str_))
    # what was there comes first, unchanged, and is not sent through the scaler and back
    made = pd.DataFrame(scaler.inverse_transform(values)[len(cells) :], columns=features)
    return pd.concat([cells, made.assign(label=labels[len(cells) :])], ignore_index=True)


def undersample(cells: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Keep every cell of the rarer class and as many of the other, as evenly from its subjects as there are cells.

    Cells are lost where many are alike, and no subject goes before the others are down to its number.
    """
    common, rare = cells["label"].value_counts().index
    is_rare = cells["label"] == rare
    shuffled = cells[cells["label"] == common].sample(frac=1, random_state=np.random.default_rng(seed))
    turn = shuffled.groupby("subject_group").cumcount()
    kept: pd.DataFrame = cells[is_rare | cells.index.isin(turn.sort_values(kind="stable").index[: is_rare.sum()])]
    return kept
