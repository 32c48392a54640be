"""Shuffled and augmented batches for TensorFlow, which depend on nothing but the seed and the number of the epoch."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blastscreen.models.cell_batches import CellBatches, Pixels
from blastscreen.parameters import CnnParameters

if TYPE_CHECKING:
    import tensorflow as tf

_AHEAD = 4
"""Batches that are made ready while the network is busy."""


def training_dataset(cells: CellBatches, *, epoch: Callable[[], int], settings: CnnParameters) -> "tf.data.Dataset":
    """Make a dataset that holds one shuffled and augmented epoch each time it is iterated; `epoch` tells which.

    Elements are pixels (b, side, side, 3) float32 0 to 255, and labels (b, 1) float32.
    """
    import tensorflow as tf

    def generate() -> Iterator[tuple[Pixels, NDArray[np.float32], NDArray[np.int64]]]:
        number = epoch()
        batches = cells.epoch(np.random.default_rng([settings.seed, number]))
        for step, (pixels, labels) in enumerate(batches):
            state = np.random.SeedSequence([settings.seed, number, step]).generate_state(2)
            yield pixels, labels, state.astype(np.int64)

    def augment(pixels: Any, labels: Any, seed: Any) -> tuple[Any, Any]:
        return augment_cells(tf.cast(pixels, tf.float32), seed, settings=settings), labels

    signature = (*_signature(cells), tf.TensorSpec((2,), tf.int64))
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(cells)))
    return dataset.map(augment).prefetch(_AHEAD)


def validation_dataset(cells: CellBatches) -> "tf.data.Dataset":
    """Make a dataset of the cells as they are, in the order of the stack: pixels uint8, labels (b, 1) float32."""
    import tensorflow as tf

    dataset = tf.data.Dataset.from_generator(lambda: cells.epoch(None), output_signature=_signature(cells))
    return dataset.apply(tf.data.experimental.assert_cardinality(len(cells))).prefetch(_AHEAD)


def _signature(cells: CellBatches) -> tuple[Any, Any]:
    import tensorflow as tf

    side = cells.side
    return tf.TensorSpec((None, side, side, 3), tf.uint8), tf.TensorSpec((None, 1), tf.float32)


def augment_cells(pixels: Any, seed: Any, *, settings: CnnParameters) -> Any:
    """Turn, mirror and shift each cell at random, in a single interpolation; what comes in from outside is black.

    Pixels and result are (n, side, side, 3) float32; all chance comes from `seed`, a tensor of 2 integers.
    """
    import tensorflow as tf

    side = pixels.shape[1]
    seeds = tf.random.split(seed, 5)

    def uniform(number: int, limit: float) -> Any:
        return tf.random.stateless_uniform((tf.shape(pixels)[0],), seeds[number], -limit, limit)

    def mirror(number: int, *, wanted: bool) -> Any:
        return tf.where(uniform(number, 1.0) < 0, -1.0, 1.0) if wanted else tf.ones((tf.shape(pixels)[0],))

    angle = uniform(0, np.deg2rad(settings.rotation_degrees))
    flip_x, flip_y = mirror(1, wanted=settings.horizontal_flip), mirror(2, wanted=settings.vertical_flip)
    shift_x, shift_y = (uniform(number, settings.shift_fraction * side) for number in (3, 4))
    # rows of the matrix from a pixel of the result to the place in the source where its value is looked up
    xx, xy, yx, yy = flip_x * tf.cos(angle), -flip_x * tf.sin(angle), flip_y * tf.sin(angle), flip_y * tf.cos(angle)
    centre = (side - 1) / 2
    x0 = centre - centre * (xx + xy) + shift_x
    y0 = centre - centre * (yx + yy) + shift_y
    zero = tf.zeros_like(angle)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels,
        transforms=tf.stack([xx, xy, x0, yx, yy, y0, zero, zero], axis=1),
        output_shape=[side, side],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
