"""Cohorts in which it is known what a protocol can reach."""

import numpy as np
import pandas as pd
import pytest

from blastscreen.models.estimators import ForestParameters
from blastscreen.parameters import AuditParameters, SplitParameters
from blastscreen.vocabulary import CellLabel

N_GROUPS, N_CELLS = 20, 5
FEATURES = ["area", "perimeter", "glcm_contrast", "glcm_energy", *(f"feature_{number}" for number in range(11))]


@pytest.fixture(scope="session")
def cohort():
    """Make both regions' features of 20 subjects with 5 cells each, half of them with blasts: noise, and what is added.

    Args: `persons`, how far the subjects differ from each other, and `blasts`, how far the classes differ in area, both
    in standard deviations of the noise; `frame` is added to the area of blasts over the whole frame alone.
    """

    def make(*, persons=0.0, blasts=0.0, frame=0.0, seed=0):
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(N_GROUPS), N_CELLS)
        is_blast = group % 2 == 0
        values = rng.normal(size=(len(group), len(FEATURES)))
        values += persons * rng.normal(size=(N_GROUPS, len(FEATURES)))[group]
        cells = pd.DataFrame(values, columns=FEATURES)
        cells["area"] += blasts * is_blast
        identity = {
            "image_id": [f"{number:03}" for number in range(len(group))],
            "subject_id": group.astype(str),
            "subject_group": [f"group {number}" for number in group],
            "label": np.where(is_blast, CellLabel.ALL.value, CellLabel.HEM.value),
            "split": "train",
            "data_source": "a test",
        }
        cells = pd.concat([pd.DataFrame(identity), cells], axis=1)
        over_frame = cells.assign(area=cells["area"] + frame * is_blast)
        return pd.concat([cells.assign(region="cell"), over_frame.assign(region="frame")], ignore_index=True)

    return make


@pytest.fixture(scope="session")
def audit_settings():
    return AuditParameters(n_seeds=2, networks=False, balancing_seeds=1)


@pytest.fixture(scope="session")
def forest_settings():
    return ForestParameters(
        n_trees=10,
        balancing="class_weight",
        false_alarm_cost=2.0,
        ensemble_size=2,
        permutation_repeats=1,
        correlation_threshold=0.8,
        seed=0,
    )


@pytest.fixture(scope="session")
def split_settings():
    return SplitParameters.model_construct(seed=3)
