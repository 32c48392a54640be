"""Matplotlib figures."""

from kedro_datasets.matplotlib import MatplotlibDataset

from blastscreen.datasets.atomic import AtomicSave


class AtomicFigure(AtomicSave, MatplotlibDataset):  # type: ignore[misc]
    """A matplotlib figure in an image file, PNG unless `save_args` say otherwise."""
