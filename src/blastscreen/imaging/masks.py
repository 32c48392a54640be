"""Which pixels are the cell: C-NMC cells lie on black, so a cell is what has a grey level above 0."""

import cv2
import numpy as np
from numpy.typing import NDArray

# Whole cells are spread over cores (`blastscreen.compute.parallel`); OpenCV would spread the rows of one, on threads
# that spin while they wait and slow down those that work.
cv2.setNumThreads(1)

Box = tuple[slice, slice]

# An object is crossed once a line, or a few times where its rim is ragged.
_MOST_RUNS_PER_LINE = 8


def to_grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert RGB (height, width, 3) to grey (height, width), 0.299 R + 0.587 G + 0.114 B."""
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]


def bounding_box(image: NDArray[np.bool_] | NDArray[np.uint8], *, margin: int) -> Box:
    """Find the rows and columns of a mask or grey image (H, W) that hold everything non-zero, and at least one pixel.

    A margin of pixels is added where the frame has them.
    """
    column, row, width, height = cv2.boundingRect(image.view(np.uint8))
    rows = slice(max(row - margin, 0), max(row + height + margin, 1))
    return rows, slice(max(column - margin, 0), max(column + width + margin, 1))


def content_box(pixels: NDArray[np.uint8]) -> Box:
    """Find the rows and columns of a picture (height, width, 3) that hold everything not black, grey level 0 or not."""
    samples = pixels.reshape(len(pixels), -1)
    # many columns at a time, where OpenCV's search for the box walks over the black at their sides
    seen = np.flatnonzero(np.bitwise_or.reduce(samples, axis=0))
    if not seen.size:
        return slice(0, 1), slice(0, 1)
    first, last = int(seen[0]), int(seen[-1])
    _, row, _, height = cv2.boundingRect(samples[:, first : last + 1])
    return slice(row, row + height), slice(first // 3, last // 3 + 1)


def find_background_threshold(grey: NDArray[np.uint8], *, lossy_threshold: int, max_specks: int) -> int:
    """Return the highest grey level of the background of (height, width): 0 if exactly black, else `lossy_threshold`.

    Lossy compression leaves many tiny specks around the cell: 48-179 in 300 C-NMC cells that went through a JPEG, none
    brighter than 10, where the 52 originals have one object each. More than `max_specks` objects mean a lossy picture.
    """
    n_labels, _ = cv2.connectedComponents((grey > 0).view(np.uint8), connectivity=8)
    return lossy_threshold if n_labels - 1 > max_specks else 0


def cell_mask(grey: NDArray[np.uint8], *, threshold: int = 0) -> NDArray[np.bool_]:
    """Mask the cell: the largest object brighter than the background, its holes filled.

    Of two objects of the same size, the one met first in reading order is the cell.

    Args:
        grey: (height, width).
        threshold: Highest grey level of the background, 0-254.

    Returns:
        (height, width), True on the cell: one 8-connected object, or nothing where no pixel is brighter.
    """
    above = grey if threshold == 0 else cv2.threshold(grey, threshold, 255, cv2.THRESH_TOZERO)[1]
    box = bounding_box(np.asarray(above, np.uint8), margin=0)
    mask = np.zeros(grey.shape, np.bool_)
    mask[box] = _largest_object(grey[box] > threshold)
    return mask


def _largest_object(bright: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if is_one_solid_object(bright):  # nearly every picture
        return bright
    n_labels, found = cv2.connectedComponents(bright.view(np.uint8), connectivity=8)
    labels = np.asarray(found, np.int32)
    return _fill_holes(bright if n_labels <= 2 else labels == _largest_label(labels))


def is_one_solid_object(bright: NDArray[np.bool_]) -> bool:
    """Check for one 8-connected object without a hole: then its outline is the only one."""
    image = bright.view(np.uint8)
    # Outlines of noise could fill the memory; each begins a run of bright pixels, and runs are quick to count.
    runs = cv2.countNonZero(cv2.compare(image[:, 1:], image[:, :-1], cv2.CMP_GT))
    if runs > _MOST_RUNS_PER_LINE * len(image):
        return False
    outlines, _ = cv2.findContours(image, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return len(outlines) == 1


def _largest_label(labels: NDArray[np.int32]) -> int:
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    largest = np.flatnonzero(areas == areas.max())
    # the order of OpenCV's labels is its own affair, so equal objects are told apart by where they begin
    return int(largest[0] if len(largest) == 1 else labels.flat[np.isin(labels, largest).argmax()])


def _fill_holes(component: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill background that no 4-connected path joins to the outside."""
    framed = cv2.copyMakeBorder(component.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    cv2.floodFill(framed, None, (0, 0), 2, flags=4)
    filled: NDArray[np.bool_] = np.asarray(framed[1:-1, 1:-1]) != 2
    return filled
