"""Nodes of pipeline `preprocessing`."""

from functools import partial

import pandas as pd

from blastscreen.cohort import index, splits
from blastscreen.cohort.integrity import check_integrity
from blastscreen.compute.resume import PartStore, map_parts
from blastscreen.imaging.cell_stack import CellStack, cut_ranges
from blastscreen.imaging.inspection import inspect_cells
from blastscreen.imaging.sources import RawCells, RawSources, describe_stack, name_sources
from blastscreen.parameters import ComputeParameters, PreprocessingParameters, SplitParameters


def index_cells(
    raw_cells: RawCells, finished: PartStore, settings: PreprocessingParameters, compute: ComputeParameters
) -> pd.DataFrame:
    """Decode, hash and check every file; give each one row."""
    sources = RawSources(raw_cells, raw_cells)
    parts = map_parts(
        partial(inspect_cells, settings=settings),
        cut_ranges(len(raw_cells), compute.batch_size),
        make_batch=sources.batch,
        identify=partial(sources.identify, settings=settings),
        tabulate=index.tabulate_batches,
        parts=finished,
        settings=compute,
        description="Reading images",
        names=name_sources,
    )
    return index.build_cell_index(
        parts,
        data_source=index.name_data_source(raw_cells),
        count_duplicates_once=settings.count_duplicates_once,
        cell_names=index.find_cell_names(raw_cells),
    )


def accept_cells(cell_index: pd.DataFrame, settings: PreprocessingParameters) -> tuple[pd.DataFrame, dict[str, object]]:
    """Stop on an unsound cohort; otherwise pass on what was not rejected, with the counts of everything."""
    return index.select_counted(cell_index), check_integrity(cell_index, settings)


def standardise_cells(
    raw_cells: RawCells, accepted: pd.DataFrame, settings: PreprocessingParameters, compute: ComputeParameters
) -> CellStack:
    """Describe the standardised cells; they are computed batch by batch while the catalog writes them."""
    return describe_stack(RawSources(raw_cells, accepted["image_id"]), settings=settings, compute=compute)


def split_cells(accepted: pd.DataFrame, settings: SplitParameters) -> pd.DataFrame:
    """Assign every counted cell its experimental role."""
    return splits.split_cells(accepted, settings=settings)
