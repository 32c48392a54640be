import os
from pathlib import Path

import cv2
import pytest


@pytest.fixture(scope="session")
def real_cells():
    """Grey images and masks of the original C-NMC files."""
    if not os.environ.get("CNMC_DIR"):
        pytest.skip("CNMC_DIR is not set: no real cells to compare with")
    folder = Path(os.environ["CNMC_DIR"]) / "C-NMC_training_data"
    greys = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2GRAY) for path in sorted(folder.rglob("*.bmp"))]
    return [(grey, grey > 0) for grey in greys]
