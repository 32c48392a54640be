import numpy as np
import pandas as pd
import pytest

from blastscreen.models.estimators import ForestParameters
from blastscreen.models.tabular import fit_classifier, training_table
from blastscreen.parameters import CnnParameters
from blastscreen.vocabulary import CellLabel, Split

N_CELLS = 120
FEATURES = ["area", "perimeter", "circularity", "solidity", "glcm_energy", "intensity_skewness", "sobel_mean"]
TABULAR = {
    "balancing": "class_weight",
    "false_alarm_cost": 3.0,
    "ensemble_size": 2,
    "permutation_repeats": 2,
    "correlation_threshold": 0.8,
    "seed": 7,
}

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


@pytest.fixture(scope="session")
def tabular_block():
    """Make a block of any tabular model, all of which may be changed."""
    return lambda block, **changes: block(**(TABULAR | changes))


@pytest.fixture(scope="session")
def forest_block(tabular_block):
    """Make a block of a small forest."""
    return lambda **changes: tabular_block(ForestParameters, **({"n_trees": 10} | changes))


@pytest.fixture
def features():
    """Noise, but blasts are larger; perimeter and energy are redundant with it, one of them backwards."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(N_CELLS, len(FEATURES))), columns=FEATURES)
    table["area"] += 1.5 * (np.arange(N_CELLS) % 3 != 0)
    table["perimeter"] = table["area"] ** 3
    table["glcm_energy"] = -table["area"]
    table.insert(0, "image_id", [f"cell_{number:03d}" for number in range(N_CELLS)])
    table["reasons"] = pd.Series([""] * N_CELLS, dtype="str")
    return table


@pytest.fixture
def splits(features):
    number = np.arange(N_CELLS)
    return pd.DataFrame(
        {
            "image_id": features["image_id"],
            "subject_id": [str(n % 10) for n in number],
            "subject_group": [f"group {n % 10}" for n in number],
            "label": np.where(number % 3 == 0, CellLabel.HEM, CellLabel.ALL).astype(str),
            "split": np.select([number < 70, number < 100], [Split.TRAIN, Split.VALIDATION], Split.TEST).astype(str),
            "data_source": "a test",
        }
    )


@pytest.fixture
def table(features, splits):
    return training_table(features, splits)


@pytest.fixture
def forest(table, forest_block):
    return fit_classifier(table, settings=forest_block())
