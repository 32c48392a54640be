import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from blastscreen.models.network import (
    average_networks,
    build_network,
    compile_network,
    optical_density,
)
from blastscreen.models.prediction import predict_probabilities

PAPER = {"input_side": 128, "head": "flatten", "normalisation": "batch", "optical_density": False}
BLOCK = ["Conv2D", "ReLU", "BatchNormalization", "MaxPooling2D"]
DENSE = ["Dense", "Dropout", "Dense", "Dropout", "Dense"]
STATM = Path("/proc/self/statm")
rng = np.random.default_rng(0)


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def spread(network):
    """Give a network random weights, so that its probabilities differ from cell to cell."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dense):
            layer.kernel.assign(2 * layer.kernel)
    return network


def test_the_papers_network(network_settings):
    network = build_network(network_settings(**PAPER))
    assert kinds(network) == ["InputLayer", "Rescaling", *BLOCK * 3, "Flatten", *DENSE]
    assert network.input_shape == (None, 128, 128, 3)
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.kernel_size for layer in convolutions] == [(3, 3)] * 3
    assert [layer.output.shape for layer in convolutions] == [
        (None, 128, 128, 32),
        (None, 64, 64, 64),
        (None, 32, 32, 128),
    ]
    assert network.get_layer(index=-6).output.shape == (None, 16 * 16 * 128)
    assert [layer.units for layer in network.layers if isinstance(layer, keras.layers.Dense)] == [128, 64, 1]
    assert [layer.rate for layer in network.layers if isinstance(layer, keras.layers.Dropout)] == [0.5, 0.3]
    assert [layer.activation.__name__ for layer in network.layers[-5::2]] == ["relu", "relu", "sigmoid"]
    assert network.layers[-1].output.shape == (None, 1)
    assert network.count_params() == 4_296_897


@pytest.mark.parametrize(("normalisation", "parameters"), [("batch", 118_977), ("group", 118_529)])
def test_global_averages_take_a_fraction_of_the_parameters(network_settings, normalisation, parameters):
    changes = PAPER | {"head": "global_average", "normalisation": normalisation}
    network = build_network(network_settings(**changes))
    assert network.count_params() == parameters
    assert kinds(network)[-6:] == ["GlobalAveragePooling2D", *DENSE]
    assert ("GroupNormalization" in kinds(network)) == (normalisation == "group")


def test_momentum_is_that_of_the_settings(network_settings):
    network = build_network(network_settings(batch_norm_momentum=0.7))
    moments = [layer.momentum for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert moments == [0.7] * 3


def test_initial_weights_follow_from_the_settings_alone(network_settings):
    keras.utils.set_random_seed(1)
    first = build_network(network_settings(seed=3))
    keras.utils.set_random_seed(2)
    again, other = build_network(network_settings(seed=3)), build_network(network_settings(seed=4))
    for one, two in zip(first.variables, again.variables, strict=True):
        np.testing.assert_array_equal(one, two)
    kernels = [variable for variable in first.trainable_variables if variable.name == "kernel"]
    others = [variable for variable in other.trainable_variables if variable.name == "kernel"]
    assert all(
        abs(np.corrcoef(np.ravel(one), np.ravel(two))[0, 1]) < 0.3 for one, two in zip(kernels, others, strict=True)
    )
    # layers of one network do not repeat each other's numbers either
    starts = [np.ravel(kernel)[:60] / np.std(kernel) for kernel in kernels]
    assert np.abs(np.corrcoef(starts) - np.eye(len(starts))).max() < 0.5


def test_scaling_is_within_the_network(network_settings):
    network = build_network(network_settings())
    frames = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    inner = keras.Model(network.layers[2].input, network.output)
    np.testing.assert_allclose(network.predict_on_batch(frames), inner.predict_on_batch(frames / 255), rtol=1e-5)


def test_optical_density_by_hand():
    pixels = np.array([[255, 255, 255], [0, 0, 0], [0, 255, 127], [24.6, 1.56, 0]], np.float32)
    expected = [[0, 0, 0], [0, 0, 0], [2.40824, 0, 0.30103], [1, 2, 2.40824]]
    np.testing.assert_allclose(optical_density(pixels), expected, atol=1e-5)


def test_optical_density_is_within_the_network(network_settings):
    changes = {"optical_density": True, "seed": 5}
    dense, bright = build_network(network_settings(**changes)), build_network(network_settings(seed=5))
    frames = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    np.testing.assert_allclose(
        dense.predict_on_batch(frames),
        bright.predict_on_batch(255 * np.asarray(optical_density(frames.astype(np.float32)))),
        rtol=1e-4,
    )


def test_binary_cross_entropy_by_hand(network_settings):
    settings = network_settings(learning_rate=0.25)
    network = spread(build_network(settings))
    compile_network(network, settings)
    frames, is_blast = rng.integers(0, 256, (6, 32, 32, 3)), np.array([0, 1, 1, 0, 1, 0])
    p = network.predict_on_batch(frames)[:, 0].astype(float)
    right = np.where(is_blast, p, 1 - p)
    found = network.evaluate(frames, is_blast, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(-np.log(right).mean(), rel=1e-4)
    assert set(found) == {"loss", "auroc"}
    assert isinstance(network.optimizer, keras.optimizers.Adam)
    assert float(network.optimizer.learning_rate) == 0.25


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_focal_loss_by_hand(network_settings, gamma):
    settings = network_settings(loss="focal", focal_gamma=gamma)
    network = spread(build_network(settings))
    compile_network(network, settings)
    frames, is_blast = rng.integers(0, 256, (6, 32, 32, 3)), np.array([0, 1, 1, 0, 1, 0])
    p = network.predict_on_batch(frames)[:, 0].astype(float)
    right = np.where(is_blast, p, 1 - p)
    loss = network.evaluate(frames, is_blast, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(-((1 - right) ** gamma * np.log(right)).mean(), rel=1e-4)


def test_mixed_precision_computes_in_16_bits_and_answers_in_32(network_settings, discs):
    settings = network_settings(mixed_precision=True)
    network = build_network(settings)
    compile_network(network, settings)
    assert {layer.compute_dtype for layer in network.layers[2:-1]} == {"float16"}
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert isinstance(network.optimizer, keras.optimizers.LossScaleOptimizer)
    pixels, is_blast = discs(4)
    before = network.get_weights()
    assert np.isfinite(network.train_on_batch(pixels, is_blast.astype(np.float32)[:, None])).all()
    assert any(not np.array_equal(one, two) for one, two in zip(before, network.get_weights(), strict=True))
    assert network.predict_on_batch(pixels).dtype == np.float32
    probabilities = predict_probabilities(network, [pixels], views=8)
    assert np.all((probabilities > 0) & (probabilities < 1))


@pytest.mark.parametrize(
    "changes",
    [{"head": "flatten"}, {"head": "global_average"}, {"head": "global_average", "normalisation": "group"}],
    ids=["paper", "global average", "group"],
)
def test_inference_holds_what_training_claims(network_settings, discs, changes):
    """After 48 steps: with Keras' momentum of 0.99 the first two call nearly all cells alike, though the loss fell."""
    settings = network_settings(**changes)
    network = build_network(settings)
    compile_network(network, settings)
    pixels, is_blast = discs(64)
    labels = is_blast.astype(np.float32)[:, None]
    claimed = network.fit(pixels, labels, epochs=6, batch_size=8, shuffle=False, verbose=0).history["auroc"][-1]
    assert claimed > 0.9
    probabilities = predict_probabilities(network, [pixels], views=1)
    assert roc_auc_score(is_blast, probabilities) > 0.9
    assert ((probabilities >= 0.5) == is_blast).mean() > 0.75


def test_averages_by_hand(network_settings):
    networks = [spread(build_network(network_settings(seed=seed))) for seed in (0, 1, 2)]
    frames = rng.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    probabilities = [network.predict_on_batch(frames) for network in networks]
    average = average_networks(networks)
    assert average.input_shape == networks[0].input_shape
    assert np.ptp(probabilities, axis=0).min() > 1e-3
    np.testing.assert_allclose(average.predict_on_batch(frames), np.mean(probabilities, axis=0), rtol=1e-5)


@pytest.mark.parametrize("seeds", [[0], [0, 1]])
def test_averages_are_copies_without_optimiser(network_settings, seeds):
    networks = [build_network(network_settings(seed=seed, optical_density=True)) for seed in seeds]
    for network in networks:
        compile_network(network, network_settings())
    frames = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    average = average_networks(networks)
    before = average.predict_on_batch(frames)
    np.testing.assert_allclose(before, np.mean([one.predict_on_batch(frames) for one in networks], axis=0), rtol=1e-5)
    for weight in networks[0].weights:
        weight.assign(weight + 1)
    np.testing.assert_array_equal(average.predict_on_batch(frames), before)
    assert not average.compiled


def test_networks_that_cannot_be_averaged(network_settings):
    twins = [build_network(network_settings(seed=7)) for _ in range(2)]
    with pytest.raises(ValueError, match="same seed are not averaged: cnn_seed_7, cnn_seed_7"):
        average_networks(twins)
    with pytest.raises(ValueError, match="no network to average"):
        average_networks([])


def test_probabilities_come_in_the_order_of_the_cells(network_settings):
    network = spread(build_network(network_settings()))
    frames = rng.integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
    expected = np.asarray(network(frames.astype(np.float32), training=False))[:, 0]
    found = predict_probabilities(network, (frames[i : i + 3] for i in range(0, 7, 3)), views=1)
    assert found.shape == (7,)
    assert np.ptp(found) > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert predict_probabilities(network, [], views=8).shape == (0,)


def test_eight_views_are_the_turns_of_the_cell_and_of_its_mirror_image(network_settings):
    network = build_network(network_settings(head="flatten"))
    frames = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    rows = frames.transpose(0, 2, 1, 3)
    views = [image[:, ::up, ::left] for image in (frames, rows) for up in (1, -1) for left in (1, -1)]
    each = [network.predict_on_batch(view)[:, 0] for view in views]
    assert np.ptp(each, axis=0).min() > 1e-3
    found = predict_probabilities(network, [frames], views=8)
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-4)
    for view in views:
        np.testing.assert_allclose(predict_probabilities(network, [view], views=8), found, rtol=1e-4)


def test_images_and_views_that_do_not_fit_are_refused(network_settings):
    network = build_network(network_settings())
    with pytest.raises(ValueError, match=r"takes images of \(32, 32, 3\), not \(64, 32, 3\)"):
        predict_probabilities(network, [np.zeros((1, 64, 32, 3))], views=1)
    with pytest.raises(ValueError, match="1 or 8 views, not 4"):
        predict_probabilities(network, [], views=4)


@pytest.mark.skipif(not STATM.exists(), reason="memory in use is read from /proc")
def test_memory_stays_flat_over_3000_batches(network_settings):
    """`keras.Model.predict` in place of `predict_on_batch` grows by some 45 MB here."""
    network = build_network(network_settings(input_side=16))
    frames = rng.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)

    def pages():
        return int(STATM.read_text().split()[1])

    for _ in range(5):
        predict_probabilities(network, [frames] * 100, views=1)
    before = pages()
    for _ in range(30):
        predict_probabilities(network, [frames] * 100, views=1)
    assert (pages() - before) * os.sysconf("SC_PAGE_SIZE") < 4e6


def test_importing_the_module_leaves_tensorflow_alone():
    code = (
        "import json, sys; import blastscreen.models.network, blastscreen.models.gradcam; "
        "from blastscreen.datasets import KerasModel; import blastscreen.report.figures.learning; "
        "print(json.dumps(sorted({'tensorflow', 'keras'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
