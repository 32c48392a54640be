"""A sheet of cells with the outline of their masks: what the pipeline believes to be the cell."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from blastscreen.cohort.index import note_on_source
from blastscreen.imaging.cell_stack import CellStack
from blastscreen.imaging.masks import cell_mask, to_grey
from blastscreen.parameters import ReportingParameters
from blastscreen.report.figures.style import INK, VERMILION, YELLOW
from blastscreen.vocabulary import CellLabel, Status, is_unfit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    # Kedro evaluates the hints of a node as it starts, when matplotlib is not yet worth its second
    Axes = Figure = Any

MAX_CAPTION = 16
MAX_LINE = 80


@dataclass(frozen=True)
class SheetCell:
    """A picture of the sheet, RGB (H, W, 3), the cell's mask (H, W), and a few words below it."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    caption: str


def draw_contact_sheet(cell_index: pd.DataFrame, cell_images: CellStack, settings: ReportingParameters) -> Figure:
    """Draw cells of both classes and flagged ones with the outlines of their masks."""
    cells = choose_sheet_cells(cell_index, cell_images, per_group=settings.sheet_cells)
    title = "Cells that came in, with the outlines of their masks"
    return draw_cells(cells, columns=settings.sheet_columns, title=title, note=note_on_source(cell_index))


def choose_sheet_cells(
    cell_index: pd.DataFrame, cell_images: CellStack, *, per_group: int
) -> dict[str, list[SheetCell]]:
    """Choose cells of four groups, from as many subjects as possible; the choice depends on nothing but the index."""
    ordinary, flagged = (cell_index["status"] == status for status in (Status.ACCEPTED, Status.REVIEW))
    unfit = is_unfit(cell_index["reasons"])
    groups = {
        "leukemic blasts (ALL)": ordinary & (cell_index["label"] == CellLabel.ALL),
        "normal precursors (HEM)": ordinary & (cell_index["label"] == CellLabel.HEM),
        "flagged for review": flagged & ~unfit,
        "unfit: always referred to an expert": flagged & unfit,
    }
    sheet = {}
    for heading, chosen in groups.items():
        cells = cell_index[chosen].sort_values("image_id")
        # every subject has its first cell before any has its second
        turns = cells.groupby("subject_id").cumcount().sort_values(kind="stable")
        sheet[heading] = [_sheet_cell(cells.loc[row], cell_images) for row in turns.index[:per_group]]
    return sheet


def _sheet_cell(cell: "pd.Series[Any]", cell_images: CellStack) -> SheetCell:
    pixels = cell_images.cell(cell["image_id"])
    reasons = "" if cell["status"] == Status.ACCEPTED else f" {cell['reasons']}"
    return SheetCell(pixels, mask=cell_mask(to_grey(pixels)), caption=f"{cell['subject_id']}{reasons}")


def draw_cells(rows: Mapping[str, Sequence[SheetCell]], *, columns: int, title: str, note: str) -> Figure:
    """Draw cells in a grid under the headings of their groups, all at one scale, with their masks outlined.

    A group takes as many lines as it needs, an empty one is left out. The figure belongs to no window.

    Raises:
        ValueError: There is no cell to draw.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    groups = {heading: cells for heading, cells in rows.items() if cells}
    if not groups:
        raise ValueError("a contact sheet needs at least one cell: every group is empty")
    side = max(max(cell.mask.shape) for cells in groups.values() for cell in cells)
    n_lines = [math.ceil(len(cells) / columns) for cells in groups.values()]
    size = (1.5 * columns, 1.72 * sum(n_lines) + 0.4 * len(groups) + 0.8)
    figure = Figure(figsize=size, dpi=120, layout=ConstrainedLayoutEngine(h_pad=0.08))
    figure.suptitle(printable(title, MAX_LINE), fontsize=14, fontweight="bold", color=INK, parse_math=False)
    figure.supxlabel(printable(note, MAX_LINE), fontsize=13, color=VERMILION, parse_math=False)
    parts = figure.subfigures(len(groups), 1, squeeze=False, height_ratios=n_lines).ravel()
    for part, lines, (heading, cells) in zip(parts, n_lines, groups.items(), strict=True):
        part.suptitle(printable(heading, MAX_LINE), x=0.01, ha="left", fontsize=12, color=INK, parse_math=False)
        grid = part.subplots(lines, columns, squeeze=False).ravel()
        for axes in grid:
            axes.set_axis_off()
        for axes, cell in zip(grid, cells, strict=False):
            _draw_cell(axes, cell, side=side)
    return figure


def _draw_cell(axes: Axes, cell: SheetCell, *, side: int) -> None:
    height, width = cell.mask.shape
    axes.imshow(cell.pixels, interpolation="antialiased")
    if cell.mask.any():
        # padded, so that the outline of a cell cut by the frame is closed along the frame
        across, down = np.arange(-1, width + 1), np.arange(-1, height + 1)
        axes.contour(across, down, np.pad(cell.mask, 1), levels=[0.5], colors=YELLOW, linewidths=1.2)
    # one scale for all: a cell that looks larger is larger
    axes.set_xlim((width - side) / 2 - 0.5, (width + side) / 2 - 0.5)
    axes.set_ylim((height + side) / 2 - 0.5, (height - side) / 2 - 0.5)
    # inside the axes' own frame of reference: a caption is text of the sheet, not of the picture
    look: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": 10, "color": INK, "parse_math": False}
    axes.text(0.5, -0.04, printable(cell.caption, MAX_CAPTION), transform=axes.transAxes, **look)


def printable(text: str, length: int) -> str:
    r"""Make hostile text safe to draw: escape what the font lacks, cut the middle out of what is too long.

    Examples:
        >>> printable("UID_33\n", 16)
        'UID_33\\n'
        >>> printable("a-very-long-file-name.bmp", 9)
        'a-ve….bmp'
    """
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties())).get_charmap()
    unknown = {letter for letter in text if not (letter.isprintable() and ord(letter) in font)}
    escapes = {ord(letter): letter.encode("unicode_escape").decode("ascii") for letter in unknown}
    drawable = text.translate(escapes)
    if len(drawable) <= length:
        return drawable
    half = (length - 1) // 2
    return f"{drawable[: length - 1 - half]}…{drawable[len(drawable) - half :]}"
