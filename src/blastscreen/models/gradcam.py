"""Grad-CAM: which pixels drove a network's score.

After Selvaraju et al. (2017), https://arxiv.org/abs/1610.02391, with two changes that cells on black call for: a score
between two classes is driven up or down, so both directions count; and evidence is what the image adds to an empty
frame, because a network with biases responds to black too, most of all where its padding begins.
"""

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras


def grad_cam(network: "keras.Model", pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Map how much each part of a cell drove its score, up or down: (side, side), 0 to 1, or all 0 if nothing moves it.

    Pixels are as the network sees them, (side, side, 3) RGB 0 to 255. A pixel of the map stands for a neighbourhood of
    some 20 pixels. Of an average of networks the mean evidence is mapped.

    Raises:
        ValueError: The pixels do not fit the network.
    """
    import keras

    if pixels.shape != network.input_shape[1:]:
        raise ValueError(f"The network takes images of {network.input_shape[1:]}, not {pixels.shape}: resize them.")
    members = [layer for layer in network.layers if isinstance(layer, keras.Model)] or [network]
    evidence = np.abs(np.mean([_evidence(member, pixels) for member in members], axis=0))
    enlarged = cv2.resize(evidence, pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    largest = enlarged.max()
    return np.asarray(enlarged / largest if largest > 0 else enlarged, dtype=np.float32)


def _evidence(network: "keras.Model", pixels: NDArray[Any]) -> NDArray[np.float32]:
    import keras
    import tensorflow as tf

    last_pooling = [layer for layer in network.layers if isinstance(layer, keras.layers.MaxPooling2D)][-1]
    classifier = network.layers[-1]
    probe = keras.Model(network.inputs[0], [last_pooling.input, classifier.input])
    frames = tf.constant(np.stack([pixels, np.zeros_like(pixels)]), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(frames)
        activations, inputs = probe(frames, training=False)
        # the logit, because the slope of the sigmoid vanishes where the network is sure
        logit = (tf.cast(inputs, tf.float32) @ tf.convert_to_tensor(classifier.kernel))[0]
    gradients = tape.gradient(logit, activations)
    weights = gradients.numpy()[0].astype(np.float32).mean(axis=(0, 1))
    cell, empty = activations.numpy().astype(np.float32)
    added = cell - empty
    # group normalisation moves the whole map with the cell's own statistics: most of a frame is background
    added -= np.median(added, axis=(0, 1))
    evidence: NDArray[np.float32] = added @ weights
    return evidence
