"""What training can do about a class being rarer than the other: weights, made cells, fewer cells, an ensemble.

Every way takes the training cells alone; cells that a model is tested on are neither copied nor counted.
"""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler

from blastscreen.models.random_forest import fit_forest, training_cells
from blastscreen.parameters import ForestParameters
from blastscreen.schemas import feature_columns
from blastscreen.vocabulary import Balancing, CellLabel, Split

N_NEIGHBOURS = 5
"""Neighbours of a cell that SMOTE may move it towards, as in its literature."""


def fit_balanced(
    table: pd.DataFrame,
    *,
    balancing: Balancing,
    forest: ForestParameters,
    false_alarm_cost: float,
    ensemble_size: int,
) -> Any:
    """Fit a classifier on the training cells, with something done about the rarer class.

    What is left of an imbalance after resampling is weighed away: nothing where the classes became equal. As with
    `fit_forest`, the order of the rows and the number of threads do not change the result.

    Args:
        table: Result of `training_table`.
        balancing: What is done. "class_weight": every class has the same weight in all. "cost": so it has, and then
            normal cells count more. "smote": see `oversample`. "undersampling": see `undersample`. "easy_ensemble":
            imbalanced-learn's `EasyEnsembleClassifier`, AdaBoosts of stumps on random samples that hold all cells of
            the rarer class and as many others.
        forest: Number of trees and seed; its class weight is not read.
        false_alarm_cost: Weight of a normal cell beside a blast, above 0 (cost).
        ensemble_size: Number of samples (easy_ensemble).

    Returns:
        A fitted random forest, or the ensemble; either goes into `blast_probability`.

    Raises:
        ValueError: A class is missing from the training cells, or a feature is not finite.

    Source:
        Liu, Wu and Zhou, "Exploratory undersampling for class-imbalance learning", IEEE Transactions on Systems, Man,
        and Cybernetics B 39 (2009), on EasyEnsemble; Elkan, "The foundations of cost-sensitive learning", IJCAI (2001).
    """
    cells = training_cells(table)
    weighted = forest.model_copy(update={"class_weight": "balanced"})
    match balancing:
        case Balancing.NONE:
            return fit_forest(cells, settings=forest.model_copy(update={"class_weight": "none"}))
        case Balancing.CLASS_WEIGHT:
            return fit_forest(cells, settings=weighted)
        case Balancing.COST:
            weights = {str(label): len(cells) / 2 / n for label, n in cells["label"].value_counts().items()}
            weights[CellLabel.HEM] *= false_alarm_cost
            return fit_forest(cells, settings=forest, class_weight=weights)
        case Balancing.SMOTE:
            return fit_forest(oversample(cells, seed=forest.seed), settings=weighted)
        case Balancing.UNDERSAMPLING:
            return fit_forest(undersample(cells, seed=forest.seed), settings=weighted)
        case Balancing.EASY_ENSEMBLE:
            from imblearn.ensemble import EasyEnsembleClassifier

            ensemble = EasyEnsembleClassifier(n_estimators=ensemble_size, random_state=forest.seed)
            return ensemble.fit(cells[feature_columns(cells)], cells["label"].to_numpy(dtype=np.str_))


def oversample(cells: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Add cells of the rarer class that lie between two that are there, until the classes are equal: SMOTE.

    Which cells are neighbours is told by standardised features: in raw units it would be told by the area alone, whose
    numbers are the largest. The forest learns from raw units, as without SMOTE, since made cells are brought back to
    them and trees do not care for scale.

    Args:
        cells: image_id, label, split and the features of training cells of both classes, sorted by image_id.
        seed: Of the draws.

    Returns:
        The cells as they are, and below them the made ones, with the id "made <number>" and no subject. A cell goes
        towards one of its `N_NEIGHBOURS` nearest, or of as many as there are; a class of one cell is left alone.

    Source:
        Chawla, Bowyer, Hall and Kegelmeyer, "SMOTE: synthetic minority over-sampling technique", Journal of Artificial
        Intelligence Research 16 (2002); imbalanced-learn's implementation.
    """
    from imblearn.over_sampling import SMOTE

    n_rare = int(cells["label"].value_counts().min())
    if n_rare == 1:
        return cells
    features = feature_columns(cells)
    scaler = StandardScaler().fit(cells[features])
    smote = SMOTE(k_neighbors=min(N_NEIGHBOURS, n_rare - 1), random_state=seed)
    values, labels = smote.fit_resample(scaler.transform(cells[features]), cells["label"].to_numpy(dtype=np.str_))
    # what was there comes first, unchanged, and is not sent through the scaler and back
    made = pd.DataFrame(scaler.inverse_transform(values)[len(cells) :], columns=features)
    names = [f"made {number:06d}" for number in range(len(made))]
    made = made.assign(image_id=names, label=labels[len(cells) :], split=Split.TRAIN.value)
    return pd.concat([cells, made], ignore_index=True)


def undersample(cells: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Keep every cell of the rarer class and as many of the other, as evenly from its subjects as there are cells.

    Subjects take turns in giving a random cell, until enough are kept. So cells are lost where there are many alike,
    and no subject goes before the others are down to its number: what subjects differ in stays.

    Args:
        cells: subject_group, label and the features of training cells of both classes, sorted by image_id.
        seed: Of the draws.

    Returns:
        The rows that are kept, in their order.
    """
    common, rare = cells["label"].value_counts().index
    is_rare = cells["label"] == rare
    shuffled = cells[cells["label"] == common].sample(frac=1, random_state=np.random.default_rng(seed))
    turn = shuffled.groupby("subject_group").cumcount()
    kept: pd.DataFrame = cells[is_rare | cells.index.isin(turn.sort_values(kind="stable").index[: is_rare.sum()])]
    return kept
