"""The blocks of parameters of tabular models; each builds the scikit-learn estimator that it describes."""

from typing import Any, Protocol, Self

import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from blastscreen.parameters import Count, Fraction, Parameters, Seed
from blastscreen.vocabulary import Balancing


class Classifier(Protocol):
    """What is asked of an estimator of scikit-learn's conventions."""

    classes_: NDArray[Any]
    feature_names_in_: NDArray[Any]

    def fit(self, X: pd.DataFrame, y: NDArray[Any], **fit_params: Any) -> Self:
        """Learn from features (n, f) and labels (n,)."""

    def predict_proba(self, X: pd.DataFrame) -> NDArray[Any]:
        """Predict the probability of each class, (n, classes)."""


class TabularParameters(Parameters):
    """A model on features: how its classes are balanced and its importances measured."""

    balancing: Balancing = Field(description="what training does about the rarer class")
    false_alarm_cost: float = Field(gt=0, description="missed blasts worth a false alarm (balancing cost)")
    ensemble_size: Count = Field(description="balanced samples, each with a model (balancing easy_ensemble)")
    permutation_repeats: Count = Field(description="shuffles per feature and per group")
    correlation_threshold: Fraction = Field(description="features with |Spearman rho| above this are one group")
    seed: Seed = Field(description="of fit, balancing and shuffles")

    def build(self) -> Classifier:
        """Build the estimator, not fitted; how classes weigh is not its business."""
        raise NotImplementedError


class ForestParameters(TabularParameters):
    """The random forest."""

    n_trees: Count = Field(description="trees of the forest")

    def build(self) -> Classifier:
        """Build the forest."""
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(self.n_trees, random_state=self.seed)


class ExtraTreesParameters(TabularParameters):
    """Extremely randomised trees: their cuts are drawn at random, too."""

    n_trees: Count = Field(description="trees of the ensemble")

    def build(self) -> Classifier:
        """Build the ensemble."""
        from sklearn.ensemble import ExtraTreesClassifier

        return ExtraTreesClassifier(self.n_trees, random_state=self.seed)


class BoostingParameters(TabularParameters):
    """Gradient boosting of trees on histograms of the features."""

    n_iterations: Count = Field(description="trees, one after the other")
    learning_rate: float = Field(gt=0, le=1, description="share of each tree's correction that is used")
    max_leaves: int = Field(ge=2, description="leaves of a tree, at most")

    def build(self) -> Classifier:
        """Build the ensemble, without early stopping: the cells that it would hold out share subjects with the rest."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(
            max_iter=self.n_iterations,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.max_leaves,
            early_stopping=False,
            random_state=self.seed,
        )


class LogisticParameters(TabularParameters):
    """Logistic regression on standardised features."""

    inverse_penalty: float = Field(gt=0, description="larger values let coefficients grow (C of scikit-learn)")

    def build(self) -> Classifier:
        """Build the regression behind its scaler."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        regression = LogisticRegression(C=self.inverse_penalty, max_iter=1000, random_state=self.seed)
        return make_pipeline(StandardScaler(), regression)
