"""What an interrupted training goes on from: plain arrays and numbers, no code.

Keras' BackupAndRestore lacks the state of seed generators (dropout) and early stopping: it does not end with the
weights of an uninterrupted run.
"""

import hashlib
import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from types import FrameType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from blastscreen.compute.progress import Bar
from blastscreen.models.cell_batches import CellBatches, read_cells
from blastscreen.parameters import CnnParameters
from blastscreen.vocabulary import Refusal

Arrays = list[NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """Training after a whole epoch.

    Attributes:
        finished: Weights of the networks whose training has ended.
        epoch: Whole epochs of the network in training; 0 between two networks.
        network: All its variables: weights, moving statistics, states of seed generators.
    """

    origin: dict[str, Any]
    history: list[dict[str, Any]] = field(default_factory=list)
    finished: list[Arrays] = field(default_factory=list)
    epoch: int = 0
    network: Arrays = field(default_factory=list)
    optimizer: Arrays = field(default_factory=list)
    best: Arrays = field(default_factory=list)
    stopping: dict[str, Any] = field(default_factory=dict)


class CheckpointStore(Protocol):
    """Where the one checkpoint of a model lies, if there is one; `write` replaces it in one step."""

    def read(self) -> Checkpoint | None: ...  # noqa: D102

    def write(self, checkpoint: Checkpoint) -> None: ...  # noqa: D102

    def clear(self) -> None: ...  # noqa: D102


class CheckpointMismatch(Refusal):
    """The checkpoint belongs to another training."""


def describe_origin(train: CellBatches, validation: CellBatches, settings: CnnParameters) -> dict[str, Any]:
    """Describe what determines the weights: settings, cells, library versions. JSON-able."""
    return {
        "settings": settings.model_dump(mode="json", exclude={"resume", "test_time_views"}),
        "cells": {"train": _hash_cells(train), "validation": _hash_cells(validation)},
        "libraries": {name: version(name) for name in ("blastscreen", "keras", "tensorflow")},
    }


def _hash_cells(cells: CellBatches) -> str:
    """Hash names, labels and pixels; of cells that are streamed, the pixels of the first block only."""
    digest = hashlib.blake2b(digest_size=16)
    names = [cells.stack.image_ids[position] for position in cells.positions]
    digest.update(json.dumps([names, cells.is_blast.tolist()]).encode())
    pixels = (
        cells.pixels if cells.pixels is not None else next(read_cells(cells.stack, cells.positions, side=cells.side))
    )
    digest.update(pixels.data)
    return digest.hexdigest()


def require_same_origin(checkpoint: Checkpoint, origin: dict[str, Any]) -> None:
    """Refuse to go on from a checkpoint of other cells, settings or libraries, naming every difference."""
    differences = [
        f"{part} {name}: {checkpoint.origin[part].get(name)} then, {now} now"
        for part, values in origin.items()
        for name, now in values.items()
        if checkpoint.origin[part].get(name) != now
    ]
    if differences:
        raise CheckpointMismatch(
            f"The interrupted training was another one ({'; '.join(differences)}). "
            "Resume it with the parameters and images it had, or start afresh without cnn.resume=true."
        )


def copy_values(variables: Sequence[Any]) -> Arrays:
    """Copy the values of Keras variables."""
    return [variable.numpy() for variable in variables]


def assign_values(variables: Sequence[Any], values: Arrays) -> None:
    """Assign values to Keras variables of the same number and shapes."""
    if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
        raise CheckpointMismatch(
            "The checkpoint holds a network of another shape. Start afresh without cnn.resume=true."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def hash_weights(arrays: Arrays) -> str:
    """Hash weights bit by bit; files of one network differ from save to save."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


@contextmanager
def hold_ctrl_c() -> Iterator[Callable[..., None]]:
    """Hold Ctrl-C back until a moment that suits: the block calls what it gets at such moments, with any arguments.

    What a signal's handler raises is thrown wherever the program happens to be. Where that is the removal of an object
    (`__del__`), which Keras and TensorFlow do at any time, Python drops the exception, and training would go on.

    Pressed once more, Ctrl-C is not held back. Outside the main thread, and where Ctrl-C is ignored or ends the program
    without Python, nothing is changed.
    """
    usual = signal.getsignal(signal.SIGINT)
    pressed = False

    def remember(_signal: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, usual)

    def obey(*_: object, **__: object) -> None:
        if pressed and callable(usual):
            usual(signal.SIGINT, None)

    holding = callable(usual) and threading.current_thread() is threading.main_thread()
    if holding:
        signal.signal(signal.SIGINT, remember)
    try:
        yield obey
    finally:
        if holding and not pressed:
            signal.signal(signal.SIGINT, usual)
    obey()


logger = logging.getLogger(__name__)

# attributes of Keras' EarlyStopping that change while training, besides the best weights
_STOPPING = ("wait", "best", "best_epoch")


@dataclass
class TrainingWatch:
    """Keeps the history of one network's training, writes checkpoints and shows progress; an epoch has `steps` batches.

    The optimiser of the compiled network is built; Keras must call its early stopping, `stopping`, before this.
    """

    network: Any
    stopping: Any
    settings: CnnParameters
    state: Checkpoint
    checkpoints: CheckpointStore
    steps: int

    def __post_init__(self) -> None:
        """Start at the epoch that the state has reached."""
        self.epoch = self.state.epoch
        self._bar: Bar | None = None

    def close(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.close()

    def finish(self) -> Checkpoint:
        """Write and return the state after a network that has its best weights."""
        kept = (self.settings.seed, self.stopping.best_epoch + 1)
        rows = self.state.history
        history = [row | {"kept": row["kept"] or (row["seed"], row["epoch"]) == kept} for row in rows]
        finished = [*self.state.finished, self.network.get_weights()]
        state = Checkpoint(origin=self.state.origin, history=history, finished=finished)
        self.checkpoints.write(state)
        return state

    def restore(self, logs: Any = None) -> None:  # noqa: ARG002  # Keras names the arguments
        """Restore what an interrupted training had reached; early stopping has just been reset by Keras."""
        if self.state.epoch:
            assign_values(self.network.variables, self.state.network)
            assign_values(self.network.optimizer.variables, self.state.optimizer)
            self.stopping.best_weights = self.state.best
            for name in _STOPPING:
                setattr(self.stopping, name, self.state.stopping[name])

    def begin_epoch(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Note the number of the epoch, and show a bar."""
        self.epoch = epoch
        self._began = time.perf_counter()
        self._bar = Bar(f"Training epoch {epoch + 1} of {self.settings.epochs}", total=self.steps)

    def end_batch(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Count a batch."""
        if self._bar:
            self._bar.advance()

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Add to the history, write a checkpoint, and log how it went; refuse a loss that is not finite."""
        self.close()
        if not np.isfinite([logs["loss"], logs["val_loss"]]).all():
            raise Refusal(
                f"the loss is {logs['loss']} in epoch {epoch + 1}, {logs['val_loss']} on the validation cells: "
                "training has diverged. Lower cnn.learning_rate"
            )
        measured = {
            "train_loss": logs["loss"],
            "train_auroc": logs["auroc"],
            "validation_loss": logs["val_loss"],
            "validation_auroc": logs["val_auroc"],
        }
        row = {"seed": self.settings.seed, "epoch": epoch + 1, **measured, "kept": False}
        stopping = {name: getattr(self.stopping, name) for name in _STOPPING}
        self.state = replace(
            self.state,
            history=[*self.state.history, row],
            epoch=epoch + 1,
            network=copy_values(self.network.variables),
            optimizer=copy_values(self.network.optimizer.variables),
            best=self.stopping.best_weights,
            stopping=stopping | {"stopped": self.network.stop_training},
        )
        self.checkpoints.write(self.state)
        logger.info(
            "Network with seed %d, epoch %d of %d: loss %.3f, validation loss %.3f (lowest in epoch %d), "
            "validation AUROC %.3f, %.1f s",
            *(self.settings.seed, epoch + 1, self.settings.epochs, logs["loss"], logs["val_loss"]),
            *(self.stopping.best_epoch + 1, logs["val_auroc"], time.perf_counter() - self._began),
        )
