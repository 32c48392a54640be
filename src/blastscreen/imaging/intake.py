"""The two walks over the incoming images: into the cell index, and into the stack of standardised cells."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.cohort.index import build_cell_index, select_counted, select_readable, tabulate_records
from blastscreen.cohort.soundness import CohortError, describe_rejected
from blastscreen.compute.parallel import PartStore, cache_key, gather, map_batches
from blastscreen.imaging.cell_stack import CellStack, Pixels, Range, Result, cut_ranges
from blastscreen.imaging.decoding import decode_partition, pixel_hash
from blastscreen.imaging.rejection import ImageRejected
from blastscreen.imaging.segmentation import assess, place_cell, require_fit, segment
from blastscreen.parameters import ComputeParameters, PreprocessingParameters
from blastscreen.vocabulary import Status

logger = logging.getLogger(__name__)

Source = tuple[str, Callable[[], object]]
RawCells = Mapping[str, Callable[[], object]]
"""Image ids, and what loads their pixels. Where there are such attributes, `data_source` is where images come from,
`cell_names` what a sheet of labels says of them, and `fingerprint(image_ids)` changes with the files, or is None."""


def index_cells(
    raw_cells: RawCells, finished: PartStore, settings: PreprocessingParameters, compute: ComputeParameters
) -> pd.DataFrame:
    """Decode, hash and check every file, but for those that an interrupted run has finished.

    Returns:
        Table in the schema `CELL_INDEX`, one row per file.
    """
    image_ids = tuple(raw_cells)
    ranges = cut_ranges(len(image_ids), compute.batch_size)
    records = map_batches(
        partial(inspect_cells, settings=settings),
        (_select(raw_cells, image_ids[start:stop]) for start, stop in ranges),
        total=len(ranges),
        settings=compute,
        description="Reading images",
        names=_list_names,
        finished=finished,
        key=lambda sources: _key(raw_cells, _list_names(sources), settings),
    )
    return build_cell_index(
        (tabulate_records(chain.from_iterable(batches)) for batches in gather(records)),
        data_source=getattr(raw_cells, "data_source", "unnamed source"),
        count_duplicates_once=settings.count_duplicates_once,
        cell_names=getattr(raw_cells, "cell_names", {}),
    )


def standardise_cells(
    raw_cells: RawCells,
    cell_index: pd.DataFrame,
    settings: PreprocessingParameters,
    compute: ComputeParameters,
    checked: object = None,  # noqa: ARG001 (makes Kedro wait for the check)
) -> CellStack:
    """Describe the standardised cells of all files that count; they are computed while the catalog writes them.

    Raises:
        CohortError: No file counts.
    """
    image_ids = tuple(select_counted(cell_index)["image_id"])
    if not image_ids:
        raise CohortError(f"{describe_rejected(cell_index)}. Check that the folder holds images of single cells")
    if 2 * len(select_readable(cell_index)) < len(cell_index):
        logger.warning("%s. The others go on.", describe_rejected(cell_index))

    def read(start: int, stop: int) -> Pixels:
        return standardise_batch(_select(raw_cells, image_ids[start:stop]), settings=settings)

    def map_many(function: Callable[[Pixels], Result], ranges: Sequence[Range]) -> Iterator[Result]:
        return map_batches(
            partial(_standardise_for, function, settings),
            (_select(raw_cells, image_ids[start:stop]) for start, stop in ranges),
            total=len(ranges),
            settings=compute,
            description="Standardising cells",
            names=_list_names,
        )

    origin = _key(raw_cells, image_ids, settings)
    return CellStack(image_ids=image_ids, side=settings.canvas, read=read, map_many=map_many, origin=origin)


def inspect_cells(sources: Sequence[Source], *, settings: PreprocessingParameters) -> list[dict[str, object]]:
    """Record what every source holds, ready for JSON; a bad file becomes a rejected record and never ends the batch.

    Returns:
        image_id, status, reasons (";"-joined), detail, and for readable images image_format, height, width,
        background_threshold, cell_area (pixels) and pixel_hash.
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
    """Decode, mask and place cells on the canvas: (n, canvas, canvas, 3) RGB, black outside, at native scale.

    Raises:
        ImageRejected: A file that was accepted before can no longer be read or segmented.
    """
    cells = np.zeros((len(sources), settings.canvas, settings.canvas, 3), dtype=np.uint8)
    for cell, (image_id, load) in zip(cells, sources, strict=True):
        try:
            pixels = decode_partition(load).pixels
            place_cell(pixels, segment(pixels, settings=settings), cell)
        except ImageRejected as rejection:
            rejection.add_note(image_id)
            raise
    return cells


def _standardise_for(
    function: Callable[[Pixels], Result], settings: PreprocessingParameters, sources: Sequence[Source]
) -> Result:
    return function(standardise_batch(sources, settings=settings))


def _select(raw_cells: RawCells, image_ids: Sequence[str]) -> list[Source]:
    return [(image_id, raw_cells[image_id]) for image_id in image_ids]


def _list_names(sources: Sequence[Source]) -> list[str]:
    return [image_id for image_id, _ in sources]


def _key(raw_cells: RawCells, image_ids: Sequence[str], settings: PreprocessingParameters) -> str | None:
    identify_files = getattr(raw_cells, "fingerprint", None)
    files = None if identify_files is None else identify_files(image_ids)
    return None if files is None else cache_key(settings.model_dump(mode="json"), files)
