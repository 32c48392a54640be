"""Classifiers of single cells: each fits on tables or image stacks and predicts a `blast_probability`."""

import os
from dataclasses import dataclass
from enum import StrEnum

# TensorFlow greets with lines on its build and on GPUs that are not there; its errors come as exceptions anyway.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class ModelKind(StrEnum):
    """What a model sees: a table of features, the pixels of a cell, or the predictions of other models."""

    TABULAR = "tabular"
    NETWORK = "network"
    COMBINED = "combined"


@dataclass(frozen=True)
class Model:
    """A model as catalog, pipelines and report know it.

    Attributes:
        title: Its name in words.
        kind: What it sees.
    """

    title: str
    kind: ModelKind


MODELS = {
    "rf": Model("random forest", ModelKind.TABULAR),
    "cnn": Model("convolutional network", ModelKind.NETWORK),
    "hybrid": Model("hybrid", ModelKind.COMBINED),
}
"""Every model, by its name in the catalog; the only list of models."""
