import cv2
import numpy as np
import pytest

from blastscreen.features.cell import cut_out


@pytest.fixture(scope="session")
def real_cells(cnmc):
    """Grey images and masks of the original C-NMC files."""
    folder = cnmc / "C-NMC_training_data"
    greys = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2GRAY) for path in sorted(folder.rglob("*.bmp"))]
    return [(grey, grey > 0) for grey in greys]


@pytest.fixture(scope="session")
def see(feature_settings):
    """Cut out a cell of a grey image, or the whole frame where there is no mask, as the settings with changes say."""

    def make(grey, mask, **changes):
        region = "frame" if mask is None else "cell"
        inside = grey > 0 if mask is None else mask
        return cut_out(np.dstack([grey] * 3), inside, settings=feature_settings(region=region, **changes))

    return make
