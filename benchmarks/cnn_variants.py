"""Which variants of the network help: each trained on some subjects and asked about the others.

    python benchmarks/cnn_variants.py --images ../shared/cnmc/jpeg300 --out docs/results/cnn_variants_jpeg300.json
    python benchmarks/cnn_variants.py --sample --out docs/results/cnn_variants_sample.json

Every variant changes one thing of the default. Training has a fixed number of epochs and its last weights are used:
nothing is chosen by looking at the cells that are scored. What is finished is kept, and not trained again when the
command is started again. `--table` prints the table of a finished file.
"""

import argparse
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from timing import describe_machine, write_json

from blastscreen.imaging.stack import CellStack
from blastscreen.models.cells import BLOCK, CellBatches, resize_cells
from blastscreen.parameters import CnnParameters
from blastscreen.pipelines.preprocessing.nodes import accept_cells, index_cells, standardise_cells
from blastscreen.vocabulary import POSITIVE_LABEL

ROOT = Path(__file__).parents[1]
N_FOLDS = 4
VIEWS = (1, 8)
# the paper's augmentation
_PAPER_TURNS: dict[str, Any] = {"rotation_degrees": 20, "shift_fraction": 0.1, "vertical_flip": False}
_STILL: dict[str, Any] = {"rotation_degrees": 0, "horizontal_flip": False, "vertical_flip": False}

DEFAULT = "default"
VARIANTS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "flatten head": {"head": "flatten"},
    "group normalisation": {"normalisation": "group"},
    "batch norm momentum 0.99": {"batch_norm_momentum": 0.99},
    "no augmentation": _STILL,
    "the paper's augmentation": _PAPER_TURNS,
    "no class weights": {"class_weight": "none"},
    "optical density": {"optical_density": True},
    "focal loss": {"loss": "focal"},
    "learning rate 0.001": {"learning_rate": 0.001},
    "all of the paper's": {"head": "flatten", "class_weight": "none", "learning_rate": 0.001, **_PAPER_TURNS},
}
"""What each variant changes of the default."""


@dataclass(frozen=True)
class Cells:
    """The cells of a data set.

    Attributes:
        stack: At native size.
        is_blast: Shape (n,).
        fold: Number of the fold that scores each cell, shape (n,).
        subject_group: Shape (n,).
        source: What the cells are.
    """

    stack: CellStack
    is_blast: NDArray[np.bool_]
    fold: NDArray[np.intp]
    subject_group: NDArray[Any]
    source: str
