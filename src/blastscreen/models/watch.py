"""What happens beside the training of one network: history, checkpoints, progress."""

import logging
import time
from dataclasses import replace
from typing import Any

import numpy as np

from blastscreen.compute.progress import Bar
from blastscreen.models.checkpoints import Checkpoint, CheckpointStore, assign_values, copy_values
from blastscreen.parameters import CnnParameters
from blastscreen.vocabulary import Refusal

logger = logging.getLogger(__name__)

_STOPPING = ("wait", "best", "best_epoch")
"""Attributes of Keras' EarlyStopping that change while training, besides the best weights."""


class TrainingWatch:
    """Keeps the history of one network's training, writes checkpoints and shows progress.

    The network is a Keras model, compiled, its optimiser built; Keras must call its early stopping, `stopping`, before
    this. An epoch has `steps` batches. Training goes on from `state`.
    """

    def __init__(
        self,
        network: Any,
        stopping: Any,
        settings: CnnParameters,
        state: Checkpoint,
        checkpoints: CheckpointStore,
        *,
        steps: int,
    ) -> None:
        self.epoch = state.epoch
        self._bar: Bar | None = None
        self._network, self._stopping, self._settings = network, stopping, settings
        self._state, self._checkpoints, self._steps = state, checkpoints, steps

    def close(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.close()

    def finish(self) -> Checkpoint:
        """Write and return the state after a network that has its best weights."""
        kept = (self._settings.seed, self._stopping.best_epoch + 1)
        rows = self._state.history
        history = [row | {"kept": row["kept"] or (row["seed"], row["epoch"]) == kept} for row in rows]
        finished = [*self._state.finished, self._network.get_weights()]
        state = Checkpoint(origin=self._state.origin, history=history, finished=finished)
        self._checkpoints.write(state)
        return state

    def restore(self, logs: Any = None) -> None:  # noqa: ARG002  # Keras names the arguments
        """Restore what an interrupted training had reached; early stopping has just been reset by Keras."""
        if self._state.epoch:
            assign_values(self._network.variables, self._state.network)
            assign_values(self._network.optimizer.variables, self._state.optimizer)
            self._stopping.best_weights = self._state.best
            for name in _STOPPING:
                setattr(self._stopping, name, self._state.stopping[name])

    def begin_epoch(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Note the number of the epoch, and show a bar."""
        self.epoch = epoch
        self._began = time.perf_counter()
        self._bar = Bar(f"Training epoch {epoch + 1} of {self._settings.epochs}", total=self._steps)

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
        row = {"seed": self._settings.seed, "epoch": epoch + 1, **measured, "kept": False}
        stopping = {name: getattr(self._stopping, name) for name in _STOPPING}
        self._state = replace(
            self._state,
            history=[*self._state.history, row],
            epoch=epoch + 1,
            network=copy_values(self._network.variables),
            optimizer=copy_values(self._network.optimizer.variables),
            best=self._stopping.best_weights,
            stopping=stopping | {"stopped": self._network.stop_training},
        )
        self._checkpoints.write(self._state)
        logger.info(
            "Network with seed %d, epoch %d of %d: loss %.3f, validation loss %.3f (lowest in epoch %d), "
            "validation AUROC %.3f, %.1f s",
            *(self._settings.seed, epoch + 1, self._settings.epochs, logs["loss"], logs["val_loss"]),
            *(self._stopping.best_epoch + 1, logs["val_auroc"], time.perf_counter() - self._began),
        )
