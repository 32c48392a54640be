"""Writes planned cells as a folder tree of the layout, names and file format of C-NMC 2019."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blastscreen.synthesis.drawing import FRAME_MARGIN, draw_cell
from blastscreen.synthesis.plan import CellKind, CellPlan, CohortCounts, plan_cohort
from blastscreen.vocabulary import GENERATED_MARKER, GENERATED_SAMPLE, CellLabel

ORIENTATIONS = 8
_SHIFTS = 2 * FRAME_MARGIN + 1
VARIANTS = ORIENTATIONS * _SHIFTS**2


def write_cell_tree(
    root: Path,
    counts: CohortCounts,
    *,
    seed: int,
    distinct: int | None = None,
    on_written: Callable[[], None] | None = None,
) -> int:
    """Plan a cohort of ordinary cells and write it.

    Args:
        root: folder that will hold `fold_0` and so on; new or empty.
        counts: images and subjects by fold and label, such as `blastscreen.cohort.CNMC_2019`.
        seed: fixes every pixel.
        distinct: see `write_cells`.
        on_written: called after every file.

    Returns:
        Number of files written.

    Raises:
        FileExistsError: when `root` is not empty.
        ValueError: when the counts or `distinct` can't be met.
    """
    plans = plan_cohort(counts, seed=seed)
    return write_cells(root, plans, seed=seed, distinct=distinct, on_written=on_written)


def write_cells(
    root: Path,
    plans: Sequence[CellPlan],
    *,
    seed: int,
    distinct: int | None = None,
    on_written: Callable[[], None] | None = None,
) -> int:
    """Write one BMP of 24 bits per planned cell: 608,454 bytes each, as in C-NMC 2019.

    A file beside them, `GENERATED_MARKER`, says that they were drawn; whatever reads the folder says so too.

    Args:
        root: folder that will hold `fold_0` and so on; new or empty.
        plans: what to draw.
        seed: fixes every pixel.
        distinct: draw no more than this many cells of each label, and fill the tree quickly with turned, mirrored and
            shifted copies of them: all files differ, but subjects no longer do.
        on_written: called after every file.

    Returns:
        Number of images written.

    Raises:
        FileExistsError: when `root` is not empty.
        ValueError: when `distinct` is too small for that many different files.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(f"{root} is not an empty folder: name a new one, or empty it first")
    frames = _draw(plans, seed) if distinct is None else _draw_variants(plans, seed, distinct)
    for folder in sorted({str(Path(plan.image_id).parent) for plan in plans}):
        (root / folder).mkdir(parents=True)
    (root / GENERATED_MARKER).write_text(f"{GENERATED_SAMPLE}\n", encoding="utf-8")
    for plan, frame in zip(plans, frames, strict=True):
        (root / plan.image_id).write_bytes(encode_bmp(frame))
        if on_written is not None:
            on_written()
    return len(plans)


def encode_bmp(pixels: NDArray[np.uint8]) -> bytes:
    """Return (h, w, 3) RGB pixels as an uncompressed BMP file of 24 bits per pixel."""
    _, encoded = cv2.imencode(".bmp", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return bytes(encoded)


def _draw(plans: Sequence[CellPlan], seed: int) -> Iterator[NDArray[np.uint8]]:
    return (draw_cell(plan, seed=seed) for plan in plans)


def _draw_variants(plans: Sequence[CellPlan], seed: int, distinct: int) -> Iterator[NDArray[np.uint8]]:
    """Check that `distinct` suffices, and return the frames lazily."""
    most = max(Counter(plan.label for plan in plans).values(), default=0)
    if distinct < 1 or most > distinct * VARIANTS:
        fewest = max(1, -(-most // VARIANTS))
        raise ValueError(f"distinct must be at least {fewest} for {most} files of one label, not {distinct}")
    return _cycle_variants(plans, seed, distinct)


def _cycle_variants(plans: Sequence[CellPlan], seed: int, distinct: int) -> Iterator[NDArray[np.uint8]]:
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
