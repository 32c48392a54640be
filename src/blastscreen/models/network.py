"""The convolutional network: one small Keras 3 model, whose variants are settings.

After Swastika et al.: three blocks of convolution, ReLU, normalisation and pooling, then two dense layers with dropout.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from blastscreen.parameters import CnnParameters

if TYPE_CHECKING:
    import keras

FILTERS = (32, 64, 128)
DENSE_UNITS = (128, 64)
DROPOUT_RATES = (0.5, 0.3)
# of channels that share their statistics in group normalisation: 4, 8 and 16 in the three blocks
GROUPS = 8


class Network(Protocol):
    """What is asked of a trained Keras model, which nobody can name without importing TensorFlow."""

    input_shape: tuple[Any, ...]

    def predict_on_batch(self, x: NDArray[Any]) -> NDArray[np.float32]: ...  # noqa: D102


def build_network(settings: CnnParameters) -> "keras.Model":
    """Build the network, not compiled, with initial weights that follow from the settings alone.

    It takes `pixels`, (n, side, side, 3) RGB 0 to 255 of any type, which it scales itself, and gives
    `blast_probability`, (n, 1) float32. Its name has the seed.
    """
    import keras
    from keras import layers

    policy = "mixed_float16" if settings.mixed_precision else "float32"
    seeds = iter(np.random.SeedSequence(settings.seed).generate_state(8).tolist())

    def glorot() -> Any:
        return keras.initializers.GlorotUniform(seed=next(seeds))

    pixels = keras.Input((settings.input_side, settings.input_side, 3), name="pixels")
    x = optical_density(pixels) if settings.optical_density else layers.Rescaling(1 / 255)(pixels)
    for filters in FILTERS:
        x = layers.Conv2D(filters, 3, padding="same", kernel_initializer=glorot(), dtype=policy)(x)
        x = layers.ReLU(dtype=policy)(x)
        if settings.normalisation == "batch":
            x = layers.BatchNormalization(momentum=settings.batch_norm_momentum, dtype=policy)(x)
        else:
            x = layers.GroupNormalization(groups=GROUPS, dtype=policy)(x)
        x = layers.MaxPooling2D(dtype=policy)(x)
    head = layers.Flatten if settings.head == "flatten" else layers.GlobalAveragePooling2D
    x = head(dtype=policy)(x)
    for units, rate in zip(DENSE_UNITS, DROPOUT_RATES, strict=True):
        x = layers.Dense(units, activation="relu", kernel_initializer=glorot(), dtype=policy)(x)
        x = layers.Dropout(rate, seed=next(seeds), dtype=policy)(x)
    # in full precision: probabilities near 0 or 1 and their logarithms need it
    x = layers.Dense(1, activation="sigmoid", kernel_initializer=glorot(), dtype="float32", name="blast_probability")(x)
    return keras.Model(pixels, x, name=f"cnn_seed_{settings.seed}")


def optical_density(pixels: Any) -> Any:
    """Convert RGB 0 to 255, (..., 3), to optical density, 0 to 2.41, which grows in proportion to the amount of stain.

    Light that passes falls off exponentially with the stain in its way (Beer and Lambert), hence the logarithm. The
    background, exactly black after segmentation, would be the densest of all: it is given the density of clear glass.
    """
    from keras import ops

    density = -ops.log10((pixels + 1) / 256)
    return ops.where(ops.max(pixels, axis=-1, keepdims=True) > 0, density, 0.0)


def compile_network(network: "keras.Model", settings: CnnParameters) -> None:
    """Set, in place, a network's loss, its optimiser (Adam) and the metric `auroc`."""
    import keras

    optimizer: Any = keras.optimizers.Adam(settings.learning_rate)
    if settings.mixed_precision:
        # gradients too small for 16 bits would be lost
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    loss = (
        keras.losses.BinaryFocalCrossentropy(gamma=settings.focal_gamma)
        if settings.loss == "focal"
        else keras.losses.BinaryCrossentropy()
    )
    network.compile(
        optimizer=optimizer,
        loss=loss,
        metrics=[keras.metrics.AUC(name="auroc")],
        # XLA compiles anew for the last, smaller batch, and is not deterministic throughout
        jit_compile=False,
    )


def average_networks(networks: Sequence["keras.Model"]) -> "keras.Model":
    """Join copies of networks with the same input side and different seeds into one: their mean probability.

    Raises:
        ValueError: There is none, or two have the same seed.
    """
    import keras

    if not networks:
        raise ValueError("There is no network to average: train at least one (n_networks >= 1).")
    names = [network.name for network in networks]
    if len(set(names)) < len(names):
        raise ValueError(f"Networks of the same seed are not averaged: {', '.join(sorted(names))}.")
    copies = [_copy_network(network) for network in networks]
    if len(copies) == 1:
        return copies[0]
    pixels = keras.Input(networks[0].input_shape[1:], name="pixels")
    mean = keras.layers.Average(name="blast_probability")([copy(pixels) for copy in copies])
    return keras.Model(pixels, mean, name=f"cnn_mean_of_{len(copies)}")


def _copy_network(network: "keras.Model") -> "keras.Model":
    import keras

    # `clone_model` would compile the copy
    copy = keras.Model.from_config(network.get_config())
    copy.set_weights(network.get_weights())
    return copy
