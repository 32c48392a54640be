"""Draws cells from a seed that look like those of C-NMC 2019: no patient is behind any of them."""

from blastscreen.synthesis.drawing import FRAME_SIDE, draw_cell
from blastscreen.synthesis.plan import (
    CellKind,
    CellPlan,
    CohortCounts,
    SubjectTraits,
    plan_cohort,
    plan_sample,
    require_sample_size,
)
from blastscreen.synthesis.tree import encode_bmp, write_cell_tree, write_cells

__all__ = [
    "FRAME_SIDE",
    "CellKind",
    "CellPlan",
    "CohortCounts",
    "SubjectTraits",
    "draw_cell",
    "encode_bmp",
    "plan_cohort",
    "plan_sample",
    "require_sample_size",
    "write_cell_tree",
    "write_cells",
]
