"""Nodes of pipeline `preprocessing`."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.cell_index import (
    accepted_cells,
    build_cell_index,
    find_original_names,
    keep_source,
    name_data_source,
)
from blastscreen.cohort import describe_cohort, require_sound_cohort
from blastscreen.imaging.inspection import inspect_cells
from blastscreen.imaging.inspection import standardise_cells as standardise_batch
from blastscreen.imaging.stack import CellStack
from blastscreen.parallel import map_batches, ranges
from blastscreen.parameters import ComputeParameters, PreprocessingParameters, SplitParameters
from blastscreen.splits import split_cells as assign_splits

RawCells = Mapping[str, Callable[[], object]]


def index_cells(raw_cells: RawCells, settings: PreprocessingParameters, compute: ComputeParameters) -> pd.DataFrame:
    """Decode, hash and check every file; give each one row."""
    image_ids = list(raw_cells)
    spans = ranges(len(image_ids), compute.batch_size)
    batches = ([(image_id, raw_cells[image_id]) for image_id in image_ids[start:stop]] for start, stop in spans)
    inspect = partial(inspect_cells, settings=settings)
    records = map_batches(inspect, batches, total=len(spans), settings=compute, description="Reading images")
    return build_cell_index(
        list(chain.from_iterable(records)),
        data_source=name_data_source(raw_cells),
        original_names=find_original_names(raw_cells),
    )


def accept_cells(cell_index: pd.DataFrame, settings: PreprocessingParameters) -> tuple[pd.DataFrame, dict[str, object]]:
    """Stop on an unsound cohort; otherwise pass on what was not rejected, with the counts of everything."""
    require_sound_cohort(cell_index)
    return accepted_cells(cell_index), describe_cohort(cell_index, reference=settings.reference_cohort)


def standardise_cells(
    raw_cells: RawCells, accepted: pd.DataFrame, settings: PreprocessingParameters, compute: ComputeParameters
) -> CellStack:
    """Describe the standardised cells; they are computed batch by batch while the catalog writes them."""
    image_ids = tuple(accepted["image_id"])

    def read(start: int, stop: int) -> NDArray[np.uint8]:
        return standardise_batch([raw_cells[image_id] for image_id in image_ids[start:stop]], settings=settings)

    parallel_map = partial(map_batches, settings=compute, description="Standardising cells")
    return CellStack(image_ids=image_ids, side=settings.canvas, read=read, map_ranges=parallel_map)


def split_cells(accepted: pd.DataFrame, settings: SplitParameters) -> pd.DataFrame:
    """Give every accepted cell its experimental role."""
    return keep_source(assign_splits(accepted, settings=settings), accepted)
