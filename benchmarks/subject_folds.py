"""Cells in folds of whole subjects, each scored by a network that has not seen its subject."""

import hashlib
import json
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.cohort.index import build_cell_index, select_counted, tabulate_records
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.imaging.intake import inspect_cells, standardise_batch
from blastscreen.models.cell_batches import BLOCK, CellBatches, resize_cells
from blastscreen.parameters import CnnParameters, PreprocessingParameters
from blastscreen.vocabulary import POSITIVE_LABEL

VIEWS = (1, 8)
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """The cells of a data set.

    Attributes:
        table: The counted ones, n rows.
        fold: Number of the fold that scores each, shape (n,).
        pixels: At the side of the network, (n, side, side, 3) uint8 RGB.
        stack: At native size.
    """

    table: pd.DataFrame
    fold: NDArray[np.intp]
    pixels: NDArray[np.uint8]
    stack: CellStack

    @property
    def is_blast(self) -> NDArray[np.bool_]:
        """Whether each cell is a blast, shape (n,)."""
        return (self.table["label"] == POSITIVE_LABEL).to_numpy()


def read_cells(raw_cells: Any, *, n_folds: int, side: int, settings: PreprocessingParameters) -> Cells:
    """Check and standardise cells as the pipelines do, resize them, and deal their subjects to folds."""
    records = inspect_cells(list(raw_cells.items()), settings=settings)
    index = build_cell_index(
        [tabulate_records(records)],
        data_source=raw_cells.data_source,
        count_duplicates_once=settings.count_duplicates_once,
    )
    table = select_counted(index)
    names = tuple(table["image_id"])

    def read(start: int, stop: int) -> NDArray[np.uint8]:
        return standardise_batch([(name, raw_cells[name]) for name in names[start:stop]], settings=settings)

    stack = CellStack(image_ids=names, side=settings.canvas, read=read)
    pixels = np.concatenate([resize_cells(part, side=side) for _, part in stack.batches(BLOCK)])
    return Cells(table=table, fold=deal_subjects(table, n_folds=n_folds), pixels=pixels, stack=stack)


def deal_subjects(table: pd.DataFrame, *, n_folds: int) -> NDArray[np.intp]:
    """Deal the subjects of each class to folds in turn, so that each fold tests both classes.

    Raises:
        ValueError: If a class has fewer subjects than there are folds.
    """
    fold = pd.Series(-1, index=table.index)
    for label, cells in table.groupby("label"):
        numbers, subjects = pd.factorize(cells["subject_group"], sort=True)
        if len(subjects) < n_folds:
            raise ValueError(f"{len(subjects)} subjects with {label} do not fill {n_folds} folds: ask for fewer.")
        fold[cells.index] = numbers % n_folds
    return np.asarray(fold, np.intp)


def score_by_others(cells: Cells, settings: CnnParameters) -> Scores:
    """Score every cell by the network that has not seen its subject: (views, n), 0 to 1."""
    import keras

    from blastscreen.models.checkpoints import assign_values, copy_values
    from blastscreen.models.network import build_network, compile_network
    from blastscreen.models.prediction import predict_probabilities
    from blastscreen.models.training import configure_runtime

    keras.backend.clear_session()
    configure_runtime(settings)
    network = build_network(settings)
    compile_network(network, settings)
    network.optimizer.build(network.trainable_variables)
    variables = [*network.variables, *network.optimizer.variables]
    untrained = copy_values(variables)
    scores = np.full((len(VIEWS), len(cells.fold)), np.nan)
    for number in np.unique(cells.fold):
        # one network that starts anew for each fold: TensorFlow traces its graph only once
        assign_values(variables, untrained)
        asked = cells.fold == number
        train(network, cells, np.flatnonzero(~asked), settings)
        for place, views in enumerate(VIEWS):
            scores[place, asked] = predict_probabilities(network, [cells.pixels[asked]], views=views)
    return scores


def train(network: Any, cells: Cells, chosen: NDArray[np.intp], settings: CnnParameters) -> None:
    """Train on the chosen cells for all epochs: what the pipeline does, without validation cells."""
    from blastscreen.models.augmentation import training_dataset
    from blastscreen.models.training import balance_classes

    batches = CellBatches(
        stack=cells.stack,
        positions=chosen,
        is_blast=cells.is_blast[chosen],
        side=settings.input_side,
        batch_size=settings.batch_size,
        pool_cells=BLOCK,
        pixels=cells.pixels[chosen],
    )
    epoch = count()
    network.fit(
        training_dataset(batches, epoch=lambda: next(epoch), settings=settings),
        epochs=settings.epochs,
        class_weight=balance_classes(batches) if settings.class_weight == "balanced" else None,
        shuffle=False,
        verbose=0,
    )


def score_once(cells: Cells, settings: CnnParameters, scratch: Path) -> Scores:
    """Score as `score_by_others`, or read what an earlier command has scored from the same settings and cells."""
    same_cells = json.dumps([cells.stack.image_ids, cells.fold.tolist()])
    same_cells += hashlib.sha256(cells.pixels.tobytes()).hexdigest()
    path = scratch / f"{hashlib.sha256((settings.model_dump_json() + same_cells).encode()).hexdigest()[:16]}.npy"
    if not path.exists():
        scratch.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npy")
        np.save(part, score_by_others(cells, settings))
        part.replace(path)
    scores: Scores = np.load(path)
    return scores
