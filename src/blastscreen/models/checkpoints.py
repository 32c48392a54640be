"""What an interrupted training goes on from: plain arrays and numbers, no code.

The state of Keras' BackupAndRestore lacks that of the seed generators (dropout) and of early stopping, and does not end
with the weights of an uninterrupted run. Here every variable of network and optimiser is kept.
"""

import hashlib
import json
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from types import FrameType
from typing import Any, Protocol

from numpy.typing import NDArray

from blastscreen.models.cell_batches import CellBatches
from blastscreen.parameters import CnnParameters
from blastscreen.vocabulary import Refusal

Arrays = list[NDArray[Any]]

_NOT_OF_TRAINING = {"resume", "test_time_views"}
_LIBRARIES = ("blastscreen", "keras", "tensorflow")
_HASHED_AT_A_TIME = 256


@dataclass(frozen=True)
class Checkpoint:
    """Training after a whole epoch.

    Attributes:
        origin: What it was trained from (`describe_origin`).
        history: Rows of the history so far.
        finished: Weights of the networks whose training has ended.
        epoch: Whole epochs of the network in training; 0 between two networks.
        network: All its variables: weights, moving statistics, states of seed generators.
        optimizer: All variables of its optimiser.
        best: Weights of its best epoch.
        stopping: State of early stopping.
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
    """Where the one checkpoint of a model lies."""

    def read(self) -> Checkpoint | None:
        """Read the last checkpoint; None if there is none."""

    def write(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint in one step."""

    def clear(self) -> None:
        """Remove the checkpoint, if there is one."""


class CheckpointMismatch(Refusal):
    """The checkpoint belongs to another training."""


def describe_origin(train: CellBatches, validation: CellBatches, settings: CnnParameters) -> dict[str, Any]:
    """Describe what determines the weights: settings, cells, library versions. JSON-able."""
    return {
        "settings": settings.model_dump(mode="json", exclude=_NOT_OF_TRAINING),
        "cells": {"train": _hash_cells(train), "validation": _hash_cells(validation)},
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def _hash_cells(cells: CellBatches) -> str:
    """Hash names, labels and pixels; of cells that are streamed, the pixels of the first block only."""
    digest = hashlib.blake2b(digest_size=16)
    names = [cells.stack.image_ids[position] for position in cells.positions]
    digest.update(json.dumps([names, cells.is_blast.tolist()]).encode())
    pixels = cells.pixels if cells.pixels is not None else cells.first_block()
    for start in range(0, len(pixels), _HASHED_AT_A_TIME):
        digest.update(pixels[start : start + _HASHED_AT_A_TIME].tobytes())
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
    """Hold Ctrl-C back until a moment that suits.

    What a signal's handler raises is thrown wherever the program happens to be. Where that is the removal of an object
    (`__del__`), which Keras and TensorFlow do at any time, Python drops the exception, and training would go on.

    The function that the block gets is to be called at such moments, with any arguments: it does what Ctrl-C would have
    done, if it was pressed. So does the end of the block. Pressed once more, Ctrl-C is not held back. Outside the main
    thread, and where Ctrl-C is ignored or ends the program without Python, nothing is changed.
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
