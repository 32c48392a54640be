"""Draws the frame of one planned cell."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr

from blastscreen.synthesis.outline import draw_outline
from blastscreen.synthesis.painting import paint_cell
from blastscreen.synthesis.plan import CellKind, CellPlan
from blastscreen.vocabulary import CellLabel

FRAME_SIDE = 450
FRAME_MARGIN = 10  # pixels at least between an ordinary cell and the border
# Published area of cells, pixels: mean 36,244 and 26,544, standard deviation 7,176 and 7,762. A beta distribution
# between the smallest and the largest cell reproduces both, and the skewness of the smaller class.
SMALLEST_AREA, LARGEST_AREA = 15_000.0, 50_500.0
_AREA_SHAPES = {CellLabel.ALL: (2.92, 1.97), CellLabel.HEM: (1.15, 2.39)}
EXTRA_AREA = 0.03  # soft edges and appendages, on average, beyond the outline
SUBJECT_SHARE_OF_SIZE = 0.5


def draw_cell(plan: CellPlan, *, seed: int) -> NDArray[np.uint8]:
    """Draw one planned cell: (450, 450, 3) RGB, exactly black outside the cell.

    The pixels are a function of the plan and the cohort's seed alone: neither the order nor the thread matters.
    """
    rng = np.random.default_rng([seed, *plan.drawing])
    frame = np.zeros((FRAME_SIDE, FRAME_SIDE, 3), dtype=np.uint8)
    area = _draw_area(plan, rng)
    match plan.kind:
        case CellKind.ORDINARY:
            _place(frame, _draw_patch(plan, area, rng), FRAME_SIDE / 2 + rng.normal(0, 3, 2).clip(-9, 9))
        case CellKind.BORDER:
            patch = _draw_patch(plan, area, rng)
            outside = rng.uniform(0.15, 0.35) * patch.shape[0]
            _place(frame, patch, np.array([patch.shape[0] / 2 - outside, FRAME_SIDE / 2]))
        case CellKind.SPECK:
            _place(frame, _draw_patch(plan, rng.uniform(6, 20), rng), rng.uniform(100, 350, 2))
        case CellKind.PAIR:
            # small enough not to touch
            _place(frame, _draw_patch(plan, rng.uniform(11_000, 15_000), rng), np.array([130, 130]))
            _place(frame, _draw_patch(plan, rng.uniform(5_000, 9_000), rng), np.array([340, 340]))
    return frame


def _draw_area(plan: CellPlan, rng: np.random.Generator) -> float:
    """Draw a cell's area in pixels, from its class's distribution at a rank that its subject has a share in."""
    own = rng.standard_normal()
    score = SUBJECT_SHARE_OF_SIZE**0.5 * plan.traits.size + (1 - SUBJECT_SHARE_OF_SIZE) ** 0.5 * own
    fraction = betaincinv(*_AREA_SHAPES[plan.label], ndtr(score))
    return float((SMALLEST_AREA + (LARGEST_AREA - SMALLEST_AREA) * fraction) / (1 + EXTRA_AREA))


def _draw_patch(plan: CellPlan, area: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a cell in its own box, (h, w, 3)."""
    roughness = float(np.exp(0.12 * plan.traits.roughness + 0.25 * rng.standard_normal()))
    outline = draw_outline(area, roughness=roughness, appendages=plan.kind == CellKind.ORDINARY, rng=rng)
    return paint_cell(outline, plan, rng=rng)


def _place(frame: NDArray[np.uint8], patch: NDArray[np.uint8], centre: NDArray[np.float64]) -> None:
    """Paste a patch into a black frame in place, cut where it leaves the frame; `centre` is (row, column)."""
    top, left = np.rint(centre - np.array(patch.shape[:2]) / 2).astype(int)
    bottom, right = top + patch.shape[0], left + patch.shape[1]
    rows, columns = slice(max(top, 0), min(bottom, FRAME_SIDE)), slice(max(left, 0), min(right, FRAME_SIDE))
    visible = patch[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    np.maximum(frame[rows, columns], visible, out=frame[rows, columns])
