"""Cells that are drawn when they are loaded: a sample to run everything on, without any patient's image."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import ImagePreview
from numpy.typing import NDArray

from blastscreen.datasets.previews import preview_files
from blastscreen.synthesis.drawing import draw_cell
from blastscreen.synthesis.plan import CellPlan, plan_sample, require_sample_size
from blastscreen.vocabulary import GENERATED_SAMPLE


@dataclass(frozen=True, slots=True)
class DrawnCell:
    """One cell of the sample, drawn when it is called.

    Attributes:
        plan: what to draw.
        seed: of the sample.
    """

    plan: CellPlan
    seed: int

    def __call__(self) -> NDArray[np.uint8]:
        """Draw the cell: (450, 450, 3), RGB, the same pixels every time."""
        return draw_cell(self.plan, seed=self.seed)


class DrawnCells(Mapping[str, DrawnCell]):
    """Planned cells by their names, sorted; a cell is drawn when its value is called.

    Attributes:
        data_source: stands on everything that is made from these cells.
    """

    data_source = GENERATED_SAMPLE

    def __init__(self, plans: list[CellPlan], *, seed: int) -> None:
        self._plans = {plan.image_id: plan for plan in plans}
        self._seed = seed

    def fingerprint(self, image_ids: Iterable[str]) -> str:
        """Hash what some cells are drawn from."""
        plans = [repr(self._plans[image_id]) for image_id in image_ids]
        return hashlib.blake2b(repr((plans, self._seed)).encode(), digest_size=16).hexdigest()

    def __getitem__(self, key: str) -> DrawnCell:
        return DrawnCell(self._plans[key], self._seed)

    def __iter__(self) -> Iterator[str]:
        return iter(self._plans)

    def __len__(self) -> int:
        return len(self._plans)


class SampleCells(AbstractDataset[NoReturn, Mapping[str, DrawnCell]]):
    """A generated sample in the likeness of C-NMC 2019, as `Mapping[image_id, callable]`; read only.

    Nothing is downloaded or stored: the cells are a function of the arguments. `CellImageFolder` takes its place for
    real images.

    Examples:
        In a catalog::

            raw_cells:
              type: blastscreen.datasets.SampleCells
              n_cells: 480
              n_subjects: 24
              seed: 42
    """

    def __init__(self, *, n_cells: int, n_subjects: int, seed: int, metadata: dict[str, Any] | None = None) -> None:
        """Describe the sample; nothing is drawn yet.

        Args:
            n_cells: images, at least 5 per subject.
            n_subjects: at least 2; a split by subject needs 6.
            seed: fixes every pixel; not negative.
            metadata: for Kedro's plugins.

        Raises:
            DatasetError: naming every argument that is out of range.
        """
        try:
            require_sample_size(n_cells=n_cells, n_subjects=n_subjects, seed=seed)
        except ValueError as error:
            raise DatasetError(f"SampleCells: {error}") from error
        self._size = {"n_cells": n_cells, "n_subjects": n_subjects, "seed": seed}
        self.metadata = metadata

    def load(self) -> Mapping[str, DrawnCell]:
        """Plan the sample.

        Returns:
            A lazy mapping from image_id to a callable that draws the cell, sorted.
        """
        return DrawnCells(plan_sample(**self._size), seed=self._size["seed"])

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
