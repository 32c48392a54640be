"""The index of everything that came in: one row per file, rejected ones included."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import pandas as pd

from blastscreen.cohort.groups import group_subjects
from blastscreen.cohort.names import CellName, describe_cell
from blastscreen.cohort.soundness import select_counted
from blastscreen.vocabulary import GENERATED_SAMPLE, ReasonCode, Status, name_sources

_SEEN_TEXT = ("image_id", "status", "reasons", "detail", "image_format", "pixel_hash")
_SEEN_NUMBERS = ("height", "width", "background_threshold", "cell_area")
_NAMED_TEXT = ("subject_id", "label", "source_fold")
_NAMED_NUMBERS = ("field_number", "cell_number")
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


def tabulate_batches(batches: Sequence[Sequence[dict[str, object]]]) -> pd.DataFrame:
    """Make a table of what `blastscreen.imaging.inspection.inspect_cells` gave for a few batches."""
    return tabulate_records([record for batch in batches for record in batch])


def tabulate_records(records: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Make a table of records of `blastscreen.imaging.inspection.inspect_cells`.

    Returns:
        One row per record, in order, with the columns of `CELL_INDEX` that do not come from names.
    """
    table = pd.DataFrame(records, columns=[*_SEEN_TEXT, *_SEEN_NUMBERS])
    return table.astype(dict.fromkeys(_SEEN_TEXT, "str") | dict.fromkeys(_SEEN_NUMBERS, "Int64"))


def build_cell_index(
    parts: Iterable[pd.DataFrame],
    *,
    data_source: str,
    count_duplicates_once: bool,
    cell_names: Mapping[str, CellName] | None = None,
) -> pd.DataFrame:
    """Join what was seen in each file with what its name says, and group subjects that share an image.

    Args:
        parts: Results of `tabulate_records`; none if there is no file.
        data_source: Where the images come from, repeated in every row so that it stays with whatever is made of them.
        count_duplicates_once: Give all files of one picture but one the status `duplicate`.
        cell_names: By image id what a sheet of labels says of it; of others, name and folders are read.

    Returns:
        Table in the schema `CELL_INDEX`. Rejected rows have no label; other rows whose name cannot be parsed have
        neither subject nor label. A duplicate names the file that it repeats in `detail`, and keeps label and group.
    """
    index = pd.concat([_add_names(part, cell_names or {}) for part in chain([tabulate_records([])], parts)])
    index = index.reset_index(drop=True)
    known = index.loc[index["label"].notna() & index["subject_id"].notna()]
    groups = group_subjects(known["subject_id"].tolist(), known["pixel_hash"].tolist())
    index["subject_group"] = pd.Series(groups, index=known.index, dtype="str").reindex(index.index)
    index["data_source"] = pd.Series(data_source, index=index.index, dtype="str")
    return (_set_duplicates_aside(index) if count_duplicates_once else index)[list(COLUMNS)]


def _set_duplicates_aside(index: pd.DataFrame) -> pd.DataFrame:
    """Count a picture with the file that says most of it, and has the shortest name: a copy's is longer."""
    readable = index[index["status"] != Status.REJECTED]
    demerits = pd.DataFrame(
        {
            "nameless": readable["label"].isna(),
            "foldless": readable["source_fold"].isna(),
            "length": readable["image_id"].str.len(),
            "image_id": readable["image_id"],
        }
    )
    ordered = readable.loc[demerits.sort_values(demerits.columns.tolist()).index]
    originals = ordered.groupby("pixel_hash")["image_id"].transform("first")
    repeats = originals[ordered["pixel_hash"].duplicated()]
    changed = index.copy()
    changed.loc[repeats.index, "status"] = str(Status.DUPLICATE)
    changed.loc[repeats.index, "reasons"] = [
        ";".join(sorted({*filter(None, reasons.split(";")), str(ReasonCode.DUPLICATE)}))
        for reasons in index.loc[repeats.index, "reasons"]
    ]
    changed.loc[repeats.index, "detail"] = "the same picture as " + repeats
    return changed


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


def find_cell_names(raw_cells: object) -> Mapping[str, CellName]:
    """Give what a sheet of labels says of images, as far as their dataset tells: its `cell_names`, or nothing."""
    names: Mapping[str, CellName] = getattr(raw_cells, "cell_names", {})
    return names


def note_on_source(cells: pd.DataFrame | str) -> str:
    """Return what must stand on everything made of these cells: that they were drawn, or nothing.

    Args:
        cells: Any table with a column data_source, such as the index or predictions; or the `data_source` of a result.
    """
    sources = cells if isinstance(cells, str) else name_sources(cells)
    return GENERATED_SAMPLE if GENERATED_SAMPLE in sources else ""


def _add_names(part: pd.DataFrame, cell_names: Mapping[str, CellName]) -> pd.DataFrame:
    named = pd.DataFrame(
        [vars(cell_names.get(image_id) or describe_cell(image_id)) for image_id in part["image_id"]],
        index=part.index,
        columns=[*_NAMED_TEXT, *_NAMED_NUMBERS],
    )
    named = named.astype(dict.fromkeys(_NAMED_TEXT, "str") | dict.fromkeys(_NAMED_NUMBERS, "Int64"))
    named["label"] = named["label"].mask(part["status"] == Status.REJECTED)
    return part.join(named)


def accepted_cells(cell_index: pd.DataFrame) -> pd.DataFrame:
    """Select the rows that go on: everything that was neither rejected nor set aside."""
    return select_counted(cell_index).reset_index(drop=True)
