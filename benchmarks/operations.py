"""How many operations a network takes, and how many the machine does in the best case."""

import numpy as np

from blastscreen.parameters import CnnParameters

_SIDE = 2048
PRODUCT_OPERATIONS = 5 * 2.0 * _SIDE**3
"""Additions and multiplications of one call of `multiply_matrices`."""


def multiply_matrices() -> None:
    """Multiply two large matrices, on the threads that networks use, five times over."""
    import tensorflow as tf

    matrix = tf.random.stateless_uniform((_SIDE, _SIDE), (0, 0))
    for _ in range(5):
        tf.linalg.matmul(matrix, matrix).numpy()


def count_operations(settings: CnnParameters) -> tuple[float, float]:
    """Count additions and multiplications of convolutions and dense layers per cell: in training, in prediction.

    Going back costs each layer as much again for its weights and for its input; the first has no use for the latter.
    """
    from keras import layers

    from blastscreen.models.network import build_network

    counts = []
    for layer in build_network(settings).layers:
        if isinstance(layer, (layers.Conv2D, layers.Dense)):
            places = np.prod(layer.output.shape[1:-1])
            counts.append(2.0 * float(places) * float(np.prod(layer.kernel.shape)))
    return 3 * sum(counts) - counts[0], sum(counts)
