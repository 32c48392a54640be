"""How many operations a network takes, and how many the machine does in the best case."""

import time

import numpy as np

from blastscreen.parameters import CnnParameters

MATRIX = 2048
"""Side of the matrices whose product stands for the best case."""


def time_matrices() -> float:
    """Time the product of two large matrices, on the threads that networks use; seconds of the fastest of five."""
    import tensorflow as tf

    matrix = tf.random.stateless_uniform((MATRIX, MATRIX), (0, 0))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        tf.linalg.matmul(matrix, matrix).numpy()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def count_operations(settings: CnnParameters) -> tuple[float, float]:
    """Count additions and multiplications of convolutions and dense layers per cell: in training, in prediction.

    Going back costs each layer as much again for its weights and for its input; the first has no use for the latter.
    """
    from keras import layers

    from blastscreen.models.cnn import build_network

    counts = []
    for layer in build_network(settings).layers:
        if isinstance(layer, (layers.Conv2D, layers.Dense)):
            places = np.prod(layer.output.shape[1:-1])
            counts.append(2.0 * float(places) * float(np.prod(layer.kernel.shape)))
    return 3 * sum(counts) - counts[0], sum(counts)
