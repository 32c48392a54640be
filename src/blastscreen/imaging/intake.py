"""The two walks over the incoming images: into the cell index, and into the stack of standardised cells."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import pandas as pd

from blastscreen.cohort.index import (
    build_cell_index,
    find_cell_names,
    name_data_source,
    select_counted,
    select_readable,
    tabulate_batches,
)
from blastscreen.cohort.soundness import CohortError, describe_rejected
from blastscreen.compute.cache_key import cache_key
from blastscreen.compute.parallel import PartStore, Resume, gather, map_batches
from blastscreen.imaging.cell_stack import CellStack, Pixels, Range, Result, cut_ranges
from blastscreen.imaging.inspection import Source, inspect_cells, standardise_batch
from blastscreen.parameters import ComputeParameters, PreprocessingParameters

logger = logging.getLogger(__name__)

RawCells = Mapping[str, Callable[[], object]]
"""Image ids, and what loads their pixels. A method `fingerprint(image_ids)`, where there is one and it doesn't return
None, tells whether files have changed: then interrupted work on them can go on."""


def index_cells(
    raw_cells: RawCells, finished: PartStore, settings: PreprocessingParameters, compute: ComputeParameters
) -> pd.DataFrame:
    """Decode, hash and check every file.

    Args:
        raw_cells: The incoming images.
        finished: What an interrupted run has indexed.
        settings: Mask, canvas and quality checks.
        compute: Workers, and images per unit of work.

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
        resume=Resume(finished, lambda sources: _key(raw_cells, _list_names(sources), settings)),
    )
    return build_cell_index(
        map(tabulate_batches, gather(records)),
        data_source=name_data_source(raw_cells),
        count_duplicates_once=settings.count_duplicates_once,
        cell_names=find_cell_names(raw_cells),
    )


def standardise_cells(
    raw_cells: RawCells,
    cell_index: pd.DataFrame,
    settings: PreprocessingParameters,
    compute: ComputeParameters,
    checked: object = None,  # noqa: ARG001 (makes Kedro wait)
) -> CellStack:
    """Describe the standardised cells of all files that count; they are computed while the catalog writes them.

    Args:
        raw_cells: The incoming images.
        cell_index: Result of `index_cells` for them.
        settings: Mask and canvas.
        compute: Where ranges of cells are computed.
        checked: Result of a check that must have been passed before; not read.

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


def _standardise_for(
    function: Callable[[Pixels], Result], settings: PreprocessingParameters, sources: Sequence[Source]
) -> Result:
    return function(standardise_batch(sources, settings=settings))


def _select(raw_cells: RawCells, image_ids: Sequence[str]) -> list[Source]:
    """Pick some images, not yet read: few enough to be sent to where they are to be read."""
    return [(image_id, raw_cells[image_id]) for image_id in image_ids]


def _list_names(sources: Sequence[Source]) -> list[str]:
    return [image_id for image_id, _ in sources]


def _key(raw_cells: RawCells, image_ids: Sequence[str], settings: PreprocessingParameters) -> str | None:
    identify_files = getattr(raw_cells, "fingerprint", None)
    files = None if identify_files is None else identify_files(image_ids)
    return None if files is None else cache_key(settings.model_dump(mode="json"), files)
