import cv2
import pytest


@pytest.fixture(scope="session")
def real_cells(cnmc):
    """Grey images and masks of the original C-NMC files."""
    folder = cnmc / "C-NMC_training_data"
    greys = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2GRAY) for path in sorted(folder.rglob("*.bmp"))]
    return [(grey, grey > 0) for grey in greys]
