"""Cells that are drawn when they are loaded: a sample to run everything on, without any patient's image."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import numpy as np
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import ImagePreview
from numpy.typing import NDArray

from blastscreen.datasets.viz import preview_files
from blastscreen.synthesis.drawing import draw_cell
from blastscreen.synthesis.plan import CellPlan, plan_sample, require_sample_size
from blastscreen.vocabulary import GENERATED_SAMPLE


@dataclass(frozen=True, eq=False)
class DrawnCells(Mapping[str, Callable[[], NDArray[np.uint8]]]):
    """By name, sorted, what draws a cell: (450, 450, 3) RGB, the same pixels every time."""

    plans: Mapping[str, CellPlan]
    seed: int
    data_source = GENERATED_SAMPLE

    def fingerprint(self, image_ids: Iterable[str]) -> str:
        """Hash what some cells are drawn from."""
        plans = [self.plans[image_id] for image_id in image_ids]
        return hashlib.blake2b(repr((plans, self.seed)).encode(), digest_size=16).hexdigest()

    def __getitem__(self, key: str) -> Callable[[], NDArray[np.uint8]]:
        return partial(draw_cell, self.plans[key], seed=self.seed)

    def __iter__(self) -> Iterator[str]:
        return iter(self.plans)

    def __len__(self) -> int:
        return len(self.plans)


class SampleCells(AbstractDataset[NoReturn, DrawnCells]):
    """A generated sample in the likeness of C-NMC 2019, as `Mapping[image_id, callable]`; read only, nothing stored.

    `CellImageFolder` takes its place for real images.
    """

    def __init__(self, *, n_cells: int, n_subjects: int, seed: int, metadata: dict[str, Any] | None = None) -> None:
        """Describe the sample: at least 5 cells per subject and 2 subjects (6 to split by them), seed not negative.

        DatasetError names every argument that is out of range.
        """
        self._size = {"n_cells": n_cells, "n_subjects": n_subjects, "seed": seed}
        self.metadata = metadata
        try:
            require_sample_size(**self._size)
        except ValueError as error:
            raise DatasetError(f"SampleCells: {error}") from error

    def load(self) -> DrawnCells:
        """Plan the sample; a cell is drawn when its value is called."""
        return DrawnCells({plan.image_id: plan for plan in plan_sample(**self._size)}, seed=self._size["seed"])

    def preview(self) -> ImagePreview:
        """Show some cells of the whole sample."""
        return preview_files(self.load())

    def save(self, data: NoReturn) -> None:
        """Refuse: the sample is drawn, never written."""
        raise DatasetError(f"SampleCells is read only; it does not save a {type(data).__name__}")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return dict(self._size)
