"""Writes planned cells as a folder tree of the layout, names and file format of C-NMC 2019."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from blastscreen.synthesis.drawing import FRAME_MARGIN, draw_cell
from blastscreen.synthesis.plan import CellKind, CellPlan
from blastscreen.vocabulary import GENERATED_MARKER, GENERATED_SAMPLE, CellLabel

ORIENTATIONS = 8
_SHIFTS = 2 * FRAME_MARGIN + 1
VARIANTS = ORIENTATIONS * _SHIFTS**2


def write_cells(root: Path, plans: Sequence[CellPlan], *, seed: int, distinct: int | None = None) -> None:
    """Write one BMP of 24 bits per planned cell: 608,454 bytes each, as in C-NMC 2019.

    A file beside them, `GENERATED_MARKER`, says that they were drawn; whatever reads the folder says so too.

    Args:
        root: Folder that will hold `fold_0` and so on; new or empty.
        plans: What to draw.
        seed: Fixes every pixel.
        distinct: Draw no more than this many cells of each label, and fill the tree quickly with turned, mirrored and
            shifted copies of them: all files differ, but subjects no longer do.

    Raises:
        FileExistsError: `root` is not empty.
        ValueError: `distinct` is too small for that many different files.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(f"{root} is not an empty folder: name a new one, or empty it first")
    most = max(Counter(plan.label for plan in plans).values(), default=0)
    if distinct is not None and (distinct < 1 or most > distinct * VARIANTS):
        fewest = max(1, -(-most // VARIANTS))
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
    """Return one of `VARIANTS` different frames with the same cell, whole in each of them."""
    shift, orientation = divmod(variant, ORIENTATIONS)
    turned = np.rot90(frame, orientation % 4)
    mirrored = turned[:, ::-1] if orientation >= 4 else turned
    rows, columns = (step - FRAME_MARGIN for step in divmod((shift + _SHIFTS**2 // 2) % _SHIFTS**2, _SHIFTS))
    return np.roll(mirrored, (rows, columns), axis=(0, 1))
