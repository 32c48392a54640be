"""Draws planned cells, and writes them as a folder tree of the layout, names and file format of C-NMC 2019."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from scipy.special import betaincinv, ndtr

from blastscreen.synthesis.outline import draw_outline
from blastscreen.synthesis.painting import paint_cell
from blastscreen.synthesis.plan import CellKind, CellPlan
from blastscreen.vocabulary import GENERATED_MARKER, GENERATED_SAMPLE, CellLabel

FRAME_SIDE = 450
FRAME_MARGIN = 10  # pixels at least between an ordinary cell and the border
# Published area of cells, pixels: mean 36,244 and 26,544, standard deviation 7,176 and 7,762. A beta distribution
# between the smallest and the largest cell reproduces both, and the skewness of the smaller class.
SMALLEST_AREA, LARGEST_AREA = 15_000.0, 50_500.0
_AREA_SHAPES = {CellLabel.ALL: (2.92, 1.97), CellLabel.HEM: (1.15, 2.39)}
EXTRA_AREA = 0.03  # soft edges and appendages, on average, beyond the outline
SUBJECT_SHARE_OF_SIZE = 0.5
_ORIENTATIONS = 8
_SHIFTS = 2 * FRAME_MARGIN + 1
_VARIANTS = _ORIENTATIONS * _SHIFTS**2


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


def write_cells(root: Path, plans: Sequence[CellPlan], *, seed: int, distinct: int | None = None) -> None:
    """Write one BMP of 24 bits per planned cell, as in C-NMC 2019, to `root`, a new or empty folder.

    A file beside them, `GENERATED_MARKER`, says that they were drawn; whatever reads the folder says so too. No more
    than `distinct` cells of each label are drawn, and the tree is filled quickly with turned, mirrored and shifted
    copies of them: all files differ, but subjects no longer do.

    Raises:
        FileExistsError: `root` is not empty.
        ValueError: `distinct` is too small for that many different files.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(f"{root} is not an empty folder: name a new one, or empty it first")
    most = max(Counter(plan.label for plan in plans).values(), default=0)
    if distinct is not None and (distinct < 1 or most > distinct * _VARIANTS):
        fewest = max(1, -(-most // _VARIANTS))
        raise ValueError(f"distinct must be at least {fewest} for {most} files of one label, not {distinct}")
    frames = _draw_variants(plans, seed, distinct) if distinct else (draw_cell(plan, seed=seed) for plan in plans)
    for folder in {(root / plan.image_id).parent for plan in plans}:
        folder.mkdir(parents=True)
    (root / GENERATED_MARKER).write_text(f"{GENERATED_SAMPLE}\n", encoding="utf-8")
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for plan, frame in progress.track(zip(plans, frames, strict=True), len(plans), description="Drawing cells"):
            (root / plan.image_id).write_bytes(encode_bmp(frame))


def encode_bmp(pixels: NDArray[np.uint8]) -> bytes:
    """Encode (h, w, 3) RGB pixels as an uncompressed BMP file of 24 bits per pixel."""
    _, encoded = cv2.imencode(".bmp", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return bytes(encoded)


def _draw_variants(plans: Sequence[CellPlan], seed: int, distinct: int) -> Iterator[NDArray[np.uint8]]:
    drawn: dict[CellLabel, cycle[tuple[int, NDArray[np.uint8]]]] = {}
    used: Counter[tuple[CellLabel, int]] = Counter()
    for label in CellLabel:
        ordinary = [plan for plan in plans if plan.label == label and plan.kind == CellKind.ORDINARY]
        # spread over the subjects
        chosen = [ordinary[i] for i in np.linspace(0, len(ordinary) - 1, min(distinct, len(ordinary))).astype(int)]
        drawn[label] = cycle(enumerate(draw_cell(plan, seed=seed) for plan in chosen))
    for plan in plans:
        number, frame = next(drawn[plan.label])
        yield _vary(frame, used[plan.label, number])
        used[plan.label, number] += 1


def _vary(frame: NDArray[np.uint8], variant: int) -> NDArray[np.uint8]:
    """Return one of `_VARIANTS` different frames with the same cell, whole in each of them."""
    shift, orientation = divmod(variant, _ORIENTATIONS)
    turned = np.rot90(frame, orientation % 4)
    mirrored = turned[:, ::-1] if orientation >= 4 else turned
    rows, columns = (step - FRAME_MARGIN for step in divmod((shift + _SHIFTS**2 // 2) % _SHIFTS**2, _SHIFTS))
    return np.roll(mirrored, (rows, columns), axis=(0, 1))
