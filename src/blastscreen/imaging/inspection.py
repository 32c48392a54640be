"""From an incoming file to its row in the index and its standardised picture."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.decoding import DecodedImage, ImageRejected, decode_partition, pixel_hash
from blastscreen.imaging.masks import (
    bounding_box,
    cell_mask,
    find_background_threshold,
    is_one_solid_object,
    to_grey,
)
from blastscreen.imaging.quality import assess
from blastscreen.imaging.standardise import place_cell, require_fit
from blastscreen.parameters import PreprocessingParameters
from blastscreen.vocabulary import Status

Source = tuple[str, Callable[[], object]]


class Segmentation(NamedTuple):
    """A grey image (H, W), the mask of its cell, and the grey level at or below which pixels are background."""

    grey: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    threshold: int


def segment(pixels: NDArray[np.uint8], *, settings: PreprocessingParameters) -> Segmentation:
    """Find the cell in an RGB image (H, W, 3), allowing for the nearly black background of lossy sources."""
    grey = to_grey(pixels)
    box = bounding_box(grey, margin=0)
    cell, threshold = grey[box] > 0, 0
    if not is_one_solid_object(cell):
        threshold = find_background_threshold(
            grey[box], lossy_threshold=settings.lossy_threshold, max_specks=settings.max_specks
        )
        cell = cell_mask(grey[box], threshold=threshold)
    mask = np.zeros(grey.shape, np.bool_)
    mask[box] = cell
    return Segmentation(grey, mask, threshold)


def inspect_cells(sources: Sequence[Source], *, settings: PreprocessingParameters) -> list[dict[str, object]]:
    """Give every source its record; a bad file becomes a rejected record and never ends the batch.

    Returns:
        One record per source, in order: image_id, status, reasons (";"-joined), detail, and for readable images
        image_format, height, width, background_threshold, cell_area (pixels) and pixel_hash.
    """
    return [_inspect_cell(image_id, load, settings=settings) for image_id, load in sources]


def _inspect_cell(image_id: str, load: Callable[[], object], *, settings: PreprocessingParameters) -> dict[str, object]:
    record: dict[str, object] = {"image_id": image_id, "detail": ""}
    try:
        image = decode_partition(load)
        height, width = image.pixels.shape[:2]
        record |= {"image_format": image.image_format, "height": height, "width": width}
        record["pixel_hash"] = pixel_hash(image.pixels)
        reasons = _review(image, record, settings=settings)
    except ImageRejected as rejection:
        return record | {"status": Status.REJECTED, "reasons": str(rejection.code), "detail": rejection.detail}
    status = Status.REVIEW if reasons else Status.ACCEPTED
    return record | {"status": status, "reasons": ";".join(sorted(reasons))}


def _review(image: DecodedImage, record: dict[str, object], *, settings: PreprocessingParameters) -> set[str]:
    grey, mask, threshold = segment(image.pixels, settings=settings)
    record |= {"background_threshold": threshold, "cell_area": int(np.count_nonzero(mask))}
    reasons = {*image.reasons, *assess(grey, mask, threshold=threshold, settings=settings)}
    require_fit(mask, canvas=settings.canvas)  # a cell that does not fit is rejected here, not later
    return {str(reason) for reason in reasons}


def standardise_cells(sources: Sequence[Source], *, settings: PreprocessingParameters) -> NDArray[np.uint8]:
    """Decode, mask and place cells on the canvas.

    Returns:
        (n, canvas, canvas, 3) uint8 RGB, black outside the cell, at native scale.

    Raises:
        ImageRejected: When a file that was accepted before can no longer be read or segmented.
    """
    cells = np.zeros((len(sources), settings.canvas, settings.canvas, 3), dtype=np.uint8)
    for cell, (image_id, load) in zip(cells, sources, strict=True):
        try:
            pixels = decode_partition(load).pixels
            place_cell(pixels, segment(pixels, settings=settings).mask, cell)
        except ImageRejected as rejection:
            rejection.add_note(image_id)
            raise
    return cells
