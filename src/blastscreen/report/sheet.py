"""Which cells to show to somebody who wants to see what came in."""

from __future__ import annotations

import pandas as pd

from blastscreen.imaging.cell_stack import CellStack
from blastscreen.imaging.masks import cell_mask, to_grey
from blastscreen.report.figures import contact_sheet
from blastscreen.vocabulary import CellLabel, Status, is_unfit


def choose_sheet_cells(
    cell_index: pd.DataFrame, cell_images: CellStack, *, per_group: int
) -> dict[str, list[contact_sheet.SheetCell]]:
    """Pick cells of both classes, from as many subjects as possible, and flagged ones.

    Args:
        cell_index: In the schema `CELL_INDEX`.
        cell_images: The standardised cells of the same run.
        per_group: How many cells of each group at most.

    Returns:
        Heading and cells of four groups: ordinary cells of ALL, of HEM, cells flagged for review, and flagged cells on
        which no model may decide. The choice depends on nothing but the index.
    """
    flagged, unfit = cell_index["status"] == Status.REVIEW, is_unfit(cell_index["reasons"])
    groups = {
        "leukemic blasts (ALL)": (cell_index["status"] == Status.ACCEPTED) & (cell_index["label"] == CellLabel.ALL),
        "normal precursors (HEM)": (cell_index["status"] == Status.ACCEPTED) & (cell_index["label"] == CellLabel.HEM),
        "flagged for review": flagged & ~unfit,
        "unfit: always referred to an expert": flagged & unfit,
    }
    return {
        heading: [_sheet_cell(row, cell_images) for _, row in _spread(cell_index[chosen]).head(per_group).iterrows()]
        for heading, chosen in groups.items()
    }


def _spread(cells: pd.DataFrame) -> pd.DataFrame:
    """Order cells so that every subject has its first before any has its second."""
    ordered = cells.sort_values("image_id")
    turn = ordered.groupby("subject_id").cumcount()
    return ordered.assign(turn=turn).sort_values(["turn", "image_id"])


def _sheet_cell(row: pd.Series, cell_images: CellStack) -> contact_sheet.SheetCell:
    pixels = cell_images.cell(row["image_id"])
    reasons = "" if row["status"] == Status.ACCEPTED else f" {row['reasons']}"
    return contact_sheet.SheetCell(
        pixels=pixels, mask=cell_mask(to_grey(pixels)), caption=f"{row['subject_id']}{reasons}"
    )
