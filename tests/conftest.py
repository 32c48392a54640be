"""Fixtures that several folders of tests share."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

# Kedro sets up logging when it is first imported, and closes what handlers it finds. Imported after TensorFlow, it
# would close that one's, and with it the stream in which pytest captures standard error.
import kedro.framework.project  # noqa: F401
import numpy as np
import pandas as pd
import pytest
import yaml

from blastscreen.imaging.cell_stack import CellStack
from blastscreen.parameters import CnnParameters, ComputeParameters, FeatureParameters

ROOT = Path(__file__).parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file on one worker, and those that look at the default run: what they share is made once."""
    for item in items:
        shares = "default_run" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("default run" if shares else item.nodeid.partition("::")[0]))


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


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Headless Chromium of the system, cut off from the network, with its console and its requests in its logs."""
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if None in programs.values():
        pytest.skip("chromium or chromedriver is not installed: apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = programs["chromium"]
    for switch in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "hide-scrollbars"):
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(programs["chromedriver"]))
    driver.set_script_timeout(60)
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    yield driver
    driver.quit()


@pytest.fixture
def hear_ctrl_c() -> Iterator[None]:
    """Hear Ctrl-C in this process and in those it starts, though a shell lets what runs in the background ignore it."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


@pytest.fixture(scope="session")
def compute() -> ComputeParameters:
    """Two threads."""
    return ComputeParameters(backend="threading", n_jobs=2, scheduler="", batch_size=8)


@pytest.fixture(scope="session")
def cnn_settings(repository):
    """The settings of an environment, made small, with changes."""

    def make(*, env=None, **changes):
        values = yaml.safe_load((repository / "conf/base/parameters/cnn.yml").read_text())["cnn"]
        if env:
            values |= yaml.safe_load((repository / f"conf/{env}/parameters.yml").read_text())["cnn"]
        small = {"input_side": 32, "epochs": 3, "batch_size": 16, "n_threads": 2, "seed": 5}
        return CnnParameters.model_validate(values | small | changes)

    return make


@pytest.fixture(scope="session")
def feature_settings(repository):
    """The default settings of the features, with changes."""
    values = yaml.safe_load((repository / "conf/base/parameters/features.yml").read_text())["features"]
    return lambda **changes: FeatureParameters.model_validate(values | changes)


@pytest.fixture(scope="session")
def toy_cells():
    """`cell_images` and `cell_splits` of discs on black; those of blasts are larger and darker, with overlap."""

    def make(n_cells=60, *, side=40):
        rng = np.random.default_rng(0)
        is_blast = np.arange(n_cells) % 2 == 0
        distance = np.hypot(*(np.mgrid[:side, :side] - (side - 1) / 2))
        radius = side * (0.22 + 0.1 * is_blast + rng.normal(0, 0.04, n_cells))
        shade = np.where(is_blast, 110, 150) + rng.normal(0, 15, n_cells)
        noise = rng.normal(0, 12, (n_cells, side, side, 3))
        inside = (distance < radius[:, np.newaxis, np.newaxis])[..., np.newaxis]
        pixels = np.where(inside, np.clip(shade[:, np.newaxis, np.newaxis, np.newaxis] + noise, 1, 255), 0)
        pixels = pixels.astype(np.uint8)
        names = [f"{number:03}" for number in range(n_cells)]
        stack = CellStack(image_ids=names, side=side, read=lambda start, stop: pixels[start:stop])
        splits = pd.DataFrame(
            {
                "image_id": names,
                "subject_id": "1",
                "subject_group": "1",
                "label": np.where(is_blast, "all", "hem"),
                "split": np.array(["train", "train", "train", "validation", "test"])[np.arange(n_cells) // 2 % 5],
                "data_source": "a test",
            }
        )
        return stack, splits

    return make
