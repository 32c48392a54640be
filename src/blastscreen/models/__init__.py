"""Classifiers of single cells: each fits on tables or image stacks and predicts a `blast_probability`."""

import os
from dataclasses import dataclass
from enum import StrEnum

from blastscreen.models import estimators
from blastscreen.parameters import CnnParameters, HybridParameters, Parameters

# TensorFlow greets with lines on its build and on GPUs that are not there; its errors come as exceptions anyway.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class ModelKind(StrEnum):
    """What a model sees: a table of features, the pixels of a cell, or the predictions of other models."""

    TABULAR = "tabular"
    NETWORK = "network"
    COMBINED = "combined"


@dataclass(frozen=True)
class Model:
    """A model as catalog, pipelines and report know it; the `parameters` of a tabular one build the estimator.

    Attributes:
        by_default: Part of `kedro run`, `predict` and `external`; if not, it has pipelines of its own alone.
        noun: What its node `<model>.train_<noun>` trains.
        trusted_types: What its fitted estimator holds beyond the types that skops trusts by itself.
        members: Models whose predictions it combines.
        scoring: Settings by which the same trained model scores cells otherwise.
    """

    title: str
    kind: ModelKind
    parameters: type[Parameters]
    by_default: bool = False
    noun: str = "model"
    trusted_types: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    scoring: tuple[str, ...] = ()


TABULAR, NETWORK, COMBINED = tuple(ModelKind)
_TREE = "sklearn.tree._tree.Tree"
_BOOSTED_TREE = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"

MODELS = {
    "rf": Model(
        "random forest", TABULAR, estimators.ForestParameters, by_default=True, noun="forest", trusted_types=(_TREE,)
    ),
    "cnn": Model(
        "convolutional network", NETWORK, CnnParameters, by_default=True, noun="network", scoring=("test_time_views",)
    ),
    "hybrid": Model(
        "hybrid", COMBINED, HybridParameters, by_default=True, members=("rf", "cnn"), scoring=("forest_weight",)
    ),
    "gradient_boosting": Model(
        "gradient boosting", TABULAR, estimators.BoostingParameters, trusted_types=(_BOOSTED_TREE,)
    ),
    "extra_trees": Model("extra trees", TABULAR, estimators.ExtraTreesParameters, trusted_types=(_TREE,)),
    "logistic_regression": Model("logistic regression", TABULAR, estimators.LogisticParameters),
}
"""Every model, by its name in the catalog; the only list of models."""
