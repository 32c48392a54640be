"""The contact sheet shows many subjects rather than many cells of one."""

import numpy as np
import pandas as pd

from blastscreen.imaging.cell_stack import CellStack
from blastscreen.report.sheet import choose_sheet_cells

INDEX = pd.DataFrame(
    {
        "image_id": ["a1", "a2", "a3", "b1", "h1", "r1", "r2", "x1", "d1"],
        "status": ["accepted"] * 5 + ["review", "review", "rejected", "duplicate"],
        "reasons": [""] * 5 + ["border;lossy_source", "lossy_source", "truncated", "border;duplicate"],
        "label": ["all"] * 4 + ["hem", "hem", "hem", None, "hem"],
        "subject_id": ["1", "1", "1", "2", "H1", "H1", "H1", "H1", "H1"],
    }
)


def read(start, stop):
    return np.stack([np.full((8, 8, 3), 10 + position, np.uint8) for position in range(start, stop)])


def test_every_subject_comes_first_before_any_comes_twice_and_flagged_and_unfit_cells_stand_apart():
    stack = CellStack(image_ids=INDEX["image_id"][:7], side=8, read=read)
    sheet = choose_sheet_cells(INDEX, stack, per_group=3)
    assert [[cell.caption for cell in cells] for cells in sheet.values()] == [
        ["1", "2", "1"],
        ["H1"],
        ["H1 lossy_source"],
        ["H1 border;lossy_source"],
    ]
    shown = [[int(cell.pixels[0, 0, 0]) - 10 for cell in cells] for cells in sheet.values()]
    assert shown == [[0, 3, 1], [4], [6], [5]]
    assert all(cell.mask.all() for cells in sheet.values() for cell in cells)
