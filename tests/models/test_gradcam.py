import keras
import numpy as np
import pytest
from scipy.stats import spearmanr

from blastscreen.models.gradcam import grad_cam
from blastscreen.models.network import average_networks, build_network, compile_network


@pytest.fixture(scope="module")
def cells(discs):
    return discs(48, side=64)


def train(settings, cells):
    network = build_network(settings)
    compile_network(network, settings)
    pixels, is_blast = cells
    network.fit(pixels, is_blast.astype(np.float32)[:, None], epochs=6, batch_size=8, shuffle=False, verbose=0)
    return network


@pytest.fixture(scope="module", params=["batch", "group"])
def network(request, network_settings, cells):
    return train(network_settings(input_side=64, normalisation=request.param), cells)


def colour_network(network_settings, *, red, green):
    """A network that passes each colour through unchanged, and adds up their amounts with the given weights."""
    network = build_network(network_settings(normalisation="batch"))
    for layer in network.layers:
        for weight in layer.weights:
            if weight.name in ("kernel", "bias"):
                weight.assign(np.zeros(weight.shape))
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.zeros(layer.kernel.shape)
            kernel[1, 1, [0, 1, 2], [0, 1, 2]] = 1
            layer.kernel.assign(kernel)
    first, second, last = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    for layer in (first, second):
        kernel = np.zeros(layer.kernel.shape)
        kernel[[0, 1], [0, 1]] = 1
        layer.kernel.assign(kernel)
    kernel = np.zeros(last.kernel.shape)
    kernel[:2, 0] = red, green
    last.kernel.assign(kernel)
    return network


def draw_spots():
    """A red spot at the top left and a green one at the bottom right."""
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[4:12, 4:12, 0] = 200
    pixels[20:28, 20:28, 1] = 200
    return pixels


@pytest.mark.parametrize(("red", "green"), [(1, 0), (-1, 0), (40, 0)], ids=["up", "down", "sure"])
def test_only_what_moves_the_score_is_on_the_map(network_settings, red, green):
    found = grad_cam(colour_network(network_settings, red=red, green=green), draw_spots())
    assert found.shape == (32, 32)
    assert found[8, 8] == pytest.approx(1, abs=1e-3)
    assert found[16:, 16:].max() < 1e-6


def test_evidence_counts_in_proportion(network_settings):
    found = grad_cam(colour_network(network_settings, red=1, green=-0.25), draw_spots())
    assert found[8, 8] == pytest.approx(1, abs=1e-3)
    assert found[24, 24] == pytest.approx(0.25, abs=1e-3)


def test_nothing_that_moves_the_score_gives_an_empty_map(network_settings):
    network = colour_network(network_settings, red=0, green=0)
    np.testing.assert_array_equal(grad_cam(network, draw_spots()), 0)
    np.testing.assert_array_equal(grad_cam(colour_network(network_settings, red=1, green=1), 0 * draw_spots()), 0)


def test_evidence_of_an_average_is_the_mean(network_settings):
    networks = [colour_network(network_settings, red=red, green=green) for red, green in [(1, 0), (0, 0.5)]]
    renamed = build_network(network_settings(seed=1))
    renamed.set_weights(networks[1].get_weights())
    found = grad_cam(average_networks([networks[0], renamed]), draw_spots())
    assert found[8, 8] == pytest.approx(1, abs=1e-3)
    assert found[24, 24] == pytest.approx(0.5, abs=1e-3)


def test_most_of_the_map_lies_on_the_cell(network, cells):
    pixels, _ = cells
    maps = np.array([grad_cam(network, cell) for cell in pixels[:16]])
    inside = pixels[:16].any(axis=-1)
    assert maps.min() >= 0
    np.testing.assert_array_equal(maps.max(axis=(1, 2)), 1)
    shares = (maps * inside).sum(axis=(1, 2)) / maps.sum(axis=(1, 2))
    assert inside.mean() < 0.25
    assert np.median(shares) > 0.5
    # the network sees some 20 pixels at once, so that the cell's surroundings light up, but no further
    assert np.mean([maps[:, :8, :8], maps[:, -8:, -8:]]) < 0.2


def test_random_weights_give_another_map(network, network_settings, cells):
    """The sanity check of Adebayo et al. (2018): a map that does not depend on the weights explains nothing."""
    kind = "group" if any("Group" in type(layer).__name__ for layer in network.layers) else "batch"
    pixels, _ = cells
    similar = []
    for seed, cell in enumerate(pixels[:6], start=1):
        random = build_network(network_settings(input_side=64, normalisation=kind, seed=seed))
        inside = cell.any(axis=-1)
        similar.append(spearmanr(grad_cam(network, cell)[inside], grad_cam(random, cell)[inside]).statistic)
    assert np.mean(np.abs(similar)) < 0.6
    assert np.max(similar) < 0.9


def test_images_of_another_size_are_refused(network_settings):
    with pytest.raises(ValueError, match=r"takes images of \(32, 32, 3\), not \(16, 16, 3\)"):
        grad_cam(build_network(network_settings()), np.zeros((16, 16, 3)))
