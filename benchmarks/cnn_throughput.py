"""Speed of training and predicting with the paper's network, beside bare Keras and PyTorch on the same arrays.

    python benchmarks/cnn_throughput.py --out cnn_throughput.json

Training is all of it: augmentation, and validation after every epoch; here also checkpoints and progress. The trainings
take turns, epoch by epoch; the first one, in which TensorFlow traces its graph, is left out. Bare Keras is `Model.fit`
on tensors in memory with the same network, augmentation and determinism. PyTorch takes part where it is installed.
"""

import argparse
import importlib.util
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from operations import PRODUCT_OPERATIONS, count_operations, multiply_matrices
from timing import compare, ratio, write_json
from turns import Pause, take_turns

from blastscreen.datasets.unfinished import TrainingCheckpoint
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.models.cell_batches import BLOCK, CellBatches
from blastscreen.models.checkpoints import Checkpoint
from blastscreen.parameters import CnnParameters

# PyTorch's threads would otherwise wait for each other by spinning, which costs it much where others compute as well
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

ROOT = Path(__file__).parents[1]
HAS_TORCH = importlib.util.find_spec("torch") is not None
Seconds = dict[str, list[float]]


class PausingCheckpoint(TrainingCheckpoint):
    """A checkpoint that pauses after every write but the last: at the end of every epoch."""

    def __init__(self, path: Path, pause: Pause) -> None:
        super().__init__(filepath=str(path))
        self._pause = pause

    def write(self, checkpoint: Checkpoint) -> None:
        """Write, and pause."""
        super().write(checkpoint)
        if not checkpoint.finished:
            self._pause()


def read_settings(**changes: Any) -> CnnParameters:
    """Read what conf says of the paper's network, with changes."""
    base = yaml.safe_load((ROOT / "conf/base/parameters/cnn.yml").read_text())["cnn"]
    paper = yaml.safe_load((ROOT / "conf/paper/parameters.yml").read_text())["cnn"]
    return CnnParameters.model_validate(base | paper | {"seed": 0} | changes)


def make_cells(n_cells: int, settings: CnnParameters) -> CellBatches:
    """Make cells of noise, every other one a blast: their look does not change the speed."""
    side = settings.input_side
    pixels = np.random.default_rng(0).integers(0, 256, (n_cells, side, side, 3), dtype=np.uint8)
    return CellBatches(
        stack=CellStack(image_ids=map(str, range(n_cells)), side=side, read=lambda start, stop: pixels[start:stop]),
        positions=np.arange(n_cells),
        is_blast=np.arange(n_cells) % 2 == 0,
        side=side,
        batch_size=settings.batch_size,
        pool_cells=BLOCK,
        pixels=pixels,
    )


def train_own(train: CellBatches, validation: CellBatches, settings: CnnParameters, pause: Pause) -> None:
    """Train as the pipeline does."""
    from blastscreen.models.training import fit_networks

    with TemporaryDirectory() as folder:
        checkpoints = PausingCheckpoint(Path(folder) / "checkpoint.npz", pause)
        fit_networks(train, validation, settings=settings, checkpoints=checkpoints)


def train_bare(train: CellBatches, validation: CellBatches, settings: CnnParameters, pause: Pause) -> None:
    """Train with `Model.fit` on tensors."""
    import keras
    import tensorflow as tf

    from blastscreen.models.augmentation import augment_cells
    from blastscreen.models.network import build_network, compile_network

    def augment(step: Any, batch: Any) -> tuple[Any, Any]:
        seed = tf.stack([tf.constant(settings.seed, tf.int64), step])
        return augment_cells(tf.cast(batch[0], tf.float32), seed, settings=settings), batch[1]

    dataset = tf.data.Dataset.from_tensor_slices((train.pixels, as_labels(train))).shuffle(len(train.positions))
    dataset = dataset.batch(settings.batch_size).enumerate().map(augment).prefetch(tf.data.AUTOTUNE)
    network = build_network(settings)
    compile_network(network, settings)
    network.fit(
        dataset,
        validation_data=(validation.pixels, as_labels(validation)),
        validation_batch_size=settings.batch_size,
        epochs=settings.epochs,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: pause())],
        shuffle=False,
        verbose=0,
    )


def train_torch(train: CellBatches, validation: CellBatches, settings: CnnParameters, pause: Pause) -> None:
    """Train in PyTorch."""
    import torch
    from torch_network import TorchTraining, as_tensor

    training = TorchTraining(settings)
    pixels, asked = as_tensor(pixels_of(train)), as_tensor(pixels_of(validation))
    labels = torch.from_numpy(as_labels(train))
    for _ in range(settings.epochs):
        training.train_epoch(pixels, labels)
        training.predict(asked)
        pause()


def repeat_matrices(epochs: int, pause: Pause) -> None:
    """Multiply matrices as often as the others go through an epoch."""
    for _ in range(epochs):
        multiply_matrices()
        pause()


def as_labels(cells: CellBatches) -> NDArray[np.float32]:
    """Give 1.0 for blasts, (n, 1)."""
    return cells.is_blast.astype(np.float32)[:, np.newaxis]


def pixels_of(cells: CellBatches) -> NDArray[np.uint8]:
    """Give the pixels of cells that are held in memory.

    Raises:
        ValueError: If they are not.
    """
    if cells.pixels is None:
        raise ValueError("These cells are streamed: hold them in memory.")
    return cells.pixels


def compare_trainings(train: CellBatches, validation: CellBatches, settings: CnnParameters) -> tuple[Seconds, Seconds]:
    """Train with each, epoch by epoch in turns; seconds of all epochs but the first, by wall and processor."""
    trainings = {"own": train_own, "keras": train_bare} | ({"pytorch": train_torch} if HAS_TORCH else {})
    turns = take_turns(
        {name: partial(call, train, validation, settings) for name, call in trainings.items()}
        | {"matrices": partial(repeat_matrices, settings.epochs)}
    )
    wall, processor = ({name: times[1:] for name, times in kind.items()} for kind in (turns.wall, turns.processor))
    return wall, processor


def compare_predictions(cells: CellBatches, settings: CnnParameters, *, rounds: int) -> Seconds:
    """Predict all cells in turns with each, and time matrices; seconds for each round."""
    from blastscreen.models.network import build_network
    from blastscreen.models.prediction import predict_probabilities

    network = build_network(settings)
    pixels = pixels_of(cells)
    candidates: dict[str, Callable[[], object]] = {
        "own": lambda: predict_probabilities(network, (part for part, _ in cells.epoch(None)), views=1),
        "keras": lambda: network.predict(pixels, batch_size=settings.batch_size, verbose=0),
    }
    if HAS_TORCH:
        from torch_network import TorchTraining, as_tensor

        other, tensor = TorchTraining(settings), as_tensor(pixels)
        candidates["pytorch"] = lambda: other.predict(tensor)
    return compare(candidates | {"matrices": multiply_matrices}, repeats=rounds)


def summarise(name: str, seconds: Seconds, *, n_cells: int, operations: float) -> dict[str, Any]:
    """Turn seconds into ratios: how many times faster than others, and the share of the matrix product's speed."""
    own = seconds["own"]
    speed = n_cells / float(np.median(own))
    results = {
        f"cnn_{name}_against_{other}": ratio(seconds[other], own) | {"cells_per_second": speed}
        for other in ("keras", "pytorch")
        if other in seconds
    }
    # as if all that were matrix products: what it would take at their speed
    ideal = [n_cells * operations * product / PRODUCT_OPERATIONS for product in seconds["matrices"]]
    gflops = PRODUCT_OPERATIONS / float(np.median(seconds["matrices"])) / 1e9
    return results | {f"cnn_{name}_share_of_matrix_product": ratio(ideal, own) | {"matrix_product_gflops": gflops}}


def read_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="file of results, JSON")
    parser.add_argument("--side", type=int, default=64, help="pixels")
    parser.add_argument("--cells", type=int, default=512, help="to train on, and to predict")
    parser.add_argument("--epochs", type=int, default=11, help="rounds; the first is not timed")
    parser.add_argument("--threads", type=int, default=0, help="of TensorFlow and PyTorch; 0: one per core")
    parser.add_argument("--tiny", action="store_true", help="small and short: shows in seconds that this runs")
    args = parser.parse_args(argv)
    if args.tiny:
        args.side, args.cells, args.epochs = 16, 16, 2
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    args = read_arguments(argv)
    from blastscreen.models.training import configure_runtime

    settings = read_settings(input_side=args.side, epochs=args.epochs, n_threads=args.threads)
    configure_runtime(settings)
    train, validation = make_cells(args.cells, settings), make_cells(max(8, args.cells // 4), settings)
    training, prediction = count_operations(settings)
    seconds, processor = compare_trainings(train, validation, settings)
    results = summarise("training", seconds, n_cells=args.cells, operations=training)
    results["cnn_training_against_keras_in_processor_time"] = ratio(processor["keras"], processor["own"])
    seconds = compare_predictions(train, settings, rounds=args.epochs - 1)
    results |= summarise("prediction", seconds, n_cells=args.cells, operations=prediction)
    write_json(args.out, results)
    for name, values in results.items():
        print(f"{name}: {values['ratio']:.2f} ({values['low']:.2f} to {values['high']:.2f})")
    if not HAS_TORCH:
        print("PyTorch is not installed: not compared with it")


if __name__ == "__main__":
    main()
