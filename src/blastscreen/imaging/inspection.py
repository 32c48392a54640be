"""From incoming files to their records in the index and their standardised pictures."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from blastscreen.imaging.decoding import decode_partition, pixel_hash
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.imaging.segmentation import assess, segment
from blastscreen.imaging.standardise import place_cell, require_fit
from blastscreen.parameters import PreprocessingParameters
from blastscreen.vocabulary import Status

Source = tuple[str, Callable[[], object]]


def inspect_cells(sources: Sequence[Source], *, settings: PreprocessingParameters) -> list[dict[str, object]]:
    """Record what every source holds; a bad file becomes a rejected record and never ends the batch.

    Returns:
        One record per source, in order, ready for JSON: image_id, status, reasons (";"-joined), detail, and for
        readable images image_format, height, width, background_threshold, cell_area (pixels) and pixel_hash.
    """
    return [_inspect_cell(image_id, load, settings=settings) for image_id, load in sources]


def _inspect_cell(image_id: str, load: Callable[[], object], *, settings: PreprocessingParameters) -> dict[str, object]:
    record: dict[str, object] = {"image_id": image_id, "detail": ""}
    try:
        image = decode_partition(load)
        height, width = image.pixels.shape[:2]
        record |= {"image_format": image.image_format, "height": height, "width": width}
        cell = segment(image.pixels, settings=settings)
        record["pixel_hash"] = pixel_hash(image.pixels, box=cell.box)
        record |= {"background_threshold": cell.threshold, "cell_area": int(np.count_nonzero(cell.mask))}
        reasons = {str(reason) for reason in (*image.reasons, *assess(cell, settings=settings))}
        require_fit(cell.mask, canvas=settings.canvas)  # a cell that does not fit is rejected here, not later
    except ImageRejected as rejection:
        return record | {"status": Status.REJECTED, "reasons": str(rejection.code), "detail": rejection.detail}
    status = Status.REVIEW if reasons else Status.ACCEPTED
    return record | {"status": status, "reasons": ";".join(sorted(reasons))}


def standardise_batch(sources: Sequence[Source], *, settings: PreprocessingParameters) -> NDArray[np.uint8]:
    """Decode, mask and place cells on the canvas.

    Returns:
        (n, canvas, canvas, 3) uint8 RGB, black outside the cell, at native scale.

    Raises:
        ImageRejected: A file that was accepted before can no longer be read or segmented.
    """
    cells = np.zeros((len(sources), settings.canvas, settings.canvas, 3), dtype=np.uint8)
    for cell, (image_id, load) in zip(cells, sources, strict=True):
        try:
            pixels = decode_partition(load).pixels
            found = segment(pixels, settings=settings)
            corner = (found.box[0].start, found.box[1].start)
            place_cell(pixels[found.box], found.mask, cell, corner=corner, frame=found.frame)
        except ImageRejected as rejection:
            rejection.add_note(image_id)
            raise
    return cells
