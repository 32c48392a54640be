import numpy as np
import pytest

from blastscreen.parameters import CnnParameters

TINY_NETWORK = {
    "input_side": 32,
    "head": "global_average",
    "normalisation": "batch",
    "batch_norm_momentum": 0.9,
    "optical_density": False,
    "loss": "binary_crossentropy",
    "focal_gamma": 2.0,
    "class_weight": "balanced",
    "learning_rate": 0.001,
    "epochs": 2,
    "batch_size": 8,
    "patience": 10,
    "rotation_degrees": 180.0,
    "shift_fraction": 0.0,
    "horizontal_flip": True,
    "vertical_flip": True,
    "test_time_views": 1,
    "n_networks": 1,
    "memory_budget_mib": 64,
    "mixed_precision": False,
    "n_threads": 1,
    "resume": False,
    "seed": 0,
}


@pytest.fixture(scope="session")
def network_settings():
    """Make settings of a tiny network, all of which may be changed."""
    return lambda **changes: CnnParameters(**(TINY_NETWORK | changes))


@pytest.fixture(scope="session")
def discs():
    """Make n discs on black, half of them blasts: larger, and more red than blue.

    Returns pixels (n, side, side, 3) uint8 and whether each is a blast.
    """

    def make(n, *, side=32, seed=0):
        rng = np.random.default_rng(seed)
        is_blast = np.arange(n) % 2 == 0
        radii = side * np.where(is_blast, 0.27, 0.23) + rng.normal(0, 0.4, n)
        centres = side / 2 + rng.normal(0, 1.5, (2, n))
        colours = np.where(is_blast[:, None], [110, 40, 90], [90, 40, 110]) + rng.normal(0, 12, (n, 3))
        rows, columns = np.mgrid[:side, :side]
        squares = (rows - centres[0, :, None, None]) ** 2 + (columns - centres[1, :, None, None]) ** 2
        inside = squares < radii[:, None, None] ** 2
        painted = colours[:, None, None] + rng.normal(0, 15, (n, side, side, 3))
        return (inside[..., None] * painted.clip(1, 255)).astype(np.uint8), is_blast

    return make
