"""What holds of every group in `FEATURES`, whoever added it."""

import inspect
import re
import subprocess
import sys
from itertools import chain

import numpy as np
import pytest

from blastscreen.features import FEATURES
from blastscreen.features.cell import cut_out

NOISE = np.random.default_rng(1).integers(1, 256, (9, 12, 3), dtype=np.uint8)
MASKS = {
    "disc": np.hypot(*np.mgrid[-4:5, -5.5:6.5]) < 4,
    "everything": np.ones((9, 12), dtype=bool),
    "line": np.eye(9, 12, dtype=bool),
    "pixel": np.pad([[True]], ((4, 4), (5, 6))),
    "nothing": np.zeros((9, 12), dtype=bool),
}


@pytest.fixture(scope="session")
def measure(feature_settings):
    def values(group, region, pixels=NOISE, mask=MASKS["disc"]):
        return FEATURES[group](cut_out(pixels, mask, settings=feature_settings(groups=[group], region=region)))

    return values


@pytest.mark.parametrize("group", FEATURES)
def test_the_docstring_says_what_each_value_is(measure, group):
    section = inspect.getdoc(FEATURES[group]).partition("Returns:\n")[2]
    assert re.findall(r"^    (\w+) \([^)]+\): \w", section, re.MULTILINE) == list(measure(group, "cell"))


@pytest.mark.parametrize("region", ["cell", "frame"])
@pytest.mark.parametrize("group", FEATURES)
def test_every_cell_has_the_same_names_with_numbers(measure, group, region):
    expected = list(measure(group, region))
    for mask in MASKS.values():
        for pixels in (NOISE, NOISE * mask[..., np.newaxis], np.full_like(NOISE, 7), np.zeros_like(NOISE)):
            found = measure(group, region, pixels, mask)
            assert list(found) == expected
            assert all(isinstance(value, float | int) for value in found.values())


def test_no_name_is_given_twice(measure):
    names = list(chain.from_iterable(measure(group, "cell") for group in FEATURES))
    assert len(set(names)) == len(names)


def test_the_list_costs_no_heavy_import():
    script = "import blastscreen.features, sys; print({'numba', 'skimage', 'sklearn', 'kedro'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
