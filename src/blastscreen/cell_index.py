"""The index of everything that came in: one row per file, rejected ones included."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import pandas as pd

from blastscreen.cohort import parse_cell_name
from blastscreen.imaging.inspection import Source, inspect_cells
from blastscreen.parameters import PreprocessingParameters
from blastscreen.splits import group_subjects
from blastscreen.vocabulary import GENERATED_SAMPLE, Status

_TEXT = ("image_id", "status", "reasons", "detail", "image_format", "pixel_hash", "subject_id", "label", "source_fold")
_NUMBERS = ("height", "width", "background_threshold", "cell_area", "field_number", "cell_number")
COLUMNS = (
    "image_id",
    "status",
    "reasons",
    "detail",
    "image_format",
    "height",
    "width",
    "background_threshold",
    "cell_area",
    "pixel_hash",
    "subject_id",
    "subject_group",
    "label",
    "source_fold",
    "field_number",
    "cell_number",
    "data_source",
)


def index_cells(sources: Sequence[Source], *, settings: PreprocessingParameters) -> pd.DataFrame:
    """Give every source its row: what was seen in the file, and what its name says.

    Returns:
        One row per source, in order, with the columns of `CELL_INDEX` but subject_group and data_source. Rejected rows
        have no label; accepted rows whose name cannot be parsed have neither subject nor label.
    """
    return tabulate_records(inspect_cells(sources, settings=settings))


def tabulate_records(records: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Join records of `blastscreen.imaging.inspection.inspect_cells` with what names say; see `index_cells`."""
    index = pd.DataFrame([record | _identity(record) for record in records], columns=[*_TEXT, *_NUMBERS])
    return index.astype(dict.fromkeys(_TEXT, "str") | dict.fromkeys(_NUMBERS, "Int64"))


def build_cell_index(parts: Iterable[pd.DataFrame], *, data_source: str) -> pd.DataFrame:
    """Join the parts of an index, and group subjects that share an image.

    Args:
        parts: Results of `index_cells`; none if there is no file.
        data_source: Where the images come from, repeated in every row so that it stays with whatever is made of them.

    Returns:
        Table in the schema `CELL_INDEX`.
    """
    index = pd.concat([tabulate_records([]), *parts], ignore_index=True)
    known = index.loc[index["label"].notna()]
    groups = group_subjects(known["subject_id"].tolist(), known["pixel_hash"].tolist())
    index["subject_group"] = pd.Series(groups, index=known.index, dtype="str").reindex(index.index)
    index["data_source"] = pd.Series(data_source, index=index.index, dtype="str")
    return index[list(COLUMNS)]


def keep_source(splits: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Add the data source of its cell to every row of a split, from where it goes into predictions.

    Args:
        splits: Table with image_id, one row per cell.
        cells: Rows of the index for the same cells.

    Returns:
        `splits` with a last column data_source.
    """
    return splits.merge(cells[["image_id", "data_source"]], on="image_id", validate="1:1")


def name_data_source(raw_cells: object) -> str:
    """Say where images come from, as far as their dataset tells: its `data_source`, or else "unnamed source"."""
    return str(getattr(raw_cells, "data_source", "unnamed source"))


def note_on_source(cells: pd.DataFrame) -> str:
    """Say what must stand on everything made of these cells: that they were drawn, or nothing.

    Args:
        cells: Any table with a column data_source, such as the index or predictions.
    """
    return GENERATED_SAMPLE if (cells["data_source"] == GENERATED_SAMPLE).any() else ""


def _identity(record: dict[str, object]) -> dict[str, object]:
    name = parse_cell_name(str(record["image_id"]))
    if name is None:
        return {}
    identity = asdict(name)
    if record["status"] == Status.REJECTED:
        identity["label"] = None
    return identity


def accepted_cells(cell_index: pd.DataFrame) -> pd.DataFrame:
    """Select the rows that go on: everything that was not rejected."""
    return cell_index.loc[cell_index["status"] != Status.REJECTED].reset_index(drop=True)
