"""The training of networks: the same seed, cells, machine and threads give the same weights, interrupted or not."""

import logging
import resource
import sys
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pandas as pd

from blastscreen.compute.environment import count_threads
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.augmentation import training_dataset, validation_dataset
from blastscreen.models.cell_batches import CellBatches, gather_cells
from blastscreen.models.checkpoints import (
    Checkpoint,
    CheckpointStore,
    TrainingWatch,
    describe_origin,
    hash_weights,
    hold_ctrl_c,
    require_same_origin,
)
from blastscreen.models.network import Network, average_networks, build_network, compile_network
from blastscreen.parameters import CnnParameters, ComputeParameters

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)


def train_network(
    cell_images: CellStack,
    cell_splits: pd.DataFrame,
    checkpoints: CheckpointStore,
    settings: CnnParameters,
    compute: ComputeParameters,
) -> tuple[Network, pd.DataFrame]:
    """Train on the training cells, stop by the validation cells: see `fit_networks`."""
    train, validation = gather_cells(cell_images, cell_splits, settings=settings, compute=compute)
    return fit_networks(train, validation, settings=settings, checkpoints=checkpoints)


def fit_networks(
    train: CellBatches, validation: CellBatches, *, settings: CnnParameters, checkpoints: CheckpointStore
) -> tuple["keras.Model", pd.DataFrame]:
    """Train one network per seed and average them; the history is in the schema `HISTORY`.

    A checkpoint is written after every epoch. With `settings.resume` training goes on from it, if there is one, and
    ends with the weights of an uninterrupted run; without, what was left of another training is removed.

    Raises:
        CheckpointMismatch: The checkpoint belongs to other cells or settings.
        Refusal: The loss is not finite.
    """
    configure_runtime(settings)
    state = _start(describe_origin(train, validation, settings), checkpoints, resume=settings.resume)
    networks = []
    for number in range(settings.n_networks):
        one = settings.model_copy(update={"seed": (settings.seed + number) % 2**32})
        network = build_network(one)
        if number < len(state.finished):
            network.set_weights(state.finished[number])
        else:
            state = _train_one(network, train, validation, settings=one, state=state, checkpoints=checkpoints)
        networks.append(network)
    logger.info("Peak memory of this process: %d MiB", peak_memory_mib())
    network = average_networks(networks)
    logger.info("Weights of the network: %s", hash_weights(network.get_weights()))
    return network, pd.DataFrame(state.history)


def configure_runtime(settings: CnnParameters) -> None:
    """Make TensorFlow reproducible on this machine, fix its threads, and log what it runs on."""
    import keras
    import tensorflow as tf

    n_threads = settings.n_threads or joblib.cpu_count()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(n_threads)
        tf.config.threading.set_inter_op_parallelism_threads(n_threads)
    except RuntimeError:
        if count_threads() != n_threads:
            logger.warning("TensorFlow runs with other threads than n_threads=%d: it had started before", n_threads)
    gpus = tf.config.list_physical_devices("GPU")
    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()
    if gpus:
        logger.info("The network runs on %d GPU: %s", len(gpus), ", ".join(gpu.name for gpu in gpus))
    else:
        logger.info("No GPU found: the network runs on %d threads of the CPU", n_threads)


def peak_memory_mib() -> int:
    """Read the most memory that this process ever held, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, others KiB
    return peak // (2**20 if sys.platform == "darwin" else 2**10)


def _start(origin: dict[str, Any], checkpoints: CheckpointStore, *, resume: bool) -> Checkpoint:
    found = checkpoints.read() if resume else None
    if found is None:
        if resume:
            logger.info("There is no checkpoint to resume from: training starts")
        checkpoints.clear()
        return Checkpoint(origin=origin)
    require_same_origin(found, origin)
    logger.info("Going on after %d networks and %d epochs", len(found.finished), found.epoch)
    return found


def _train_one(
    network: "keras.Model",
    train: CellBatches,
    validation: CellBatches,
    *,
    settings: CnnParameters,
    state: Checkpoint,
    checkpoints: CheckpointStore,
) -> Checkpoint:
    import keras
    import tensorflow as tf

    compile_network(network, settings)
    network.optimizer.build(network.trainable_variables)
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=settings.patience, restore_best_weights=True)
    watch = TrainingWatch(network, stopping, settings, state, checkpoints, len(train))
    with hold_ctrl_c() as obey:
        callback = keras.callbacks.LambdaCallback(
            on_train_begin=watch.restore,
            on_epoch_begin=watch.begin_epoch,
            on_train_batch_begin=obey,
            on_train_batch_end=watch.end_batch,
            on_test_batch_begin=obey,
            on_epoch_end=watch.end_epoch,
            # Keras need not wait for each batch to count it
            async_safe=True,
        )
        try:
            network.fit(
                training_dataset(train, epoch=lambda: watch.epoch, settings=settings),
                validation_data=validation_dataset(validation),
                initial_epoch=state.epoch,
                epochs=state.epoch if state.stopping.get("stopped") else settings.epochs,
                class_weight=balance_classes(train) if settings.class_weight == "balanced" else None,
                callbacks=[stopping, callback],
                shuffle=False,
                verbose=0,
            )
        except tf.errors.ResourceExhaustedError as error:
            error.add_note("Out of memory: lower cnn.batch_size, cnn.input_side or cnn.memory_budget_mib.")
            raise
        finally:
            watch.close()
    return watch.finish()


def balance_classes(cells: CellBatches) -> dict[int, float]:
    """Weigh normal cells (0) and blasts (1) so that both classes weigh the same; the mean weight is 1."""
    from sklearn.utils.class_weight import compute_class_weight

    weights = compute_class_weight("balanced", classes=np.array([False, True]), y=cells.is_blast)
    return dict(enumerate(weights.tolist()))
