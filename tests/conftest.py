"""Fixtures that several folders of tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout under test."""
    return ROOT


@pytest.fixture(scope="session")
def cnmc() -> Path:
    """Folder with real C-NMC cells: `C-NMC_training_data/` and `jpeg300/`."""
    folder = os.environ.get("CNMC_DIR")
    if not folder:
        pytest.skip("CNMC_DIR is not set: it names a folder with real C-NMC images, which are not part of the project")
    return Path(folder)
